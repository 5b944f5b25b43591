"""`factotum ask`: words in; the plan, what it asks, what waits for a yes, and what came of it, out."""

import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec
import rich_click as click

from gateway.cli.intents import print_answers, print_intent, waiting
from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out
from gateway.cli.tools import of_tenant, remote_of
from gateway.core.account import account
from gateway.core.arguments import expected_day
from gateway.core.plan import Plan
from gateway.core.planned import TOLD_MAX, Asks, Comes, Impossible, Proposes, Told
from gateway.core.principal import Principal
from gateway.core.run import Mode, Question, RunState, about_words
from gateway.core.said_plan import say_step
from gateway.core.standing import NewStanding
from gateway.core.tell import Sentence
from gateway.edge.forms import choices_of, read_words
from gateway.edge.intents import IntentExplained, IntentShown, PlannedShown, show_planned, show_run
from gateway.edge.memory import FactShown, NewFact, keep_fact
from gateway.edge.parts import Gateway
from gateway.edge.standing import StandingShown, show_standing
from gateway.errors import BadRequest
from gateway.remote.gateway import RemoteGateway, segment

DOOR = "cli"
ANSWERS_MAX = 20
RESULT_CHARACTERS_MAX = 4_000
# What a script that goes on only where it was done has to be told.
NOT_DONE: frozenset[RunState] = frozenset({"failed", "rejected", "cancelled", "uncertain"})


class Asking(Protocol):
    """A gateway that is asked: the one here, or another."""

    async def plan(self, words: str, zone: str, locale: str, told: tuple[Told, ...]) -> PlannedShown: ...
    async def start(self, plan: Plan, mode: Mode, wait_s: float) -> IntentShown: ...
    async def answer(self, intent: str, values: Mapping[str, Any], wait_s: float) -> IntentShown: ...
    async def explain(self, intent: str) -> tuple[Sentence, ...]: ...
    async def remember(self, words: str) -> FactShown: ...
    async def stand(self, wanted: NewStanding) -> StandingShown: ...


class Here:
    """The gateway of this directory."""

    def __init__(self, gateway: Gateway, me: Principal) -> None:
        self._gateway, self._me = gateway, me

    async def plan(self, words: str, zone: str, locale: str, told: tuple[Told, ...]) -> PlannedShown:
        planned = await self._gateway.planning.plan(self._me, words, DOOR, zone=zone, locale=locale, told=told)
        return show_planned(planned, self._gateway.discovery.view(self._me).tools)

    async def start(self, plan: Plan, mode: Mode, wait_s: float) -> IntentShown:
        run = await self._gateway.intents.start(self._me, plan, mode, DOOR)
        return show_run(await self._gateway.runs.wait(self._me, run.id, wait_s))

    async def answer(self, intent: str, values: Mapping[str, Any], wait_s: float) -> IntentShown:
        await self._gateway.intents.answer(self._me, intent, values)
        return show_run(await self._gateway.runs.wait(self._me, intent, wait_s))

    async def explain(self, intent: str) -> tuple[Sentence, ...]:
        held = await self._gateway.runs.find(self._me, intent)
        return account(held.run, held.progress, await self._gateway.runs.journal(self._me, intent))

    async def remember(self, words: str) -> FactShown:
        return await keep_fact(self._gateway, self._me, NewFact(words), DOOR)

    async def stand(self, wanted: NewStanding) -> StandingShown:
        standings = self._gateway.standings
        return show_standing(await standings.tell(await standings.add(self._me, wanted, DOOR)))


class There:
    """Another gateway."""

    def __init__(self, remote: RemoteGateway) -> None:
        self._remote = remote

    async def plan(self, words: str, zone: str, locale: str, told: tuple[Told, ...]) -> PlannedShown:
        asked = {"intent": words, "zone": zone, "locale": locale, "answers": told}
        return self._remote.post("/v1/intents:plan", PlannedShown, asked)

    async def start(self, plan: Plan, mode: Mode, wait_s: float) -> IntentShown:
        return self._remote.post("/v1/intents", IntentShown, {"plan": plan, "mode": mode, "wait_s": wait_s})

    async def answer(self, intent: str, values: Mapping[str, Any], wait_s: float) -> IntentShown:
        return self._remote.post(
            f"/v1/intents/{segment(intent)}/inputs", IntentShown, {"values": values, "wait_s": wait_s}
        )

    async def explain(self, intent: str) -> tuple[Sentence, ...]:
        return self._remote.get(f"/v1/intents/{segment(intent)}/explanation", IntentExplained).sentences

    async def remember(self, words: str) -> FactShown:
        return self._remote.post("/v1/memory", FactShown, NewFact(words))

    async def stand(self, wanted: NewStanding) -> StandingShown:
        return self._remote.post("/v1/standing-intents", StandingShown, wanted)


