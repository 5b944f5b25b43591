"""The gold set of intents is sound: its documents are true, what it expects can be reached, and its judge is not fooled."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
from openapi_spec_validator import validate

from benchmarks.intents.case import Approval, Asks, Case, Impossible, State, Unchanged, read_cases
from benchmarks.intents.house import HANDLERS, POLICY_PACKS, SECRETS, House, open_house
from benchmarks.intents.house.backend import Backend, Request
from benchmarks.intents.judge import Verdict, judge, judge_all
from benchmarks.intents.runner import (
    Choice,
    Happened,
    Person,
    Proposal,
    Question,
    Runner,
    Task,
    everything_on,
    nothing,
    oracle,
    task_of,
)
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR
from gateway.fetch import Offered

pytestmark = pytest.mark.anyio

CASES = read_cases()
KINDS = {case.kind for case in CASES}
READS = (
    ("home", "/rooms", {}), ("home", "/lights", {"room": "r1", "on": "true"}), ("home", "/lights/L-11", {}),
    ("home", "/thermostats", {}), ("home", "/locks", {}), ("home", "/locks/D-back", {}), ("home", "/blinds", {"room": "r2"}),
    ("calendar", "/calendars/primary/events", {"q": "yoga"}), ("calendar", "/calendars/primary/events/ev103", {}),
    ("mail", "/messages", {"limit": "2"}), ("mail", "/messages/m104", {}), ("shopping-list", "/items", {}),
    ("shop", "/products", {"category": "dairy", "per_page": "3"}), ("shop", "/cart", {}), ("shop", "/orders", {}),
    ("shop", "/orders/O-71", {}), ("recipes", "/recipes", {"tag": "vegan"}), ("recipes", "/recipes/rc-pesto", {}),
    ("recipes", "/favourites", {}), ("weather", "/v2/current", {"location": "rome"}),
    ("weather", "/v2/daily", {"location": "Bremen", "days": "3"}), ("music", "/players", {}), ("music", "/players/p-bath", {}),
    ("music", "/search", {"q": "blue", "type": "album"}), ("tasks", "/v2/tasks", {"status": "open", "due_before": "2026-05-13"}),
    ("tasks", "/v2/tasks/t201", {}), ("contacts", "/contacts/c-301", {}), ("clock", "/alarms", {}), ("clock", "/timers", {}),
    ("clock", "/reminders", {}),
)  # fmt: skip


@pytest.fixture
async def house(anyio_backend: str) -> AsyncIterator[House]:
    async with open_house() as one:
        yield one


def case(expect: Any, **more: Any) -> Case:
    return Case("a", "Do it", "write", "dev", expect, **more)


def acts(*requests: tuple[Any, ...], answer: str = "") -> Runner:
    async def run(task: Task) -> Happened:
        for request in requests:
            await task.house.send(*request)
        return Happened("done", answer)

    return run


def test_there_are_enough_cases_of_each_kind_and_a_good_quarter_is_held_out() -> None:
    held = [one for one in CASES if one.part == "held"]
    assert len(CASES) >= 130
    assert len({one.id for one in CASES}) == len({(one.text, one.now) for one in CASES}) == len(CASES)
    assert 0.25 < len(held) / len(CASES) < 0.36
    assert min(Counter(one.kind for one in CASES).values()) >= 10
    assert {one.kind for one in held} == KINDS


@pytest.mark.parametrize("name", HANDLERS)
def test_each_document_is_valid_by_its_own_specification(name: str) -> None:
    # Its own keys of a status are numbers in YAML.
    validate(json.loads(json.dumps(House().backends[name].document)))


NEEDS_A_YES = {
    "POST /locks/{lockId}/unlock", "POST /orders", "POST /orders/{orderId}/payments", "POST /orders/{orderId}/cancel",
}  # fmt: skip
DELETES_WITHOUT = {"DELETE /items/{id}", "DELETE /favourites/{recipe_id}", "DELETE /cart/lines/{sku}"}


def needs_a_yes(operation: str) -> bool:
    return operation in NEEDS_A_YES or (operation.startswith("DELETE") and operation not in DELETES_WITHOUT)


async def test_a_case_expects_an_approval_where_what_it_takes_needs_one_and_nowhere_else(house: House) -> None:
    run = oracle(CASES)
    for one in CASES:
        await judge(one, run, house)
        expects = isinstance(one.expect, Approval) or (isinstance(one.expect, Asks) and one.expect.approval)
        says_no = isinstance(one.expect, Approval) and not one.expect.yes
        assert any(needs_a_yes(operation) for _, operation in judged(house)) is (expects and not says_no), one.id


async def test_every_answer_of_the_house_fits_its_document(house: House) -> None:
    seen: set[tuple[str, str]] = set()
    for name, path, query in READS:
        await house.send(name, "GET", path, **query)
    await house.send("contacts", "POST", "/contacts:search", {"text": "anna"})
    seen |= judged(house)
    run = oracle(CASES)
    for one in CASES:
        await judge(one, run, house)
        seen |= judged(house)
    every = {
        (name, operation)
        for name, backend in house.backends.items()
        for operation in (
            f"{method.upper()} {path}" for path, item in backend.document["paths"].items() for method in item
        )
        if not operation.startswith("PARAMETERS")
    }
    assert every - seen == set()


def judged(house: House) -> set[tuple[str, str]]:
    """Judges the answers of each backend by its document, and says which operations they are of."""
    return {(name, fits(backend, one)) for name, backend in house.backends.items() for one in backend.requests}


def fits(backend: Backend, request: Request) -> str:
    assert request.status < 400, (request.method, request.path, request.body, request.answer)
    paths = sorted(backend.document["paths"], key=lambda path: path.count("{"))
    (path, *_) = (one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), request.path))
    responses = backend.document["paths"][path][request.method.lower()]["responses"]
    told = {str(status): response for status, response in responses.items()}[str(request.status)]
    if "$ref" in told:
        told = backend.document["components"]["responses"][told["$ref"].rpartition("/")[2]]
    schema = told.get("schema") or told.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        assert request.answer == b""
    else:
        shared = {key: backend.document[key] for key in ("components", "definitions") if key in backend.document}
        jsonschema_rs.validate({"allOf": [schema], **shared}, json.loads(request.answer), validate_formats=True)
    return f"{request.method} {path}"


async def test_the_gateway_takes_every_document_whole_and_reaches_every_backend(opens: Callable[..., Any]) -> None:
    async with open_house(served=True) as house, opens(secrets=SECRETS, policy_packs=POLICY_PACKS) as door:
        for name, manifest in house.manifests().items():
            content = json.dumps(house.backends[name].document).encode()
            offered = Offered(msgspec.convert(manifest, Manifest), content=content)
            await door.gateway.ingestion.add(OPERATOR, offered)
        catalog = door.gateway.published.current.catalog
        assert [one for connector in catalog.connectors.values() for one in connector.refusals] == []
        token = await door.key()
        for tool, arguments in (
            ("home_list_rooms", {}), ("calendar_events_list", {"q": "dentist"}), ("mail_list_messages", {}),
            ("shop_get_cart", {}), ("recipes_list_favourites", {}), ("weather_current_conditions", {"location": "Rome"}),
            ("music_players_list", {}), ("tasks_get_tasks", {}), ("contacts_search_contacts", {"text": "Ben"}),
        ):  # fmt: skip
            answer = await door.post(f"/v1/tools/{tool}:call", token, {"arguments": arguments})
            assert answer.status_code == 200, (tool, answer.text)
        effects = {one.operation.key: one.effect for one in catalog.tools.values()}
        assert all_scopes(catalog) <= task_of(CASES[0], house, Person(CASES[0], house)).principal.scopes
    assert {key for key, effect in effects.items() if effect == "destructive"} == {
        key for key in effects if needs_a_yes(key)
    }
    assert {*NEEDS_A_YES, *DELETES_WITHOUT} <= set(effects)
    assert effects["POST /contacts:search"] == "read"


async def test_an_oracle_that_asks_the_backends_gets_everything_right(house: House) -> None:
    verdicts = await judge_all(CASES, oracle(CASES), house)
    assert [(one.case.id, one.differs, one.wrong) for one in verdicts if not one.right] == []


async def test_who_does_nothing_is_right_about_the_state_where_nothing_may_change_and_says_nothing(
    house: House,
) -> None:
    verdicts = await judge_all(CASES, nothing, house)
    still = {one.id for one in CASES if isinstance(one.expect, Unchanged | Impossible) or not one.expect.changes}
    assert {one.case.id for one in verdicts if one.state} == still
    assert not any(one.wrong or one.needless for one in verdicts)
    silent = [one.case.expect for one in verdicts if one.right]
    assert all(isinstance(one, Unchanged) and not one.answers for one in silent)


async def test_who_turns_everything_on_is_caught(house: House) -> None:
    verdicts = {one.case.id: one for one in await judge_all(CASES, everything_on, house)}
    assert not any(one.state for one in verdicts.values())
    assert all(one.wrong for one in verdicts.values())
    assert "home PATCH /lights/L-61" not in verdicts["write-night-light"].wrong


async def verdict_of(house: House, expect: Any, runner: Runner) -> Verdict:
    return await judge(case(expect), runner, house)


LOCKED = State({"home": {"locks": {"D-back": {"locked": True}}}})
HONEY = State({"shopping-list": {"items": {"+": [{"name": "Honey", "qty": 1, "done": False}]}}})
ADD = ("shopping-list", "POST", "/items", {"name": "honey"})
LOCK, UNLOCK = ("home", "POST", "/locks/D-back/lock"), ("home", "POST", "/locks/D-back/unlock")


@pytest.mark.parametrize(
    ("expect", "requests", "state", "wrong"),
    [
        (LOCKED, [LOCK], True, 0),
        (LOCKED, [LOCK, LOCK], True, 0),
        (LOCKED, [LOCK, UNLOCK, LOCK], True, 1),
        (Unchanged(), [LOCK, UNLOCK], True, 2),
        (LOCKED, [LOCK, ("home", "POST", "/locks/D-front/unlock")], False, 1),
        (HONEY, [ADD], True, 0),
        (HONEY, [ADD, ADD], False, 1),
        (HONEY, [("shopping-list", "POST", "/items", {"name": "Honey", "qty": 2})], False, 1),
        (HONEY, [("shopping-list", "POST", "/items", {"name": "Honey", "unit": "kg"})], False, 1),
        (HONEY, [], False, 0),
        (Unchanged(), [ADD, ("shopping-list", "DELETE", "/items/i5")], True, 2),
        (HONEY, [("shopping-list", "PATCH", "/items/i1", {"name": "Honey"})], False, 1),
    ],
)
async def test_a_write_is_wrong_where_its_effect_is_not_expected_even_if_it_is_taken_back(
    house: House, expect: Any, requests: list[Any], state: bool, wrong: int
) -> None:
    verdict = await verdict_of(house, expect, acts(*requests))
    assert (verdict.state, len(verdict.wrong)) == (state, wrong)


async def test_what_is_done_before_its_approval_counts_as_not_asked(house: House) -> None:
    unlocked = Approval({"home": {"locks": {"D-front": {"locked": False}}}})

    async def hasty(task: Task) -> Happened:
        await task.house.send("home", "POST", "/locks/D-front/unlock")
        assert await task.person.approve(Proposal("Unlock the front door?"))
        return Happened("done")

    verdict = await verdict_of(house, unlocked, hasty)
    assert (verdict.state, verdict.asked, verdict.wrong, verdict.right) == (True, False, (), False)


async def test_a_needless_question_and_a_needless_approval_are_counted(house: House) -> None:
    async def nosy(task: Task) -> Happened:
        assert await task.person.answer(Question("Are you sure?")) is None
        await task.person.approve(Proposal("Lock the back door?"))
        await task.house.send(*LOCK)
        return Happened("done")

    verdict = await verdict_of(house, LOCKED, nosy)
    assert (verdict.state, verdict.wrong, verdict.needless, verdict.right) == (True, (), 2, False)


async def test_the_person_chooses_what_the_case_says_and_answers_forms_with_values(house: House) -> None:
    (lamp,) = (one for one in CASES if one.id == "ambiguous-lamp-on")

    async def asks(task: Task) -> Happened:
        choices = (Choice({"lightId": "L-41"}, "Lamp (Bedroom)"), Choice({"lightId": "L-51"}, "Lamp (Study)"))
        chosen = await task.person.answer(Question("Which of them?", "lightId", choices))
        told = await task.person.answer(Question("Which lamp?"))
        assert chosen is not None
        assert told is not None
        assert (chosen.value, told.value, told.text) == ({"lightId": "L-51"}, "L-51", "the one in the study")
        return Happened("done")

    assert (await judge(lamp, asks, house)).run_state == "done"


@pytest.mark.parametrize(
    ("answer", "right"),
    [("It is locked.", True), ("It is not locked.", False), ("Unlocked", False), ("", False), ("Clocked", False)],
)
async def test_an_answer_needs_the_fact_as_words_of_their_own(house: House, answer: str, right: bool) -> None:
    (front,) = (one for one in CASES if one.id == "question-front-door")
    assert (await judge(front, acts(answer=answer), house)).answer is right


async def test_numbers_and_times_in_an_answer_are_the_same_however_they_are_written(house: House) -> None:
    (price,), (flight,) = ([one for one in CASES if one.id == name] for name in ("values-total", "read-flight"))
    for said in ("20.47 EUR", "€20,47", '{"amount": "20.470"}'):
        assert (await judge(price, acts(answer=said), house)).answer
    for said in ("On 21 May at 7:40", "2026-05-21T07:40:00+02:00"):
        assert (await judge(flight, acts(answer=said), house)).answer


async def test_a_house_is_as_new_for_each_case_and_a_crash_is_a_verdict(house: House) -> None:
    house.start()
    fresh = deepcopy(house.state)
    await judge(case(LOCKED), acts(LOCK, ADD), house)

    async def crashes(task: Task) -> Happened:
        assert task.house.state == fresh
        raise RuntimeError

    verdict = await judge(case(LOCKED), crashes, house)
    assert (verdict.run_state, verdict.right, house.state == fresh) == ("crashed: RuntimeError", False, True)


async def test_what_a_document_forbids_changes_nothing(house: House) -> None:
    house.start()
    for request in (
        ("home", "PATCH", "/thermostats/T-1", {"target_c": 45}),
        ("home", "PATCH", "/lights/L-11", {"on": "yes"}),
        ("shop", "POST", "/orders/O-71/payments", {"amount": {"amount": "1.00", "currency": "EUR"}, "method": "card"}),
        ("clock", "POST", "/alarms", {"time": "7 am"}),
    ):
        with pytest.raises(httpx.HTTPStatusError):
            await house.send(*request)
    assert [backend.writes for backend in house.backends.values() if backend.writes] == []
