"""What the assistant of a chat says of an intent, and how the next message is read: the conversation is all there is between two
turns, so that the last line of an answer says which intent it is of, and how far that was.

INVARIANT: that line is ours and comes last, whatever an answer before it says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.account import account
from gateway.core.planned import Impossible
from gateway.core.prose import cut
from gateway.core.run import MOVING, Called, Entry, Planned, Question, RunState, Sending, Verified
from gateway.core.said_plan import say_step
from gateway.core.tell import Sentence
from gateway.core.tool import Tool
from gateway.edge.forms import choices_of, read_words
from gateway.errors import NotPlanned
from gateway.runs import Held

RESULT_CHARACTERS_MAX = 4_000
STEPS_SHOWN_MAX = 20
CANCEL = frozenset({"cancel", "never mind", "nevermind", "forget it", "stop"})
GO_ON = frozenset({"status", "go on", "continue", "try again"})

_LAST = re.compile(r"Intent ([0-9a-f]{1,64})/(\d{1,9}): ([a-z_]{1,20})\.")
_AFTER: dict[RunState, str] = {
    "needs_auth": "It lacks a scope or a credential; once that is there, say: go on.",
    "needs_approval": "It goes on by itself once somebody has said yes; say `status` to hear how far it is, or `cancel`.",
}


class Before(Struct, frozen=True):
    """Which intent an answer was about: after the event `sequence`, in which state."""

    intent: str
    sequence: int
    state: str

    @property
    def asked(self) -> bool:
        return self.state in ("needs_input", "uncertain")


def read_before(answer: str) -> Before | None:
    """What the assistant's last answer was about; None where that was no intent."""
    lines = answer.rstrip().splitlines()
    found = _LAST.fullmatch(lines[-1].strip()) if lines else None
    return Before(found[1], int(found[2]), found[3]) if found is not None else None


def is_said(words: str, among: frozenset[str]) -> bool:
    return words.casefold().rstrip(" .!?") in among


def read_said(questions: Sequence[Question], words: str) -> dict[str, Any]:
    """What a message says to what is asked: a line for each question, in order. What is missing is for others to say."""
    lines = [words] if len(questions) == 1 else list(filter(None, map(str.strip, words.splitlines())))
    if len(lines) != len(questions):
        return {}
    return {one.key: read_words(one, line) for one, line in zip(questions, lines, strict=True)}


def tell_unplanned(error: NotPlanned) -> str:
    """Why nothing was begun."""
    found = error.planned.looked_for if isinstance(error.planned, Impossible) else ()
    looked = f"I looked for: {'; '.join(found)}" if found else ""
    return "\n\n".join(filter(None, (error.detail, looked)))


def tell_run(held: Held, entries: Sequence[Entry], tools: Mapping[str, Tool], problem: str = "") -> str:
    """An intent as it is now. `problem` is what was wrong with the last answer to it."""
    run = held.run
    parts = [problem, *_sentences(held, entries), *_results(held), *_would(held, tools), *_waits(held)]
    last = f"Intent {run.id}/{run.sequence}: {run.state}."
    return "\n\n".join([*filter(None, parts), last])


def tell_progress(entry: Entry) -> str:
    """A line for what goes on meanwhile; "" where there is nothing to tell."""
    match entry.event:
        case Planned():
            return "It is planned.\n"
        case Sending(tool=tool):
            return f"{tool} is called.\n"
        case Called(tool=tool, status=status):
            return f"{tool} answered {status}.\n"
        case Verified(tool=tool, shown=shown):
            return f"{tool} {'shows it' if shown else 'does not show it'}.\n"
        case _:
            return ""


def _sentences(held: Held, entries: Sequence[Entry]) -> Iterator[str]:
    """What was asked, where it is answered, and else each call; each with where it is from."""
    told = account(held.run, held.progress, entries)
    is_answered = any(one.tools for one in told)
    waiting = held.progress.waiting.detail if held.progress.waiting is not None else ""
    lines = [
        f"{one.text} ({_source(one)})"
        for one in told
        if one.text != waiting and not (is_answered and one.certainty == "read" and not one.tools)
    ]
    if lines:
        yield "\n".join(lines)


def _source(sentence: Sentence) -> str:
    rows = ", ".join(map(str, sentence.rows))
    kind = ", ".join(sentence.tools) or ("" if sentence.certainty == "remembered" else sentence.certainty)
    return f"{kind}{'; ' if kind else ''}row{'s' if len(sentence.rows) > 1 else ''} {rows}"


def _results(held: Held) -> Iterator[str]:
    """What was read, where no sentence answers."""
    if held.run.plan.answers or held.run.state != "done":
        return
    left = RESULT_CHARACTERS_MAX
    for one in held.progress.calls.values():
        called = one.called
        if called is None or called.effect != "read" or called.is_error or left <= 0:
            continue
        told = cut(msgspec.json.format(bytes(called.result), indent=2).decode(), left)
        left -= len(told)
        yield "\n".join(("```json", told.replace("```", "'" * 3), "```"))


def _would(held: Held, tools: Mapping[str, Tool]) -> Iterator[str]:
    """What it would do, as long as it waits for a yes: the steps whose writes have not left."""
    if held.run.state != "needs_approval":
        return
    steps = [one for one in held.run.plan.steps if one.tool not in tools or tools[one.tool].effect != "read"]
    left = [say_step(one) for one in steps if held.progress.of("do", one.name, 0).sending is None]
    more = [f"- and {len(left) - STEPS_SHOWN_MAX} more"] if len(left) > STEPS_SHOWN_MAX else []
    yield "\n".join(["It would do this, and has not:", *(f"- {one}" for one in left[:STEPS_SHOWN_MAX]), *more])


def _waits(held: Held) -> Iterator[str]:
    """What it waits for."""
    run, progress = held.run, held.progress
    if progress.questions:
        yield "\n\n".join(map(_question, progress.questions))
        several = len(progress.questions) > 1
        yield f"Answer in {len(progress.questions)} lines, in this order, or say: cancel." if several else ""
    waiting = progress.waiting
    if waiting is not None and run.state == "needs_approval":
        where = f": {waiting.url}" if waiting.url else "."
        yield f"It waits for a person's yes, as approval {waiting.approval}{where}"
    if run.state in MOVING:
        yield "It goes on; say `status` to hear how far it is."
    yield _AFTER.get(run.state, "")


def _question(question: Question) -> str:
    choices = [f"{number}. {label}" for number, (_, label) in enumerate(choices_of(question.schema), 1)]
    return "\n".join([question.question, *choices])
