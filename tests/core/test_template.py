"""Sentence templates: which wishes they know, and the steps that come of them."""

import msgspec
import msgspec.yaml
import pytest

from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.plan import Item, Literal, Ref, Slot, Step
from gateway.core.references import Documents
from gateway.core.template import Template, ThingsTold, fits, steps_of, tools_of
from gateway.demo.household import document_of, folder_of
from gateway.ingest import MANIFEST_FILE, read_manifest

THINGS = ThingsTold("things", "shop_search", "q", "/id")
ORDER = Template(
    ("order {things}", "put {things} on the list"),
    THINGS,
    (
        Step("put", "shop_put", {"id": Item("/id"), "many": Item("/count")}, Ref("things")),
        Step("buy", "shop_buy", {"basket": Ref("look", "/id")}),
        Step("look", "shop_look"),
    ),
)


@pytest.mark.parametrize(
    ("told", "things"),
    [
        ("order eggs", "eggs"),
        ("Order  eggs and milk, please.", "eggs and milk"),
        ("put eggs on the list", "eggs"),
        ("put the ingredients on the list on the list", "the ingredients on the list"),
        ("order", None),
        ("order ", None),
        ("reorder eggs", None),
        ("put eggs on my list", None),
        ("please order eggs", None),
    ],
)
def test_a_wish_is_known_by_all_its_words(told: str, things: str | None) -> None:
    found = fits(ORDER, told)
    assert (told[found[0] : found[1]] if found else None) == things


def test_a_step_is_there_for_every_thing_and_refers_to_the_others_by_their_new_names() -> None:
    things = [{"/id": Literal("a"), "/count": Literal(2)}, {"/id": Literal("b"), "/count": Slot("How many?")}]
    assert steps_of(ORDER, things, "s1") == (
        Step("s1-put-1", "shop_put", {"id": Literal("a"), "many": Literal(2)}),
        Step("s1-put-2", "shop_put", {"id": Literal("b"), "many": Slot("How many?")}),
        Step("s1-buy", "shop_buy", {"basket": Ref("s1-look", "/id")}),
        Step("s1-look", "shop_look"),
    )
    assert tools_of(ORDER) == {"shop_search", "shop_put", "shop_buy", "shop_look"}


def broken(change: str) -> list[str]:
    """What is said of the grocer's template with one word of it changed."""
    before, after = change.split(" -> ")
    manifest = read_manifest(folder_of("groceries") / MANIFEST_FILE)
    text = msgspec.json.encode(manifest.templates).decode()
    assert before in text
    changed = msgspec.structs.replace(
        manifest, templates=msgspec.json.decode(text.replace(before, after), type=tuple[Template, ...])
    )
    return repairs(changed)


def repairs(manifest: Manifest) -> list[str]:
    tree = msgspec.yaml.decode(document_of("groceries").read_bytes())
    found = compile_document(manifest, Documents("openapi.yaml", {"openapi.yaml": tree}, 1), "")
    return [one.detail for one in found.repairs if one.reason == "template-broken"]


def test_a_template_that_holds_is_not_mentioned() -> None:
    assert repairs(read_manifest(folder_of("groceries") / MANIFEST_FILE)) == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("groceries_pay_order -> groceries_pay", "there is no tool 'groceries_pay' of this connector."),
        ("groceries_search_products -> groceries_clear_basket", "groceries_clear_basket does more than read"),
        ('"query":"q" -> "query":"words"', "groceries_search_products has no argument 'words'."),
        ("/total -> /sum", "/sum"),
        ('"deliver_on" -> "deliver_at"', "deliver_"),
    ],
)
def test_a_template_that_does_not_hold_is_named_when_the_document_is_read(change: str, detail: str) -> None:
    (told,) = broken(change)
    assert detail in told
