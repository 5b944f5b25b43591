"""Chains of reads that lead to a tool whose ids nobody says: find the thing by a search or a list, then what hangs on it. Which
answers give ids of which kind is told by names and by shape: the fields of a thing are those that its own `GET` answers with.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from gateway.core.entities import stem, stems_of
from gateway.core.noun import singular, split
from gateway.core.plan import Span
from gateway.core.pointer import escape
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool

STEPS_MAX = 3
CHAINS_MAX = 400
LEVELS_MAX = 2
# So many of a thing's fields, of those that an item has, make the item one of its kind.
ALIKE, LIKELY, FIELDS_MIN = 0.5, 0.2, 4
# Words that a kind goes by beside its own.
CALLED = {"tv": "show series episode season program", "person": "actor actress director star cast guest people who worked",
          "movie": "film works", "company": "headquarter founded produced studio", "network": "homepage"}  # fmt: skip
# Names of one thing, among films.
ALIKE_WORDS = [
    frozenset(stem(word) for word in group.split())
    for group in (
        "photo image images picture poster cover logo look",
        "actor actress star starred cast director directed crew credits played",
        "release released dates", "popular trending", "theaters playing now", "rated top highest", "recommend recommendations",
        "birthday born birth", "headquarter headquarters where", "founded origin",
    )
]  # fmt: skip
_OWNED = re.compile(r"\b(?:by|with|actor|person)\s+$", re.IGNORECASE)
_OWNING = re.compile(r"['’]s\b")
SEARCH = stem("search")
WEIGHTS = {"said": 1.0, "step": 0.5, "unsaid": 0.5, "kind": 1.0, "no kind": 0.8, "field": 0.5, "root": 2.0, "beside": 1.5,
           "owned": 1.0, "other search": 1.0}  # fmt: skip
Chain = tuple[Tool, ...]


class Kind(Struct, frozen=True):
    """Things with a path of their own, and what their own read answers with."""

    path: str
    noun: tuple[str, ...]
    fields: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        return stems_of(" ".join([*self.noun, CALLED.get(" ".join(self.noun), "")]))


class Graph:
    """Which tools give things of which kind, and which need one."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._answers: dict[str, frozenset[str]] = {}
        self._reads = [one for one in tools.values() if one.effect == "read"]
        self.kinds = {one.path: one for one in map(self._kind, sorted({self.needs(one) for one in self._reads} - {""}))}

    @cached_property
    def givers(self) -> dict[str, list[Tool]]:
        """By the path of a kind: the tools whose answers have ids of such things."""
        told: dict[str, list[Tool]] = {path: [] for path in self.kinds}
        for one in self._reads:
            for path in self.gives(one):
                told[path].append(one)
        return told

    def needs(self, tool: Tool) -> str:
        """The path of the thing that a tool is about, as far as its id: `/movie/{}`."""
        before, brace, _ = tool.operation.path.partition("{")
        return f"{before}{{}}" if brace and not self._is_choice(before) else ""

    def _is_choice(self, before: str) -> bool:
        return "trending" in before

    def _kind(self, path: str) -> Kind:
        own = next((one for one in self._reads if plain_path(one.operation.path) == path), None)
        fields = frozenset(place_of(own.output_schema).names) if own is not None else frozenset()
        noun = tuple(map(singular, split(path.rstrip("/{}").rpartition("/")[2])))
        return Kind(path, noun, fields)

    def gives(self, tool: Tool) -> frozenset[str]:
        """The paths of the kinds of which its answer has ids."""
        place = place_of(tool.output_schema)
        return frozenset(path for name, one in _things(place, LEVELS_MAX) if (path := self._which(tool, name, one)))

    def _which(self, tool: Tool, name: str, place: Place) -> str:
        """Which kind things are of that stand in a field of that name: by the field, by the path, or by their shape."""
        fields = frozenset(place.names)
        named = {singular(word) for word in split(name)}
        static = [part for part in tool.operation.path.split("/") if part and "{" not in part]
        last = {singular(word) for word in split(static[-1])} if static else set()
        best, found = 0.0, ""
        for kind in self.kinds.values():
            noun = set(kind.noun)
            share = len(fields & kind.fields) / max(len(fields), 1) if len(fields) >= FIELDS_MIN else 0.0
            is_named, is_last = bool(noun & named), bool(noun & last) and (share >= LIKELY or not kind.fields)
            score = share + 1.0 * is_named + 0.4 * is_last
            if score > best and (is_named or is_last or share >= ALIKE):
                best, found = score, kind.path
        return found

    def answers(self, tool: Tool) -> frozenset[str]:
        """The stems of what it answers with."""
        if tool.name not in self._answers:
            self._answers[tool.name] = stems_of(" ".join(place_of(tool.output_schema).names))
        return self._answers[tool.name]

    def chains(self, goal: Tool) -> Iterator[Chain]:
        """The chains that end in a tool, the shortest first."""
        waiting: list[Chain] = [(goal,)]
        told = 0
        while waiting and told < CHAINS_MAX:
            chain = waiting.pop(0)
            needed = self.needs(chain[0])
            if not needed:
                told += 1
                yield chain
                continue
            if len(chain) < STEPS_MAX:
                waiting += [(one, *chain) for one in self.givers.get(needed, ()) if one not in chain]


