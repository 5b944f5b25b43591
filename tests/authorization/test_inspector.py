"""The MCP Inspector's command line signs a person in at the gateway itself, as it would at any server: it registers, opens a browser, waits
at a loopback address, and goes on with what it got."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from gateway.serve import bind, url_of
from tests.authorization.conftest import Ada, Served
from tests.conftest import BESIDE, NODE

pytestmark = [pytest.mark.anyio, pytest.mark.node]

INSPECTOR = NODE.parent / "mcp-inspector"
OPEN = b"Please navigate to: "


class Inspector:
    """What it keeps lies in a folder of its own; `ada` is in front of the browser that it opens."""

    def __init__(self, served: Served, folder: Path, ada: Ada) -> None:
        with bind("127.0.0.1", 0) as free:
            self._callback = f"{url_of(free)}/oauth/callback"
        self._url = f"{served.url}/mcp"
        self._folder = folder
        self._ada = ada
        self.sign_ins = 0

    async def run(self, era: str, *args: str) -> tuple[int, Any]:
        """Its exit status, and the JSON that it printed."""
        process = await asyncio.create_subprocess_exec(
            *(str(NODE), str(INSPECTOR), "--cli", "--server-url", self._url, "--transport", "http"),
            *("--protocol-era", era, "--format", "json", "--callback-url", self._callback, *args),
            cwd=self._folder,
            env={
                **os.environ,
                "HOME": str(self._folder),
                "MCP_AUTO_OPEN_ENABLED": "true",  # Asks though there is no terminal.
                "MCP_INSPECTOR_SECRET_STORE": "file",
                "PATH": "",  # No browser of this machine opens.
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        said = []
        async with asyncio.timeout(60):
            async for line in process.stderr:
                said.append(line.decode())
                if line.startswith(OPEN):
                    await self._sign_in(line.removeprefix(OPEN).strip().decode())
            out = await process.stdout.read()
            status = await process.wait()
        assert out, "".join(said)
        return status, json.loads(out)

    async def _sign_in(self, url: str) -> None:
        self.sign_ins += 1
        await self._ada.open(url)
        (back,) = parse_qs(urlsplit(url).query)["redirect_uri"]
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(f"{back}?{urlencode(self._ada.came_back)}")).status_code == 200


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_inspector_signs_a_person_in_and_calls_for_her(served: Served, era: str, tmp_path: Path) -> None:
    ada = served.person()
    ada.ticks = frozenset({"lamps:read"})
    inspector = Inspector(served, tmp_path, ada)
    status, said = await inspector.run(era, "--method", "tools/list")
    assert (status, inspector.sign_ins) == (0, 1), said
    assert [one["name"] for one in said["result"]["tools"]] == ["lamps_list_lamps", *BESIDE]
    # What it was given, it keeps.
    status, said = await inspector.run(
        era, "--method", "tools/call", "--tool-name", "lamps_list_lamps", "--stored-auth-only"
    )
    assert (status, said["result"]["structuredContent"], inspector.sign_ins) == (0, {"ok": True}, 1), said
    lines = [line for line in await served.lines() if line["tool"] == "lamps_list_lamps"]
    assert [(line["subject"], line["status"]) for line in lines if line["phase"] == "done"] == [("ada", 200)]
    ada.ticks = frozenset({"lamps:read", "lamps:write"})
    status, said = await inspector.run(era, "--method", "tools/list", "--relogin")
    assert (status, inspector.sign_ins) == (0, 2), said
    assert "lamps_add_lamp" in [one["name"] for one in said["result"]["tools"]]
