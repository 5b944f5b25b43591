"""Who is signed in at a browser through another issuer. A visit is a random cookie, kept as a hash, that ends by itself and by
signing out; what the issuer said of the person holds until then.

Nothing is kept of a sign-in that is under way: its state, nonce and code verifier are made from a cookie that the browser has
meanwhile, so that an answer is good in that browser alone, and whoever begins many fills nothing.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from gateway.auth.relying_party import BROWSER, Attempt, RelyingParty, Vouched
from gateway.authorization.lines import Lines
from gateway.authorization.throttle import Throttle
from gateway.authorization.token import bound_to, digest_of, is_same, new_token
from gateway.core.authorization import Visit
from gateway.core.client_address import network_of
from gateway.core.principal import Principal
from gateway.core.prose import visible
from gateway.core.scope import with_implied
from gateway.errors import NotFound, Unauthenticated
from gateway.published import Published
from gateway.stores.base import AuthorizationStore

ATTEMPT_S = 600.0
TRIES_MAX, TRIES_WINDOW_S = 100, 300.0
STALE = "This sign-in was not begun in this browser, or too long ago. Begin again."


class Visitor(Struct, frozen=True):
    """Somebody at a browser for whom an issuer vouches, with all scopes that they hold, and the cookie that they came with."""

    principal: Principal
    name: str
    cookie: str

    def __repr__(self) -> str:
        return f"Visitor({self.principal.subject})"


class Sent(Struct, frozen=True):
    """A sign-in that is under way: with which issuer, where to go then, and until when (seconds since the epoch)."""

    issuer: str
    target: str
    until: float
    id: str


class Visits:
    """Signs people in through issuers, and out. `clock` gives the time, `ticks` seconds that only grow."""

    def __init__(
        self,
        parties: Iterable[RelyingParty],
        store: AuthorizationStore,
        published: Published,
        lines: Lines,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._parties = {one.issuer.issuer: one for one in parties}
        self._store = store
        self._published = published
        self._lines = lines
        self._clock = clock
        self._tries = Throttle("sign-ins that came to nothing", TRIES_MAX, TRIES_WINDOW_S, ticks)

    @property
    def issuers(self) -> tuple[str, ...]:
        return tuple(self._parties)

    async def begin(self, issuer: str, target: str, cookie: str) -> str:
        """The URL at which the person with this cookie signs in, to go to `target` then. Raises NotFound or IssuerFailed."""
        if issuer not in self._parties:
            raise NotFound("Nobody signs in here through an issuer of that name.")
        sent = Sent(issuer, target, self._now() + ATTEMPT_S, new_token())
        return await self._parties[issuer].begin(_attempt(_state_of(sent, cookie), cookie))

    def sent(self, state: str, cookie: str) -> Sent:
        """The sign-in that an answer belongs to. Raises Unauthenticated where this browser began none such, or long ago."""
        payload, _, proof = state.partition(".")
        if not cookie or not is_same(bound_to(cookie, f"state {payload}"), proof):
            raise Unauthenticated(STALE, "invalid_state")
        try:
            sent = msgspec.json.decode(urlsafe_b64decode(payload), type=Sent)
        except (msgspec.MsgspecError, ValueError):
            raise Unauthenticated(STALE, "invalid_state") from None
        if sent.until <= self._now() or sent.issuer not in self._parties:
            raise Unauthenticated(STALE, "invalid_state")
        return sent

    async def finish(self, sent: Sent, told: Mapping[str, str], cookie: str, address: str) -> str:
        """The cookie of a new visit. Raises Unauthenticated, QuotaReached or IssuerFailed."""
        of = network_of(address)
        self._tries.check(of)
        self._tries.count(of)
        party = self._parties[sent.issuer]
        vouched = await party.finish(told, _attempt(told["state"], cookie), self._now())
        self._tries.forget(of)
        return await self._keep(vouched, party.client.login_s)

    async def _keep(self, vouched: Vouched, login_s: float) -> str:
        who, cookie = vouched.principal, new_token()
        visit = Visit(
            tenant=who.tenant,
            expires_at=self._clock() + timedelta(seconds=login_s),
            digest=digest_of(cookie),
            issuer=who.issuer,
            subject=who.subject,
            name=vouched.name,
            scopes=who.scopes,
            groups=who.groups,
            actors=who.actors,
        )
        await self._store.swap_record(None, visit)
        await self._lines.write(who, "sign-in")
        return cookie

    async def find(self, cookie: str) -> Visitor | None:
        """Who came with this cookie; None where nobody is signed in by it."""
        visit = await self._store.find_record(Visit, digest_of(cookie)) if cookie else None
        if visit is None or visit.is_over(self._clock()) or visit.issuer not in self._parties:
            return None
        return Visitor(self._principal(visit), visible(f"{visit.name}, of {visit.issuer}"), cookie)

    def _principal(self, visit: Visit) -> Principal:
        return Principal(
            tenant=visit.tenant,
            subject=visit.subject,
            client=BROWSER,
            scopes=with_implied(visit.scopes, self._published.of(visit.tenant).catalog.implied),
            groups=visit.groups,
            method="oauth",
            issuer=visit.issuer,
            actors=visit.actors,
        )

    async def sign_out(self, visitor: Visitor) -> None:
        visit = await self._store.find_record(Visit, digest_of(visitor.cookie))
        if visit is not None:
            await self._store.swap_record(visit, None)
            await self._lines.write(visitor.principal, "sign-out")

    def _now(self) -> float:
        return self._clock().timestamp()


def _state_of(sent: Sent, cookie: str) -> str:
    payload = urlsafe_b64encode(msgspec.json.encode(sent)).decode()
    return f"{payload}.{bound_to(cookie, f'state {payload}')}"


def _attempt(state: str, cookie: str) -> Attempt:
    return Attempt(state, bound_to(cookie, f"nonce {state}"), bound_to(cookie, f"verifier {state}"))
