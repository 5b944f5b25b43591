"""The household: real servers whose every answer fits their own document, by the word of a validator that is not ours."""

import json
import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.configurations import Config
from openapi_core.testing import MockRequest, MockResponse
from openapi_spec_validator import validate

from gateway.core.document import parse_document
from gateway.demo.household import NAMES, Household, document_of, open_household
from gateway.demo.run import open_demo, run_demo

pytestmark = pytest.mark.anyio

TODAY = date(2026, 3, 4)
TOKEN = "household-token"
METHODS = ("get", "post", "put", "patch", "delete")
JUDGE = Config(
    extra_media_type_deserializers={
        "application/problem+json": msgspec.json.decode,
        "text/calendar": bytes.decode,
        "image/png": bytes.decode,
    }
)


@pytest.fixture
async def household(anyio_backend: str) -> AsyncIterator[Household]:
    async with open_household(TODAY, TOKEN) as one:
        yield one


async def ask(household: Household, name: str, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {TOKEN}", "x-api-key": TOKEN, **more.pop("headers", {})}
    async with httpx.AsyncClient(base_url=household.urls[name]) as client:
        return await client.request(method, path, headers=headers, **more)


def tree_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(parse_document(document_of(name).read_bytes(), name)))
    return loaded


@pytest.mark.parametrize("name", NAMES)
def test_each_document_is_valid_by_its_own_specification(name: str) -> None:
    # The validator does not know the file schema that a Swagger 2.0 response may have, so it is shown a string instead.
    validate(json.loads(json.dumps(tree_of(name)).replace('{"type": "file"}', '{"type": "string"}')))


def test_one_document_is_swagger_two_are_3_0_and_two_are_3_1() -> None:
    versions = sorted(str(tree_of(name).get("swagger") or tree_of(name)["openapi"])[:3] for name in NAMES)
    assert versions == ["2.0", "3.0", "3.0", "3.1", "3.1"]


