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
from gateway.core.english import words_of
from gateway.core.planned import Comes, Impossible, Proposes
from gateway.core.prose import cut
from gateway.core.question import read_clauses
from gateway.core.run import MOVING, Called, Entry, Planned, Previewed, Question, Run, RunState, Sending, Verified
from gateway.core.said_plan import say_step
from gateway.core.tell import Sentence
from gateway.core.tool import Tool
from gateway.edge.forms import choices_of, read_words
from gateway.errors import ArgumentsInvalid, NotPlanned
from gateway.runs import Held

RESULT_CHARACTERS_MAX = 4_000
STEPS_SHOWN_MAX = 20
YES = frozenset({"yes", "y", "yes please", "yes, please", "ok", "okay", "sure", "do it", "please do"})
NO = frozenset({"no", "n", "no thanks", "no, thanks", "no thank you", "don't", "better not"})
CANCEL = frozenset({"cancel", "never mind", "nevermind", "forget it", "stop"})
GO_ON = frozenset({"status", "go on", "continue", "try again"})

_HOW = "It is done by"
_NOTHING_ASKED = "Nothing is asked here that this answers; say what is wanted in a sentence of its own."
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


def is_wish(words: str) -> bool:
    """Whether it is a command or a question of its own, and not what answers one."""
    clauses = read_clauses(words)
    return bool(clauses) and clauses[0].mood.kind in ("command", "question") and len(words_of(words)) > 1


def tell_wrong(error: ArgumentsInvalid, questions: Sequence[Question]) -> str:
    """What would answer, for people, who do not know the keys of questions."""
    choices = {one.key: [label for _, label in choices_of(one.schema)] for one in questions}
    told = dict.fromkeys(
        f"it is one of: {', '.join(choices[one.argument])} (by its name or number)"
        if choices.get(one.argument)
        else one.expected
        for one in error.problems
        if one.expected != "required"
    )
    return f"That does not answer it: {'; '.join(told)}." if told else "That does not answer it."


def tell_left(run: Run, questions: Sequence[Question]) -> str:
    """That a question is left, because something else is wanted."""
    asked = " ".join(one.question for one in questions)
    after = "is left, and what it was about is cancelled" if run.state == "needs_input" else "stays open"
    return f"The question “{asked}” (intent {run.id}) {after}."


def tell_yes(words: str, before: str) -> str:
    """What a plain yes or no comes to where no question of an intent is open: nothing, and how what was offered is done."""
    how = before.rpartition("\n\n")[2].strip()
    offered = how if how.startswith(_HOW) else ""
    if is_said(words, NO):
        return "Nothing is kept, and nothing is begun." if offered else _NOTHING_ASKED
    return f"A yes here does nothing by itself. {offered}" if offered else _NOTHING_ASKED


def tell_unplanned(error: NotPlanned) -> str:
    """Why nothing was begun; or what is offered, and how it is done."""
    match error.planned:
        case Proposes(sentence=sentence, words=words):
            return (
                f"Shall it be remembered that {sentence}? A yes here keeps nothing.\n\n{_HOW} POST /v1/memory with the words"
                f' "{words}", or `factotum remember`.'
            )
        case Comes(when=when):
            return (
                f"It would come {when}. A yes here begins nothing.\n\n{_HOW} POST /v1/standing-intents with `standing`, as"
                " POST /v1/intents:plan gives it for these words, or `factotum ask` with them."
            )
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
    if held.run.mode == "preview":
        shown = [one.previewed for one in held.progress.calls.values() if one.previewed is not None]
        yield from (_request(one) for one in shown[:STEPS_SHOWN_MAX])
        yield f"And {len(shown) - STEPS_SHOWN_MAX} more." if len(shown) > STEPS_SHOWN_MAX else ""
    if held.run.state != "needs_approval":
        return
    steps = [one for one in held.run.plan.steps if one.tool not in tools or tools[one.tool].effect != "read"]
    left = [say_step(one) for one in steps if held.progress.of("do", one.name, 0).sending is None]
    more = [f"- and {len(left) - STEPS_SHOWN_MAX} more"] if len(left) > STEPS_SHOWN_MAX else []
    yield "\n".join(["It would do this, and has not:", *(f"- {one}" for one in left[:STEPS_SHOWN_MAX]), *more])


def _request(one: Previewed) -> str:
    """A request as it would leave, without its headers."""
    told = msgspec.json.decode(one.request)
    lines = (f"{one.step} would send: {told['method']} {told['url']}", told.get("body") or "")
    return cut("\n".join(filter(None, lines)), RESULT_CHARACTERS_MAX)


def _waits(held: Held) -> Iterator[str]:
    """What it waits for."""
    run, progress = held.run, held.progress
    if progress.questions:
        yield "\n\n".join(map(_question, progress.questions))
        several = f" in {len(progress.questions)} lines, in this order" if len(progress.questions) > 1 else ""
        yield f"Answer{several}, or say: cancel."
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
