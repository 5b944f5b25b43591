"""Programs that people sign in with: those that registered themselves, those whose id is a document, and those that the
operator added. However many come, so many are kept; one that nobody signs in with is forgotten.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from gateway.authorization.lines import Lines
from gateway.authorization.throttle import Throttle
from gateway.authorization.token import digest_of, new_token
from gateway.core.authorization import CLIENT_CREDENTIALS, JWT_BEARER, Client
from gateway.core.client_address import network_of
from gateway.core.client_metadata import (
    ClientRefused,
    is_document_id,
    read_document,
    read_metadata,
    refuse_document_id,
    shown_name,
)
from gateway.core.principal import Principal
from gateway.core.redirect_uri import shown_target
from gateway.errors import BadRequest, GatewayError, NotFound, QuotaReached
from gateway.settings import AuthorizationServerSettings
from gateway.stores.base import AuthorizationStore
from gateway.upstream import Upstream

DOCUMENT_BYTES_MAX = 32 << 10
DOCUMENT_TIMEOUT_S = 5.0
HOUR_S = 3_600.0
USED_AGAIN_S = 3_600.0
ALL = "all"
ADDRESSES = 10
ANYBODY = Principal(tenant="default", subject="anybody", client="registration", method="oauth")


class Clients:
    """All clients. `ticks` gives seconds that only grow."""

    def __init__(
        self,
        store: AuthorizationStore,
        upstream: Upstream,
        lines: Lines,
        settings: AuthorizationServerSettings,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._lines = lines
        self._settings = settings
        self._clock = clock
        registrations = settings.registrations_per_hour_max
        self._of_addresses = Throttle("registrations", registrations, HOUR_S, ticks)
        self._of_all = Throttle("registrations", registrations * ADDRESSES, HOUR_S, ticks)

    async def find(self, client_id: str) -> Client | None:
        """One that is known; nobody is asked for it."""
        client = await self._store.find_record(Client, client_id)
        return None if client is None or client.is_over(self._clock()) else client

    async def find_or_fetch(self, client_id: str) -> Client | None:
        """The same, with the document of one whose id is a URL read when it is not known, or old. Raises ClientRefused
        where that cannot be had, or is no good."""
        known = await self._store.find_record(Client, client_id)
        if not is_document_id(client_id):
            return None if known is None or known.is_over(self._clock()) else known
        fresh_s = timedelta(seconds=self._settings.client_document_fresh_s)
        if known is not None and self._clock() - known.created_at < fresh_s:
            return known
        return await self._keep(known, await self._fetch(client_id))

    async def _fetch(self, client_id: str) -> Client:
        if why := refuse_document_id(client_id):
            raise ClientRefused(f"This client_id cannot be where a document is: {why}.")
        try:
            async with self._upstream.fetching(self._settings.allow_addresses) as fetching:
                fetched = await fetching.fetch(
                    client_id, bytes_max=DOCUMENT_BYTES_MAX, timeout_s=DOCUMENT_TIMEOUT_S, follow_redirects=False
                )
        except GatewayError:
            raise ClientRefused("The document at this client_id cannot be read.") from None
        told = read_document(client_id, fetched.content if fetched is not None else b"")
        return Client(
            tenant="default",
            expires_at=self._end(self._settings.client_unused_s),
            id=client_id,
            kind="document",
            name=shown_name(told.client_name, shown_target(client_id)),
            redirect_uris=told.redirect_uris,
            grants=told.grants,
            created_at=self._clock(),
        )

    async def _keep(self, known: Client | None, client: Client) -> Client:
        if known is None:
            await self._make_room()
        elif not known.is_over(self._clock()):
            client = structs.replace(client, used_at=known.used_at, expires_at=known.expires_at)
        await self._store.swap_record(known, client)
        return client

    def _count(self, address: str) -> None:
        """Raises QuotaReached: whoever floods keeps nobody else from registering, until there are many of them."""
        self._of_addresses.check(address)
        self._of_all.check(ALL)
        self._of_addresses.count(address)
        self._of_all.count(ALL)

    async def register(self, body: bytes, address: str) -> tuple[Client, str]:
        """A client by what it says of itself, and its secret, "" where it has none (RFC 7591). Raises ClientRefused or
        QuotaReached."""
        self._count(network_of(address))
        told = read_metadata(body)
        await self._make_room()
        secret = "" if told.method == "none" else new_token()
        client = Client(
            tenant="default",
            expires_at=self._end(self._settings.client_unused_s),
            id=_new_id(),
            kind="registered",
            name=shown_name(told.client_name, "a program without a name"),
            redirect_uris=told.redirect_uris,
            grants=told.grants,
            method=told.method,
            secret=digest_of(secret) if secret else "",
            created_at=self._clock(),
        )
        await self._store.swap_record(None, client)
        await self._lines.write(
            ANYBODY,
            "clients.register",
            id=client.id,
            name=client.name,
            redirect_uris=client.redirect_uris,
            address=address,
        )
        return client, secret

    async def _make_room(self) -> None:
        """Raises QuotaReached."""
        if await self._store.count_records(Client) < self._settings.clients_max:
            return
        await self._store.drop_records(self._clock())
        if await self._store.count_records(Client) >= self._settings.clients_max:
            raise QuotaReached("There are too many clients (clients_max); try again later.", HOUR_S)

    async def used(self, client: Client) -> None:
        """Somebody signed in with it: it is remembered for longer."""
        now = self._clock()
        if client.kind == "operator" or (client.used_at and now - client.used_at < timedelta(seconds=USED_AGAIN_S)):
            return
        after = structs.replace(client, used_at=now, expires_at=self._end(self._settings.client_idle_s))
        await self._store.swap_record(client, after)

    async def add(
        self, by: Principal, name: str, tenant: str, scopes: frozenset[str], redirect_uris: tuple[str, ...] = ()
    ) -> tuple[Client, str]:
        """A client of the operator's, that signs in for itself, and its secret."""
        secret = new_token()
        client = Client(
            tenant=tenant,
            id=_new_id(),
            kind="operator",
            name=shown_name(name, ""),
            redirect_uris=redirect_uris,
            grants=(
                CLIENT_CREDENTIALS,
                JWT_BEARER,
                *(("authorization_code", "refresh_token") if redirect_uris else ()),
            ),
            method="client_secret_basic",
            secret=digest_of(secret),
            scopes=scopes,
            created_at=self._clock(),
        )
        if not client.name:
            raise BadRequest("A client needs a name.")
        await self._store.swap_record(None, client)
        await self._lines.write(by, "clients.add", id=client.id, name=client.name, scopes=tuple(sorted(scopes)))
        return client, secret

    async def clients(self) -> Sequence[Client]:
        return await self._store.records(Client)

    async def remove(self, by: Principal, client_id: str) -> None:
        """Its tokens end too, within the time for which a good one is believed. Raises NotFound."""
        client = await self._store.find_record(Client, client_id)
        if client is None or not await self._store.swap_record(client, None):
            raise NotFound(f"There is no client {client_id[:80]!r}; `factotum clients list` lists them.")
        await self._lines.write(by, "clients.remove", id=client.id, name=client.name)

    def _end(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)


def _new_id() -> str:
    return f"client_{new_token()[:22]}"
