"""Recipes: promote what worked, list them, look at one, say yes to it, carry it out, delete it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TextIO

import msgspec
import rich_click as click

from gateway.cli.ask import Asking, Here, There, carry_on, confirm, print_plan
from gateway.cli.intents import in_json, waiting
from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.cli.tools import json_object, of_tenant, remote_of
from gateway.core.plan import Literal
from gateway.core.principal import Principal
from gateway.core.recipe import NewRecipe, RecipeParameter, with_given
from gateway.edge.intents import IntentShown
from gateway.edge.parts import Gateway
from gateway.edge.recipes import RecipeBrought, RecipeList, RecipeShown, RecipeSummary, show_recipe, summarise_recipe
from gateway.errors import BadRequest
from gateway.recipes import NewImport, portable_of
from gateway.remote.gateway import segment

PATH = "/v1/recipes"


@asynccontextmanager
async def _here(tenant: str) -> AsyncIterator[tuple[Gateway, Principal]]:
    async with open_here() as gateway:
        yield gateway, await operator(gateway, tenant)


@cli.group(invoke_without_command=True)
@click.pass_context
def recipes(context: click.Context) -> None:
    """What worked once, to be had again."""
    if context.invoked_subcommand is None:
        context.invoke(list_recipes)


@recipes.command("list")
@of_tenant
@asynchronous
async def list_recipes(tenant: str) -> None:
    """In the order of their names."""
    if (remote := remote_of(tenant)) is not None:
        found = remote.get(PATH, RecipeList).recipes
    else:
        async with _here(tenant) as (gateway, me):
            found = tuple(map(summarise_recipe, await gateway.recipes.list(me)))
    shown = table("recipe", "state", "takes", "answers to")
    for one in found:
        shown.add_row(one.name, one.state, ", ".join(one.parameters), " | ".join(one.words) or one.description)
    out.print(shown)


@recipes.command("show")
@click.argument("name", metavar="RECIPE")
@in_json
@of_tenant
@asynchronous
async def show_one(name: str, as_json: bool, tenant: str) -> None:
    """Its plan, what its parameters take, and whether it can be used."""
    shown = await _find(name, tenant)
    if as_json:
        out.print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    else:
        _print(shown)


@recipes.command("promote")
@click.argument("intent")
@click.option("--name", required=True, help="What it is called: lower case, digits, - and _.")
@click.option("--description", default="", help="What it is for.")
@click.option(
    "--words", multiple=True, help="Repeatable: words that it answers to, with {name} where a parameter is told."
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="STEP/ARGUMENT=NAME",
    help="Repeatable: what is told anew each time.",
)
@of_tenant
@asynchronous
async def promote_intent(
    intent: str, name: str, description: str, words: tuple[str, ...], parameters: tuple[str, ...], tenant: str
) -> None:
    """Make a recipe of an intent of yours that is done."""
    told = {"name": name, "description": description, "words": words, "parameters": read_parameters(parameters)}
    try:
        wanted = msgspec.convert(told, NewRecipe)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The recipe does not fit: {error}.") from error
    if (remote := remote_of(tenant)) is not None:
        _print(remote.post(f"/v1/intents/{segment(intent)}/promote", RecipeShown, wanted))
        return
    async with _here(tenant) as (gateway, me):
        _print(show_recipe(await gateway.recipes.promote(me, intent, wanted)))


@recipes.command("approve")
@click.argument("name", metavar="RECIPE")
@of_tenant
@asynchronous
async def approve_recipe(name: str, tenant: str) -> None:
    """Say yes to it, with its tools as they are now; of somebody else's, by its id."""
    if (remote := remote_of(tenant)) is not None:
        _print(remote.post(f"{PATH}/{segment(name)}/approve", RecipeShown))
        return
    async with _here(tenant) as (gateway, me):
        _print(show_recipe(await gateway.recipes.approve(me, name, decides=True)))


@recipes.command("delete")
@click.argument("name", metavar="RECIPE")
@of_tenant
@asynchronous
async def delete_recipe(name: str, tenant: str) -> None:
    """Delete it; its runs stay."""
    if (remote := remote_of(tenant)) is not None:
        remote.ask("DELETE", f"{PATH}/{segment(name)}", RecipeSummary)
    else:
        async with _here(tenant) as (gateway, me):
            await gateway.recipes.delete(me, name)
    out.print(f"{name} is deleted")


