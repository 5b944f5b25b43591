"""What commands work on: the settings of the working directory, and its gateway, as the owner of the store."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.app import open_gateway
from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR, Principal
from gateway.edge.parts import Gateway
from gateway.settings import Settings, load_secrets, load_settings
from gateway.telemetry import set_up_logging


def settings_here(*, serves: bool = False) -> Settings:
    """A command says itself what it did, so of the log it shows what is wrong; whoever serves shows all of it."""
    settings = load_settings(os.environ, Path.cwd())
    level = settings.log.level
    set_up_logging("warning" if level == "info" and not serves else level, settings.log.format)
    return settings


@asynccontextmanager
async def open_here() -> AsyncIterator[Gateway]:
    settings = settings_here()
    async with open_gateway(settings, load_secrets(os.environ, settings)) as gateway:
        yield gateway


def operator(gateway: Gateway) -> Principal:
    """The owner of the store, who may ask anything of the catalog as it is now."""
    return msgspec.structs.replace(OPERATOR, scopes=all_scopes(gateway.published.current.catalog))


def now() -> datetime:
    return datetime.now(UTC)
