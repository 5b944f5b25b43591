"""REST for recipes: promote a run, list and show them, say yes to one, carry one out, delete one. Knows the wire; `recipes` makes
plans of them, `intent` carries these out."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta, Struct

from gateway.core.arazzo import Portable
from gateway.core.plan import Plan
from gateway.core.recipe import NewRecipe, RecipeState, asked_by
from gateway.core.run import Mode
from gateway.edge.allow import require
from gateway.edge.approvals import read_json, sees_all
from gateway.edge.asgi import header_values
from gateway.edge.intents import IntentShown, show_run
from gateway.edge.parts import Gateway
from gateway.edge.query import read_query
from gateway.edge.wanted import WAIT_S_MAX, IntentBody, begin
from gateway.errors import NotFound
from gateway.recipes import NewImport, Told, portable_of

RUN = ":run"

AnyRequest = Request[Any, Any, Any]


class RunBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What its parameters are; those that are left out are asked. `preview` makes the reads that it needs, and shows the writes."""

    arguments: dict[str, Any] = {}
    mode: Mode = "execute"
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = 0.0


class ParameterShown(Struct, frozen=True):
    """`schema` is what the tool takes at the first of its places."""

    name: str
    description: str
    places: tuple[str, ...]
    schema: dict[str, Any]


class RecipeSummary(Struct, frozen=True):
    """`state` is `pending` until a person said yes to it, `suspended` where a tool of it is not what it was, else `active`;
    `detail` says why it cannot be used."""

    id: str
    name: str
    description: str
    state: RecipeState
    detail: str
    subject: str
    words: tuple[str, ...]
    parameters: tuple[str, ...]
    tools: tuple[str, ...]
    created_at: datetime


class RecipeList(Struct, frozen=True):
    """In the order of their names."""

    recipes: tuple[RecipeSummary, ...]


class RecipeShown(Struct, frozen=True):
    """`plan` has a slot where a parameter is told. `intent` is the run that it was, "" where it came from elsewhere. `vouched` are
    the places of fixed values that are the person's own word; other fixed values are nobody's. `writes` are the names of the steps
    that do more than read."""

    id: str
    name: str
    description: str
    state: RecipeState
    detail: str
    subject: str
    words: tuple[str, ...]
    parameters: tuple[ParameterShown, ...]
    tools: tuple[str, ...]
    created_at: datetime
    approved_by: str
    intent: str
    vouched: tuple[str, ...]
    writes: tuple[str, ...]
    plan: Plan


class RecipeBrought(Struct, frozen=True):
    """`notes` say what of a document is done in another way than it says."""

    recipe: RecipeShown
    notes: tuple[str, ...]


class ArazzoQuery(Struct, frozen=True):
    """`plain`: without `x-factotum`."""

    plain: bool = False


