"""Who is signed in at a browser. A sign-in is a random cookie, kept as a hash, that ends by itself, by signing out, and with
the person's leave to be here. Other pages than those of the authorisation server may ask too.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from gateway.authorization.lines import Lines, browser_principal
from gateway.authorization.throttle import Throttle
from gateway.authorization.token import bound_to, digest_of, is_same, new_token
from gateway.authorization.users import Users
from gateway.core.authorization import Login, User
from gateway.core.client_address import network_of
from gateway.core.principal import Principal
from gateway.core.scope import with_implied
from gateway.errors import Forbidden, Unauthenticated
from gateway.published import Published
from gateway.settings import AuthorizationServerSettings
from gateway.stores.base import AuthorizationStore

# So many times as many tries from one address for all names, and for one name from all addresses.
TRIES_OF_AN_ADDRESS = TRIES_OF_A_NAME = 10
WRONG = "Name or password is wrong."
STALE = "This page is from another sign-in, or too old; go back, load it again, and try once more."


class SignedIn(Struct, frozen=True):
    """Somebody at a browser: the person with all scopes that they hold, and the cookie that they came with."""

    user: User
    principal: Principal
    cookie: str

    @property
    def name(self) -> str:
        return self.user.name

    def __repr__(self) -> str:
        return f"SignedIn({self.name})"


class Logins:
    """Signs people in and out. `clock` gives the time, `ticks` seconds that only grow."""

    def __init__(
        self,
        store: AuthorizationStore,
        users: Users,
        published: Published,
        lines: Lines,
        settings: AuthorizationServerSettings,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._store = store
        self._users = users
        self._published = published
        self._lines = lines
        self._settings = settings
        self._clock = clock
        tries, window = settings.login_attempts_max, settings.login_window_s
        self._of_both = Throttle("wrong passwords", tries, window, ticks)
        self._of_names = Throttle("wrong passwords", tries * TRIES_OF_A_NAME, window, ticks)
        self._of_addresses = Throttle("wrong passwords", tries * TRIES_OF_AN_ADDRESS, window, ticks)

    async def sign_in(self, name: str, password: str, address: str) -> str:
        """The cookie of a new sign-in. Raises Unauthenticated, the same for a wrong name as for a wrong password, or
        QuotaReached. What others try from elsewhere keeps nobody out, unless it is tried from many places."""
        name, of = _folded(name), network_of(address)
        both = f"{of} {name}"
        bounds = ((self._of_both, both), (self._of_names, name), (self._of_addresses, of))
        for throttle, key in bounds:
            throttle.check(key)
        for throttle, key in bounds:
            throttle.count(key)  # Before it is checked: many at once are counted too.
        user = await self._users.check(name, password)
        if user is None:
            raise Unauthenticated(WRONG, "invalid_login")
        self._of_both.forget(both)
        self._of_names.give_back(name)
        self._of_addresses.give_back(of)
        return await self._begin(user)

    async def known_name(self, typed: str) -> str:
        """The name, where somebody has it, who may sign in or not; else ""."""
        name = _folded(typed)
        return name if await self._users.knows(name) else ""

    async def _begin(self, user: User) -> str:
        cookie = new_token()
        until = self._clock() + timedelta(seconds=self._settings.login_s)
        login = Login(tenant=user.tenant, expires_at=until, digest=digest_of(cookie), user=user.name)
        await self._store.swap_record(None, login)
        await self._lines.write(browser_principal(user.tenant, user.name), "sign-in")
        return cookie

    async def find(self, cookie: str) -> SignedIn | None:
        """Who came with this cookie; None where nobody is signed in by it."""
        login = await self._store.find_record(Login, digest_of(cookie)) if cookie else None
        if login is None or login.is_over(self._clock()):
            return None
        user = await self._users.find(login.user)
        return None if user is None else SignedIn(user, self.principal_of(user), cookie)

    def principal_of(self, user: User) -> Principal:
        """The person at a browser, with all that their scopes hold."""
        held = with_implied(user.scopes, self._published.of(user.tenant).catalog.implied)
        return Principal(
            tenant=user.tenant,
            subject=user.name,
            client="browser",
            scopes=held,
            groups=user.groups,
            method="oauth",
        )

    async def sign_out(self, signed_in: SignedIn) -> None:
        login = await self._store.find_record(Login, digest_of(signed_in.cookie))
        if login is not None:
            await self._store.swap_record(login, None)
            await self._lines.write(browser_principal(login.tenant, login.user), "sign-out")


def _folded(typed: str) -> str:
    return typed.strip().lower()


def form_token(cookie: str, purpose: str) -> str:
    """What a form carries, so that no other site can send it (CSRF): bound to the cookie and to what the form is for."""
    return bound_to(cookie, purpose)


def check_form_token(cookie: str, purpose: str, told: str) -> None:
    """Raises Forbidden."""
    if not cookie or not is_same(form_token(cookie, purpose), told):
        raise Forbidden(STALE)
