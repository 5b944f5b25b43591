"""One wish of a text, as planning looks at it: its words, what it names, and where they stand. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.core.agree import content
from gateway.core.english import ACTS, ALSO_THINGS, MOSTLY_OTHER, words_of
from gateway.core.entities import stem
from gateway.core.entity import Entity
from gateway.core.plan import Span
from gateway.core.question import Clause

# What a question asks whether it was done.
DEEDS = (ACTS - ALSO_THINGS - MOSTLY_OTHER) | {"turn", "set", "switch"}


class Said(Struct, frozen=True):
    """The clause of a text, and the entities within it. `aside` are the stems of words that name nothing in it."""

    text: str
    clause: Clause
    entities: tuple[Entity, ...]
    aside: frozenset[str] = frozenset()

    @property
    def span(self) -> Span:
        return self.clause.span

    @property
    def told(self) -> str:
        return self.of(self.span)

    @property
    def shown(self) -> str:
        """The same, for people."""
        return " ".join(self.told.split())

    @property
    def verb(self) -> str:
        return self.clause.mood.verb

    @property
    def writes(self) -> bool:
        """Whether it is a command."""
        return self.clause.mood.kind == "command"

    def of(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def content(self, used: Sequence[Span] = ()) -> dict[str, str]:
        """The words that have to be explained, by their stems."""
        told = content(self.text, self.span, tuple(used))
        return {each: word for each, word in told.items() if each not in self.aside} if self.aside else told

    def words(self, used: Sequence[Span] = ()) -> frozenset[str]:
        """Their stems, but for the verb of a command, and for what a question asks whether it was done."""
        deeds = frozenset({self.verb}) if self.writes else DEEDS
        told = self.content(used)
        return frozenset(each for each, word in told.items() if word not in deeds and each != stem(self.verb))

    def where(self, stems: frozenset[str]) -> Span | None:
        """The characters from the first of these words to the last."""
        words = [one for one in words_of(self.told) if stem(one.text.removesuffix("'s")) in stems]
        return Span(self.span.start + words[0].start, self.span.start + words[-1].end) if words else None


def said_of(text: str, clause: Clause, entities: Sequence[Entity]) -> Said:
    return Said(text, clause, tuple(one for one in entities if is_within(one.span, clause.span)))


def blanked(text: str, spans: Sequence[Span]) -> str:
    """The text with blanks in place of these characters: what is left stands where it stood."""
    for one in spans:
        text = f"{text[: one.start]}{' ' * (one.end - one.start)}{text[one.end :]}"
    return text


def is_within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def is_used(span: Span, used: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in used)
