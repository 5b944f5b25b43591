"""The page at `/approvals/{id}`, for people: exactly what is asked for, and a form that says yes or no. Knows the wire;
`gateway.approvals` decides whether that is theirs to say.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import structlog
from litestar.types import HTTPScope, Receive

from gateway.core.approval import Approval
from gateway.core.grant import USES_MAX, Terms
from gateway.core.principal import Principal
from gateway.core.prose import visible
from gateway.core.redact import is_whole
from gateway.edge.approvals import sees_all
from gateway.edge.asgi import Disconnected, Reply
from gateway.edge.browser import APPROVALS, Browser, Form, Someone, path_of
from gateway.edge.page import message, page, see_other
from gateway.edge.parts import Gateway
from gateway.edge.rejected import PAGE_DOOR, PRINCIPAL, note_error, note_refusal
from gateway.errors import BadRequest, GatewayError, NotFound, http_status

PATH = APPROVALS
DAYS_OFFERED = 7

log = structlog.get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class ApprovalPage:
    """`browser` says who is signed in; None where nobody can be, because the gateway is no authorisation server and no client
    of one."""

    def __init__(self, gateway: Gateway, browser: Browser | None) -> None:
        self._approvals = gateway.approvals
        self._gateway = gateway
        self._days_max = max(gateway.settings.approvals.grant_ttl_s_max // 86_400, 1)
        self._browser = browser

    async def __call__(self, scope: HTTPScope, receive: Receive) -> Reply:
        """The answer at any path below PATH."""
        try:
            return await self._answer(scope, receive)
        except Disconnected:
            raise
        except GatewayError as error:
            note_error(self._gateway.rejections, scope, error, PAGE_DOOR)
            return message(error.title, error.detail, http_status(error))
        except Exception as error:
            log.error("a page failed for a reason of our own", path=scope["path"], exc_info=error)
            return message("Something went wrong", "Something went wrong in the gateway; its log says what.", 500)

    async def _answer(self, scope: HTTPScope, receive: Receive) -> Reply:
        name = scope["path"].removeprefix(PATH)
        if not _ID.fullmatch(name):
            raise NotFound("There is no such approval.")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return Reply(405, b"", ((b"allow", b"GET, POST"),))
        if self._browser is None:
            return page("approval_elsewhere", id=name)
        self._browser.check_request(scope)
        signed_in = await self._browser.anyone(scope)
        if signed_in is None:
            was_sent = scope["method"] == "POST"
            return self._browser.ask_again(PATH + name) if was_sent else self._browser.to_login(path_of(scope))
        scope[PRINCIPAL] = signed_in.principal  # type: ignore[literal-required]
        approval = await self._find(signed_in.principal, name)
        if scope["method"] == "POST":
            form = await self._browser.read_form(scope, receive)
            return await self._decide(self._browser, signed_in, approval, form)
        return await self._show(self._browser, signed_in, approval)

    async def _find(self, person: Principal, name: str) -> Approval:
        """Raises NotFound, where it is not theirs to see too."""
        approval = await self._approvals.find(person.tenant, name)
        if not _is_own(approval, person) and not sees_all(self._gateway.roles, person):
            raise NotFound(f"There is no approval {name[:40]!r}.")
        return approval

    def _may_decide(self, approval: Approval, person: Principal) -> bool:
        decides = self._gateway.roles.allow_admin(person, "approvals.decide")
        return _is_own(approval, person) or decides.allowed

    def _unfit(self, approval: Approval, person: Principal) -> tuple[str, str]:
        """Why they may not say yes, and why not no, which tells who may; "" where they may."""
        if not self._may_decide(approval, person):
            remedy = self._gateway.roles.remedy(person, "approvals.decide")
            would = (*(f"the scope {scope}" for scope in remedy.scopes), *(f"the role {role}" for role in remedy.roles))
            why = f"It is for somebody with {' or '.join(would) or 'more rights'} to decide."
            return why, why
        return self._approvals.why_no_yes(person, approval), self._approvals.why_no_no(person, approval)

    async def _show(self, browser: Browser, signed_in: Someone, approval: Approval, problem: str = "") -> Reply:
        offered = min(DAYS_OFFERED, self._days_max)
        no_yes, no_no = self._unfit(approval, signed_in.principal)
        return page(
            "approval",
            400 if problem else 200,
            a=_told(approval) | {"called": visible(await self._called(approval))},
            arguments=_pretty(approval),
            writes=[visible(one) for one in approval.plan.writes] if approval.plan is not None else [],
            is_whole=is_whole(msgspec.json.decode(approval.arguments)),
            user=signed_in.name,
            form_token=browser.form_token(signed_in, _purpose(approval)),
            action=PATH + approval.id,
            no_yes=visible(no_yes),
            no_no=visible(no_no),
            until=(datetime.now(UTC) + timedelta(days=offered)).date().isoformat(),
            uses_max=USES_MAX,
            problem=problem,
        )

    async def _called(self, approval: Approval) -> str:
        """What the client is called that asks; "" where nobody here knows."""
        if approval.issuer:
            return ""
        server = self._gateway.authorization
        client = await server.clients.find(approval.client) if server is not None else None
        if client is not None:
            return f"added as {client.name}" if client.kind == "operator" else f"calls itself {client.name}"
        keys = (one for one in await self._gateway.store.keys() if one.id == approval.client)
        return next((f"the key {one.name}" for one in keys), "")

    async def _decide(self, browser: Browser, signed_in: Someone, approval: Approval, form: Form) -> Reply:
        person = signed_in.principal
        browser.check_form(form, signed_in, _purpose(approval))
        if not self._may_decide(approval, person):
            raise NotFound(f"There is no approval {approval.id!r} for you to decide.")
        try:
            match form.get("decision"):
                case "approve":
                    await self._approvals.approve(person, approval.id)
                case "plan":
                    await self._approvals.approve(person, approval.id, whole_plan=True)
                case "grant":
                    await self._approvals.approve(person, approval.id, _terms(form))
                case "deny":
                    await self._approvals.deny(person, approval.id, form.get("reason"))
                case _:
                    raise BadRequest("The form says neither yes nor no.")
        except GatewayError as error:
            note_refusal(self._gateway.rejections, person, error, PAGE_DOOR)
            latest = await self._approvals.find(person.tenant, approval.id)
            return await self._show(browser, signed_in, latest, error.detail)
        return see_other(PATH + approval.id)


def _is_own(approval: Approval, person: Principal) -> bool:
    return (approval.issuer, approval.subject) == (person.issuer, person.subject)


def _purpose(approval: Approval) -> str:
    """A yes is good for exactly what was shown."""
    return f"approval {approval.id} {approval.digest}"


def _pretty(approval: Approval) -> str:
    """The arguments as they are kept, redacted, with nothing in them that could hide or reorder what is read."""
    return visible(msgspec.json.format(bytes(approval.arguments), indent=2).decode())


def _told(approval: Approval) -> dict[str, Any]:
    """What the page says, as text that shows all that is in it."""
    words = (
        "id",
        "tool",
        "title",
        "connector",
        "effect",
        "subject",
        "issuer",
        "client",
        "reason",
        "denied_by",
        "grant",
    )
    told: dict[str, Any] = {name: visible(getattr(approval, name)) for name in words}
    said = [{"subject": visible(one.subject), "for": visible(" and ".join(one.groups))} for one in approval.given]
    return told | {
        "state": approval.state,
        "reasons": [visible(one) for one in approval.reasons],
        "actors": visible(", ".join(approval.actors)),
        "lacking": visible(" and ".join(approval.lacking)),
        "four_eyes": approval.four_eyes,
        "given": said,
        "created": f"{approval.created_at:%Y-%m-%d %H:%M} UTC",
        "until": f"{approval.expires_at:%Y-%m-%d %H:%M} UTC",
    }


def _terms(form: Form) -> Terms:
    """What a grant is bounded by: the same call again, or what the constraints say. Raises BadRequest."""
    uses, until, schema = form.get("uses"), form.get("until"), form.get("arguments").strip()
    try:
        end = datetime.combine(date.fromisoformat(until), datetime.min.time(), UTC) + timedelta(days=1)
        told: dict[str, Any] = {"uses_max": int(uses) if uses.isascii() and uses.isdigit() else 0, "expires_at": end}
        if schema:
            told["arguments"] = msgspec.json.decode(schema)
        return msgspec.convert(told, Terms)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"Further uses need a number from 1 to {USES_MAX}, a day such as 2026-12-31, and of the arguments nothing or a "
            "JSON Schema."
        ) from error
