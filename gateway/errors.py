"""Every error the gateway tells a caller about, and the tables that put them on a wire.

    GatewayError
    ├── Unauthenticated            no key, or one that is unknown, expired or revoked
    ├── Forbidden
    │   ├── ScopeMissing           names the scopes that would do
    │   │   └── AdminRefused       names the roles too
    │   ├── HostRefused            the request is for another host
    │   ├── OriginRefused          a page of another site sent it
    │   ├── PolicyDenied           carries the decision
    │   └── ApprovalNeeded         carries what is asked for
    ├── NotFound                   a connector or key of that name
    │   └── ToolNotFound           a tool of that name
    ├── BadRequest
    │   ├── ArgumentsInvalid       one problem per argument
    │   ├── PlanInvalid            one problem per step and argument
    │   ├── NotPlanned             an intent in words of which no plan came: a question, or why not
    │   ├── DocumentRejected       the document as a whole cannot be read: where and why
    │   └── TooLarge               names the limit and its unit
    ├── Conflict                   it exists already
    ├── QuotaReached               too many calls or bytes, or too many at once: when to try again
    ├── CredentialMissing          the gateway has no credential for this backend
    ├── UpstreamFailed             the backend gave no usable answer
    │   ├── UpstreamForbidden      the address is not one this connector may reach
    │   ├── UpstreamBusy           too many calls in flight, or the circuit breaker is open
    │   ├── UpstreamUnreachable    no connection
    │   ├── UpstreamTimeout        no answer in time
    │   ├── UpstreamBroken         the connection broke, or the answer was not HTTP
    │   └── AnswerInvalid          the answer is not what its document says, and the connector is strict
    ├── ModelBusy                  a model of search gives no answer now
    ├── PlannerFailed              the language model that plans gives no usable answer now
    ├── IssuerFailed               an authorisation server cannot be asked, so that nobody can tell whether a token is good
    └── StoreFailed                the store could not be read or written

Texts are ours: never that of an exception we did not write. Each says what to do next.
"""

from typing import TypeVar

from gateway.core.approval import Approval
from gateway.core.arguments import ArgumentProblem
from gateway.core.decision import Decision
from gateway.core.plan_check import PlanProblem
from gateway.core.planned import Asks, Comes, Impossible, NoPlan, Proposes

_T = TypeVar("_T")


class GatewayError(Exception):
    """The root. `detail` is one or two sentences for the caller."""

    title = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        # Whether the audit log has a line of it already.
        self.on_record = False


