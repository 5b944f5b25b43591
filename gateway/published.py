"""What is in force now: one catalog and the policies that were checked against it, swapped together. Decides nothing."""

import asyncio

from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.policy import PolicyBook


class Edition(Struct, frozen=True):
    """A catalog and the policies validated against it. Whoever starts with an edition ends with it."""

    catalog: Catalog
    policies: PolicyBook

    @property
    def version(self) -> str:
        return f"{self.catalog.version}-{self.policies.version}"


class Published:
    """The current edition. Ingestion puts one in; every call takes it once and keeps it to its end."""

    def __init__(self, first: Edition) -> None:
        self._current = first
        self._turn = asyncio.Event()
        self.stopped = False

    @property
    def current(self) -> Edition:
        return self._current

    def publish(self, edition: Edition) -> None:
        """Swap whole: one assignment, so nobody ever sees half of it."""
        self._current = edition
        self._take_turn()

    def stop(self) -> None:
        """Nothing more will be published: whoever waits need wait no longer."""
        self.stopped = True
        self._take_turn()

    async def next(self) -> None:
        """Return when something else has been published, or nothing more will be."""
        if not self.stopped:
            await self._turn.wait()

    def _take_turn(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()
