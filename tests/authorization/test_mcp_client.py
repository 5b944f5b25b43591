"""The official MCP client signs in at the gateway itself."""

import httpx2
import mcp
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.authorization.conftest import REDIRECT, Ada, Served

pytestmark = pytest.mark.anyio


class Kept:
    """What the MCP client keeps of its sign-in."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def signing_in(served: Served, ada: Ada, kept: Kept, document: str | None = None) -> OAuthClientProvider:
    async def code() -> AuthorizationCodeResult:
        back = ada.came_back
        return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back["iss"])

    about = OAuthClientMetadata(
        client_name="A test",
        redirect_uris=[REDIRECT],  # type: ignore[list-item]
        grant_types=["authorization_code", "refresh_token"],
    )
    return OAuthClientProvider(f"{served.url}/mcp", about, kept, ada.open, code, client_metadata_url=document)


async def test_a_client_that_nobody_told_of_signs_a_person_in_and_calls_for_her(served: Served) -> None:
    """401, resource metadata, server metadata, registration, sign-in, consent, code with PKCE, token, call."""
    ada, kept = served.person(), Kept()
    async with (
        httpx2.AsyncClient(auth=signing_in(served, ada, kept)) as http,
        mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
    ):
        # It asked for nothing, so that what reads was offered ticked, and what writes was not.
        assert [tool.name for tool in (await client.list_tools()).tools] == ["lamps_list_lamps", "read_result"]
        assert not (await client.call_tool("lamps_list_lamps", {})).is_error
    line = next(line for line in await served.lines() if line["tool"] == "lamps_list_lamps")
    assert kept.client is not None
    assert (line["subject"], line["client"], line["phase"]) == ("ada", kept.client.client_id, "done")
