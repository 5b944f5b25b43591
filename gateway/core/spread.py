"""A command that is about several things, read as one command for each: `add eggs, flour and milk to the list`. What stands before
and behind them is shared; the characters of each part stay where they stood. Pure; English. Whether a reading holds, whoever plans
finds out."""

from collections.abc import Iterator, Sequence

from gateway.core.english import EMPTY, PARTICLES, Word
from gateway.core.limits import words_within
from gateway.core.noun import named
from gateway.core.plan import Span
from gateway.core.said import Said, blanked, is_used

PARTS_MAX = 10
TAILS_MAX = 4
_BEHIND = named("to from off on onto into in out at for with as by")


def spread(said: Said) -> Iterator[tuple[Said, ...]]:
    """The ways to read a command as several, likeliest first: with what stands behind the last thing shared, and without."""
    parts = _parts(said)
    for at in [*_tails(parts[-1]), len(parts[-1])] if parts else ():
        objects = [*parts[:-1], parts[-1][:at]]
        yield tuple(_only(said, objects, place) for place in range(len(objects)))


def own_numbers(said: Said) -> tuple[Span, ...]:
    """The numbers that stand with one of several things, and so are of that one: `six tomatoes and a pot of basil`."""
    parts = _parts(said)
    if not parts:
        return ()
    ends = [*_tails(parts[-1]), len(parts[-1])]
    rows = [Span(part[0].start, part[-1].end) for part in (*parts[:-1], parts[-1][: ends[0]])]
    numbers = (one.span for one in said.entities if one.kind in {"number", "quantity"})
    return tuple(one for one in numbers if is_used(one, rows))


def _parts(said: Said) -> list[Sequence[Word]]:
    """The words behind the verb, up to an `and` and from there on; none where they are of one thing."""
    mood = said.clause.mood
    if mood.span is None or not mood.verb:
        return []
    words = [one for one in words_within(said.text, said.span) if one.start >= mood.span.end]
    if words and words[0].text in PARTICLES:
        words = words[1:]
    cuts = _joints(said, words)
    if not words or not any(words[at].text == "and" for at in cuts) or len(cuts) >= PARTS_MAX:
        return []
    parts = _between(words, cuts)
    return parts if all(any(_says(one) for one in part) for part in parts) else []


def _tails(last: Sequence[Word]) -> list[int]:
    """Where what stands behind the last thing may begin."""
    found = [at for at, one in enumerate(last) if at and one.text in _BEHIND and any(_says(each) for each in last[:at])]
    return found[:TAILS_MAX]


def _joints(said: Said, words: Sequence[Word]) -> list[int]:
    """Where one thing ends and another begins; an `and` within a number, a time or a quote joins nothing."""
    whole = [one.span for one in said.entities]
    found = [
        at for at, one in enumerate(words) if one.text in {"and", ","} and not is_used(Span(one.start, one.end), whole)
    ]
    return [at for at in found if not (words[at].text == "," and at + 1 in found)]


def _between(words: Sequence[Word], cuts: Sequence[int]) -> list[Sequence[Word]]:
    starts, ends = [0, *(at + 1 for at in cuts)], [*cuts, len(words)]
    parts = [words[start:end] for start, end in zip(starts, ends, strict=True)]
    return [part[:-1] if part and part[-1].text == "," else part for part in parts]


def _says(word: Word) -> bool:
    return word.text.isalnum() and word.text not in EMPTY


def _only(said: Said, objects: Sequence[Sequence[Word]], place: int) -> Said:
    """The command about one of its things."""
    first, last = objects[0][0].start, objects[-1][-1].end
    own = Span(objects[place][0].start, objects[place][-1].end)
    holes = (Span(first, own.start), Span(own.end, last))
    entities = tuple(
        one for one in said.entities if not is_used(one.span, [each for each in holes if each.end > each.start])
    )
    return Said(blanked(said.text, holes), said.clause, entities)
