"""The official MCP conformance suite, both eras, against a served gateway with a fixture connector in front of a real backend.

The suite cannot send an Authorization header, so a wrapper in front of the gateway adds one; nothing else is between.
`baseline-<revision>.yml` lists what is expected to fail, each scenario with its reason. The suite itself fails on any other
failure, and on an entry that no longer fails.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.app import asgi_app
from gateway.serve import bind, serving_app
from tests.conftest import NODE, Backend, Door

pytestmark = [pytest.mark.anyio, pytest.mark.node]

HERE = Path(__file__).parent
SUITE = HERE.parent / "node" / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
SUITE_TIMEOUT_S = 240
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")


def operation(name: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {
        "get": {"operationId": name, "summary": name, "responses": {"200": {"description": "ok", "content": content}}}
    }


# The tools that the suite calls by name, as far as an HTTP backend has such answers.
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "test_simple_text": (200, "text/plain", b"This is a simple text response for testing."),
    "test_image_content": (200, "image/png", PNG),
    "test_audio_content": (200, "audio/wav", b"RIFF$\0\0\0WAVEfmt "),
    "test_embedded_resource": (200, "application/x-thing", b"\0\1\2\3"),
    "test_error_handling": (500, "text/plain", b"This tool intentionally returns an error for testing"),
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Fixture", "version": "1"},
    "paths": {f"/{name}": operation(name, answer[1]) for name, answer in ANSWERS.items()},
}


class WithKey:
    """Adds an Authorization header to every request."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._header = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "headers": [*scope["headers"], self._header]}, receive, send)


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_the_official_suite_passes_but_for_the_baseline(
    door: Door, backend: Backend, revision: str, tmp_path: Path
) -> None:
    for name, answer in ANSWERS.items():
        backend.answers[f"GET /{name}"] = answer
    await door.add("fixture", DOCUMENT, backend.url, prefix="")
    app = WithKey(asgi_app(door.gateway), await door.key())
    with bind("127.0.0.1", 0) as listening:
        async with serving_app(app, listening) as url:
            status, said = await run_suite(f"{url}/mcp", revision, tmp_path)
    assert status == 0, said[-6000:]
    passed = re.findall(r"(\d+) passed", said)
    assert passed, said[-3000:]
    assert int(passed[-1]) > 0


async def run_suite(url: str, revision: str, folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(SUITE),
        "server",
        "--url",
        url,
        "--suite",
        "all",
        "--spec-version",
        revision,
        "--expected-failures",
        str(HERE / f"baseline-{revision}.yml"),
        "--output-dir",
        str(folder),
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SUITE_TIMEOUT_S):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode("utf-8", "replace")
