"""STORY  From words to a plan, for one caller: what they may call is searched, what a plan needs to know is read by way of
`Calls.call`, and one planner makes of it what it can. Writes nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.call import Asked, Calls
from gateway.core.plan import Plan
from gateway.core.planned import Impossible, Planned, Told
from gateway.core.principal import Principal
from gateway.core.run import Spoken
from gateway.core.template import Template, tools_of
from gateway.core.tool import Effect
from gateway.core.toolset import narrow
from gateway.discover import Discovery, View
from gateway.errors import BadRequest, GatewayError
from gateway.planners.base import Planner, Sight, Unseen, Wish
from gateway.recipes import Recipes
from gateway.runs import Held


class Planning:
    """Makes plans. `clock` tells the time with a zone."""

    def __init__(
        self,
        discovery: Discovery,
        calls: Calls,
        planner: Planner,
        recipes: Recipes,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._discovery = discovery
        self._calls = calls
        self._planner = planner
        self._recipes = recipes
        self._clock = clock

    async def plan(
        self,
        principal: Principal,
        text: str,
        door: str,
        *,
        zone: str = "",
        locale: str = "en",
        now: datetime | None = None,
        told: tuple[Told, ...] = (),
    ) -> Planned:
        """What comes of a person's words, spoken `now`, and of what they `told` when they were asked about them. `zone` is the name
        of the time zone in which they speak (`Europe/Berlin`), "" for that of the clock. Raises BadRequest where there is no such
        zone."""
        moment = now or self._clock()
        if zone:
            moment = moment.astimezone(_zone_of(zone))
        view = self._discovery.view(principal)
        if not view.tools:
            return Impossible((), "There is no tool that you may call.")
        loose = frozenset(name for name, one in view.catalog.connectors.items() if one.manifest.undeclared_fields)
        sight = Sight(
            view.tools, self._search(principal, door), self._look(principal, text, door), loose, _templates_of(view)
        )
        return await self._planner.plan(Wish(text, moment, locale, zone, told), sight)

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
        )

    async def of_recipe(self, principal: Principal, name: str, arguments: Mapping[str, Any]) -> Plan:
        """The plan of a recipe. Raises what `Recipes.plan` raises."""
        return await self._recipes.plan(principal, name, arguments)

    def _search(self, principal: Principal, door: str) -> Callable[[str, int, frozenset[Effect]], Any]:
        async def search(text: str, limit: int, effects: frozenset[Effect]) -> Sequence[str]:
            answer = await self._discovery.search(principal, text, limit, narrow(effects=effects), door=door)
            return [one.tool.name for one in answer.found]

        return search

    def _look(self, principal: Principal, text: str, door: str) -> Callable[[str, Mapping[str, object]], Any]:
        async def look(name: str, arguments: Mapping[str, object]) -> Any:
            tool = self._discovery.view(principal).tools.get(name)
            if tool is None or tool.effect != "read":
                raise Unseen("it does more than read")
            try:
                result = await self._calls.call(principal, Asked(name, arguments, door, source="intent", intent=text))
            except GatewayError as error:
                raise Unseen(error.detail.rstrip(".")) from error
            if result.is_error:
                raise Unseen(f"it answered with the status {result.status}")
            return msgspec.json.decode(result.structured) if bytes(result.structured) else None

        return look


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