class Unauthenticated(GatewayError):
    """`code` is what was wrong with what was presented: `invalid_token` (RFC 6750 section 3.1), `invalid_dpop_proof`
    (RFC 9449 section 7.1), or "" where nothing was."""

    title = "Sign-in needed"

    def __init__(self, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.code = code


class Forbidden(GatewayError):
    title = "Not allowed"


class ScopeMissing(Forbidden):
    """`scopes` are all the scopes of the alternative that is nearest to what the caller has (RFC 6750 section 3.1)."""

    title = "Scope missing"

    def __init__(self, detail: str, scopes: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.scopes = scopes


class AdminRefused(ScopeMissing):
    """An operation of the gateway's own API. Any one of `scopes` or `roles` would do; there may be none."""

    title = "Not allowed"

    def __init__(self, detail: str, action: str, scopes: tuple[str, ...], roles: tuple[str, ...]) -> None:
        super().__init__(detail, scopes)
        self.action = action
        self.roles = roles


class HostRefused(Forbidden):
    """The request is for another host than this one is."""


class OriginRefused(Forbidden):
    """A page of another site sent it."""


class PolicyDenied(Forbidden):
    title = "Denied by policy"

    def __init__(self, decision: Decision) -> None:
        super().__init__(" ".join(decision.reasons))
        self.decision = decision


class ApprovalNeeded(Forbidden):
    """A person has to say yes first; it has been asked for, or was denied. `url` is where people look at it, "" where the
    gateway has no address for them."""

    title = "Approval needed"

    def __init__(self, detail: str, approval: Approval, url: str = "") -> None:
        super().__init__(detail)
        self.approval = approval
        self.url = url


class NotFound(GatewayError):
    title = "Not found"


class ToolNotFound(NotFound):
    """What finds those that there are is called otherwise at each door."""

    def __init__(self, name: str, door: str) -> None:
        finds = {"mcp": "search_tools", "cli": "`factotum search`"}.get(door, "a search")
        super().__init__(f"There is no tool named {name[:128]!r} that you may call; {finds} finds those there are.")


class BadRequest(GatewayError):
    title = "Bad request"


class ArgumentsInvalid(BadRequest):
    title = "Invalid arguments"

    def __init__(self, problems: tuple[ArgumentProblem, ...]) -> None:
        super().__init__("; ".join(f"{problem.argument}: {problem.expected}" for problem in problems))
        self.problems = problems


class PlanInvalid(BadRequest):
    title = "Plan does not hold"

    def __init__(self, problems: tuple[PlanProblem, ...]) -> None:
        told = (f"{' '.join(filter(None, (one.step, one.argument)))}: {one.detail}" for one in problems)
        super().__init__("; ".join(told))
        self.problems = problems


class NotPlanned(BadRequest):
    title = "No plan came of it"

    def __init__(self, planned: NoPlan) -> None:
        super().__init__(_why_no_plan(planned))
        self.planned = planned


def _why_no_plan(planned: NoPlan) -> str:
    match planned:
        case Asks(question=question):
            return question
        case Impossible(reason=reason):
            return reason
        case Proposes(sentence=sentence):
            return f"Shall it be remembered that {sentence}? POST /v1/memory with these words keeps it, or `factotum remember`."
        case Comes(when=when):
            return (
                f"It would come {when}. POST /v1/standing-intents with `standing`, as POST /v1/intents:plan gives it for these"
                " words, makes it so; `factotum ask` does too, once a person says yes."
            )


class DocumentRejected(BadRequest):
    """`place` is `line 3, column 7` or a JSON Pointer."""

    title = "Document rejected"

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__(f"{place}: {detail}" if place else detail)
        self.place = place


class TooLarge(BadRequest):
    title = "Too large"


class Conflict(GatewayError):
    title = "Conflict"


class QuotaReached(GatewayError):
    """Nothing has happened; the same call may work in `retry_after_s`."""

    title = "Quota reached"

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class CredentialMissing(GatewayError):
    title = "No credential for the backend"


class UpstreamFailed(GatewayError):
    """`may_have_happened`: the request, or a part of it, had left when it failed. `retry`: the same call may work later."""

    title = "Backend failed"
    may_have_happened = False
    retry = False

    def __init__(
        self, detail: str, *, may_have_happened: bool | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        if may_have_happened is not None:
            self.may_have_happened = may_have_happened
        self.retry_after_s = retry_after_s


class UpstreamForbidden(UpstreamFailed):
    title = "Backend address not allowed"


class UpstreamBusy(UpstreamFailed):
    title = "Backend busy"
    retry = True


class UpstreamUnreachable(UpstreamFailed):
    title = "Backend unreachable"
    retry = True


class UpstreamTimeout(UpstreamFailed):
    title = "Backend timed out"
    may_have_happened = True
    retry = True


class UpstreamBroken(UpstreamFailed):
    title = "Backend broke off"
    may_have_happened = True
    retry = True


class AnswerInvalid(UpstreamFailed):
    """It was carried out: what came is a success."""

    title = "Invalid answer"
    may_have_happened = True


class IssuerFailed(GatewayError):
    title = "Authorisation server unavailable"


class ModelBusy(GatewayError):
    title = "Model busy"


class PlannerFailed(GatewayError):
    title = "Planner unavailable"


class StoreFailed(GatewayError):
    title = "Store unavailable"


HTTP_STATUS: dict[type[GatewayError], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    ArgumentsInvalid: 422,
    PlanInvalid: 422,
    NotPlanned: 422,
    DocumentRejected: 422,
    TooLarge: 413,
    BadRequest: 400,
    Conflict: 409,
    QuotaReached: 429,
    CredentialMissing: 503,
    UpstreamBusy: 503,
    UpstreamTimeout: 504,
    UpstreamFailed: 502,
    ModelBusy: 503,
    PlannerFailed: 503,
    IssuerFailed: 503,
    StoreFailed: 503,
    GatewayError: 500,
}

CODE: dict[type[GatewayError], str] = {
    Unauthenticated: "sign_in_needed",
    AdminRefused: "not_allowed",
    ScopeMissing: "insufficient_scope",
    HostRefused: "host_refused",
    OriginRefused: "origin_refused",
    PolicyDenied: "denied_by_policy",
    ApprovalNeeded: "approval_needed",
    Forbidden: "not_allowed",
    NotFound: "not_found",
    ArgumentsInvalid: "invalid_arguments",
    PlanInvalid: "invalid_plan",
    NotPlanned: "not_planned",
    DocumentRejected: "document_rejected",
    TooLarge: "too_large",
    BadRequest: "bad_request",
    Conflict: "conflict",
    QuotaReached: "quota_reached",
    CredentialMissing: "credential_missing",
    UpstreamForbidden: "address_not_allowed",
    UpstreamBusy: "backend_busy",
    UpstreamUnreachable: "backend_unreachable",
    UpstreamTimeout: "backend_timeout",
    UpstreamBroken: "backend_broken",
    AnswerInvalid: "invalid_answer",
    UpstreamFailed: "backend_failed",
    ModelBusy: "model_busy",
    PlannerFailed: "planner_unavailable",
    IssuerFailed: "issuer_unavailable",
    StoreFailed: "store_unavailable",
    GatewayError: "internal_error",
}

JSONRPC_CODE: dict[type[GatewayError], int] = {
    Unauthenticated: -32600,
    Forbidden: -32600,
    BadRequest: -32602,
    NotFound: -32602,
    GatewayError: -32603,
}


def http_status(error: GatewayError) -> int:
    """The HTTP status of an error: its own row of the table, or that of its nearest ancestor."""
    return _nearest(HTTP_STATUS, error)


def code_of(error: GatewayError) -> str:
    """What went wrong, for programs: what it says of itself (RFC 6750, RFC 9449), or else its own or its nearest ancestor's."""
    match error:
        case Unauthenticated(code=code) if code:
            return code
        case AdminRefused(scopes=scopes) if scopes:
            return "insufficient_scope"
        case _:
            return _nearest(CODE, error)


def jsonrpc_code(error: GatewayError) -> int:
    """The JSON-RPC code of an error (JSON-RPC 2.0 section 5.1), found in the same way."""
    return _nearest(JSONRPC_CODE, error)


def _nearest(table: dict[type[GatewayError], _T], error: GatewayError) -> _T:
    return next(table[kind] for kind in type(error).__mro__ if kind in table)
