"""The planner that asks a language model: select, say, read, check, and say again what was wrong, a bounded number of times.

Only what the checks let through is a plan: whatever the model was told, or talked into, a question plans reads alone, and a tool
that the caller may not call is in no plan. Acts never, and reads nothing. No result of any call is in what the model sees, but
where somebody wants it to go tool by tool: then none of its values is anybody's word.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog
from msgspec import Raw, Struct, structs

from gateway.core.operation import Effect
from gateway.core.plan import INTENT_CHARACTERS_MAX, Plan
from gateway.core.plan_check import PlanProblem, check_plan
from gateway.core.planned import Asks, Finished, Impossible, Planned, Ready, Used
from gateway.core.question import Clause, read_clauses
from gateway.core.recall import claimed
from gateway.core.replan import SoFar
from gateway.core.tool import Tool
from gateway.planners.base import Sight, Wish
from gateway.planners.llm_prompt import FINISHES, FUNCTIONS, SUBMIT, done_text, system_text, wish_text
from gateway.planners.llm_read import Done, Draft, GivenUp, Query, Unreadable, read_call
from gateway.planners.model_client import BYTES_A_TOKEN, ModelClient
from gateway.planners.wire import Function, Json, ModelCall, Said, Turn, Usage

EVERY: frozenset[Effect] = frozenset({"read", "write", "destructive"})
READS: frozenset[Effect] = frozenset({"read"})
PROBLEMS_TOLD_MAX = 20
TOKENS_A_PRICE = 1_000_000

log = structlog.get_logger(__name__)


class Limits(Struct, frozen=True):
    """Of one plan: tools and bytes that the model is told of, rounds, seconds, tokens read and written, and money; `prices` are
    those of TOKENS_A_PRICE tokens read and written. `money_max` None is no bound."""

    tools_max: int
    tools_bytes_max: int
    rounds_max: int
    deadline_s: float
    answer_tokens_max: int
    read_tokens_max: int
    written_tokens_max: int
    money_max: float | None = None
    prices: tuple[float, float] = (0.0, 0.0)
    by_steps: bool = False

    def cost(self, usage: Usage) -> float:
        return (usage.read * self.prices[0] + usage.written * self.prices[1]) / TOKENS_A_PRICE

    def why_over(self, usage: Usage) -> str:
        """Which limit is passed by so much; "" where none is."""
        if usage.read > self.read_tokens_max:
            return f"{self.read_tokens_max:,} tokens to read (planner.read_tokens_max)"
        if usage.written > self.written_tokens_max:
            return f"{self.written_tokens_max:,} tokens to write (planner.written_tokens_max)"
        if self.money_max is not None and self.cost(usage) > self.money_max:
            return f"{self.money_max:g} of money (planner.money_max)"
        return ""

    @property
    def reserves(self) -> Used:
        """The most that one planning takes; money beyond what `money_max` says or the tokens can cost is none of it."""
        tokens = Usage(self.read_tokens_max, self.written_tokens_max)
        money = self.cost(tokens) if self.money_max is None else min(self.cost(tokens), self.money_max)
        return Used(self.read_tokens_max + self.written_tokens_max, money)

    def why_short(self, usage: Usage, room: Used | None) -> Literal["", "tokens_max", "money_max"]:
        """What of the room that a run leaves is passed by so much."""
        if room is None:
            return ""
        if usage.read + usage.written > room.tokens:
            return "tokens_max"
        return "money_max" if self.cost(usage) > room.money and any(self.prices) else ""


class LlmPlanner:
    """A Planner."""

    name = "llm"

    def __init__(self, client: ModelClient, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self.reserves = limits.reserves
        self.goes_on = True
        self.by_steps = limits.by_steps

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        """What came of it. Raises PlannerFailed where the model cannot be asked."""
        told = await self._converse(wish, sight, None)
        return Impossible(told.because, told.text, used=told.used) if isinstance(told, Finished) else told

    async def go_on(self, wish: Wish, sight: Sight, so_far: SoFar) -> Planned | Finished:
        """The same from where a run is. Raises PlannerFailed."""
        return await self._converse(wish, sight, so_far)

    async def _converse(self, wish: Wish, sight: Sight, so_far: SoFar | None) -> Planned | Finished:
        if not wish.text.strip() or len(wish.text) > INTENT_CHARACTERS_MAX:
            return Impossible((), f"A wish has 1 to {INTENT_CHARACTERS_MAX} characters.")
        clauses = read_clauses(wish.text)
        reads_only = not any(one.mood.kind == "command" for one in clauses)
        tools = await self._select(wish, sight, clauses)
        text, count = wish_text(wish, tools, self._limits.tools_bytes_max)
        offered = {tool.name: tool for tool in tools[:count]}
        text += done_text(so_far) if so_far is not None else ""
        messages = self._client.wire.opening(system_text(reads_only=reads_only, so_far=so_far), text)
        told = await _Planning(self._client, self._limits, wish, sight, offered, messages, so_far).go()
        log.info("a language model planned", model=self._client.model, came_to=type(told).__name__)
        return told

    async def _select(self, wish: Wish, sight: Sight, clauses: Sequence[Clause]) -> list[Tool]:
        """Those that fit the whole and each of its clauses, the best of each first, and what has to be read for them. Tools that
        write are looked for in the words of commands alone."""
        texts = {wish.text[one.span.start : one.span.end]: _effects_of([one]) for one in clauses}
        texts = {wish.text: _effects_of(clauses), **texts}
        rows = [await sight.search(text, self._limits.tools_max, effects) for text, effects in texts.items()]
        ranked = [name for place in range(self._limits.tools_max) for row in rows for name in row[place : place + 1]]
        names = [name for one in dict.fromkeys(ranked) for name in (one, *_read_before(one, sight))]
        return [sight.tools[name] for name in dict.fromkeys(names) if name in sight.tools][: self._limits.tools_max]


def _effects_of(clauses: Sequence[Clause]) -> frozenset[Effect]:
    """What words may be searched for that are all commands, or not."""
    return EVERY if clauses and all(one.mood.kind == "command" for one in clauses) else READS


def _read_before(name: str, sight: Sight) -> list[str]:
    """The tools that read what its arguments are filled from."""
    tool = sight.tools.get(name)
    if tool is None or tool.related is None:
        return []
    return [one.earlier for one in tool.related.preceding if (sight.tools.get(one.earlier) or tool).effect == "read"]


class _Planning:
    """One conversation with a model, until it comes to something or a limit is reached."""

    def __init__(
        self,
        client: ModelClient,
        limits: Limits,
        wish: Wish,
        sight: Sight,
        offered: Mapping[str, Tool],
        messages: list[Json],
        so_far: SoFar | None,
    ) -> None:
        self._client = client
        self._limits = limits
        self._wish = wish
        self._sight = sight
        self._offered = offered
        self._messages = messages
        self._so_far = so_far
        self._used = Usage()
        self._rounds = 0
        self._problem = ""

    async def go(self) -> Planned | Finished:
        until = asyncio.get_running_loop().time() + self._limits.deadline_s
        functions: Sequence[Function] = FUNCTIONS if self._offered else FUNCTIONS[1:]
        functions = (*functions, FINISHES) if self._so_far is not None and self._so_far.by_steps else functions
        room = self._so_far.room if self._so_far is not None else None
        while self._rounds < self._limits.rounds_max:
            tokens = self._room()
            if short := self._limits.why_short(self._used + Usage(self._next_read(), tokens or 1), room):
                return structs.replace(self._stopped(f"The run has no more left (budget.{short})"), short=short)
            if (over := self._limits.why_over(self._used + Usage(self._next_read(), tokens or 1))) or not tokens:
                return self._stopped(f"The next round might go beyond {over}")
            turn = await self._client.ask(self._messages, functions, tokens, until)
            self._rounds += 1
            self._used += turn.usage or Usage()
            came_to = await self._take(turn)
            if came_to is not None:
                return came_to
        return self._stopped(f"{self._limits.rounds_max} rounds (planner.rounds_max) brought no plan that holds")

    def _room(self) -> int:
        """Tokens that may be written in the next round."""
        left = self._limits.written_tokens_max - self._used.written
        return max(min(self._limits.answer_tokens_max, left), 0)

    def _next_read(self) -> int:
        return len(msgspec.json.encode([self._messages, FUNCTIONS])) // BYTES_A_TOKEN

    async def _take(self, turn: Turn) -> Planned | Finished | None:
        """What a turn comes to; None where the model was told something and may answer."""
        if turn.declined:
            return self._impossible("The language model declines to plan this.")
        if turn.unfit:
            # The one before goes on: what cannot be said again is as if it had not been said, but for this note.
            self._note(f"Your last answer was not taken: {turn.unfit}. Call one function, briefly.")
            return None
        self._messages.append(turn.message)
        match turn.calls:
            case []:
                self._note("Answer by calling one of the functions, and nothing else.")
                return None
            case [call]:
                return await self._judge(call)
            case calls:
                self._say(calls, ("call one function, once; none of these was taken",))
                return None

    async def _judge(self, call: ModelCall) -> Planned | Finished | None:
        has_read = self._so_far is not None and self._so_far.has_read
        try:
            told = await asyncio.to_thread(read_call, call, self._wish, self._sight.tools, has_read=has_read)
        except Unreadable as error:
            self._say((call,), (str(error),))
            return None
        match told:
            case Query(question=question, choices=choices) if question:
                return Asks(self._because("asks this"), question, choices, self._spent)
            case GivenUp(reason=reason) if reason:
                return self._impossible(reason)
            case Done(text=text) if text and self._so_far is not None and self._so_far.by_steps:
                return Finished(self._because("says that it is done"), text, self._spent)
            case Draft(plan=plan, why=why):
                plan, problems = await asyncio.to_thread(self._check, plan)
                if not problems:
                    return Ready(self._because("made this plan", why), plan, tuple(sorted(claimed(plan))), self._spent)
                self._say((call,), problems[:PROBLEMS_TOLD_MAX])
                return None
            case _:
                self._say((call,), ("say something in words",))
                return None

    def _check(self, plan: Plan) -> tuple[Plan, Sequence[PlanProblem | str]]:
        """The plan, behind the steps that stay where a run goes on, and what is wrong with it."""
        so_far = self._so_far
        if so_far is None:
            return plan, check_plan(plan, self._offered, self._sight.loose)
        before = {one.name for one in so_far.plan.steps}
        if so_far.by_steps and len(plan.steps) != 1:
            return plan, ("submit exactly one step",)
        if known := sorted(before & {one.name for one in plan.steps}):
            return plan, (f"these names were given before: {', '.join(known)}",)
        stays = {one.tool: self._sight.tools[one.tool] for one in so_far.plan.steps if one.tool in self._sight.tools}
        others = {one.tool for one in plan.steps} - self._offered.keys()
        if others:
            return plan, (f"there is no tool named {sorted(others)[0][:64]!r} in the list",)
        answers = () if so_far.by_steps else plan.answers
        whole = structs.replace(so_far.plan, steps=(*so_far.plan.steps, *plan.steps), answers=answers)
        return whole, check_plan(whole, {**stays, **self._offered}, self._sight.loose)

    @property
    def _spent(self) -> Used:
        return Used(self._used.read + self._used.written, self._limits.cost(self._used))

    def _say(self, calls: Sequence[ModelCall], problems: Sequence[PlanProblem | str]) -> None:
        """What was wrong, as data: its words are partly those of documents."""
        told = [one if isinstance(one, str) else msgspec.to_builtins(one) for one in problems]
        self._problem = _sentence(problems[0])
        content: dict[str, Any] = {"not_taken": told, "now": f"Mend it and call {SUBMIT} again, or another function."}
        encoded = Raw(msgspec.json.encode(content).replace(b"<", b"\\u003c"))
        self._messages += self._client.wire.results([Said(one, encoded) for one in calls])

    def _note(self, text: str) -> None:
        """Behind what the person's side said last, where it had the word: many models take no two messages of one side."""
        self._problem = text
        match self._messages[-1]:
            case {"role": "user", "content": str(before)}:
                self._messages[-1] = self._client.wire.note(f"{before}\n\n{text}")
            case _:
                self._messages.append(self._client.wire.note(text))

    def _stopped(self, limit: str) -> Impossible:
        last = (f"The last that was wrong: {self._problem}",) if self._problem else ()
        told = f"{limit}. Say it in another way, or in smaller parts."
        return Impossible((*self._because("came to no plan"), *last), told, used=self._spent)

    def _impossible(self, reason: str) -> Impossible:
        return Impossible(self._because("says so"), reason, tuple(self._offered), used=self._spent)

    def _because(self, did: str, why: str = "") -> tuple[str, ...]:
        used, about = self._used, "" if self._used.counted else "about "
        cost = f", for {self._limits.cost(used):.4g}" if any(self._limits.prices) else ""
        spent = f"{about}{used.read:,} tokens read and {used.written:,} written in {self._rounds} rounds{cost}"
        return (f"The language model {self._client.model or 'that is set'} {did}: {spent}.", *filter(None, (why,)))


def _sentence(problem: PlanProblem | str) -> str:
    if isinstance(problem, str):
        return problem
    return f"{' '.join(filter(None, (problem.step, problem.argument)))}: {problem.detail}"
