"""REST for standing intents: make one, look at it with its slots, say yes to it, pause it, let it go on, delete it. Knows the
wire; `standing` acts."""

from datetime import datetime
from typing import Any

from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from gateway.core.event import write_secret
from gateway.core.flow import Flow
from gateway.core.plan import Plan
from gateway.core.principal import Owner, Principal
from gateway.core.standing import Hook, NewStanding, SlotState, Standing, StandingState, StandingTerms
from gateway.core.tell import Sentence
from gateway.edge.allow import require
from gateway.edge.approvals import read_decider, read_json, sees_all
from gateway.edge.asgi import header_values, read_body
from gateway.edge.parts import Gateway
from gateway.edge.query import Limit, read_query
from gateway.errors import NotFound
from gateway.standing import Told

STANDINGS_MAX = 500

HOOK_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

AnyRequest = Request[Any, Any, Any]


class SlotShown(Struct, frozen=True):
    """One slot: when, what became of it, the intent that it is, "" where it was not carried out, and what that answered: of the
    newest alone, and told only to whose it is."""

    at: datetime
    state: SlotState
    changed_at: datetime
    intent: str
    detail: str
    answers: tuple[Sentence, ...] = ()


class HookShown(Struct, frozen=True):
    """Where to deliver to, as a path, and the `secret` that signs it (Standard Webhooks 1.0), "" where nobody signs."""

    path: str
    secret: str


class StandingSummary(Struct, frozen=True):
    """`failures` are those in a row; `runs` how often it was carried out; `next_at` is when it comes next."""

    id: str
    intent: str
    state: StandingState
    detail: str
    subject: str
    client: str
    created_at: datetime
    next_at: datetime | None
    runs: int
    failures: int


class StandingList(Struct, frozen=True):
    """The newest first."""

    standing_intents: tuple[StandingSummary, ...]


class StandingShown(StandingSummary, frozen=True):
    """`upcoming` are the next slots, without their jitter; `past` those that came, the newest first. `tools` are those that
    were granted, as they were then; `flows` are those of the plan that harm, so that each run asks for a yes to them."""

    terms: StandingTerms
    plan: Plan
    tools: tuple[str, ...]
    approved_by: str
    flows: tuple[Flow, ...]
    upcoming: tuple[datetime, ...]
    past: tuple[SlotShown, ...]


class StandingQuery(Struct, frozen=True):
    limit: Limit = 100


def standing_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, standings = gateway.desk, gateway.standings

    async def find_seen(principal: Principal, name: str) -> Standing:
        found = await standings.find(principal.tenant, name)
        if found.owner != principal.owner and not sees_all(gateway.roles, principal):
            raise NotFound(f"There is no standing intent {name[:40]!r}.")
        return found

    async def its_own(request: AnyRequest, name: str) -> Principal:
        """Who asks, and has it, or decides for the tenant."""
        principal = await desk.principal(request.scope)
        if (await find_seen(principal, name)).owner != principal.owner:
            require(gateway.roles, principal, "approvals.decide")
        return principal

    async def shown(one: Standing, to: Owner | None = None) -> StandingShown:
        return show_standing(await standings.tell(one, to))

    @post("/v1/standing-intents", status_code=201)
    async def add_standing(request: AnyRequest) -> StandingShown:
        principal = await desk.principal(request.scope)
        wanted = await read_json(gateway, request, NewStanding)
        return await shown(await standings.add(principal, wanted, "rest"))

    @get("/v1/standing-intents")
    async def list_standings(request: AnyRequest) -> StandingList:
        """All of the tenant for those who may see or decide approvals, and else one's own."""
        principal = await desk.principal(request.scope)
        limit = min(read_query(request.scope, StandingQuery).limit, STANDINGS_MAX)
        owner = None if sees_all(gateway.roles, principal) else principal.owner
        return StandingList(tuple(map(summarise_standing, await standings.list(principal.tenant, limit, owner))))

    @get("/v1/standing-intents/{name:str}")
    async def show_one(request: AnyRequest, name: FromPath[str]) -> StandingShown:
        principal = await desk.principal(request.scope)
        return await shown(await find_seen(principal, name), principal.owner)

    @post("/v1/standing-intents/{name:str}/approve", status_code=200)
    async def approve_standing(request: AnyRequest, name: FromPath[str]) -> StandingShown:
        return await shown(await standings.approve(await read_decider(gateway, request), name))

    @post("/v1/standing-intents/{name:str}/pause", status_code=200)
    async def pause_standing(request: AnyRequest, name: FromPath[str]) -> StandingShown:
        return await shown(await standings.pause(await its_own(request, name), name))

    @post("/v1/standing-intents/{name:str}/resume", status_code=200)
    async def resume_standing(request: AnyRequest, name: FromPath[str]) -> StandingShown:
        return await shown(await standings.resume(await its_own(request, name), name))

    @delete("/v1/standing-intents/{name:str}", status_code=200)
    async def delete_standing(request: AnyRequest, name: FromPath[str]) -> StandingSummary:
        return summarise_standing(await standings.delete(await its_own(request, name), name))

    @get("/v1/standing-intents/{name:str}/hook")
    async def show_hook(request: AnyRequest, name: FromPath[str]) -> HookShown:
        principal = await desk.principal(request.scope)
        one = await standings.find(principal.tenant, name)
        if one.owner != principal.owner or not isinstance(one.terms.trigger, Hook):
            raise NotFound(f"There is no webhook of yours {name[:40]!r}.")
        key = standings.hook_key(name)
        return HookShown(f"/v1/standing-intents/{name}/fire", write_secret(key) if key is not None else "")

    @post("/v1/standing-intents/{name:str}/fire", status_code=202)
    async def fire_standing(request: AnyRequest, name: FromPath[str]) -> SlotShown:
        """By whoever signs in, or signs."""
        bounds = gateway.settings.http
        headers = {one: next(iter(header_values(request.scope, one.encode())), "") for one in HOOK_HEADERS}
        if headers["webhook-signature"]:
            body = await read_body(
                request.scope, request.receive, bytes_max=bounds.body_bytes_max, timeout_s=bounds.body_timeout_s
            )
            slot = await standings.fire_signed(name, headers, body)
        else:
            slot = await standings.fire(await desk.principal(request.scope), name, headers["webhook-id"])
        return SlotShown(slot.at, slot.state, slot.changed_at, slot.run, slot.detail)

    return [
        fire_standing,
        show_hook,
        add_standing,
        list_standings,
        show_one,
        approve_standing,
        pause_standing,
        resume_standing,
        delete_standing,
    ]


def summarise_standing(one: Standing) -> StandingSummary:
    return StandingSummary(**_summary(one))


def show_standing(told: Told) -> StandingShown:
    one = told.standing
    return StandingShown(
        **_summary(one),
        terms=one.terms,
        plan=one.plan,
        tools=tuple(sorted(one.fingerprints)),
        approved_by=one.approved_by,
        flows=told.flows,
        upcoming=told.upcoming,
        past=tuple(
            SlotShown(slot.at, slot.state, slot.changed_at, slot.run, slot.detail, told.answers.get(slot.run, ()))
            for slot in told.past
        ),
    )


def _summary(one: Standing) -> dict[str, Any]:
    return {
        "id": one.id,
        "intent": one.plan.intent,
        "state": one.state,
        "detail": one.detail,
        "subject": one.principal.subject,
        "client": one.principal.client,
        "created_at": one.created_at,
        "next_at": one.next_at if one.state == "active" else None,
        "runs": one.runs,
        "failures": one.failures,
    }