EXCHANGES: tuple[tuple[str, str, str, dict[str, Any], int], ...] = (
    ("calendar", "GET", "/events", {"params": {"limit": 3}}, 200),
    ("calendar", "GET", "/events/evt-1", {}, 200),
    ("calendar", "GET", "/events/none", {}, 404),
    ("calendar", "POST", "/events", {"json": {"title": "Tea", "start": "2026-03-05T16:00:00", "end": "2026-03-05T17:00:00"}}, 201),
    ("calendar", "POST", "/events", {"json": {"title": "Tea", "start": "2026-03-05T16:00:00", "end": "2026-03-05T15:00:00"}}, 422),
    ("calendar", "DELETE", "/events/evt-2", {}, 204),
    ("calendar", "GET", "/free-busy", {}, 200),
    ("mail", "GET", "/folders", {}, 200),
    ("mail", "GET", "/messages", {"params": {"q": "saturday", "per_page": 1}}, 200),
    ("mail", "GET", "/messages/msg-1", {}, 200),
    ("mail", "POST", "/messages", {"json": {"to": ["mira@example.org"], "subject": "Hi", "text": "Hello"}}, 201),
    ("mail", "POST", "/messages", {"json": {"to": [], "subject": "Hi", "text": "Hello"}}, 422),
    ("mail", "POST", "/messages/msg-1/reply", {"json": {"text": "Thanks"}}, 201),
    ("mail", "GET", "/messages/msg-1/thread", {}, 200),
    ("mail", "PATCH", "/messages/msg-1", {"json": {"read": True}}, 200),
    ("mail", "DELETE", "/messages/msg-1", {}, 204),
    ("groceries", "GET", "/products", {"params": {"q": "wine"}}, 200),
    ("groceries", "GET", "/products/basil", {}, 200),
    ("groceries", "PUT", "/basket/items/basil", {"json": {"quantity": 2}}, 200),
    ("groceries", "PUT", "/basket/items/basil", {"json": {"quantity": 0}}, 422),
    ("groceries", "GET", "/basket", {}, 200),
    ("groceries", "POST", "/orders", {"json": {"deliver_on": "2026-03-07"}}, 409),
    ("groceries", "GET", "/orders", {}, 200),
    ("weather", "GET", "/places", {}, 200),
    ("weather", "GET", "/places/home/current", {}, 200),
    ("weather", "GET", "/places/home/forecast", {"params": {"days": 2, "fields": "sky,high_c"}}, 200),
    ("weather", "GET", "/places/home/forecast", {"params": {"days": 11}}, 422),
    ("weather", "GET", "/places/home/alerts", {}, 200),
    ("weather", "GET", "/places/home/report", {}, 200),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method", "path", "more", "status"), EXCHANGES, ids=[f"{e[0]} {e[1]} {e[2]} {e[4]}" for e in EXCHANGES]
)
async def test_an_exchange_fits_the_services_document(
    household: Household, name: str, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    answer = await ask(household, name, method, path, **more)
    assert answer.status_code == status, answer.text
    asked = answer.request
    request = MockRequest(
        household.urls[name],
        method.lower(),
        path,
        args=dict(asked.url.params),
        headers=dict(asked.headers),
        data=asked.content or None,
    )
    kind = answer.headers.get("content-type", "application/json").partition(";")[0]
    judge = OpenAPI.from_dict(tree_of(name), config=JUDGE)
    judge.validate_response(request, MockResponse(answer.content, status, dict(answer.headers), kind))


# openapi-core's V2 support has no response judge for Swagger 2.0, so home is judged schema by schema in its place.
async def test_homes_answers_fit_the_schemas_of_its_swagger_document(household: Household) -> None:
    import jsonschema

    tree = tree_of("home")
    for path, kind in (("/rooms", "Room"), ("/lights", "Light"), ("/thermostats", "Thermostat"), ("/locks", "Lock")):
        for thing in (await ask(household, "home", "GET", path)).json():
            jsonschema.validate(thing, {"$ref": f"#/definitions/{kind}", "definitions": tree["definitions"]})


@pytest.mark.parametrize("name", NAMES)
async def test_every_documented_operation_is_served_and_asks_for_its_credential(
    household: Household, name: str
) -> None:
    for path, item in tree_of(name)["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            filled = re.sub(r"\{\w+\}", "none", path)
            async with httpx.AsyncClient(base_url=household.urls[name]) as client:
                refused = await client.request(method.upper(), filled)
            assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
            answer = await ask(household, name, method.upper(), filled)
            assert answer.status_code != 405
            assert answer.status_code < 500
            assert answer.status_code != 404 or "There is no" in answer.json()["detail"], (path, method)


async def test_saturdays_dinner_can_be_bought(household: Household) -> None:
    found = (await ask(household, "calendar", "GET", "/events", params={"q": "dinner"})).json()["events"]
    assert [one["start"][:10] for one in found] == ["2026-03-07"]
    for words in found[0]["description"].removeprefix("Ingredients: ").split(", "):
        name = re.sub(r"[\d]+( g)?$", "", words).strip()
        products = (await ask(household, "groceries", "GET", "/products", params={"q": name})).json()["products"]
        assert products, name
        await ask(household, "groceries", "PUT", f"/basket/items/{products[0]['sku']}", json={"quantity": 1})
    key = {"idempotency-key": "dinner-1"}
    order = (
        await ask(household, "groceries", "POST", "/orders", json={"deliver_on": "2026-03-07"}, headers=key)
    ).json()
    again = (
        await ask(household, "groceries", "POST", "/orders", json={"deliver_on": "2026-03-07"}, headers=key)
    ).json()
    assert (order["id"], order["state"], len(order["items"])) == (again["id"], "open", 6)
    wrong = {"method": "card", "amount": {"cents": 1, "currency": "EUR"}}
    assert (await ask(household, "groceries", "POST", f"/orders/{order['id']}/payment", json=wrong)).status_code == 422
    right = {"method": "card", "amount": order["total"]}
    paid = (await ask(household, "groceries", "POST", f"/orders/{order['id']}/payment", json=right)).json()
    assert (paid["state"], household.state.groceries.orders[order["id"]].state) == ("paid", "paid")
    assert (await ask(household, "groceries", "POST", f"/orders/{order['id']}/cancel")).status_code == 409


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"on": "maybe"}', b'{"colour": 1}', b"\xff\xfe"])
async def test_bad_bodies_are_problems_and_change_nothing(household: Household, body: bytes) -> None:
    before = dict(household.state.home.lights)
    answer = await ask(household, "home", "PATCH", "/lights/light-1", content=body)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert household.state.home.lights == before


async def test_the_tour_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_demo(0, once=True) == 0
    assert "everything was as it should be" in capsys.readouterr().out


async def test_a_file_goes_through_the_gateway_to_the_mailbox_and_back(anyio_backend: str) -> None:
    async with open_demo(0) as demo, httpx.AsyncClient(base_url=demo.url) as client:
        headers = {"authorization": f"Bearer {demo.key}"}
        file = {"data": "AAECAw==", "filename": 'a "b".bin', "media_type": "application/x-thing"}
        body = {"arguments": {"file": file, "note": "hello"}}
        sent = await client.post("/v1/tools/mail_upload_attachment:call", json=body, headers=headers)
        told = sent.json()["structured"]
        assert (told["media_type"], told["size"]) == ("application/x-thing", 4)
        assert demo.household.state.mail.contents[told["id"]] == b"\0\1\2\3"
        body = {"arguments": {"attachment_id": told["id"]}}
        got = (await client.post("/v1/tools/mail_download_attachment:call", json=body, headers=headers)).json()
        assert (got["content"][0]["type"], got["content"][0]["data"]) == ("blob", "AAECAw==")
        picture = (await client.post("/v1/tools/home_get_doorbell_snapshot:call", json={}, headers=headers)).json()
        assert (picture["content"][0]["kind"], picture["content"][0]["media_type"]) == ("image", "image/png")


def test_the_manifests_are_off_until_the_demo_turns_them_on() -> None:
    for name in NAMES:
        manifest = yaml.safe_load((document_of(name).parent / "connector.yaml").read_text())
        assert (manifest["name"], manifest["enabled"]) == (name, False)
