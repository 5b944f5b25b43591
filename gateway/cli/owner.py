"""What commands work on: the settings of the working directory, and its gateway, as the owner of the store."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.app import open_gateway
from gateway.core.authorization import User
from gateway.core.catalog import all_scopes
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.principal import DEFAULT_TENANT, OPERATOR, Principal
from gateway.edge.parts import Gateway
from gateway.errors import NotFound
from gateway.settings import Settings, load_secrets, load_settings
from gateway.telemetry import set_up_logging


def settings_here(*, serves: bool = False) -> Settings:
    """A command says itself what it did, so of the log it shows what is wrong; whoever serves shows all of it."""
    settings = load_settings(os.environ, Path.cwd())
    level = settings.log.level
    set_up_logging("warning" if level == "info" and not serves else level, settings.log.format)
    return settings


@asynccontextmanager
async def open_here(*, carries_out: bool = False) -> AsyncIterator[Gateway]:
    """The gateway of this directory. A command that waits for an intent carries out those that are due; no other does."""
    settings = settings_here()
    async with open_gateway(
        settings, load_secrets(os.environ, settings), carries_out=carries_out, fires=False
    ) as gateway:
        yield gateway


async def operator(gateway: Gateway, tenant: str) -> Principal:
    """The owner of the store, who may ask anything of what a tenant sees now. Raises NotFound."""
    known = await _tenants(gateway)
    if tenant not in known:
        raise NotFound(f"There is no tenant {tenant!r}; there are {', '.join(sorted(known))}.")
    scopes = all_scopes(gateway.published.of(tenant).catalog) | {MEMORY_READ, MEMORY_WRITE}
    return msgspec.structs.replace(OPERATOR, tenant=tenant, scopes=scopes)


async def _tenants(gateway: Gateway) -> set[str]:
    """Whoever has a connector, a key or a person of their own, or is named in the settings."""
    settings, store = gateway.settings, gateway.store
    told = {tenant for one in settings.auth.issuers for tenant in (one.tenant, *one.tenants.values())}
    keys, people = await store.keys(), await store.records(User)
    held = {one.tenant for one in keys} | {one.tenant for one in people}
    return {DEFAULT_TENANT, *gateway.published.editions.own, *settings.tenants, *told, *held}


def now() -> datetime:
    return datetime.now(UTC)