def recipe_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, recipes = gateway.desk, gateway.recipes

    @post("/v1/intents/{name:str}/promote", status_code=201)
    async def promote_intent(request: AnyRequest, name: FromPath[str]) -> RecipeShown:
        principal = await desk.principal(request.scope)
        return show_recipe(await recipes.promote(principal, name, await read_json(gateway, request, NewRecipe)))

    @get("/v1/recipes")
    async def list_recipes(request: AnyRequest) -> RecipeList:
        """All of the tenant for those who may see or decide approvals, and else one's own."""
        principal = await desk.principal(request.scope)
        found = await recipes.list(principal, sees_all=sees_all(gateway.roles, principal))
        return RecipeList(tuple(map(summarise_recipe, found)))

    @get("/v1/recipes/{name:str}")
    async def show_one(request: AnyRequest, name: FromPath[str]) -> RecipeShown:
        principal = await desk.principal(request.scope)
        found = await recipes.find(principal, name, sees_all=sees_all(gateway.roles, principal))
        return show_recipe(recipes.tell(principal, found))

    @post("/v1/recipes/{name:str}/approve", status_code=200)
    async def approve_recipe(request: AnyRequest, name: FromPath[str]) -> RecipeShown:
        principal = await desk.principal(request.scope)
        found = await recipes.find(principal, name, sees_all=sees_all(gateway.roles, principal))
        decides = gateway.roles.allow_admin(principal, "approvals.decide").allowed
        if found.person != principal.person:
            require(gateway.roles, principal, "approvals.decide")
        return show_recipe(await recipes.approve(principal, name, decides=decides))

    @get("/v1/recipes/{name:str}/arazzo")
    async def export_recipe(request: AnyRequest, name: FromPath[str]) -> dict[str, Any]:
        principal = await desk.principal(request.scope)
        found = await recipes.find(principal, name, sees_all=sees_all(gateway.roles, principal))
        return recipes.export(principal, portable_of(found), plain=read_query(request.scope, ArazzoQuery).plain)

    @get("/v1/intents/{name:str}/arazzo")
    async def export_intent(request: AnyRequest, name: FromPath[str]) -> dict[str, Any]:
        principal = await desk.principal(request.scope)
        run = await gateway.runs.look_up(principal, name)
        plain = read_query(request.scope, ArazzoQuery).plain
        return recipes.export(principal, Portable(f"intent-{run.id[:8]}", run.plan), plain=plain)

    @post("/v1/recipes:import", status_code=201)
    async def import_recipe(request: AnyRequest) -> RecipeBrought:
        principal = await desk.principal(request.scope)
        brought = await recipes.bring(principal, await read_json(gateway, request, NewImport))
        return RecipeBrought(show_recipe(brought.told), brought.notes)

    @delete("/v1/recipes/{name:str}", status_code=200)
    async def delete_recipe(request: AnyRequest, name: FromPath[str]) -> RecipeSummary:
        principal = await desk.principal(request.scope)
        return summarise_recipe(recipes.tell(principal, await recipes.delete(principal, name)))

    @post("/v1/recipes/{name:str}", status_code=201)
    async def run_recipe(request: AnyRequest, name: FromPath[str]) -> IntentShown:
        if not name.endswith(RUN):
            raise NotFound(
                "There is nothing here that answers to that; a recipe is carried out at its name and `:run`."
            )
        principal = await desk.principal(request.scope)
        asked = await read_json(gateway, request, RunBody)
        wanted = IntentBody(recipe=name.removesuffix(RUN), arguments=asked.arguments, mode=asked.mode)
        key = next(iter(header_values(request.scope, b"idempotency-key")), "")
        run = await begin(gateway.intents, gateway.planning, principal, wanted, "rest", key)
        return show_run(await gateway.runs.wait(principal, run.id, asked.wait_s))

    return [
        promote_intent,
        list_recipes,
        show_one,
        approve_recipe,
        export_recipe,
        export_intent,
        import_recipe,
        delete_recipe,
        run_recipe,
    ]


def summarise_recipe(told: Told) -> RecipeSummary:
    one = told.recipe
    return RecipeSummary(
        one.id,
        one.name,
        one.description,
        told.state,
        told.detail,
        one.person[2],
        one.words,
        tuple(each.name for each in one.parameters),
        tuple(sorted(one.fingerprints)),
        one.created_at,
    )


def show_recipe(told: Told) -> RecipeShown:
    """A recipe as every door shows it."""
    one, summary = told.recipe, summarise_recipe(told)
    return RecipeShown(
        **{name: getattr(summary, name) for name in summary.__struct_fields__ if name != "parameters"},
        parameters=tuple(
            ParameterShown(each.name, each.description, each.places, asked_by(one, each, told.tools).schema)
            for each in one.parameters
        ),
        approved_by=one.approved_by,
        intent=one.source,
        vouched=one.vouched,
        writes=tuple(step.name for step in one.plan.steps if not _only_reads(told, step.tool)),
        plan=one.plan,
    )


def _only_reads(told: Told, name: str) -> bool:
    tool = told.tools.get(name)
    return tool is not None and tool.effect == "read"
