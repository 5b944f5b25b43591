"""STORY  Recipes: a run that worked becomes one by a person's yes; the plan of one is made again, and nobody else's word passes
as theirs. Calls nothing."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from gateway.audit import AuditLog
from gateway.core.arazzo import Portable
from gateway.core.arazzo_document import ArazzoRefused, Document, read_document
from gateway.core.arazzo_read import read_arazzo
from gateway.core.arazzo_write import Lossy, write_arazzo
from gateway.core.arguments import ArgumentProblem
from gateway.core.audit import administered
from gateway.core.catalog import Connector
from gateway.core.document import DocumentBroken, parse_document
from gateway.core.labels import Labels, Trust
from gateway.core.plan import Literal, Plan
from gateway.core.plan_check import PlanProblem, check_plan
from gateway.core.principal import Principal
from gateway.core.recipe import (
    NewRecipe,
    Recipe,
    RecipeState,
    Unpromotable,
    check_words,
    face_of,
    fingerprints_of,
    instance,
    is_instance,
    phrase_of,
    said_in,
    template_of,
    tools_of,
    what_changed,
    words_for,
)
from gateway.core.run import Run
from gateway.core.tool import Tool
from gateway.discover import Discovery
from gateway.errors import ArgumentsInvalid, BadRequest, Conflict, Forbidden, GatewayError, NotFound, PlanInvalid
from gateway.runs import Runs
from gateway.settings import IntentSettings
from gateway.stores.base import RecipeStore

RECIPES_MAX = 200
LISTED_MAX = 500
NAMES_SHOWN_MAX = 20
TRIES_MAX = 20
LOSSES_SHOWN_MAX = 20
DESCRIPTION_CHARACTERS_MAX = 1_000


class Told(Struct, frozen=True):
    """A recipe as it is now, and why it cannot be used, "" where it can. `tools` are all that its tenant has."""

    recipe: Recipe
    state: RecipeState
    detail: str
    tools: Mapping[str, Tool]


class NewImport(Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe to be, of an Arazzo `document`: as JSON, or as text of JSON or YAML. `workflow` says which, where it has several;
    `sources` which connector each of its source descriptions is, where that is not plain; `name` what it is called, "" being as
    its workflow is. `words` and `description` take the place of its own."""

    document: dict[str, Any] | str
    workflow: str = ""
    sources: dict[str, str] = {}
    name: str = ""
    description: str = ""
    words: tuple[str, ...] = ()


class Brought(Struct, frozen=True):
    """What came of an import, and what of it is done in another way than the document says."""

    told: Told
    notes: tuple[str, ...]


