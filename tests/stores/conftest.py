"""The stores that the contract suite runs against. One more store is one more line in OPENERS."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.stores.base import Store
from gateway.stores.memory import open_memory
from gateway.stores.sql import open_sql

OPENERS: dict[str, Callable[[Path], Awaitable[Store]]] = {
    "memory": lambda folder: open_memory(),
    "sqlite": lambda folder: open_sql(f"sqlite:///{folder / 'store' / 'factotum.db'}", durability="process"),
}


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Callable[[Path], Awaitable[Store]]:
    chosen: Callable[[Path], Awaitable[Store]] = OPENERS[request.param]
    return chosen


@pytest.fixture
async def store(
    anyio_backend: str, opener: Callable[[Path], Awaitable[Store]], tmp_path: Path
) -> AsyncIterator[Store]:
    opened = await opener(tmp_path)
    yield opened
    await opened.close()
