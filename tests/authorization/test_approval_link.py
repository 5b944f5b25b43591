"""The whole way of a call that needs a yes, as whoever installs the gateway goes it: commands, a process that serves, an MCP client that
signs its person in, the link that it is given, a yes at the page, and the call that goes on."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import mcp
import mcp.types
import pytest
from mcp.client.streamable_http import streamable_http_client

from gateway.serve import bind, url_of
from tests.auth.test_oidc_provider import Kept
from tests.authorization.conftest import PASSWORD, Ada, read_form
from tests.authorization.test_mcp_client import signing_in
from tests.conftest import Backend

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
MANIFEST = 'name: shop\ndocument: openapi.json\nallow_addresses: ["127.0.0.0/8"]\n'
POLICY = """
@id("paying-needs-a-yes")
@reason("Money leaves the house.")
@needs_approval("")
permit (principal, action in Action::"write", resource) when { context.in_scope };
"""


def document(url: str) -> dict[str, Any]:
    amount = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    pay = {
        "operationId": "pay",
        "requestBody": {"required": True, "content": {"application/json": {"schema": amount}}},
        "responses": {"200": {"description": "paid"}},
    }
    about = {"title": "Shop", "version": "1"}
    return {"openapi": "3.1.0", "info": about, "servers": [{"url": url}], "paths": {"/pay": {"post": pay}}}


class Installed:
    """A folder with a connector and a policy, and the commands in it."""

    def __init__(self, folder: Path, backend: Backend) -> None:
        shop, policies = folder / "connectors" / "shop", folder / "policies"
        shop.mkdir(parents=True)
        (shop / "connector.yaml").write_text(MANIFEST)
        (shop / "openapi.json").write_text(json.dumps(document(backend.url)))
        policies.mkdir()
        (policies / "ours.cedar").write_text(POLICY)
        with bind("127.0.0.1", 0) as free:
            self.url = url_of(free)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FACTOTUM_")}
        told = {"FACTOTUM_PORT": self.url.rpartition(":")[2], "FACTOTUM_POLICIES_DIR": "policies"}
        self._folder, self._environ = folder, {**kept, **told, "PYTHONPATH": str(ROOT)}

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "gateway", *args),
            cwd=self._folder,
            env=self._environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *args: str, typed: str = "") -> str:
        process = await self.start(*args)
        said, _ = await process.communicate(typed.encode())
        assert process.returncode == 0, said
        return said.decode()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        process = await self.start("serve")
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b"serves MCP at" not in (line := await process.stdout.readline()):
                assert line, "it ended"
        try:
            yield
        finally:
            process.terminate()
            await process.communicate()


async def test_from_an_installation_to_a_yes_at_the_link_and_the_call_that_goes_on(
    tmp_path: Path, backend: Backend
) -> None:
    installed, links = Installed(tmp_path, backend), list[str]()
    await installed.run("users", "add", "ada", "--scope", "shop:*", typed=f"{PASSWORD}\n")
    async with installed.serving(), httpx.AsyncClient(base_url=installed.url) as browser:
        ada, kept = Ada(browser), Kept()
        ada.ticks = frozenset({"shop:write"})

        async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
            links.append(params.url)
            page = await browser.get(params.url)
            assert "May shop_pay be called?" in page.text
            assert "Money leaves the house." in page.text
            assert "calls itself A test" in page.text
            action, fields = read_form(page.text)
            done = await ada.post(action, fields | {"decision": ["approve"]})
            assert "shop_pay: approved" in (await browser.get(done.headers["location"])).text
            assert backend.seen == []
            return mcp.types.ElicitResult(action="accept")

        async with (
            httpx2.AsyncClient(auth=signing_in(installed.url, ada, kept)) as http,
            mcp.Client(
                streamable_http_client(f"{installed.url}/mcp", http_client=http),
                mode="auto",
                elicitation_callback=asked,
            ) as client,
        ):
            result = await client.call_tool("shop_pay", {"amount": 12.5})
        assert (result.is_error, result.structured_content) == (False, {"ok": True})
        used = await browser.get(links[0])
        assert ("shop_pay: used" in used.text, "<form" in used.text) == (True, False)
    assert [(one.target, json.loads(one.body)) for one in backend.seen] == [("/pay", {"amount": 12.5})]
    assert [link.startswith(f"{installed.url}/approvals/") for link in links] == [True]
