"""REST for those who look after policies: what is in force, why a call is decided as it is, and what other policies would have
changed. Knows the wire; `gateway.policies` does the work."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct, structs

from gateway.core.policy_context import Source
from gateway.core.policy_replay import Simulation
from gateway.core.principal import DEFAULT_TENANT, Method, Principal
from gateway.core.roles import scope_of
from gateway.edge.allow import require
from gateway.edge.asgi import read_body
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest
from gateway.policies import LINES_MAX, Explanation, Question

READ_POLICIES = scope_of("policies.read")
FILES_MAX = 500
SINCE_DAYS_MAX = 3_650

AnyRequest = Request[Any, Any, Any]


class PolicyFile(Struct, frozen=True):
    """A file, and the policies in it that decide about calls; none in `roles.cedar`, which is about the gateway's own API."""

    name: str
    policies: tuple[str, ...] = ()


class PoliciesShown(Struct, frozen=True):
    """What is in force since when. `version` is that of the policies about calls, `roles` of those about the gateway's own API.
    `problem` says why the files as they are now are not in force, "" where they are, and `problem_at` since when. The files are
    those of the whole installation, so that only its own tenant is told what is in them."""

    version: str
    roles: str
    since: datetime
    files: tuple[PolicyFile, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""
    problem_at: datetime | None = None


class Caller(Struct, frozen=True, forbid_unknown_fields=True):
    """A caller of your own tenant who need not be there."""

    subject: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    client: str = ""
    method: Method = "api_key"
    issuer: str = ""
    actors: tuple[str, ...] = ()


class ExplainBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that is not made. `key` is the id of an API key, whose principal is taken in place of `caller`."""

    tool: str
    arguments: dict[str, Any] = {}
    caller: Caller | None = None
    key: str = ""
    at: Annotated[datetime, Meta(tz=True)] | None = None
    door: str = "mcp"
    source: Source = "call"
    intent: str = ""
    labels: frozenset[str] = frozenset()


class SimulateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Cedar texts by file name, all that would be in force, and which calls to look at: those of the last `since_days`, among
    the newest `limit` lines of the log."""

    files: Annotated[dict[str, str], Meta(max_length=FILES_MAX)]
    since_days: Annotated[float, Meta(gt=0, le=SINCE_DAYS_MAX)] = 7.0
    limit: Annotated[int, Meta(ge=1, le=LINES_MAX)] = LINES_MAX


def policy_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    policies, bounds = gateway.policies, gateway.settings.http

    async def signed_in(request: AnyRequest) -> Principal:
        principal = await gateway.desk.principal(request.scope)
        require(gateway.roles, principal, "policies.read")
        return principal

    async def body(request: AnyRequest, kind: type[Any]) -> Any:
        told = await read_body(
            request.scope, request.receive, bytes_max=bounds.body_bytes_max, timeout_s=bounds.body_timeout_s
        )
        return _decode(told, kind)

    @get("/v1/policies")
    async def show_policies(request: AnyRequest) -> PoliciesShown:
        principal = await signed_in(request)
        edition, watch = gateway.published.of(principal.tenant), gateway.policy_watch
        told = PoliciesShown(
            version=edition.policies.version,
            roles=edition.roles.version,
            since=watch.since,
            problem="The newest edit is not in force." if watch.problem else "",
            problem_at=watch.problem.at if watch.problem else None,
        )
        if principal.tenant != DEFAULT_TENANT:
            return told
        ids = edition.policies.files
        return structs.replace(
            told,
            files=tuple(PolicyFile(name, ids.get(name, ())) for name in sorted(watch.files.all_texts)),
            warnings=edition.policies.warnings,
            problem=watch.problem.detail if watch.problem else "",
        )

    @post("/v1/policies:explain", status_code=200)
    async def explain_call(request: AnyRequest) -> Response[bytes]:
        principal = await signed_in(request)
        asked: ExplainBody = await body(request, ExplainBody)
        if (asked.caller is None) == (not asked.key):
            raise BadRequest("Say who calls: either `caller` or `key`.")
        who = (
            await policies.principal_of(asked.key, principal.tenant)
            if asked.caller is None
            else _principal(principal.tenant, asked.caller)
        )
        question = Question(asked.tool, asked.arguments, asked.at, asked.door, asked.source, asked.intent, asked.labels)
        return _json(policies.explain(who, question))

    @post("/v1/policies:simulate", status_code=200)
    async def simulate_policies(request: AnyRequest) -> Response[bytes]:
        principal = await signed_in(request)
        asked: SimulateBody = await body(request, SimulateBody)
        since = timedelta(days=asked.since_days)
        return _json(await policies.simulate(asked.files, since, asked.limit, principal.tenant))

    return [show_policies, explain_call, simulate_policies]


def _principal(tenant: str, told: Caller) -> Principal:
    return Principal(tenant, told.subject, told.client, told.scopes, told.groups, told.method, told.issuer, told.actors)


def _json(value: Explanation | Simulation) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The body does not fit: {error}. /openapi.json says what does.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest("The body is not JSON.") from error