class Recipes:
    """All recipes of one gateway."""

    def __init__(
        self,
        discovery: Discovery,
        runs: Runs,
        store: RecipeStore,
        audit: AuditLog,
        settings: IntentSettings,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._discovery = discovery
        self._runs = runs
        self._store = store
        self._audit = audit
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    def is_person(self, by: Principal) -> bool:
        """Whether a person acts with their own hands: at the store itself, or through a client for people."""
        return by.method == "local" or self._settings.is_person(by)

    async def promote(self, by: Principal, run_id: str, wanted: NewRecipe) -> Told:
        """A recipe of a run of one's own that is done: active where a person says so, and else once one said yes to it. Raises
        NotFound, Conflict, BadRequest, PlanInvalid or Forbidden."""
        run = await self._runs.known(run_id)
        if run is None or not self._is_theirs(run, by):
            raise NotFound(f"There is no intent {run_id[:40]!r} of yours.")
        if (run.state, run.mode) != ("done", "execute"):
            raise Conflict(f"What was carried out and is done becomes a recipe; this is {run.state} ({run.mode}).")
        said = said_in(run.plan, wanted.parameters, self._labels_of(run), self._tools(run.principal))
        words = wanted.words or words_for(run.plan, wanted.parameters)
        return await self._add(by, structs.replace(wanted, words=words), run.plan, run.id, tuple(said))

    async def bring(self, by: Principal, asked: NewImport) -> Brought:
        """A recipe of a document, none of whose values is anybody's word: active where a person brings it, and else once one said
        yes to it. Raises BadRequest, PlanInvalid, Conflict or Forbidden."""
        try:
            document = read_document(_tree_of(asked.document))
            known = self._discovery.view(by).catalog.connectors
            connectors = _connectors_of(document, asked.sources, known)
            brought = await asyncio.to_thread(read_arazzo, document, asked.workflow, connectors)
        except ArazzoRefused as error:
            raise BadRequest(f"No recipe comes of the document: {'; '.join(error.problems)}.") from error
        one = brought.portable
        told = {
            "name": asked.name or _recipe_name(one.name),
            "description": asked.description or one.description[:DESCRIPTION_CHARACTERS_MAX],
            "words": asked.words or one.words,
            "parameters": one.parameters,
        }
        try:
            wanted = msgspec.convert(msgspec.to_builtins(told), NewRecipe)
        except msgspec.ValidationError as error:
            raise BadRequest(f"No recipe comes of the document: {error}.") from error
        return Brought(await self._add(by, wanted, one.plan, "", ()), brought.notes)

    def export(self, by: Principal, one: Portable, *, plain: bool = False) -> dict[str, Any]:
        """A plan that held once as an Arazzo document; `plain`: without what is ours alone. Raises Conflict where a tool of it is
        gone, or BadRequest where it cannot be said plainly."""
        view = self._discovery.view(by, step_up=True)
        if gone := [name for name in tools_of(one.plan) if name not in view.tools]:
            raise Conflict(f"There is no {gone[0]} any more, so that nothing can be said of it.")
        try:
            return write_arazzo(one, view.tools, view.catalog.connectors, plain=plain)
        except Lossy as error:
            told = "; ".join(error.losses[:LOSSES_SHOWN_MAX])
            raise BadRequest(f"Arazzo alone cannot say it: {told}. Without `plain`, x-factotum says it.") from error

    def _is_theirs(self, run: Run, by: Principal) -> bool:
        """A person has what they began through any of their clients; a client what was begun through it."""
        return run.owner == by.owner or (self.is_person(by) and run.principal.person == by.person)

    def _labels_of(self, run: Run) -> Labels:
        view = self._discovery.view(run.principal)
        trusted = (name for name, one in view.catalog.connectors.items() if one.manifest.trusted_answers)
        is_person = self._settings.is_person(run.principal)
        return Labels(run.plan, view.tools, Trust(frozenset(trusted), is_person, frozenset(run.vouched)))

    async def _add(self, by: Principal, wanted: NewRecipe, plan: Plan, source: str, said: tuple[str, ...]) -> Told:
        try:
            template = template_of(plan, wanted.parameters)
            check_words(wanted.words, wanted.parameters)
        except Unpromotable as error:
            raise BadRequest(f"No recipe comes of it: {error}.") from error
        view = self._discovery.view(by)
        if problems := check_plan(template, view.tools, self._loose(by)):
            raise PlanInvalid(problems)
        if len(await self._store.recipes(by.tenant, RECIPES_MAX, by.person)) >= RECIPES_MAX:
            raise Forbidden(f"{RECIPES_MAX} recipes of yours are there already; delete some.")
        is_own = self.is_person(by)
        fresh = Recipe(
            id=self._new_id(),
            name=wanted.name,
            maker=by.owner,
            plan=template,
            created_at=self._clock(),
            fingerprints=fingerprints_of(template, view.tools),
            state="active" if is_own else "pending",
            description=wanted.description,
            words=wanted.words,
            parameters=wanted.parameters,
            source=source,
            said=said,
            own=is_own,
            approved_by=by.subject if is_own else "",
        )
        if not await self._store.write_recipe(None, fresh):
            raise Conflict(f"You have a recipe named {wanted.name} already; delete it, or take another name.")
        await self._record(by, "promoted", fresh)
        return self.tell(by, fresh)

    async def list(self, by: Principal, *, sees_all: bool = False) -> Sequence[Told]:
        """One's own, whichever client made them, or all of the tenant, in the order of their names."""
        found = await self._store.recipes(by.tenant, LISTED_MAX, None if sees_all else by.person)
        return [self.tell(by, one) for one in found]

    async def find(self, by: Principal, name: str, *, sees_all: bool = False) -> Recipe:
        """One of one's own by its name; or, where one sees all of the tenant, by its id. Raises NotFound."""
        mine = await self._store.recipes(by.tenant, RECIPES_MAX, by.person)
        found = next((one for one in mine if one.name == name), None)
        if found is None and sees_all:
            found = await self._store.find_recipe(name)
        if found is None or found.person[0] != by.tenant:
            others = ", ".join(one.name for one in mine[:NAMES_SHOWN_MAX])
            told = f"; there are {others}" if others else ""
            raise NotFound(f"There is no recipe {name[:64]!r} of yours{told}.")
        return found

    def tell(self, by: Principal, one: Recipe) -> Told:
        """As its tools are now."""
        tools = self._tools(by)
        if one.state == "pending":
            detail = "A person has to look at it first, and say yes: nobody has."
            return Told(one, "pending", detail, tools)
        changed = what_changed(one, tools)
        if changed:
            return Told(one, "suspended", f"{changed} Somebody has to look at it again, and say yes.", tools)
        return Told(one, "active", "", tools)

    async def approve(self, by: Principal, name: str, *, decides: bool) -> Told:
        """A person's yes to it, with its tools as they are now: its own person's, or that of somebody who `decides` and did not
        make it. Raises NotFound, Forbidden, or Conflict where it waits for none."""
        for _ in range(TRIES_MAX):
            found = await self.find(by, name, sees_all=decides)
            is_own = found.person == by.person
            if not (is_own and self.is_person(by)) and not (decides and found.maker != by.owner):
                raise Forbidden(
                    "A person says yes to a recipe, and not what made it: through a client of intents.person_clients, or "
                    "somebody who decides approvals."
                )
            if self.tell(by, found).state == "active":
                raise Conflict("It is active, and waits for no yes.")
            tools = self._tools(by)
            if problems := check_plan(found.plan, tools, self._loose(by)):
                raise PlanInvalid(problems)
            prints = fingerprints_of(found.plan, tools)
            after = structs.replace(
                found,
                state="active",
                fingerprints=prints,
                own=is_own,
                approved_by=by.subject,
                version=found.version + 1,
            )
            if await self._store.write_recipe(found, after):
                await self._record(by, "approved", after)
                return self.tell(by, after)
        raise Conflict("It changes all the time; try again.")

    async def delete(self, by: Principal, name: str) -> Recipe:
        """It goes; its runs stay. Raises NotFound."""
        for _ in range(TRIES_MAX):
            found = await self.find(by, name)
            if await self._store.write_recipe(found, None):
                await self._record(by, "deleted", found)
                return found
        raise Conflict("It changes all the time; try again.")

    async def usable(self, by: Principal, name: str) -> Recipe:
        """One of one's own that is active. Raises NotFound or Conflict."""
        told = self.tell(by, await self.find(by, name))
        if told.state != "active":
            raise Conflict(f"The recipe {name} is {told.state}: {told.detail}")
        return told.recipe

    async def mine(self, by: Principal) -> Sequence[Recipe]:
        """One's own that a person said yes to; `tell` says whether one can be used."""
        found = await self._store.recipes(by.tenant, RECIPES_MAX, by.person)
        return [one for one in found if one.state == "active"]

    async def best(self, by: Principal, text: str, among: Sequence[Recipe]) -> Sequence[Recipe]:
        """Those of these that fit some words, best first."""
        tools = self._tools(by)
        faces = {one.id: face for one in among if (face := face_of(one, tools)) is not None}
        order = await self._discovery.order(text, list(faces.values())) if faces else ()
        places = {name: place for place, name in enumerate(order)}
        return sorted(
            (one for one in among if one.id in faces and one.name in places), key=lambda one: places[one.name]
        )

    async def plan(self, by: Principal, name: str, arguments: Mapping[str, Any]) -> Plan:
        """Its plan, with these arguments; those that are not given are asked. Raises NotFound, Conflict or ArgumentsInvalid."""
        recipe = await self.usable(by, name)
        names = {one.name for one in recipe.parameters}
        if unknown := sorted(arguments.keys() - names):
            known = f"one of {', '.join(sorted(names))}" if names else "none: it has no parameters"
            raise ArgumentsInvalid(tuple(ArgumentProblem(one, "", f"unknown; {known}") for one in unknown))
        return instance(
            recipe, phrase_of(recipe, arguments), {name: Literal(value) for name, value in arguments.items()}
        )

    async def vouched(self, by: Principal, plan: Plan) -> tuple[str, ...]:
        """The places of values in a plan that are the person's own word, as the recipe has them that the plan is from. Raises
        PlanInvalid where it is from none that can be used."""
        if not plan.recipe:
            return ()
        try:
            recipe = await self.usable(by, plan.recipe)
        except GatewayError as error:
            raise PlanInvalid((PlanProblem("", "", error.detail.rstrip(".")),)) from error
        if not is_instance(recipe, plan):
            raise PlanInvalid((PlanProblem("", "", f"it is not the plan of the recipe {recipe.name}, as it says"),))
        return recipe.vouched

    def _tools(self, by: Principal) -> Mapping[str, Tool]:
        """All of the tenant: what somebody looks at is not what they may call."""
        return self._discovery.view(by, step_up=True).tools

    def _loose(self, by: Principal) -> Sequence[str]:
        connectors = self._discovery.view(by).catalog.connectors
        return [name for name, one in connectors.items() if one.manifest.undeclared_fields]

    async def _record(self, by: Principal, what: str, one: Recipe) -> None:
        told = {"id": one.id, "name": one.name, "for": one.person[2], "tools": sorted(one.fingerprints)}
        line = administered(by, self._clock(), f"recipe.{what}", arguments=Raw(msgspec.json.encode(told)))
        await self._audit.record(structs.replace(line, intent=one.plan.intent))


def portable_of(one: Recipe) -> Portable:
    return Portable(one.name, one.plan, one.description, one.words, one.parameters)


def _tree_of(document: dict[str, Any] | str) -> dict[str, Any]:
    """Raises BadRequest."""
    if isinstance(document, dict):
        return document
    try:
        return parse_document(document.encode(), "the document")
    except (DocumentBroken, UnicodeError) as error:
        raise BadRequest("The document can be read as no JSON or YAML.") from error


def _connectors_of(document: Document, said: Mapping[str, str], known: Mapping[str, Connector]) -> dict[str, Connector]:
    """Which connector each source is: as it is said, as we wrote, as the same document, or of the same name. Raises BadRequest."""
    by_url = {one.manifest.document: name for name, one in known.items() if one.manifest.document}
    found = {}
    for source in document.source_descriptions:
        if source.name in said and said[source.name] not in known:
            raise BadRequest(f"There is no connector {said[source.name][:64]!r}.")
        names = (said.get(source.name), source.extension.connector, by_url.get(source.url), source.name)
        if name := next((one for one in names if one and one in known), None):
            found[source.name] = known[name]
    if unknown := sorted(said.keys() - {one.name for one in document.source_descriptions}):
        raise BadRequest(f"The document has no source {unknown[0][:64]!r}.")
    return found


def _recipe_name(workflow: str) -> str:
    """`ApplyForLoan` -> `apply-for-loan`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", workflow).lower()
    return re.sub(r"[^a-z0-9_]+", "-", apart).strip("-_")[:64] or "recipe"
