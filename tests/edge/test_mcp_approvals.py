"""A call that needs a yes, over MCP: the client is given a page to open, and goes on only once the approval says yes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp
import mcp.types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from gateway.core.seal import Seal
from gateway.edge.approvals import DECIDE
from gateway.settings import HttpSettings
from tests.conftest import Backend, Door, open_door
from tests.edge.test_mcp_clients import served
from tests.test_approvals import POLICIES
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

SWITCH = {"id": "1", "on": True}
URL = "https://gateway.example.com/approvals/"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


@pytest.fixture
async def lamps(anyio_backend: str, backend: Backend, tmp_path: Path) -> AsyncIterator[Door]:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "ours.cedar").write_text(POLICIES % ("", ""))
    public = HttpSettings(public_url="https://gateway.example.com")
    async with open_door(tmp_path, policies_dir=str(folder), http=public) as door:
        await door.add("lamps", LAMPS, backend.url)
        yield door


@asynccontextmanager
async def client(url: str, token: str, mode: str, asked: Callable[..., Any] | None) -> AsyncIterator[mcp.Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
        mcp.Client(streamable_http_client(url, http_client=http), mode=mode, elicitation_callback=asked) as one,
    ):
        yield one


async def call(door: Door, token: str, *, url: bool = True, **params: Any) -> dict[str, Any]:
    """One tools/call as it is on the wire in 2026-07-28."""
    meta = {VERSION: "2026-07-28", CAPABILITIES: {"elicitation": {"url": {}}} if url else {"elicitation": {}}}
    body = {"name": "lamps_set_lamp", "arguments": SWITCH, **params, "_meta": meta}
    headers = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "lamps_set_lamp",
        "authorization": f"Bearer {token}",
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": body}
    return dict((await door.client.post("/mcp", json=message, headers=headers)).json())


async def pending(door: Door, owner: str) -> list[str]:
    return [one["id"] for one in (await door.get("/v1/approvals?state=pending", owner)).json()["approvals"]]


async def test_the_official_client_shows_the_page_and_goes_on_once_somebody_said_yes(
    lamps: Door, backend: Backend
) -> None:
    owner, shown = await lamps.key(DECIDE, subject="owner"), []

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        shown.append((params.mode, params.url, params.message))
        assert backend.seen == []
        await lamps.post(f"/v1/approvals/{params.url.removeprefix(URL)}/approve", owner)
        return mcp.types.ElicitResult(action="accept")

    async with served(lamps) as url, client(url, await lamps.key(), "auto", asked) as one:
        result = await one.call_tool("lamps_set_lamp", SWITCH)
    assert (result.is_error, result.structured_content) == (False, {"ok": True})
    ((mode, page, message),) = shown
    assert (mode, page.startswith(URL)) == ("url", True)
    assert message.startswith("lamps_set_lamp of lamps waits for a yes. A lamp is switched only with a yes.")
    assert len(backend.seen) == 1


async def test_that_the_client_accepts_is_no_yes(lamps: Door, backend: Backend) -> None:
    rounds = 0

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        nonlocal rounds
        rounds += 1
        return mcp.types.ElicitResult(action="accept", content={"approved": True})

    async with served(lamps) as url, client(url, await lamps.key(), "auto", asked) as one:
        with pytest.raises(mcp.client.InputRequiredRoundsExceededError):
            await one.call_tool("lamps_set_lamp", SWITCH)
    assert (rounds > 1, backend.seen) == (True, [])


async def test_whoever_does_not_want_to_look_is_not_asked_again_and_nothing_is_sent(
    lamps: Door, backend: Backend
) -> None:
    owner = await lamps.key(DECIDE, subject="owner")

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        await lamps.post(f"/v1/approvals/{params.url.removeprefix(URL)}/approve", owner)
        return mcp.types.ElicitResult(action="decline")

    async with served(lamps) as url, client(url, await lamps.key(), "auto", asked) as one:
        result = await one.call_tool("lamps_set_lamp", SWITCH)
    assert result.is_error
    assert "nothing was sent" in result.content[0].text
    assert backend.seen == []


async def test_a_no_is_told_to_the_model_with_its_reason(lamps: Door, backend: Backend) -> None:
    owner = await lamps.key(DECIDE, subject="owner")

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        await lamps.post(f"/v1/approvals/{params.url.removeprefix(URL)}/deny", owner, {"reason": "It is day."})
        return mcp.types.ElicitResult(action="accept")

    async with served(lamps) as url, client(url, await lamps.key(), "auto", asked) as one:
        result = await one.call_tool("lamps_set_lamp", SWITCH)
    assert result.is_error
    assert "denied by owner: It is day." in result.content[0].text
    assert backend.seen == []


async def test_in_the_era_before_it_is_an_error_with_the_page(lamps: Door, backend: Backend) -> None:
    owner = await lamps.key(DECIDE, subject="owner")

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        raise AssertionError("an error asks nobody")

    async with served(lamps) as url, client(url, await lamps.key(), "legacy", asked) as one:
        with pytest.raises(MCPError) as raised:
            await one.call_tool("lamps_set_lamp", SWITCH)
        required = UrlElicitationRequiredError.from_error(raised.value.error)
        (told,) = required.elicitations
        (waiting,) = await pending(lamps, owner)
        assert (told.url, told.elicitation_id, told.mode) == (URL + waiting, waiting, "url")
        await lamps.post(f"/v1/approvals/{waiting}/approve", owner)
        assert not (await one.call_tool("lamps_set_lamp", SWITCH)).is_error
    assert len(backend.seen) == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_opens_no_urls_is_told_the_page_in_words(lamps: Door, mode: str) -> None:
    async with served(lamps) as url, client(url, await lamps.key(), mode, None) as one:
        result = await one.call_tool("lamps_set_lamp", SWITCH)
    assert result.is_error
    assert f"at {URL}" in result.content[0].text


async def test_only_a_client_that_said_so_is_given_a_url_to_open(lamps: Door) -> None:
    token = await lamps.key()
    asked = (await call(lamps, token))["result"]
    assert (asked["resultType"], list(asked["inputRequests"])) == ("input_required", ["approval"])
    assert asked["inputRequests"]["approval"]["method"] == "elicitation/create"
    assert set(asked["inputRequests"]["approval"]["params"]) == {"mode", "message", "url"}
    plain = (await call(lamps, token, url=False))["result"]
    assert (plain["resultType"], plain["isError"]) == ("complete", True)
    rest = await lamps.post("/v1/tools/lamps_set_lamp:call", token, {"arguments": SWITCH})
    assert rest.json()["approval"]["url"] == asked["inputRequests"]["approval"]["params"]["url"]


async def test_a_state_is_good_for_its_call_and_its_caller_alone(lamps: Door, backend: Backend) -> None:
    token, other = await lamps.key(), await lamps.key()
    state = (await call(lamps, token))["result"]["requestState"]
    accepted = {"approval": {"action": "accept"}}
    again = (await call(lamps, token, requestState=state, inputResponses=accepted))["result"]
    assert again["resultType"] == "input_required"
    word, _, mark = state.partition(".")
    forged = (
        state[:-2],
        word,
        f"{word}.",
        f"{word}.{mark[::-1]}",
        f"{'A' * len(word)}.{mark}",
        "x" * 5_000,
        "é.é",
        ".",
    )
    for wrong in forged:
        answer = await call(lamps, token, requestState=wrong, inputResponses=accepted)
        assert answer["error"]["code"] == -32602, wrong[:60]
    for who, more in ((other, {}), (token, {"arguments": {**SWITCH, "on": False}})):
        answer = await call(lamps, who, requestState=state, inputResponses=accepted, **more)
        assert answer["error"]["code"] == -32602
    for answers in ({"approval": 5}, {"approval": {"action": "yes"}}, {"approval": {}}):
        answer = await call(lamps, token, requestState=state, inputResponses=answers)
        assert answer["error"]["code"] == -32602
    extra = {"other": {"action": "accept"}, **accepted}
    assert (await call(lamps, token, requestState=state, inputResponses=extra))["result"][
        "resultType"
    ] == "input_required"
    assert backend.seen == []


async def test_an_argument_that_changes_after_the_yes_needs_another(lamps: Door, backend: Backend) -> None:
    token, owner = await lamps.key(), await lamps.key(DECIDE, subject="owner")
    state = (await call(lamps, token))["result"]["requestState"]
    (waiting,) = await pending(lamps, owner)
    await lamps.post(f"/v1/approvals/{waiting}/approve", owner)
    changed = {"arguments": {**SWITCH, "id": "2"}}
    assert "error" in await call(lamps, token, requestState=state, **changed)
    assert (await call(lamps, token, **changed))["result"]["resultType"] == "input_required"
    answers = await asyncio.gather(*(call(lamps, token, requestState=state) for _ in range(5)))
    assert sorted(one["result"]["resultType"] for one in answers) == ["complete", *["input_required"] * 4]
    assert len(backend.seen) == 1


SEAL = Seal(bytes(32))


@given(st.text(max_size=80))
def test_no_word_of_anybody_elses_opens(told: str) -> None:
    assert SEAL.open(told, ["call"], 0) is None


def test_a_word_opens_for_what_it_was_given_out_for_until_its_end() -> None:
    word = SEAL.close("text", ["call", 1], 100)
    assert SEAL.open(word, ["call", 1], 99.9) == "text"
    assert SEAL.open(word, ["call", 2], 99.9) is None
    assert SEAL.open(word, ["call", 1], 100) is None
    assert Seal(bytes([1] * 32)).open(word, ["call", 1], 99.9) is None
