"""What is wanted, as every door takes it, a plan or words; and the run that comes of it. Knows no wire."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.fact import LOCALE
from gateway.core.plan import INTENT_CHARACTERS_MAX, Plan
from gateway.core.planned import TOLD_MAX, Asks, Planned, Ready, Told
from gateway.core.principal import Principal
from gateway.core.run import NOTHING, AsksYes, Mode, Run, Spoken
from gateway.core.run import Planning as Going
from gateway.errors import BadRequest, NotPlanned
from gateway.intent import Intents
from gateway.planning import Planning

WAIT_S_MAX = 60.0

Words = Annotated[str, Meta(max_length=INTENT_CHARACTERS_MAX)]
# None is what the person had remembered.
Locale = Annotated[str, Meta(pattern=f"^$|{LOCALE}", max_length=35)]


Answers = Annotated[tuple[Told, ...], Meta(max_length=TOLD_MAX)]


class IntentBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted: a typed `plan`; a `recipe` by its name with `arguments` for its parameters; a `goal`, the tool to be called,
    with what is `known` of its arguments and of the things that they name; or the `intent` in words, spoken in a time `zone`
    (`Europe/Berlin`) and a `locale` (`en-GB`; where they are not told, those that the person had remembered, else UTC and `en`),
    with the `answers` to what was asked about it before; with `tool_by_tool` the planner sees what each call answered before it
    says the next. `toolset` names that of the tools which may be planned and called, "" is all. `preview` makes the reads that it
    needs, and shows the writes. The answer comes once the run waits for somebody or has ended, or after `wait_s`."""

    plan: Plan | None = None
    recipe: str = ""
    arguments: dict[str, Any] = {}
    goal: Annotated[str, Meta(max_length=200)] = ""
    known: dict[str, Any] = {}
    intent: Words = ""
    zone: str = ""
    locale: Locale = ""
    answers: Answers = ()
    tool_by_tool: bool = False
    toolset: Annotated[str, Meta(max_length=100)] = ""
    mode: Mode = "execute"
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = 0.0


async def begin(
    intents: Intents,
    planning: Planning,
    principal: Principal,
    asked: IntentBody,
    door: str,
    key: str,
    *,
    context: str = "",
    asks: bool = True,
    asks_yes: bool = False,
) -> Run:
    """The run of a plan, of a recipe or of words, at any door; where planning asks something, one that `asks` it. With `asks_yes`
    each write waits for a person's yes, as it does where words are planned. Raises NotPlanned, and what `Recipes.plan` and
    `Intents.start` raise."""
    plan = asked.plan
    if plan is None and asked.recipe:
        plan = await planning.of_recipe(principal, asked.recipe, asked.arguments)
    if plan is None and asked.goal:
        plan = ready(planning.of_goal(principal, asked.goal, asked.known, asked.toolset))
    yes: AsksYes = "door" if asks_yes else ""
    going: Going = ""
    used = NOTHING
    remembered: tuple[str, ...] = ()
    if plan is None:
        yes = intents.yes_for(door=asks_yes)
        known = await intents.begun(principal, key, asked.intent, asked.mode, asked.toolset)
        if known is not None:
            return known
        if asked.tool_by_tool:
            if not planning.by_steps:
                raise BadRequest(
                    "Nothing plans tool by tool here: a language model has to be set, and planner.tool_by_tool."
                )
            spoken = Spoken(asked.zone, asked.locale)
            return await intents.by_steps(
                principal, asked.intent, asked.mode, door, key, spoken=spoken, context=context, toolset=asked.toolset
            )
        planned = await planning.plan(
            principal,
            asked.intent,
            door,
            zone=asked.zone,
            locale=asked.locale,
            told=asked.answers,
            toolset=asked.toolset,
        )
        if asks and isinstance(planned, Asks):
            spoken = Spoken(asked.zone, asked.locale)
            return await intents.ask(
                principal,
                asked.intent,
                planned,
                asked.mode,
                door,
                key,
                spoken=spoken,
                context=context,
                asks_yes=yes,
                toolset=asked.toolset,
            )
        plan = ready(planned)
        remembered = planned.remembered if isinstance(planned, Ready) else ()
        going, used = ("again" if planning.goes_on and not plan.recipe else ""), planned.used
        # Of a recipe somebody has said yes to its plan already.
        yes = yes if not plan.recipe else "door" if asks_yes else ""
    return await intents.start(
        principal,
        plan,
        asked.mode,
        door,
        key,
        context=context,
        asks_yes=yes,
        planning=going,
        used=used,
        remembered=remembered,
        toolset=asked.toolset,
    )


def ready(planned: Planned) -> Plan:
    """The plan that came of it. Raises NotPlanned where none did."""
    if not isinstance(planned, Ready):
        raise NotPlanned(planned)
    return planned.plan


def read_plan(told: object) -> Plan:
    """A plan that came as JSON. Raises BadRequest."""
    try:
        return msgspec.convert(told, Plan)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The plan does not fit: {error}.") from error