@recipes.command("run")
@click.argument("name", metavar="RECIPE")
@click.argument("arguments", default="{}")
@click.option("--yes", is_flag=True, help="Do it without asking; what policies want a yes for still waits for one.")
@click.option("--preview", is_flag=True, help="Send no write; show each request as it would be.")
@waiting
@of_tenant
@asynchronous
async def run_recipe(name: str, arguments: str, yes: bool, preview: bool, wait: float, tenant: str) -> None:
    """Carry one out with ARGUMENTS, a JSON object by the names of its parameters; those that are left out are asked."""
    told, mode = json_object(arguments), "preview" if preview else "execute"
    shown = await _find(name, tenant)
    places = {one.name: one.places for one in shown.parameters}
    print_plan(with_given(shown.plan, places, {each: Literal(value) for each, value in told.items()}))
    if shown.writes and not (yes or preview):
        confirm()
    if (remote := remote_of(tenant)) is not None:
        body = {"arguments": told, "mode": mode, "wait_s": wait}
        await carry_on(There(remote), remote.post(f"{PATH}/{segment(name)}:run", IntentShown, body), wait)
        return
    async with open_here(carries_out=True) as gateway:
        me = await operator(gateway, tenant)
        asking: Asking = Here(gateway, me)
        plan = await gateway.recipes.plan(me, name, told)
        await carry_on(asking, await asking.start(plan, "preview" if preview else "execute", wait), wait)


@recipes.command("export")
@click.argument("name", metavar="RECIPE")
@click.option("--plain", is_flag=True, help="Without x-factotum; refused where that loses something.")
@of_tenant
@asynchronous
async def export_recipe(name: str, plain: bool, tenant: str) -> None:
    """Print it as an Arazzo document, as JSON."""
    if (remote := remote_of(tenant)) is not None:
        told = remote.get(f"{PATH}/{segment(name)}/arazzo", dict[str, Any], plain=str(plain).lower())
    else:
        async with _here(tenant) as (gateway, me):
            found = await gateway.recipes.find(me, name)
            told = gateway.recipes.export(me, portable_of(found), plain=plain)
    out.print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


@recipes.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--name", default="", help="What it is called.  [default: as its workflow]")
@click.option("--workflow", default="", help="Which one, where the document has several.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE=CONNECTOR",
    help="Repeatable: which connector a source description is.",
)
@of_tenant
@asynchronous
async def import_recipe(file: TextIO, name: str, workflow: str, sources: tuple[str, ...], tenant: str) -> None:
    """Make a recipe of an Arazzo document: FILE, of JSON or YAML; - is standard input."""
    asked = NewImport(file.read(), workflow, dict(_pair(one) for one in sources), name)
    if (remote := remote_of(tenant)) is not None:
        brought = remote.post(f"{PATH}:import", RecipeBrought, asked)
        shown, notes = brought.recipe, brought.notes
    else:
        async with _here(tenant) as (gateway, me):
            here = await gateway.recipes.bring(me, asked)
        shown, notes = show_recipe(here.told), here.notes
    _print(shown)
    for note in notes:
        err.print(note)


def _pair(told: str) -> tuple[str, str]:
    source, mark, connector = told.partition("=")
    if not mark:
        raise BadRequest(f"{told[:80]!r} is no SOURCE=CONNECTOR, such as petstore=pets.")
    return source, connector


async def _find(name: str, tenant: str) -> RecipeShown:
    if (remote := remote_of(tenant)) is not None:
        return remote.get(f"{PATH}/{segment(name)}", RecipeShown)
    async with _here(tenant) as (gateway, me):
        return show_recipe(gateway.recipes.tell(me, await gateway.recipes.find(me, name, sees_all=True)))


def read_parameters(told: Iterable[str]) -> list[RecipeParameter]:
    """Those that the options name: a name that comes again has one more place. Raises BadRequest."""
    places: dict[str, tuple[str, ...]] = {}
    for one in told:
        place, mark, name = one.rpartition("=")
        if not mark or "/" not in place:
            raise BadRequest(f"{one[:80]!r} is no STEP/ARGUMENT=NAME, such as tell/subject=subject.")
        places[name] = (*places.get(name, ()), place)
    return [RecipeParameter(name, each) for name, each in places.items()]


def _print(shown: RecipeShown) -> None:
    out.print(f"{shown.name}  ({shown.state})  {shown.description}".rstrip())
    if shown.detail:
        out.print(shown.detail)
    for phrase in shown.words:
        out.print(f"answers to: {phrase}")
    for one in shown.parameters:
        out.print(f"takes {one.name}, at {', '.join(one.places)}: {msgspec.json.encode(one.schema).decode()}")
    print_plan(shown.plan)
