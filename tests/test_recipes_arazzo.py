"""Recipes as Arazzo documents, through the front door: out, in again, in from others, and what is refused."""

from typing import Any

import msgspec
import pytest
import yaml

from gateway.edge.approvals import DECIDE
from tests.conftest import Backend, Door
from tests.shop import Shop
from tests.test_intent import item, literal, ref, shop, start, step, token
from tests.test_recipes import WISH, active, carry_out, hands, promote, promoted_letter, sent

__all__ = ["active", "hands", "shop", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
PATH = "/v1/recipes/office-tea/arazzo"


async def bring(door: Door, token: str, document: Any, status: int = 201, **more: Any) -> Json:
    response = await door.post("/v1/recipes:import", token, {"document": document, **more})
    assert response.status_code == status, response.text
    told: Json = response.json()
    return told


async def test_a_recipe_goes_out_as_a_document_and_comes_in_as_it_was(
    door: Door, shop: Shop, token: str, active: Json
) -> None:
    document = (await door.get(PATH, token)).json()
    assert (document["arazzo"], document["workflows"][0]["workflowId"]) == ("1.0.1", "office-tea")
    (told,) = document["workflows"][0]["steps"]
    assert told["operationId"] == "$sourceDescriptions.shop.make"
    assert told["requestBody"] == {"contentType": "application/json", "payload": {"item": "$inputs.item", "count": 2}}
    brought = await bring(door, token, document, name="tea-again")
    assert (brought["recipe"]["state"], brought["notes"]) == ("pending", []), "no person brought it"
    for same in ("plan", "parameters", "words", "tools"):
        assert brought["recipe"][same] == active[same], same
    owner = await door.key(DECIDE, subject="owner")
    await door.post(f"/v1/recipes/{brought['recipe']['id']}/approve", owner)
    assert (await carry_out(door, token, name="tea-again", arguments={"item": "mate"}))["state"] == "done"
    assert shop.writes == ["make tea", "make mate"]


async def test_without_what_is_ours_alone_it_is_refused_where_that_would_do_something_else(
    door: Door, token: str, active: Json
) -> None:
    document = (await door.get(f"{PATH}?plain=true", token)).json()
    assert "x-factotum" not in msgspec.json.encode(document).decode()
    every = step("each", "change", each_=ref("all", "/orders"), id=item("/id"), count=literal(1))
    run = await start(door, token, step("all", "orders"), every)
    exported = await door.get(f"/v1/intents/{run['id']}/arazzo", token)
    assert exported.json()["workflows"][0]["steps"][1]["x-factotum"]["each"]["step"] == "all"
    refused = await door.get(f"/v1/intents/{run['id']}/arazzo?plain=true", token)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert "each is carried out for each item of a list; each/id is of an item of a list" in refused.json()["detail"]


FOREIGN = """
arazzo: 1.0.1
info: {title: Orders, version: 1.0.0}
sourceDescriptions: [{name: store, url: ./store.json, type: openapi}]
workflows:
- workflowId: OrderTwice
  summary: Order, and then some more of it
  inputs: {type: object, properties: {what: {type: string, description: 'What shall be ordered?'}}}
  steps:
  - stepId: first
    operationId: make
    requestBody: {contentType: application/json, payload: {item: $inputs.what}}
    outputs: {id: $response.body.id}
  - stepId: more
    operationPath: '{$sourceDescriptions.store.url}#/paths/~1orders~1{id}/patch'
    parameters: [{name: id, in: path, value: $steps.first.outputs.id}]
    requestBody: {payload: {count: 2}}
"""


async def test_a_document_of_others_is_carried_out_with_what_it_asks(door: Door, shop: Shop, token: str) -> None:
    unknown = await bring(door, token, FOREIGN, 400)
    assert "no connector is known to be the source store: add one, or say in `sources` which it is" in unknown["detail"]
    brought = await bring(door, token, FOREIGN, sources={"store": "shop"}, words=["order {what} twice"])
    assert (brought["recipe"]["name"], brought["notes"]) == ("order-twice", [])
    assert [one["description"] for one in brought["recipe"]["parameters"]] == ["What shall be ordered?"]
    await door.post(f"/v1/recipes/{brought['recipe']['id']}/approve", await door.key(DECIDE, subject="owner"))
    run = (await door.post("/v1/intents", token, {"intent": "Order tea twice", "wait_s": 20})).json()
    assert (run["state"], shop.writes) == ("done", ["make tea", "change 1"])
    assert shop.orders == {1: {"id": 1, "item": "tea", "count": 2}}


async def test_what_no_plan_can_carry_is_refused_by_name(door: Door, token: str) -> None:
    tree = yaml.safe_load(FOREIGN)
    tree["workflows"][0]["steps"][0]["onFailure"] = [
        {"name": "again", "type": "retry", "stepId": "first", "retryAfter": 1, "retryLimit": 3}
    ]
    refused = await bring(door, token, tree, 400, sources={"store": "shop"})
    assert refused["detail"] == "No recipe comes of the document: steps/first/onFailure: again is a retry: not carried."
    assert "no JSON or YAML" in (await bring(door, token, "{", 400))["detail"]
    assert "no source nobody" in (await bring(door, token, FOREIGN, 400, sources={"nobody": "shop"}))["detail"].replace(
        "'", ""
    )
    broken = yaml.safe_load(FOREIGN)
    broken["workflows"][0]["steps"][0]["requestBody"]["payload"] = {"item": 3}
    told = await bring(door, token, broken, 422, sources={"store": "shop"})
    assert told["problems"] == [{"step": "first", "argument": "/item", "detail": "expected a string"}]
    assert (await door.get("/v1/recipes", token)).json() == {"recipes": []}


async def test_no_value_of_a_document_is_the_persons_own_word_even_where_they_bring_it_themselves(
    hands: tuple[Door, str, str], backend: Backend
) -> None:
    door, program, person = hands
    told = await promoted_letter(door, program, person)
    document = (await door.get("/v1/recipes/closed/arazzo", person)).json()
    assert document["workflows"][0]["steps"][0]["x-factotum"]["spans"] == {"/to": [6, 21]}
    brought = await bring(door, person, document, name="again")
    assert (told["vouched"], brought["recipe"]["state"], brought["recipe"]["vouched"]) == (["tell/to"], "active", [])
    letters = len(sent(backend))
    run = await carry_out(door, program, name="again", arguments={"text": "x"})
    assert (run["state"], len(sent(backend))) == ("needs_approval", letters)


async def test_others_see_no_document(door: Door, token: str, active: Json) -> None:
    eve = await door.key(subject="eve")
    assert (await door.get(PATH, eve)).status_code == 404
    run = (await door.get("/v1/intents", token)).json()["intents"][0]
    assert (await door.get(f"/v1/intents/{run['id']}/arazzo", eve)).status_code == 404
    assert (await door.get("/v1/recipes/none/arazzo", token)).status_code == 404


async def test_the_words_of_a_plan_that_does_not_say_where_they_are_become_none(door: Door, token: str) -> None:
    run = await start(door, token, step("tea", "make", item=literal("tea")), intent=WISH)
    assert (await promote(door, token, run))["words"] == []
