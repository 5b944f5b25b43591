"""STORY  From words to a plan, for one caller: what they may call is searched, what a plan needs to know is read by way of
`Calls.call`, and one planner makes of it what it can. Writes nothing."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import structs

from gateway.call import Asked, Calls
from gateway.core.complete import complete
from gateway.core.entities import read_entities
from gateway.core.entity import Entity
from gateway.core.fact import Fact, SettingName, key_words, recalled, setting, value_of
from gateway.core.listing import listings
from gateway.core.match import list_at, read_things
from gateway.core.plan import INTENT_CHARACTERS_MAX, Plan
from gateway.core.plan_check import check_plan
from gateway.core.planned import Asks, Choice, Finished, Impossible, Planned, Ready, Told, Used, chosen
from gateway.core.principal import Principal
from gateway.core.recipe import Given, Recipe, instance
from gateway.core.recipe_match import Called, called_for, near, thing_of
from gateway.core.replan import SoFar, kept, what_became
from gateway.core.run import Spoken
from gateway.core.template import Template, tools_of
from gateway.core.tool import Effect
from gateway.core.toolset import Filter, narrow
from gateway.discover import Discovery, View
from gateway.errors import BadRequest, GatewayError
from gateway.memory import Memory
from gateway.planners.base import Planner, Sight, Unseen, Wish
from gateway.planners.naming import find_named
from gateway.recipes import Recipes
from gateway.runs import Held

RECIPES_OFFERED_MAX = 3
# So many lists are read to see whether something is called so: those of what search finds for it, and of few tools, of all.
LISTS_MAX, SEARCHED_MAX, FEW_TOOLS = 20, 50, 300


class Planning:
    """Makes plans. `clock` tells the time with a zone."""

    def __init__(
        self,
        discovery: Discovery,
        calls: Calls,
        planner: Planner,
        recipes: Recipes,
        memory: Memory,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._discovery = discovery
        self._calls = calls
        self._planner = planner
        self._recipes = recipes
        self._memory = memory
        self._clock = clock

    async def plan(
        self,
        principal: Principal,
        text: str,
        door: str,
        *,
        zone: str = "",
        locale: str = "",
        now: datetime | None = None,
        told: tuple[Told, ...] = (),
        toolset: str = "",
    ) -> Planned:
        """What comes of a person's words, spoken `now`, and of what they `told` when they were asked about them. `zone` is the name
        of the time zone in which they speak (`Europe/Berlin`), `locale` their language (`en-GB`); "" is what they had remembered,
        else that of the clock, and English. Raises BadRequest where there is no such zone."""
        moment, facts = now or self._clock(), tuple(await self._memory.known_to(principal))
        zone, of_zone = _said(zone, facts, "zone")
        locale, of_locale = _said(locale, facts, "locale")
        if zone:
            moment = moment.astimezone(_zone_of(zone))
        sight = self._sight(principal, text, door, toolset)
        if not sight.tools:
            return Impossible((), "There is no tool that you may call.")
        planned = await self._planned(principal, Wish(text, moment, locale or "en", zone, told, facts), sight)
        if isinstance(planned, Ready):
            used = (*of_zone, *of_locale, *planned.facts)
            remembered = tuple(recalled(one.what) for one in facts if one.id in used)
            planned = structs.replace(planned, facts=used, remembered=remembered)
            await self._memory.use(principal, planned.facts)
        return planned

    async def _planned(self, principal: Principal, wish: Wish, sight: Sight) -> Planned:
        if (known := await self._by_recipe(principal, wish, sight)) is not None:
            return known
        planned = await self._planner.plan(wish, sight)
        return await self._or_recipes(principal, wish, planned) if isinstance(planned, Impossible) else planned

    async def _by_recipe(self, principal: Principal, wish: Wish, sight: Sight) -> Ready | Asks | None:
        """The plan of the recipe whose words these are; which one, where they are those of several; None where they are of none."""
        recipes = await self._recipes.mine(principal)
        if not recipes or len(wish.text) > INTENT_CHARACTERS_MAX:
            return None
        entities = read_entities(wish.text, wish.now, wish.locale)
        called = {
            one.recipe.name: one
            for each in await asyncio.to_thread(called_for, wish.text, entities, recipes, sight.tools)
            if self._recipes.tell(principal, each.recipe).state == "active"
            and (one := await _with_things(each, wish.text, entities, sight)) is not None
            and not check_plan(one.plan, sight.tools, sight.loose)
        }
        if not called:
            return None
        because = tuple(f"It is your recipe {name}: “{one.phrase}”." for name, one in called.items())
        asks = Asks(because, "Which of your recipes is meant?", _choices(one.recipe for one in called.values()))
        choice = asks.choices[0] if len(called) == 1 else chosen(asks, wish.told)
        return asks if choice is None else Ready(because, called[choice.value].plan)

    async def _or_recipes(self, principal: Principal, wish: Wish, planned: Impossible) -> Planned:
        """Whether a recipe is meant that has all of the words, where nothing else comes of them."""
        close = near(wish.text, await self._recipes.mine(principal))
        known = [one for one in close if self._recipes.tell(principal, one).state == "active"]
        best = {one.name: one for one in (await self._recipes.best(principal, wish.text, known))[:RECIPES_OFFERED_MAX]}
        if not best:
            return planned
        asks = Asks((*planned.because, planned.reason), "Is this recipe of yours meant?", _choices(best.values()))
        choice = chosen(asks, wish.told)
        return asks if choice is None else Ready(asks.because, instance(best[choice.value], wish.text, {}))

    async def again(self, held: Held) -> Planned:
        """The same for a run whose words were asked about, as they were said then."""
        run, spoken = held.run, held.run.spoken or Spoken()
        return await self.plan(
            run.principal,
            run.plan.intent,
            run.door,
            zone=spoken.zone,
            locale=spoken.locale,
            now=run.created_at,
            told=held.progress.told,
            toolset=run.toolset,
        )

    @property
    def goes_on(self) -> bool:
        """Whether what it plans from words can be planned again from where it is."""
        return self._planner.goes_on

    @property
    def by_steps(self) -> bool:
        """Whether it says one step at a time to whoever wants that."""
        return self._planner.by_steps

    @property
    def reserves(self) -> Used:
        """The most that one planning takes."""
        return self._planner.reserves

    async def go_on(self, held: Held, failed: str, room: Used) -> Planned | Finished:
        """A plan that goes on from where a run is: after what `failed` to show, or, where that is "", with the next step. `room` is
        what may be used for it."""
        run, spoken = held.run, held.run.spoken or Spoken()
        moment = run.created_at.astimezone(_zone_of(spoken.zone)) if spoken.zone else run.created_at
        wish = Wish(run.plan.intent, moment, spoken.locale or "en", spoken.zone, held.progress.told)
        by_steps = run.planning == "steps"
        calls = what_became(run, held.progress, answers=by_steps)
        so_far = SoFar(kept(run.plan, held.progress), calls, failed, room, by_steps)
        return await self._planner.go_on(wish, self._sight(run.principal, wish.text, run.door, run.toolset), so_far)

    async def called(self, principal: Principal, words: str, door: str) -> str:
        """A sentence where a thing of the caller's is called exactly so, as far as LISTS_MAX lists say; "" where none is."""
        sight = self._sight(principal, words, door, "")
        found = [*await sight.search(words, SEARCHED_MAX, frozenset({"read"}))]
        names = dict.fromkeys([*found, *sight.tools] if len(sight.tools) <= FEW_TOOLS else found)
        for listing in listings(sight.tools, names)[:LISTS_MAX]:
            try:
                listed = await sight.look(listing.tool.name, {}) if sight.look is not None else None
            except Unseen:
                continue
            for thing in read_things(list_at(listed, listing.items), listing.key):
                if key_words(thing.label) == key_words(words):
                    return f"There is a {listing.noun or 'thing'} “{thing.label}” already ({listing.tool.name})."
        return ""

    async def of_recipe(self, principal: Principal, name: str, arguments: Mapping[str, Any]) -> Plan:
        """The plan of a recipe. Raises what `Recipes.plan` raises."""
        return await self._recipes.plan(principal, name, arguments)

    def of_goal(self, principal: Principal, goal: str, known: Mapping[str, Any], toolset: str = "") -> Planned:
        """The plan that calls the tool `goal` with what is known, with no language at all."""
        return complete(goal, known, self._discovery.view_of(principal, toolset).tools)

    def _sight(self, principal: Principal, text: str, door: str, toolset: str) -> Sight:
        view, chosen = self._discovery.view_of(principal, toolset), self._discovery.toolset(principal, toolset)
        loose = frozenset(name for name, one in view.catalog.connectors.items() if one.manifest.undeclared_fields)
        search, look = self._search(principal, door, chosen), self._look(principal, text, door, chosen)
        return Sight(view.tools, search, look, loose, _templates_of(view))

    def _search(self, principal: Principal, door: str, toolset: Filter) -> Callable[[str, int, frozenset[Effect]], Any]:
        async def search(text: str, limit: int, effects: frozenset[Effect]) -> Sequence[str]:
            among = narrow(effects=effects)
            answer = await self._discovery.search(principal, text, limit, among, door=door, toolset=toolset)
            return [one.tool.name for one in answer.found]

        return search

    def _look(
        self, principal: Principal, text: str, door: str, toolset: Filter
    ) -> Callable[[str, Mapping[str, object]], Any]:
        async def look(name: str, arguments: Mapping[str, object]) -> Any:
            tool = self._discovery.view(principal, toolset=toolset).tools.get(name)
            if tool is None or tool.effect != "read":
                raise Unseen("it does more than read")
            try:
                asked = Asked(name, arguments, door, source="intent", intent=text, toolset=toolset)
                result = await self._calls.call(principal, asked)
            except GatewayError as error:
                raise Unseen(error.detail.rstrip(".")) from error
            if result.is_error:
                raise Unseen(f"it answered with the status {result.status}")
            return msgspec.json.decode(result.structured) if bytes(result.structured) else None

        return look


