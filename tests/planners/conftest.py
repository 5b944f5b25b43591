from collections.abc import AsyncIterator

import pytest

from tests.planners.scripted import Scripted, open_scripted


@pytest.fixture
async def scripted(anyio_backend: str) -> AsyncIterator[Scripted]:
    async with open_scripted() as one:
        yield one
