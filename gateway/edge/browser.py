"""Who is signed in at a browser: cookies, forms, and the way to the sign-in page and back. For every page of the gateway.
Knows the wire; who may sign in, `gateway.authorization` knows."""

import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from litestar.types import HTTPScope, Receive
from msgspec import Struct

from gateway.authorization.logins import Logins, SignedIn, check_form_token, form_token
from gateway.authorization.visits import Visitor, Visits
from gateway.edge.asgi import Reply, header_values, host_allowed, origin_allowed, read_body
from gateway.edge.page import page, see_other
from gateway.errors import BadRequest, HostRefused, OriginRefused

FORM_BYTES_MAX = 64 << 10
FORM_TIMEOUT_S = 10.0
FIELDS_MAX = 2_000
PATH_CHARACTERS_MAX = 8_000
LOGIN = "/login"
LOGOUT = "/logout"
ISSUER_LOGIN = "/login/issuer"
# Where an issuer sends people back to.
CALLBACK = "/login/callback"
APPROVALS = "/approvals/"
TARGET_CHARACTERS_MAX = 500

# What we hand out (gateway.authorization.token), and what may be handed out again.
_OURS = re.compile(r"[A-Za-z0-9_-]{43}")

Someone = SignedIn | Visitor


class Form(Struct, frozen=True):
    """What a page's form sent: every value of every field."""

    fields: Mapping[str, list[str]]

    def get(self, name: str) -> str:
        return self.fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self.fields.get(name, [])


class Way(Struct, frozen=True):
    """A link to an issuer at which one can sign in."""

    issuer: str
    url: str


class Browser:
    """`origin` is the gateway's public one; cookies are for it alone. `hosts` are the names that it answers to. `logins` are of
    people whom the gateway knows itself, `visits` of those for whom another issuer vouches; None where there are none such."""

    def __init__(
        self, logins: Logins | None, origin: str, hosts: tuple[str, ...], visits: Visits | None = None
    ) -> None:
        self._logins = logins
        self._visits = visits
        parts = urlsplit(origin)
        self._secure = parts.scheme == "https"
        self._hosts = (*hosts, parts.netloc)
        # Cookies know no ports, and several gateways may run on one machine.
        self._suffix = "" if self._secure else f"-{parts.port or 80}"
        self._prefix = "__Host-" if self._secure else ""

    def check_request(self, scope: HTTPScope) -> None:
        """Raises HostRefused where it is for another host, or OriginRefused where another site's page sent it."""
        self.check_host(scope)
        if scope["method"] == "POST" and not origin_allowed(scope, ()):
            raise OriginRefused("A page of another site sent this form.")

    def check_host(self, scope: HTTPScope) -> None:
        """Raises HostRefused."""
        if not host_allowed(scope, self._hosts):
            raise HostRefused("This is not a host of this gateway; see http.public_url and http.allowed_hosts.")

    async def who(self, scope: HTTPScope) -> SignedIn | None:
        """Who is signed in at the gateway itself; None where nobody is."""
        return await self._logins.find(self.cookie(scope, "login")) if self._logins is not None else None

    async def anyone(self, scope: HTTPScope) -> Someone | None:
        """Who is signed in, here or through another issuer; None where nobody is."""
        here = await self.who(scope)
        if here is not None or self._visits is None:
            return here
        return await self._visits.find(self.cookie(scope, "login"))

    async def sign_out(self, someone: Someone) -> None:
        match someone:
            case SignedIn() if self._logins is not None:
                await self._logins.sign_out(someone)
            case Visitor() if self._visits is not None:
                await self._visits.sign_out(someone)

    def ways(self, target: str) -> tuple[Way, ...]:
        """The issuers at which one can sign in on the way to a path of ours: () where people of other issuers have no business."""
        issuers = self._visits.issuers if self._visits is not None and is_for_visitors(target) else ()
        return tuple(Way(one, f"{ISSUER_LOGIN}?{urlencode({'issuer': one, 'next': target})}") for one in issuers)

    def to_login(self, path: str) -> Reply:
        """To the sign-in page, and back to this path of ours."""
        return see_other(_login_for(path))

    def ask_again(self, path: str) -> Reply:
        """What a form gets whose sender is signed in no more. It is no redirect: that might lead to an issuer, where the form may
        not go."""
        if self._visits is None:
            return self.to_login(path)
        problem = "You are signed in no more, and nothing was done. Sign in, and say it again."
        return page(
            "issuers", 401, ways=[Way("this gateway", _login_for(path))], problem=problem, code="sign_in_needed"
        )

    def form_token(self, signed_in: Someone, purpose: str) -> str:
        """What a form carries as `form_token`."""
        return form_token(signed_in.cookie, purpose)

    async def read_form(self, scope: HTTPScope, receive: Receive) -> Form:
        """A form that a page of ours sent. Raises BadRequest, or TooLarge."""
        body = await read_body(scope, receive, bytes_max=FORM_BYTES_MAX, timeout_s=FORM_TIMEOUT_S)
        try:
            return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"))
        except (ValueError, UnicodeError):
            raise BadRequest("The form cannot be read.") from None

    def check_form(self, form: Form, signed_in: Someone, purpose: str) -> None:
        """Raises Forbidden where the form is not one that this person was shown for this purpose."""
        check_form_token(signed_in.cookie, purpose, form.get("form_token"))

    def cookie(self, scope: HTTPScope, name: str) -> str:
        """Ours of that name; "" where there is none."""
        jar: SimpleCookie = SimpleCookie()
        try:
            for value in header_values(scope, b"cookie"):
                jar.load(value)
        except CookieError:
            return ""
        found = jar.get(self._name(name))
        return found.value if found is not None and _OURS.fullmatch(found.value) else ""

    def keep(self, name: str, value: str) -> str:
        """A `Set-Cookie` value: until the browser is closed, unseen by scripts, not sent from other sites' forms."""
        return f"{self._name(name)}={value}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self._secure else "")

    def forget(self, name: str) -> str:
        return f"{self.keep(name, '')}; Max-Age=0"

    def _name(self, name: str) -> str:
        return f"{self._prefix}factotum-{name}{self._suffix}"


def _login_for(path: str) -> str:
    return f"{LOGIN}?next={quote(path, safe='')}"


def is_for_visitors(target: str) -> bool:
    """Whether people for whom another issuer vouches may have business at this path of ours."""
    return target == LOGIN or (target.startswith(APPROVALS) and len(target) <= TARGET_CHARACTERS_MAX)


def local_path(told: str) -> str:
    """A path of ours that a browser may be sent to; the sign-in page where what was told is none (no open redirect)."""
    plain = told.isascii() and told.isprintable() and len(told) <= PATH_CHARACTERS_MAX
    # A browser takes a backslash for a slash, and //host for another host.
    return told if plain and told.startswith("/") and not told.startswith("//") and "\\" not in told else LOGIN


def path_of(scope: HTTPScope) -> str:
    """The path and query of a request, to come back to."""
    query = scope["query_string"].decode("latin-1")
    return local_path(scope["path"] + (f"?{query}" if query else ""))
