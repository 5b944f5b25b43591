"""The server of a toolset is a resource of its own: clients sign in there, and a token for it alone is good nowhere else."""

import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client

from gateway.core.toolset import Toolset
from tests.auth.test_oidc_provider import Kept
from tests.authorization.conftest import Served, Serves
from tests.authorization.test_mcp_client import signing_in

pytestmark = pytest.mark.anyio

TOOLSETS = {"home": Toolset("Lamps.", tools=("lamps_list_*",)), "other": Toolset(connectors=("lamps",))}
METADATA = "/.well-known/oauth-protected-resource"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


async def status(served: Served, token: str, path: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    if path == "/v1/tools":
        return (await served.http.get(path, headers=headers)).status_code
    return (await served.http.post(path, json=LIST, headers=headers)).status_code


async def test_a_client_that_nobody_told_of_signs_a_person_in_at_a_toolset(serves: Serves) -> None:
    async with serves(toolsets=TOOLSETS) as served:
        await served.add_user()
        told = signing_in(served.url, served.person(), Kept(), path="/mcp/home")
        async with (
            httpx2.AsyncClient(auth=told) as http,
            mcp.Client(streamable_http_client(f"{served.url}/mcp/home", http_client=http), mode="auto") as client,
        ):
            assert [tool.name for tool in (await client.list_tools()).tools] == ["lamps_list_lamps", "read_result"]
            assert not (await client.call_tool("lamps_list_lamps", {})).is_error


async def test_it_tells_what_it_is_and_where_to_sign_in(serves: Serves) -> None:
    async with serves(toolsets=TOOLSETS) as served:
        challenge = (await served.http.post("/mcp/home")).headers["www-authenticate"]
        assert f'resource_metadata="{served.url}{METADATA}/mcp/home"' in challenge
        told = (await served.http.get(f"{METADATA}/mcp/home")).json()
        assert (told["resource"], told["authorization_servers"]) == (f"{served.url}/mcp/home", [served.url])
        assert (await served.http.get(f"{METADATA}/mcp/unheard-of")).status_code == 404
        challenge = (await served.http.post("/mcp/unheard-of")).headers["www-authenticate"]
        assert f'resource_metadata="{served.url}{METADATA}/mcp"' in challenge


async def test_a_token_for_a_toolset_is_good_there_alone_and_one_for_mcp_at_every_toolset(serves: Serves) -> None:
    async with serves(toolsets=TOOLSETS, auth={"cache_s": 60.0}) as served:
        await served.add_user()
        client, narrow = await served.tokens(resource=f"{served.url}/mcp/home")
        for _ in range(2):
            paths = ("/mcp/home", "/mcp/other", "/mcp", "/v1/tools", "/mcp/home")
            assert [await status(served, narrow["access_token"], path) for path in paths] == [200, 401, 401, 401, 200]
        again = (await served.refresh(client, narrow["refresh_token"])).json()
        assert await status(served, again["access_token"], "/mcp/home") == 200
        assert await status(served, again["access_token"], "/mcp") == 401
        widened = await served.refresh(client, again["refresh_token"], resource=f"{served.url}/mcp")
        assert (widened.status_code, widened.json()["error"]) == (400, "invalid_target")
        for resource in ("/mcp", "", "/v1"):
            _, whole = await served.tokens(resource=served.url + resource)
            assert await status(served, whole["access_token"], "/mcp/home") == 200


async def test_no_token_is_made_for_a_toolset_that_there_is_not(serves: Serves) -> None:
    async with serves(toolsets=TOOLSETS) as served:
        await served.add_user()
        client = (await served.register())["client_id"]
        person = served.person()
        await person.open(served.authorize(client, resource=f"{served.url}/mcp/unheard-of"))
        assert person.came_back["error"] == "invalid_target"