@cli.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do it without asking; what policies want a yes for still waits for one.")
@click.option("--preview", is_flag=True, help="Send no write; show each request as it would be.")
@click.option(
    "--zone",
    default="",
    metavar="NAME",
    help="Your time zone, such as Europe/Berlin.  [default: as remembered, or UTC]",
)
@click.option(
    "--locale",
    default="",
    metavar="NAME",
    help="Your language, such as en-GB.  [default: as remembered, or en]",
)
@waiting
@of_tenant
@asynchronous
async def ask(
    words: tuple[str, ...], yes: bool, preview: bool, zone: str, locale: str, wait: float, tenant: str
) -> None:
    """Say what you want: it is planned over your tools, and carried out once you say yes.

    It asks rather than guesses, and a question changes nothing."""
    async with AsyncExitStack() as opened:
        remote = remote_of(tenant)
        if remote is not None:
            asking: Asking = There(remote)
        else:
            gateway = await opened.enter_async_context(open_here(carries_out=True))
            asking = Here(gateway, await operator(gateway, tenant))
        shown = await _plan(asking, " ".join(words), zone, locale)
        plan = _print_planned(shown)
        if isinstance(plan, Proposes):
            await _remember(asking, plan, yes=yes)
            return
        if isinstance(plan, Comes):
            await _stand(asking, plan, yes=yes, preview=preview)
            return
        if shown.writes and not (yes or preview):
            confirm()
        await carry_on(asking, await asking.start(plan, "preview" if preview else "execute", wait), wait)


def confirm() -> None:
    """Go on where the person says so. Raises BadRequest where there is none."""
    if not sys.stdin.isatty():
        raise BadRequest("Nothing was done: it would change something, and --yes says that it may.")
    click.confirm("Shall this be done?", abort=True)


async def _plan(asking: Asking, words: str, zone: str, locale: str) -> PlannedShown:
    """What came of the words, once a person at the terminal has answered what is asked about them."""
    told: tuple[Told, ...] = ()
    while True:
        shown = await asking.plan(words, zone, locale, told)
        planned = shown.planned
        if not isinstance(planned, Asks) or not sys.stdin.isatty() or len(told) == TOLD_MAX:
            return shown
        told += (Told(planned.question, _prompt(about_words(planned, len(told) + 1))),)


async def _remember(asking: Asking, proposed: Proposes, *, yes: bool) -> None:
    if not yes:
        if not sys.stdin.isatty():
            raise BadRequest(f"Nothing was remembered: {proposed.sentence}; --yes says that it may be.")
        click.confirm(f"Shall it be remembered that {proposed.sentence}?", abort=True)
    told = await asking.remember(proposed.words)
    out.print(f"{told.id}: {told.sentence}")


async def _stand(asking: Asking, proposed: Comes, *, yes: bool, preview: bool) -> None:
    """Make it a standing intent once the person says so."""
    out.print(f"It would come {proposed.when}.")
    if preview:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise BadRequest(f"Nothing was done: it would come {proposed.when}, and --yes says that it may.")
        click.confirm("Shall it?", abort=True)
    made = await asking.stand(proposed.standing)
    out.print(f"{made.id} is {made.state}" + (f": {made.detail}" if made.detail else ""))
    for at in made.upcoming[:1]:
        out.print(
            f"It comes next at {at:%Y-%m-%d %H:%M} UTC, while a gateway runs; factotum standing show {made.id} says what it told."
        )


def _print_planned(shown: PlannedShown) -> Plan | Proposes | Comes:
    """Print the plan and why it is so. Raises BadRequest where there is none."""
    planned = shown.planned
    for sentence in planned.because:
        out.print(sentence)
    match planned:
        case Asks(question=question, choices=choices):
            raise BadRequest(" ".join([question, *(f"- {one.label} ({one.value})" for one in choices)]))
        case Impossible(reason=reason):
            raise BadRequest(reason)
        case Proposes():
            return planned
        case Comes(standing=standing):
            print_plan(standing.plan)
            return planned
    print_plan(planned.plan)
    return planned.plan


def print_plan(plan: Plan) -> None:
    """Its steps, and where each argument is from."""
    for step in plan.steps:
        out.print(f"  {step.name}  {say_step(step)}")


async def carry_on(asking: Asking, shown: IntentShown, wait: float) -> None:
    """To its end, or until somebody else is waited for. Exits with 1 where it came to another end than to be done."""
    for _ in range(ANSWERS_MAX):
        if shown.state != "needs_input" or not sys.stdin.isatty():
            break
        values = {one.key: _prompt(one) for one in shown.questions}
        shown = await asking.answer(shown.id, values, wait)
    sentences = await asking.explain(shown.id)
    print_answers(sentences)
    if (
        shown.state == "done"
        and all(one.tools or one.certainty in ("read", "remembered") for one in sentences)
        and shown.answers
    ):
        return
    print_intent(shown)
    for step in shown.steps if not shown.answers else ():
        for call in step.calls:
            if call.state == "answered" and call.result:
                out.print(msgspec.json.format(bytes(call.result), indent=2).decode()[:RESULT_CHARACTERS_MAX])
    for sentence in dict.fromkeys(sentences):
        if not sentence.tools and sentence.certainty != "remembered" and sentence.text != shown.detail:
            out.print(f"{sentence.text}  [{sentence.certainty}]")
    if shown.state in NOT_DONE:
        sys.exit(1)


def _prompt(question: Question) -> Any:
    """What the person answers: one of the choices by its number or its name, a text as it is, anything else as JSON. What does not
    fit is asked again."""
    choices = choices_of(question.schema)
    for number, (_, label) in enumerate(choices, 1):
        out.print(f"  {number}  {label}")

    def read(told: str) -> Any:
        value = read_words(question, told)
        if choices and value not in [one for one, _ in choices]:
            raise click.BadParameter(f"{told!r} is none of them; 1 to {len(choices)}, or one by its name, is.")
        if expected := expected_day(question.schema, value):
            raise click.BadParameter(f"{told!r} is not {expected}.")
        return value

    return click.prompt(question.question, value_proc=read)
