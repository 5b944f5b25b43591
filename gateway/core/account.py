"""What a run tells the person: sentences, each with the rows of the journal that it comes from."""

from collections.abc import Iterator, Sequence

from gateway.core.fact import ORIGIN
from gateway.core.plan import Default, Step, leaves
from gateway.core.run import (
    Agreed,
    Answered,
    Ended,
    Entry,
    Paused,
    Planned,
    Progress,
    Received,
    Run,
    Standing,
    Waiting,
    Way,
    by_step,
)
from gateway.core.tell import Certainty, Sentence, tell


def account(run: Run, progress: Progress, entries: Sequence[Entry]) -> tuple[Sentence, ...]:
    """What the person had remembered and it was planned with; what was asked, answered; then of every call that was made or left
    out, in the order of the plan, and of what the run waits for or came to."""
    return (*_of_facts(entries), *tell(run, progress), *_of_calls(run, progress), *_of_the_end(entries))


def _of_facts(entries: Sequence[Entry]) -> Iterator[Sentence]:
    for entry in entries:
        match entry.event:
            case Received(remembered=told) | Planned(remembered=told):
                yield from (Sentence(one, "remembered", (entry.sequence,)) for one in told)


def in_brief(sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """What was asked and what was changed, or was not; the reads on the way alone where there is nothing else."""
    told = tuple(one for one in sentences if one.tools or one.certainty != "read")
    return told or tuple(sentences)


def _of_calls(run: Run, progress: Progress) -> Iterator[Sentence]:
    places = by_step(progress)
    for step in run.plan.steps:
        for way, _, index in places.get(step.name, ()):
            yield _sentence(step, way, index, progress.of(way, step.name, index))


def _sentence(step: Step, way: Way, index: int, standing: Standing) -> Sentence:
    text, certainty = _say(standing)
    which = f" (item {index + 1})" if step.each is not None else ""
    back = "Taking back " if way == "undo" else ""
    return Sentence(f"{back}{step.name}{which}: {text}{_remembered(step)}", certainty, standing.rows)


def _remembered(step: Step) -> str:
    """Which arguments are from facts: nothing that was filled so is silent."""
    told = [
        f"{place[1:]} {leaf.value!r} ({leaf.origin})"
        for place, leaf in leaves(step.arguments)
        if isinstance(leaf, Default) and leaf.origin.startswith(ORIGIN)
    ]
    return f" As remembered: {', '.join(told)}." if told else ""


def _say(standing: Standing) -> tuple[str, Certainty]:
    called, refused, verified = standing.called, standing.refused, standing.verified
    if standing.skipped is not None:
        return f"left out, because {standing.skipped.detail}.", "not done"
    if standing.previewed is not None:
        return "it would be sent as the preview shows; nothing was sent.", "not done"
    if verified is not None and verified.shown:
        return f"done, and {verified.tool} shows it.", "verified"
    if standing.happened:
        return "somebody said that it happened.", "accepted"
    if verified is not None:
        return f"it may not have happened: {verified.detail}.", "uncertain"
    if standing.unanswered:
        return "it was sent, and nobody knows whether it happened.", "uncertain"
    if called is not None and called.is_error:
        return called.detail or f"{called.tool} answered {called.status}.", "not done"
    if called is not None and called.effect == "read":
        return f"{called.tool} was asked, and answered {called.status}.", "read"
    if called is not None:
        return f"{called.tool} took it and answered {called.status}; nothing was asked that would show it.", "accepted"
    if refused is not None:
        return refused.detail, "not done"
    return "it waits.", "not done"


def _of_the_end(entries: Sequence[Entry]) -> Iterator[Sentence]:
    """What it waits for, or how it ended, where that says more than its calls do."""
    for entry in reversed(entries):
        match entry.event:
            case Ended(state=state, detail=detail) if detail:
                yield Sentence(detail, "uncertain" if state == "uncertain" else "not done", (entry.sequence,))
                return
            case Waiting(detail=detail) | Paused(detail=detail):
                yield Sentence(detail, "not done", (entry.sequence,))
                return
            case Ended() | Answered() | Agreed():
                return
