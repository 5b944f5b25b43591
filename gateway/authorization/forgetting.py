"""What is over is forgotten: codes, tokens, clients, and who was signed in at a browser."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.errors import StoreFailed
from gateway.stores.base import AuthorizationStore

FORGET_S = 600.0

log = structlog.get_logger(__name__)


async def forget_what_is_over(store: AuthorizationStore, clock: Callable[[], datetime]) -> None:
    """Never returns. A store that fails is asked again the next time."""
    while True:
        await asyncio.sleep(FORGET_S)
        try:
            await store.drop_records(clock())
        except StoreFailed as error:
            log.warning("what is over could not be forgotten", problem=error.detail)