async def _with_things(called: Called, text: str, entities: Sequence[Entity], sight: Sight) -> Called | None:
    """With the ids of the things that the words name, or the question which of several; None where one is nowhere."""
    found: dict[str, Given] = dict(called.given)
    for one in called.recipe.parameters:
        if (span := called.named.get(one.name)) is None or (asked := thing_of(called.recipe, one, sight.tools)) is None:
            continue
        if (source := await find_named(sight, text, span, entities, *asked)) is None:
            return None
        found[one.name] = source
    return structs.replace(called, plan=instance(called.recipe, text, found)) if called.named else called


def _choices(recipes: Iterable[Recipe]) -> tuple[Choice, ...]:
    return tuple(Choice(one.name, one.description or next(iter(one.words), one.name)) for one in recipes)


def _said(told: str, facts: Iterable[Fact], name: SettingName) -> tuple[str, tuple[str, ...]]:
    """What is told, else what the person had remembered, and the id of that fact."""
    fact = None if told else setting(facts, name)
    return (str(value_of(fact.what)), (fact.id,)) if fact is not None else (told, ())


def _templates_of(view: View) -> tuple[Template, ...]:
    """Those of which the caller may use every tool, each a tool of the connector that has the template."""
    return tuple(
        template
        for name, one in view.catalog.connectors.items()
        for template in one.manifest.templates
        if all(tool in view.tools and view.tools[tool].connector == name for tool in tools_of(template))
    )


def _zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequest(f"There is no time zone {name[:40]!r}; one is named like Europe/Berlin.") from error
