"""Long answers through the front door: pages put together, accepted work waited for, streams ended, results read on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.core.manifest import Limits
from gateway.serve import bind, serving_app, url_of
from tests.conftest import Door

pytestmark = pytest.mark.anyio

ITEM = {"type": "object", "properties": {"id": {"type": "integer"}, "big": {"type": "integer"}}}
LIST = {"type": "array", "items": ITEM}
TOTAL, PAGE = 23, 5


def operation(name: str, parameters: dict[str, Any], schema: Any, method: str = "get", status: str = "200") -> Any:
    told = [{"name": one, "in": "query", "schema": kind} for one, kind in parameters.items()]
    responses = {status: {"description": "", "content": {"application/json": {"schema": schema}}}}
    return {method: {"operationId": name, "parameters": told, "responses": responses}}


def wrapped(**members: Any) -> Any:
    return {"type": "object", "properties": {"items": LIST, **members}}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Library", "version": "1"},
    "paths": {
        "/cursor": operation("cursor", {"page_token": TEXT, "limit": NUMBER}, wrapped(nextPageToken=TEXT)),
        "/page": operation("page", {"page": NUMBER, "per_page": NUMBER}, LIST),
        "/zero": operation("zero", {"page": {**NUMBER, "default": 0}}, wrapped(totalPages=NUMBER)),
        "/offset": operation("offset", {"offset": NUMBER, "limit": NUMBER}, wrapped(total=NUMBER)),
        "/first": operation("first", {"first": NUMBER, "max": NUMBER}, LIST),
        "/token": operation("token", {"Page": NUMBER, "PageSize": NUMBER}, wrapped(next_page_uri=TEXT)),
        "/link": operation("link", {"page": NUMBER}, LIST),
        "/next": operation("next", {}, wrapped(**{"@odata.nextLink": TEXT})),
        "/stripe": operation("stripe", {"starting_after": TEXT, "limit": NUMBER}, wrapped(has_more={"type": "boolean"})),
        "/loop": operation("loop", {"cursor": TEXT}, wrapped(next_cursor=TEXT)),
        "/deaf": operation("deaf", {"page": NUMBER}, LIST),
        "/elsewhere": operation("elsewhere", {}, wrapped(next=TEXT)),
        "/flaky": operation("flaky", {"cursor": TEXT}, wrapped(next_cursor=TEXT)),
        "/plain": operation("plain", {}, {"type": "object", "properties": {"name": TEXT}}),
        "/stream": operation("stream", {}, {}),
        "/jobs": operation("start", {}, {"type": "object"}, "post", "202"),
        "/files": {
            **operation("file", {}, {}),
            "post": {
                "operationId": "upload",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {"type": "object", "properties": {"f": {"type": "string", "format": "binary"}}}
                        }
                    }
                },
            },
        },
        "/builds": {
            "post": {
                "operationId": "build",
                "x-factotum": {
                    "poll": {
                        "operation": "GET /builds/{id}",
                        "status": "/state/word",
                        "done": ["READY", "BROKEN"],
                        "arguments": {"id": "/id"},
                    }
                },
            }
        },
        "/builds/{id}": {
            "get": {
                "operationId": "seeBuild",
                "security": [{"oauth": ["builds.read"]}],
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            }
        },
        "/odd": {
            "get": {
                **operation("odd", {"von": NUMBER}, {"type": "object"})["get"],
                "x-factotum": {"page": {"kind": "offset", "parameter": "von", "items": "/zeilen"}},
            }
        },
        "/nowhere": operation("nowhere", {}, {"type": "object"}, "post", "202"),
    },
}  # fmt: skip


@dataclass
class Library:
    """A real service whose lists come in every way that lists come."""

    url: str = ""
    seen: list[str] = field(default_factory=list)
    body: bytes = b""
    looks: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.body = (await receive())["body"]
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.seen.append(f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}")
        if scope["path"] == "/stream":
            await self._stream(send)
            return
        status, headers, body = self._answer(scope["path"], query)
        exact = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content-type", "application/json")
        told = [(b"content-type", kind.encode()), *((name.encode(), one.encode()) for name, one in headers.items())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": exact})

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(600):
            event = b'data: {"tick":%d}\n\n' % number
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(0.05)

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        def items(start: int) -> list[Any]:
            return [{"id": index, "big": 9007199254740993 + index} for index in range(start, min(start + PAGE, TOTAL))]

        match path:
            case "/cursor" | "/flaky":
                start = int(query.get("page_token", query.get("cursor", "c0"))[1:])
                if path == "/flaky" and start >= 10:
                    return 500, {}, {"detail": "oops"}
                following = f"c{start + PAGE}" if start + PAGE < TOTAL else ""
                name = "nextPageToken" if path == "/cursor" else "next_cursor"
                return 200, {}, {"items": items(start), name: following}
            case "/page":
                return 200, {}, items((int(query.get("page", 1)) - 1) * PAGE)
            case "/zero":
                return 200, {}, {"items": items(int(query.get("page", 0)) * PAGE), "totalPages": 5}
            case "/offset":
                return 200, {}, {"items": items(int(query.get("offset", 0))), "total": TOTAL}
            case "/first":
                return 200, {}, items(int(query.get("first", 0)))
            case "/token":
                page = int(query.get("Page", 0))
                if page and query.get("Token") != f"t{page}":
                    return 400, {}, {"detail": "a page needs its token"}
                following = None if (page + 1) * PAGE >= TOTAL else f"/token?Page={page + 1}&Token=t{page + 1}"
                return 200, {}, {"items": items(page * PAGE), "next_page_uri": following}
            case "/link":
                page = int(query.get("page", 1))
                last = page * PAGE >= TOTAL
                links = f'<{self.url}/link?page={page - 1}>; rel="prev"' + (
                    "" if last else f', </link?page={page + 1}>; rel="next"; title="x, y"'
                )
                return 200, {"link": links}, items((page - 1) * PAGE)
            case "/next":
                start = int(query.get("from", 0))
                told = {} if start + PAGE >= TOTAL else {"@odata.nextLink": f"{self.url}/next?from={start + PAGE}"}
                return 200, {}, {"items": items(start), **told}
            case "/stripe":
                start = int(query.get("starting_after", -1)) + 1
                return 200, {}, {"items": items(start), "has_more": start + PAGE < TOTAL}
            case "/loop":
                return 200, {}, {"items": items(0), "next_cursor": "again"}
            case "/deaf":
                return 200, {}, items(0)
            case "/elsewhere":
                return 200, {}, {"items": items(0), "next": "http://127.0.0.1:1/steal"}
            case "/jobs":
                return 202, {"operation-location": "/jobs/7", "retry-after": "0"}, {"id": 7}
            case "/jobs/7":
                self.looks += 1
                if self.looks < 3:
                    return 200, {"retry-after": "0"}, {"status": "Running"}
                return 200, {}, {"status": "succeeded", "result": 42}
            case "/builds":
                return 200, {}, {"id": 9}
            case "/builds/9":
                self.looks += 1
                return 200, {"retry-after": "0"}, {"id": 9, "state": {"word": "READY" if self.looks > 2 else "BAKING"}}
            case "/odd":
                return 200, {}, {"zeilen": items(int(query.get("von", 0)))}
            case "/nowhere":
                return 202, {"location": "http://127.0.0.1:1/steal"}, {}
            case "/files":
                return 200, {"content-type": "application/zip"}, b"PK\x03\x04zip"
            case _:
                return 200, {}, {"name": "x" * 300, "rows": [{"id": index, "text": "y" * 90} for index in range(100)]}


@pytest.fixture
async def library(anyio_backend: str) -> AsyncIterator[Library]:
    one = Library()
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one


@pytest.fixture
async def shelf(door: Door, library: Library) -> Door:
    limits = Limits(result_bytes_max=2_000, stream_timeout_s=0.5, timeout_s=5, retries_max=0)
    await door.add("lib", DOCUMENT, library.url, limits=limits)
    return door


async def call(door: Door, tool: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
    answer = await door.post(f"/v1/tools/lib_{tool}:call", await door.key(), {"arguments": arguments or {}, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(structured: Any) -> list[int]:
    return [item["id"] for item in (structured if isinstance(structured, list) else structured["items"])]


@pytest.mark.parametrize("tool", ["cursor", "page", "zero", "offset", "first", "token", "link", "next", "stripe"])
async def test_all_pages_are_one_list_with_every_item_once_and_exact(shelf: Door, tool: str) -> None:
    answer = await call(
        shelf, tool, select="items[].[id,big]" if tool not in ("page", "first", "link") else "[].[id,big]", pages_max=20
    )
    assert answer["structured"] == [[index, 9007199254740993 + index] for index in range(TOTAL)]
    assert answer["notes"][0] == "5 pages, 23 items."
    assert not any("more" in note for note in answer["notes"])


@pytest.mark.parametrize("tool", ["cursor", "page", "offset", "link", "next", "stripe"])
async def test_one_page_alone_says_that_there_are_more(shelf: Door, library: Library, tool: str) -> None:
    answer = await call(shelf, tool)
    assert ids(answer["structured"]) == [0, 1, 2, 3, 4]
    assert answer["notes"][0].startswith("There are more")
    assert len(library.seen) == 1


async def test_how_to_go_on_is_told_and_going_on_so_works(shelf: Door) -> None:
    first = await call(shelf, "cursor", pages_max=2)
    assert first["notes"] == ["2 pages, 10 items.", "There are more: go on with page_token = 'c10'."]
    rest = await call(shelf, "cursor", {"page_token": "c10"}, pages_max=9)
    assert ids(first["structured"]) + ids(rest["structured"]) == list(range(TOTAL))


async def test_no_more_pages_are_read_than_were_asked_for(shelf: Door, library: Library) -> None:
    assert ids((await call(shelf, "offset", pages_max=3))["structured"]) == list(range(15))
    assert len(library.seen) == 3


async def test_a_page_that_fails_costs_only_itself(shelf: Door) -> None:
    answer = await call(shelf, "flaky", pages_max=9)
    assert ids(answer["structured"]) == list(range(10))
    assert (answer["is_error"], answer["status"]) == (False, 200)
    assert answer["notes"][1] == "Reading on was stopped: page 3 was answered 500."


@pytest.mark.parametrize(("tool", "requests", "items"), [("loop", 2, 5), ("deaf", 2, 5), ("elsewhere", 1, 5)])
async def test_a_backend_that_leads_in_circles_or_astray_is_not_followed(
    shelf: Door, library: Library, tool: str, requests: int, items: int
) -> None:
    answer = await call(shelf, tool, pages_max=50)
    assert len(ids(answer["structured"])) == items
    assert len(library.seen) == requests


async def test_pages_end_at_the_bytes_that_a_connector_may_give(door: Door, library: Library) -> None:
    await door.add("lib", DOCUMENT, library.url, limits=Limits(response_bytes_max=400))
    answer = await call(door, "cursor", pages_max=9)
    assert len(library.seen) == 2
    assert answer["notes"][1] == "Reading on was stopped: 400 bytes were reached (response_bytes_max)."


async def test_a_model_asks_for_the_same_with_arguments(shelf: Door) -> None:
    answer = await call(shelf, "cursor", {"_pages_max": 9, "_select": "length(items)"})
    assert answer["structured"] == TOTAL


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"_select": "items["}, "expected a JMESPath expression"),
        ({"_pages_max": 0}, "_pages_max"),
        ({"_pages_max": 1000}, "_pages_max"),
        ({"_wait_s": "long"}, "_wait_s"),
    ],
)
async def test_an_option_that_cannot_be_is_refused_before_anything_is_sent(
    shelf: Door, library: Library, arguments: dict[str, Any], told: str
) -> None:
    answer = await shelf.post("/v1/tools/lib_cursor:call", await shelf.key(), {"arguments": arguments})
    assert answer.status_code == 422
    assert told in answer.text
    assert library.seen == []


async def test_accepted_work_is_waited_for(shelf: Door, library: Library) -> None:
    answer = await call(shelf, "start", wait_s=20)
    assert answer["structured"] == {"status": "succeeded", "result": 42}
    assert answer["notes"][0].startswith("Done after ")
    assert [one for one in library.seen if one.startswith("POST")] == ["POST /jobs?"]
    assert library.looks == 3


async def test_without_waiting_accepted_work_is_the_answer(shelf: Door, library: Library) -> None:
    answer = await call(shelf, "start")
    assert (answer["status"], answer["structured"], library.looks) == (202, {"id": 7}, 0)


async def test_work_that_does_not_end_in_time_says_where_to_look(shelf: Door, library: Library) -> None:
    library.looks = -1_000
    answer = await call(shelf, "start", wait_s=0.3)
    assert answer["structured"] == {"status": "Running"}
    assert answer["notes"][0].startswith("It still runs after ")
    assert answer["notes"][0].endswith("/jobs/7.")


async def test_work_is_waited_for_by_the_operation_that_the_document_names(shelf: Door, library: Library) -> None:
    answer = await call(shelf, "build", wait_s=20)
    assert answer["structured"] == {"id": 9, "state": {"word": "READY"}}
    assert library.looks == 3


async def test_who_may_not_look_does_not_look(shelf: Door, library: Library) -> None:
    token = await shelf.key("lib:write")
    answer = await shelf.post("/v1/tools/lib_build:call", token, {"wait_s": 5})
    assert (answer.json()["structured"], library.looks) == ({"id": 9}, 0)


async def test_paging_that_the_document_tells_is_followed(shelf: Door) -> None:
    answer = await call(shelf, "odd", pages_max=9)
    assert [item["id"] for item in answer["structured"]["zeilen"]] == list(range(TOTAL))


async def test_a_place_to_look_on_another_origin_is_not_looked_at(shelf: Door, library: Library) -> None:
    answer = await call(shelf, "nowhere", wait_s=5)
    assert (answer["status"], len(library.seen)) == (202, 1)


async def test_an_endless_stream_gives_what_came_in_its_time(shelf: Door) -> None:
    answer = await call(shelf, "stream")
    ticks = [event["tick"] for event in answer["structured"]]
    assert ticks == list(range(len(ticks)))
    assert 2 <= len(ticks) < 60
    assert answer["truncated"]


async def test_a_long_answer_is_cut_and_can_be_read_on_by_whoever_got_it(shelf: Door, library: Library) -> None:
    token = await shelf.key()
    first = (await shelf.post("/v1/tools/lib_plain:call", token, {})).json()
    assert first["truncated"]
    assert 0 < len(first["structured"]["rows"]) < 100
    path = "/v1/results/" + first["handle"].removeprefix("factotum://results/")
    more = (await shelf.get(f"{path}?select=rows[95:].id", token)).json()
    assert more["structured"] == [95, 96, 97, 98, 99]
    text, offset, piece = "", 0, {"truncated": True}
    while piece["truncated"]:
        piece = (await shelf.get(f"{path}?offset={offset}", token)).json()
        text += piece["content"][0]["text"]
        offset = len(text)
    assert json.loads(text) == library._answer("/plain", {})[2]
    assert len(library.seen) == 1


async def test_nobody_else_reads_what_was_kept(shelf: Door) -> None:
    first = (await shelf.post("/v1/tools/lib_plain:call", await shelf.key(), {})).json()
    path = "/v1/results/" + first["handle"].removeprefix("factotum://results/")
    for other in (await shelf.key(subject="eve"), await shelf.key(tenant="other")):
        assert (await shelf.get(path, other)).status_code == 404
    assert (await shelf.client.get(path)).status_code == 401


async def test_what_was_kept_is_gone_after_its_time(opens: Callable[..., Any], library: Library) -> None:
    from gateway.settings import ResultSettings

    async with opens(results=ResultSettings(ttl_s=0.05)) as door:
        await door.add("lib", DOCUMENT, library.url, limits=Limits(result_bytes_max=2_000))
        token = await door.key()
        first = (await door.post("/v1/tools/lib_plain:call", token, {})).json()
        await asyncio.sleep(0.1)
        path = "/v1/results/" + first["handle"].removeprefix("factotum://results/")
        assert (await door.get(path, token)).status_code == 404


async def test_a_file_is_kept_under_the_uri_that_is_told(shelf: Door) -> None:
    token = await shelf.key()
    answer = (await shelf.post("/v1/tools/lib_file:call", token, {})).json()
    assert answer["content"][0]["uri"] == answer["handle"] != ""
    again = await shelf.get("/v1/results/" + answer["handle"].removeprefix("factotum://results/"), token)
    assert again.json()["content"][0]["data"] == answer["content"][0]["data"]


async def test_a_file_that_came_from_one_tool_goes_to_another_by_its_handle(shelf: Door, library: Library) -> None:
    token = await shelf.key()
    handle = (await shelf.post("/v1/tools/lib_file:call", token, {})).json()["handle"]
    arguments = {"f": {"resource": handle, "filename": "a.zip"}}
    assert (await shelf.post("/v1/tools/lib_upload:call", token, {"arguments": arguments})).status_code == 200
    assert b'filename="a.zip"\r\nContent-Type: application/zip\r\n\r\nPK\x03\x04zip\r\n' in library.body
    eve = await shelf.post("/v1/tools/lib_upload:call", await shelf.key(subject="eve"), {"arguments": arguments})
    assert eve.status_code == 404
    assert len(library.seen) == 2
