"""What the tests of signing in at issuers share: a certified issuer that we did not write."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.serve import bind, url_of
from tests.conftest import NODE

SCRIPT = Path(__file__).parent.parent / "node" / "issuer.mjs"


@pytest.fixture
async def issuer(anyio_backend: str) -> AsyncIterator[str]:
    with bind("127.0.0.1", 0) as free:
        url = url_of(free)
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(SCRIPT),
        url.rpartition(":")[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while b"listening" not in await process.stdout.readline():
            assert process.returncode is None
    yield url
    process.terminate()
    await process.communicate()
