"""What the tests of the stores share: the stores (one more is one more line in OPENERS), and records to put in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.core.audit import AuditEntry
from gateway.core.manifest import Manifest
from gateway.stores.base import ApiKey, AuditFilter, Store, StoredConnector, StoredDocument
from gateway.stores.sql import open_memory, open_sql

OPENERS: dict[str, Callable[[Path], Awaitable[Store]]] = {
    "memory": lambda folder: open_memory(),
    "sqlite": lambda folder: open_sql(f"sqlite:///{folder / 'store' / 'factotum.db'}", durability="process"),
}


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Callable[[Path], Awaitable[Store]]:
    chosen: Callable[[Path], Awaitable[Store]] = OPENERS[request.param]
    return chosen


@pytest.fixture
async def store(anyio_backend: str, opener: Callable[[Path], Awaitable[Store]], tmp_path: Path) -> AsyncIterator[Store]:
    opened = await opener(tmp_path)
    yield opened
    await opened.close()


NOON = datetime(2026, 8, 5, 12, 0, 0, 123456, tzinfo=UTC)
EVERY_LINE = AuditFilter(tenant=None, limit=1_000)


def document(content: bytes = b"{}", **other: Any) -> StoredDocument:
    return StoredDocument(sha256(content).hexdigest(), "upload:/api.json", {"upload:/api.json": content}, NOON, **other)


def connector(name: str, content: bytes = b"{}", **manifest: Any) -> StoredConnector:
    return StoredConnector(Manifest(name=name, **manifest), document(content), NOON)


def key(key_id: str = "k1", **other: Any) -> ApiKey:
    told: dict[str, Any] = {
        "token_sha256": sha256(key_id.encode()).digest(),
        "tenant": "red",
        "subject": "ada",
        "name": "laptop",
    }
    told |= {"scopes": frozenset({"home:read", "home:write"}), "groups": frozenset({"staff"}), "created_at": NOON}
    return ApiKey(id=key_id, **{**told, **other})


def line(call_id: str = "1", **other: Any) -> AuditEntry:
    told = {
        "at": NOON,
        "phase": "done",
        "door": "mcp",
        "tenant": "red",
        "subject": "ada",
        "client": "k1",
        "tool": "look",
    }
    return AuditEntry(call_id=call_id, **{**told, **other})
