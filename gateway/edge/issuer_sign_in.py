"""The pages through which people sign in at another issuer: sent there, and back. Knows the wire; `gateway.authorization.visits`
decides."""

from collections.abc import Awaitable, Callable

import structlog
from litestar.types import HTTPScope, Receive

from gateway.authorization.form import BadParameters, read_parameters
from gateway.authorization.token import new_token
from gateway.authorization.visits import Visits
from gateway.edge.asgi import Disconnected, Reply, address_of
from gateway.edge.browser import CALLBACK, ISSUER_LOGIN, LOGIN, LOGOUT, Browser, is_for_visitors, local_path
from gateway.edge.page import page, see_other
from gateway.edge.rejected import PAGE_DOOR, note_error
from gateway.errors import BadRequest, GatewayError, code_of, http_status
from gateway.rejections import Rejections

UNDER_WAY = "sign-in"

log = structlog.get_logger(__name__)

Endpoint = Callable[[HTTPScope, Receive], Awaitable[Reply]]


class IssuerDoor:
    """Two paths where the gateway's own authorisation server has the sign-in page, and that page too where it `is_alone`."""

    def __init__(self, visits: Visits, browser: Browser, rejections: Rejections, *, is_alone: bool) -> None:
        self._visits = visits
        self._browser = browser
        self._rejections = rejections
        self._pages: dict[tuple[str, str], Endpoint] = {
            ("GET", ISSUER_LOGIN): self._send,
            ("GET", CALLBACK): self._take_back,
        }
        if is_alone:
            self._pages |= {("GET", LOGIN): self._show_login, ("POST", LOGOUT): self._sign_out}
        self.paths = frozenset(path for _, path in self._pages)

    async def __call__(self, scope: HTTPScope, receive: Receive) -> Reply:
        """The answer at one of `paths`."""
        endpoint = self._pages.get(("GET" if scope["method"] == "HEAD" else scope["method"], scope["path"]))
        if endpoint is None:
            return Reply(405, b"", ((b"allow", b"POST" if scope["path"] == LOGOUT else b"GET"),))
        try:
            self._browser.check_request(scope)
            return await endpoint(scope, receive)
        except Disconnected:
            raise
        except BadParameters as error:
            return self._refuse(scope, BadRequest(str(error)), LOGIN)
        except GatewayError as error:
            return self._refuse(scope, error, LOGIN)
        except Exception as error:
            log.error("a page failed for a reason of our own", path=scope["path"], exc_info=error)
            return self._refuse(scope, GatewayError("Something went wrong in the gateway; its log says what."), LOGIN)

    async def _show_login(self, scope: HTTPScope, receive: Receive) -> Reply:
        target = _target(_query(scope).get("next", LOGIN))
        someone, ways = await self._browser.anyone(scope), self._browser.ways(target)
        if someone is None:
            only_one = len(ways) == 1 and target != LOGIN
            return see_other(ways[0].url) if only_one else page("issuers", ways=ways, problem="", code="")
        if target != LOGIN:
            return see_other(target)
        return page("signed_in", user=someone.name, form_token=self._browser.form_token(someone, LOGOUT))

    async def _sign_out(self, scope: HTTPScope, receive: Receive) -> Reply:
        form, someone = await self._browser.read_form(scope, receive), await self._browser.anyone(scope)
        if someone is not None:
            self._browser.check_form(form, someone, LOGOUT)
            await self._browser.sign_out(someone)
        return see_other(LOGIN, (self._browser.forget("login"),))

    async def _send(self, scope: HTTPScope, receive: Receive) -> Reply:
        query, cookie = _query(scope), self._browser.cookie(scope, UNDER_WAY) or new_token()
        target = _target(query.get("next", LOGIN))
        try:
            url = await self._visits.begin(query.get("issuer", ""), target, cookie)
        except GatewayError as error:
            return self._refuse(scope, error, target)
        return see_other(url, (self._browser.keep(UNDER_WAY, cookie),))

    async def _take_back(self, scope: HTTPScope, receive: Receive) -> Reply:
        told, cookie = _query(scope), self._browser.cookie(scope, UNDER_WAY)
        sent = self._visits.sent(told.get("state", ""), cookie)
        try:
            visit = await self._visits.finish(sent, told, cookie, address_of(scope))
        except GatewayError as error:
            return self._refuse(scope, error, _target(sent.target))
        return see_other(_target(sent.target), (self._browser.keep("login", visit), self._browser.forget(UNDER_WAY)))

    def _refuse(self, scope: HTTPScope, error: GatewayError, target: str) -> Reply:
        """Why, and how to begin again."""
        note_error(self._rejections, scope, error, PAGE_DOOR)
        return page(
            "issuers", http_status(error), ways=self._browser.ways(target), problem=error.detail, code=code_of(error)
        )


def _target(told: str) -> str:
    """A path of ours at which those who sign in so have business; the sign-in page where what was told is none."""
    path = local_path(told)
    return path if is_for_visitors(path) else LOGIN


def _query(scope: HTTPScope) -> dict[str, str]:
    return read_parameters(scope["query_string"].decode("latin-1"))
