"""A connector comes in, through the front door and from the folder: what it gives, and what a bad one costs."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR
from gateway.errors import DocumentRejected
from gateway.fetch import Offered
from tests.conftest import Backend, Door, open_door

pytestmark = pytest.mark.anyio

PETS: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "The Pet API", "version": "2"},
    "servers": [{"url": "https://pets.example"}],
    "paths": {
        "/pets": {"get": {"operationId": "listPets", "responses": {"200": {"description": "All"}}}},
        "/broken": {"get": "this is no operation"},
    },
}


async def test_a_document_sent_to_the_rest_door_gives_tools_and_named_refusals(door: Door) -> None:
    token = await door.key()
    answer = await door.post("/v1/connectors", token, {"content": json.dumps(PETS)})
    report = answer.json()
    assert answer.status_code == 201
    assert (report["summary"]["name"], report["tools"]) == ("pet", ["pet_list_pets"])
    assert [refusal["place"] for refusal in report["refusals"]] == ["/paths/~1broken/get"]
    assert (await door.get("/v1/tools", await door.key())).json()["tools"][0]["name"] == "pet_list_pets"


async def test_a_document_is_fetched_from_its_url_with_the_files_it_refers_to(door: Door, backend: Backend) -> None:
    entry = {
        "openapi": "3.1.0",
        "info": {"title": "Split", "version": "1"},
        "paths": {"/a": {"$ref": "paths/a.yaml"}},
    }
    item = "post:\n  operationId: makeA\n  requestBody:\n    content:\n      application/json:\n        schema:\n"
    item += "          $ref: ../schemas.yaml#/A\n  responses: {'200': {description: ok}}\n"
    backend.answers["GET /api/openapi.json"] = (200, "application/json", json.dumps(entry).encode())
    backend.answers["GET /api/paths/a.yaml"] = (200, "application/yaml", item.encode())
    backend.answers["GET /api/schemas.yaml"] = (
        200,
        "application/yaml",
        b"A: {type: object, properties: {size: {type: integer}}}",
    )
    told = {"name": "split", "document": f"{backend.url}/api/openapi.json", "allow_addresses": ["127.0.0.1/32"]}
    answer = await door.post("/v1/connectors", await door.key(), told)
    assert answer.status_code == 201, answer.text
    tool = (await door.get("/v1/tools/split_make_a", await door.key())).json()
    assert tool["input_schema"]["properties"] == {"size": {"type": "integer"}}


async def test_a_document_on_a_private_address_is_not_fetched(door: Door, backend: Backend) -> None:
    told = {"name": "inside", "document": f"{backend.url}/openapi.json"}
    answer = await door.post("/v1/connectors", await door.key(), told)
    assert (answer.status_code, backend.seen) == (502, [])


@pytest.mark.parametrize(
    "document", ["/etc/passwd", "file:///etc/passwd", "connector.yaml", "gopher://x/", "http://[x"]
)
async def test_a_caller_over_the_network_cannot_have_a_file_of_ours_read(door: Door, document: str) -> None:
    answer = await door.post("/v1/connectors", await door.key(), {"name": "x", "document": document})
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad request")


async def test_a_document_that_refers_to_a_file_outside_its_folder_does_not_get_it(door: Door, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("get: {operationId: secret, responses: {}}")
    inside = tmp_path / "inside"
    inside.mkdir()
    told = {**PETS, "paths": {"/a": {"$ref": "../secret.yaml"}, "/b": PETS["paths"]["/pets"]}}
    (inside / "openapi.json").write_text(json.dumps(told))
    offered = Offered(Manifest(name="outside", document="openapi.json"), folder=inside)
    connector = await door.gateway.ingestion.add(OPERATOR, offered)
    assert [tool.operation.path for tool in connector.tools] == ["/b"]
    assert len(connector.refusals) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{"openapi": "3.1.0",\n "info": ]}', "line 2"),
        ("openapi: 3.1.0\ninfo: [unclosed\npaths: {}", "line"),
        ('{"hello": "world"}', ""),
        ("<html>not found</html>", ""),
        ("", ""),
    ],
)
async def test_a_broken_document_is_a_clear_error_that_changes_nothing(door: Door, content: str, place: str) -> None:
    before = door.gateway.published.current.version
    answer = await door.post("/v1/connectors", await door.key(), {"name": "bad", "content": content or " "})
    assert (answer.status_code, answer.json()["title"]) == (422, "Document rejected")
    assert place in answer.json()["detail"]
    assert door.gateway.published.current.version == before


async def test_a_name_is_taken_once_and_replaced_only_when_asked(door: Door) -> None:
    token, told = await door.key(), {"name": "pets", "content": json.dumps(PETS)}
    assert (await door.post("/v1/connectors", token, told)).status_code == 201
    assert (await door.post("/v1/connectors", token, told)).status_code == 409
    headers = {"authorization": f"Bearer {token}"}
    assert (await door.client.put("/v1/connectors/pets", json=told, headers=headers)).status_code == 200
    assert (await door.client.delete("/v1/connectors/pets", headers=headers)).status_code == 204
    assert (await door.client.delete("/v1/connectors/pets", headers=headers)).status_code == 404


@pytest.mark.parametrize("name", ["Pets", "factotum", "p" * 33, "../x", "a b", "1a"])
async def test_a_name_that_cannot_be_one_is_refused(door: Door, name: str) -> None:
    answer = await door.post("/v1/connectors", await door.key(), {"name": name, "content": json.dumps(PETS)})
    assert answer.status_code == 400


async def test_adding_needs_the_scope_for_it_and_is_in_the_audit_log(door: Door) -> None:
    told = {"name": "pets", "content": json.dumps(PETS)}
    assert (await door.post("/v1/connectors", await door.key("pets:read"), told)).status_code == 403
    token = await door.key()
    await door.post("/v1/connectors", token, told)
    (line,) = (await door.get("/v1/audit?phase=administered", token)).json()["lines"]
    assert (line["tool"], line["connector"], line["subject"]) == ("connectors.add", "pets", "ada")


async def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.add("pets", PETS, "https://pets.example")
        token = await door.key()
    async with open_door(tmp_path) as door:
        names = [tool["name"] for tool in (await door.get("/v1/tools", token)).json()["tools"]]
    assert names == ["pets_list_pets"]


async def test_what_another_process_adds_is_noticed(tmp_path: Path) -> None:
    async with open_door(tmp_path, follow_s=0.02) as one, open_door(tmp_path) as other:
        await other.add("pets", PETS, "https://pets.example")
        async with asyncio.timeout(5):
            while "pets" not in one.gateway.published.current.catalog.connectors:  # noqa: ASYNC110 (polls as it polls)
                await asyncio.sleep(0.01)


async def test_a_change_that_concerns_no_connector_puts_nothing_else_in_force(opens: Callable[..., Any]) -> None:
    async with opens(follow_s=0.01) as door:
        await door.add("pets", PETS, "https://pets.example")
        edition = door.gateway.published.current
        await door.key()
        changed = await door.gateway.store.generation()
        while door.gateway.ingestion.generation != changed:  # noqa: ASYNC110 (polls as it polls)
            await asyncio.sleep(0.01)
        assert door.gateway.published.current is edition


async def test_tools_are_listed_in_the_order_of_their_names_whatever_that_of_the_connectors(door: Door) -> None:
    for name, prefix in (("a", "m"), ("b", "c"), ("c", "x")):
        paths = {f"/{one}": {"get": {"operationId": one}} for one in ("zebra", "ape", "dog")}
        await door.add(name, {**PETS, "paths": paths}, "https://pets.example", prefix=prefix)
    names = list(door.gateway.published.current.catalog.tools)
    assert names == sorted(names)
    assert len(names) == 9


async def test_a_broken_connector_in_the_folder_costs_no_other_anything(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    for name, manifest, document in (
        ("good", "name: good\ndocument: openapi.json", json.dumps(PETS)),
        ("typo", "name: typo\ndocumnet: openapi.json", json.dumps(PETS)),
        ("torn", "name: torn\ndocument: openapi.json", '{"openapi": "3.0.3", '),
        ("gone", "name: gone\ndocument: elsewhere.json", "{}"),
    ):
        folder = tmp_path / "connectors" / name
        folder.mkdir(parents=True)
        (folder / "connector.yaml").write_text(manifest)
        (folder / "openapi.json").write_text(document)
    async with opens() as door:
        listed = (await door.get("/v1/connectors", await door.key())).json()["connectors"]
        assert {one["name"]: bool(one["problem"]) for one in listed} == {
            "good": False,
            "gone": True,
            "torn": True,
            "typo": True,
        }
        assert "documnet" in next(one["problem"] for one in listed if one["name"] == "typo")


async def test_a_document_with_too_many_files_is_refused(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens() as door:
        refs = {f"/p{number}": {"$ref": f"p{number}.yaml"} for number in range(2_001)}
        (tmp_path / "openapi.json").write_text(json.dumps({**PETS, "paths": refs}))
        offered = Offered(Manifest(name="many", document="openapi.json"), folder=tmp_path)
        with pytest.raises(DocumentRejected, match="files_max"):
            await door.gateway.ingestion.add(OPERATOR, offered)


OVERLAY = {
    "overlay": "1.0.0",
    "info": {"title": "Ours", "version": "1"},
    "actions": [
        {"target": "$.paths['/pets'].get", "update": {"x-factotum": {"name": "all_pets", "description": "Every pet."}}},
        {"target": "$.paths['/nothing']", "remove": True},
    ],
}


async def test_overlays_shape_a_document_and_say_what_they_did_not_match(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "ours.overlay.yaml").write_text(json.dumps(OVERLAY))
    second = {**OVERLAY, "actions": [{"target": "$.paths['/pets'].get['x-factotum']", "update": {"title": "All pets"}}]}
    async with opens() as door:
        manifest = Manifest(name="pets", base_url="https://pets.example", overlays=("ours.overlay.yaml", second))
        offered = Offered(manifest, folder=tmp_path, content=json.dumps(PETS).encode())
        connector = await door.gateway.ingestion.add(OPERATOR, offered)
        tool = next(one for one in connector.tools if one.operation.key == "GET /pets")
        assert (tool.name, tool.title, tool.description) == ("pets_all_pets", "All pets", "Every pet.")
        assert [(one.reason, one.place.rpartition("/")[2]) for one in connector.repairs] == [("overlay-unmatched", "1")]
    (tmp_path / "ours.overlay.yaml").unlink()
    async with opens() as door:
        assert "pets_all_pets" in door.gateway.published.current.catalog.tools


async def test_an_overlay_that_is_a_file_of_ours_cannot_be_asked_for_over_rest(door: Door) -> None:
    for overlay in ("/etc/passwd", "file:///etc/passwd", "../x"):
        body = {"name": "pets", "content": json.dumps(PETS), "overlays": [overlay]}
        answer = await door.post("/v1/connectors", await door.key(), body)
        assert (answer.status_code, "overlay must be an http" in answer.text) == (400, True)


async def test_a_broken_overlay_is_told_from_a_broken_document(door: Door, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text("overlay: [1.0.0\n")
    manifest = Manifest(name="pets", overlays=("ours.yaml",))
    with pytest.raises(DocumentRejected, match=r"the overlay file:.*/ours.yaml: line 2.*YAML"):
        await door.gateway.ingestion.add(OPERATOR, Offered(manifest, tmp_path, json.dumps(PETS).encode()))
