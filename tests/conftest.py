"""What the tests of the whole gateway share: a real backend on loopback, a gateway in front of it, keys to its door."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import asgi_app, open_gateway
from gateway.auth.api_key import new_key
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR
from gateway.core.roles import role_group
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.serve import bind, serving_app, url_of
from gateway.settings import Secrets, Settings, SqliteStore

LOOPBACK = ("127.0.0.0/8",)
NODE = Path(__file__).parent / "node" / "node_modules" / ".bin" / "node"


REAL_DOCUMENTS = "of real documents"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the tools of tests/node is skipped where they are not installed (`make node` installs them)."""
    if NODE.exists():
        return
    for item in items:
        if item.get_closest_marker("node"):
            item.add_marker(pytest.mark.skip(reason="node's packages are not in tests/node: run `make node`"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With FACTOTUM_NO_SKIP set a skip is a failure, but for the real documents, which not every machine has."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("FACTOTUM_NO_SKIP"):
        return
    skipped = [str(report.longrepr) for report in reporter.stats.get("skipped", ())]
    if any(REAL_DOCUMENTS not in reason for reason in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


# The tools of the gateway itself that stand beside every list over MCP.
BESIDE = ["read_result", "fulfil_intent", "intent_status", "answer_intent", "cancel_intent"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Seen:
    """One request as it reached the backend."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Backend:
    """A real HTTP server. `answers` maps `METHOD /path`, or that with its query, to status, media type and body; anything
    else gets {"ok": true}. `headers` go with every answer. A backend that is held answers nothing until it is let go."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    held: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event["more_body"]:
                break
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.seen.append(Seen(scope["method"], target, headers, body))
        self.arrived.set()
        if self.held:
            assert (await receive())["type"] == "http.disconnect"
            self.left.set()
            return
        plain = self.answers.get(f"{scope['method']} {scope['path']}", (200, "application/json", b'{"ok":true}'))
        status, kind, answer = self.answers.get(f"{scope['method']} {target}", plain)
        told = [(b"content-type", kind.encode()), (b"content-length", str(len(answer)).encode()), *self.headers]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def backend(anyio_backend: str) -> AsyncIterator[Backend]:
    one = Backend()
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one


@dataclass(frozen=True)
class Door:
    """A gateway and the ways in."""

    gateway: Gateway
    client: httpx.AsyncClient

    async def key(self, *scopes: str, tenant: str = "default", groups: tuple[str, ...] = (), **more: Any) -> str:
        """A key with these scopes or this `role`; with neither named, with every scope there is now and those of the gateway's own API."""
        role = more.pop("role", "")
        own = {"factotum:connectors.read", "factotum:connectors.write", "factotum:audit.read"}
        every = all_scopes(self.gateway.published.current.catalog)
        token, key = new_key(
            name="test",
            tenant=tenant,
            subject=more.pop("subject", "ada"),
            scopes=frozenset(scopes) or (frozenset() if role else every | own),
            groups=frozenset(groups) | ({role_group(role)} if role else set()),
            now=datetime.now(UTC),
            expires_at=more.pop("expires_at", None),
            random_bytes=os.urandom(48),
        )
        await self.gateway.store.add_key(key)
        return token

    async def add(self, name: str, document: Mapping[str, Any], base_url: str, **manifest: Any) -> None:
        replace = manifest.pop("replace", False)
        told = {"allow_addresses": LOOPBACK, **manifest}
        content = json.dumps(document).encode()
        offered = Offered(Manifest(name=name, base_url=base_url, **told), content=content)
        await self.gateway.ingestion.add(OPERATOR, offered, replace=replace)

    async def post(self, path: str, token: str, body: Any = None) -> httpx.Response:
        return await self.client.post(
            path, json={} if body is None else body, headers={"authorization": f"Bearer {token}"}
        )

    async def get(self, path: str, token: str) -> httpx.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {token}"})


@asynccontextmanager
async def open_door(
    folder: Path, secrets: Mapping[str, str] | None = None, clock: Callable[[], datetime] | None = None, **settings: Any
) -> AsyncIterator[Door]:
    chosen = {"store": SqliteStore(durability="process"), **settings}
    told = Settings(data_dir=str(folder), connectors_dir=str(folder / "connectors"), **chosen)
    timed = {} if clock is None else {"clock": clock}
    async with open_gateway(told, Secrets(secrets or {}), **timed) as gateway:
        transport = httpx.ASGITransport(app=asgi_app(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Door(gateway, client)


@pytest.fixture
async def door(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path, {"lamp-token": "s3cret-lamp-token"}) as opened:
        yield opened


@pytest.fixture
def opens(tmp_path: Path) -> Callable[..., Any]:
    """Opens a gateway with settings of the test's own: `async with opens(policies_dir=...) as door`."""
    return lambda secrets=None, **settings: open_door(tmp_path, secrets, **settings)
