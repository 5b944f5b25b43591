"""What is in force now: a catalog and the policies that were checked against it for each tenant, swapped together. Decides
nothing."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from gateway.core.catalog import Catalog, Connector
from gateway.core.policy import PolicyBook
from gateway.core.principal import DEFAULT_TENANT
from gateway.core.roles import NO_ROLES, RoleBook


class Edition(Struct, frozen=True):
    """A catalog, the policies validated against it, and those over the gateway's own API. Whoever starts with an edition ends
    with it."""

    catalog: Catalog
    policies: PolicyBook
    roles: RoleBook = NO_ROLES

    @property
    def version(self) -> str:
        return f"{self.catalog.version}-{self.policies.version}"


class Editions(Struct, frozen=True):
    """What is `shared`: the edition of every tenant that has no connectors of its own. `own` are those of the others.

    INVARIANT: what belongs to one tenant is in no other's edition, so that whatever looks into one cannot come upon it.
    """

    shared: Edition
    own: Mapping[str, Edition] = MappingProxyType({})

    def of(self, tenant: str) -> Edition:
        return self.own.get(tenant, self.shared)

    def every(self) -> tuple[Edition, ...]:
        """For whoever runs the gateway."""
        return self.shared, *self.own.values()

    def connector(self, name: str) -> Connector | None:
        """One by its name, whose ever it is: for whoever runs the gateway. Names are given once in an installation."""
        return next((found for one in self.every() if (found := one.catalog.connectors.get(name))), None)


class Published:
    """The current editions. Ingestion puts them in; every call takes that of its tenant once and keeps it to its end."""

    def __init__(self, first: Edition) -> None:
        self._current = Editions(first)
        self._turn = asyncio.Event()
        self.stopped = False

    @property
    def current(self) -> Edition:
        """That of the installation's own tenant."""
        return self._current.of(DEFAULT_TENANT)

    @property
    def editions(self) -> Editions:
        """All of them."""
        return self._current

    def of(self, tenant: str) -> Edition:
        """What a tenant sees."""
        return self._current.of(tenant)

    def publish(self, editions: Editions) -> None:
        """Swap whole: one assignment, so nobody ever sees half of it."""
        self._current = editions
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
