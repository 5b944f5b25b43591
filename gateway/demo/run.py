"""`factotum demo`: the gateway on a throw-away store, the household behind it, and a tour of both. Uses the front door."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory

from msgspec import structs

from gateway.app import open_gateway
from gateway.auth.api_key import ID_BYTES, SECRET_BYTES, new_key
from gateway.core.catalog import all_scopes
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, folder_of, open_household
from gateway.demo.tour import Demo, take_tour
from gateway.edge.parts import Gateway
from gateway.errors import Conflict
from gateway.fetch import Offered
from gateway.ingest import MANIFEST_FILE, read_manifest
from gateway.serve import bind, serving
from gateway.settings import (
    LLM_URL,
    SECRET_PREFIX,
    PlannerSettings,
    Secrets,
    Settings,
    SqliteStore,
    load_secrets,
    load_settings,
)

SECRET_NAME = "demo-household"  # noqa: S105 (the name of a secret)
PLANNER_PREFIX = "FACTOTUM_PLANNER__"
KEY_DAYS = 1
USER = "demo"
OWN_SCOPES = frozenset(
    {"factotum:connectors.read", "factotum:connectors.write", "factotum:audit.read", MEMORY_READ, MEMORY_WRITE}
)
DECIDES = frozenset({"factotum:approvals.decide"})
OWNERS = frozenset({"the owner"})
# What cannot be undone, a payment say, waits for a yes.
POLICY_PACKS = ("destructive-needs-approval",)


async def run_demo(port: int, *, once: bool) -> int:
    """Run until interrupted; with `once`, take the tour instead and give 0 where it went well, else 1."""
    left_out = ("weather",) if once else ()
    async with open_demo(port, left_out=left_out) as demo:
        if once:
            return await take_tour(demo)
        _say(_welcome(demo))
        await _interrupted()
    _say("Stopped.")
    return 0


def _planner_of(environ: Mapping[str, str], folder: Path) -> PlannerSettings:
    """Of all settings the demo takes this one alone: it has the rest to itself."""
    told = {name: one for name, one in environ.items() if name.startswith((LLM_URL, SECRET_PREFIX, PLANNER_PREFIX))}
    return load_settings(told, folder).planner


@asynccontextmanager
async def open_demo(port: int, *, left_out: tuple[str, ...] = ()) -> AsyncIterator[Demo]:
    """The household, the gateway before it, and keys. Everything is gone afterwards."""
    secret = os.urandom(24).hex()
    today = datetime.now().date()
    with TemporaryDirectory(prefix="factotum-demo-") as folder, _listen(port) as listening:
        settings = Settings(
            port=listening.getsockname()[1],
            data_dir=folder,
            connectors_dir=folder,
            store=SqliteStore(durability="process"),
            planner=_planner_of(os.environ, Path(folder)),
            policy_packs=POLICY_PACKS,
        )
        secrets = Secrets({**load_secrets(os.environ, Settings()), SECRET_NAME: secret})
        async with (
            open_household(today, secret) as household,
            open_gateway(settings, secrets) as gateway,
        ):
            for name in NAMES:
                if name not in left_out:
                    await gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
            every = all_scopes(gateway.published.current.catalog) | OWN_SCOPES
            key = await make_key(gateway, "demo", every | {f"{name}:read" for name in left_out})
            weak_key = await make_key(gateway, "demo-lights", frozenset({"home:lights.read"}))
            owner_key = await make_key(gateway, "demo-owner", DECIDES, OWNERS)
            password = await add_user(gateway, every | DECIDES)
            async with serving(gateway, listening) as url:
                yield Demo(url, key, weak_key, owner_key, password, household)


def offer(name: str, base_url: str) -> Offered:
    """A household service's manifest, for the address at which it runs."""
    manifest = read_manifest(folder_of(name) / MANIFEST_FILE)
    return Offered(structs.replace(manifest, base_url=base_url, enabled=True), folder=folder_of(name))


async def make_key(gateway: Gateway, name: str, scopes: frozenset[str], groups: frozenset[str] = frozenset()) -> str:
    """A key of the demo's own: good for a day."""
    now = datetime.now(UTC)
    token, key = new_key(
        name=name,
        tenant="default",
        subject=name,
        scopes=scopes,
        groups=groups,
        now=now,
        expires_at=now + timedelta(days=KEY_DAYS),
        random_bytes=os.urandom(ID_BYTES + SECRET_BYTES),
    )
    await gateway.store.add_key(key)
    return token


async def add_user(gateway: Gateway, scopes: frozenset[str]) -> str:
    """The password of somebody for MCP clients that send people to sign in."""
    password = os.urandom(8).hex()
    if gateway.authorization is not None:
        await gateway.authorization.users.add(OPERATOR, USER, password, "default", scopes, OWNERS)
    return password


def _listen(port: int) -> socket:
    """The port asked for, or a free one where it is taken."""
    try:
        return bind("127.0.0.1", port)
    except Conflict:
        return bind("127.0.0.1", 0)


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(one, stop.set)
    await stop.wait()


def _welcome(demo: Demo) -> str:
    call = f"curl -s -H 'Authorization: Bearer {demo.key}'"
    return f"""
Factotum is running, with a household behind it: {", ".join(NAMES)}.

  MCP   {demo.url}/mcp
  REST  {demo.url}/v1       its document: {demo.url}/openapi.json
  key   {demo.key}
  user  {USER}, with the password {demo.password}

Four things to try:

  1. Find a tool:
     {call} {demo.url}/v1/tools:search -d '{{"query": "turn off a light"}}'

  2. Call it, and see the lamp go out:
     {call} {demo.url}/v1/tools/home_set_light:call -d '{{"arguments": {{"light_id": "light-1", "on": false}}}}'

  3. Connect an MCP client (any will do) to {demo.url}/mcp, sign in as {USER} where it sends you (or give it that key as
     its bearer token), and ask: "Is the front door locked?"

  4. Say what you want. It asks rather than guesses, and what it would change waits for a yes at the page that it names:
     {call} {demo.url}/v1/intents -d '{{"intent": "order the ingredients for Saturday'"'"'s dinner from the calendar"}}'
     or at a terminal, once you have signed in there as {USER}:
     factotum login {demo.url}; factotum --gateway {demo.url} ask "is the front door locked?"

What was done, and on whose behalf: {call} {demo.url}/v1/audit
Ctrl-C stops it all and leaves nothing behind."""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