def plain_path(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _things(place: Place, levels: int, name: str = "") -> Iterator[tuple[str, Place]]:
    """Where objects with an `id` stand: itself beneath its root, its fields, and the items of its lists."""
    if "array" in place.kinds:
        place = place.at("/-")
    if name and place.at("/id").schemas:
        yield name, place
    if levels:
        for field in place.names:
            inner = place.at(f"/{escape(field)}")
            if inner.kinds & {"object", "array"}:
                yield from _things(inner, levels - 1, field)


class Wish:
    """What a wish says, as far as chains are told apart by it."""

    def __init__(self, text: str, names: Sequence[Span], graph: Graph, rarity: Mapping[str, float]) -> None:
        self.graph, self.rarity = graph, rarity
        self.said = stems_of(text)
        self.said = self.said.union(*(group for group in ALIKE_WORDS if group & self.said))
        self.has_name = bool(names)
        self.kinds = {path for path, kind in graph.kinds.items() if kind.words & self.said}
        beside = [text[max(0, one.start - 25) : one.start] + " " + text[one.end : one.end + 12] for one in names]
        self.beside = frozenset().union(*(stems_of(one) for one in beside))
        self.is_owned = any(
            _OWNED.search(text[: one.start]) or _OWNING.search(text, one.start, one.end + 2) for one in names
        )

    def of(self, words: frozenset[str]) -> float:
        return sum(self.rarity.get(word, 1.0) for word in words)


def rank(chains: Sequence[Chain], wish: Wish) -> list[Chain]:
    """The likeliest first: by the words that its steps are called by, and how the first finds its thing."""
    return sorted(chains, key=lambda chain: -_fit(chain, wish))


def _fit(chain: Chain, wish: Wish) -> float:
    graph, said = wish.graph, wish.said
    paths = [words_of_path(one.operation.path) - {SEARCH} for one in chain]
    told = frozenset[str]().union(*paths)
    kinds = {graph.needs(one) for one in chain[1:]}
    root = words_of_path(chain[0].operation.path)
    searches = SEARCH in root
    score = WEIGHTS["said"] * wish.of(said & told)
    score -= WEIGHTS["step"] * len(chain)
    score -= WEIGHTS["unsaid"] * sum(wish.of(one - said) for one in paths[1 if searches else 0 :])
    score += WEIGHTS["kind"] * len(kinds & wish.kinds) - WEIGHTS["no kind"] * len(kinds - wish.kinds)
    score += WEIGHTS["field"] * wish.of(said & graph.answers(chain[-1]) - told)
    score += WEIGHTS["root"] * (searches == wish.has_name)
    if searches and len(chain) > 1:
        first = graph.kinds[graph.needs(chain[1])]
        score += WEIGHTS["beside"] * bool(first.words & wish.beside) * (not wish.is_owned)
        score += WEIGHTS["owned"] * (wish.is_owned == ("person" in first.noun))
        score -= WEIGHTS["other search"] * (not set(first.noun) & set(map(singular, root_words(chain[0]))))
    return score


def root_words(tool: Tool) -> list[str]:
    return [word for part in tool.operation.path.split("/") for word in split(part)]


def words_of_path(path: str) -> frozenset[str]:
    return stems_of(" ".join(part for part in path.split("/") if part and "{" not in part))
