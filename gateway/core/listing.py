"""Which tool lists the things that an argument names one of: by the relations of its document, else by its names."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from gateway.core.entities import stem
from gateway.core.noun import named, one_of, singular, split
from gateway.core.pointer import escape
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool
from gateway.core.wanted import QUERIES, Wanted, names_thing, wanted_of

_ENDINGS = named("id ids uuid sku slug guid number key code name")

# What arguments for things of many kinds are called.
_GENERAL = named("id name key code number")


class Listing(Struct, frozen=True):
    """A tool that lists things, given at most of which other thing; the pointer of its list, that of the id in each, what one is
    called, and whether the id is a number that goes as text."""

    tool: Tool
    items: str
    key: str
    noun: str
    as_text: bool = False

    def beside(self, tools: Mapping[str, Tool]) -> Iterator["Listing"]:
        """Those of what its things name by id: of a lamp's `room_id` or `room`, the rooms."""
        for name in place_of(self.tool.output_schema).at(f"{self.items}/-").names:
            words = split(name)
            noun = words[:-1] if words[-1:] and words[-1] in _ENDINGS and len(words) > 1 else words
            if noun and " ".join(noun) != self.noun and (found := _named(noun, self.tool.connector, tools)) is not None:
                yield found


def lister_of(tool: Tool, one: Wanted, tools: Mapping[str, Tool]) -> Listing | None:
    """The tool whose answers give an argument and that can be called as it is; None where none is plain."""
    if (own := _related(tool, one, tools)) is not None:
        return own
    if (found := _searched_by_path(tool, one, tools)) is not None:
        return found
    words = one.words[:-1] if len(one.words) > 1 and one.words[-1] in _ENDINGS else one.words
    if words and (found := _named(one_of(words), tool.connector, tools, one.name)) is not None:
        return found
    mates = [other for other in tools.values() if other.connector == tool.connector and one.name not in _GENERAL]
    related = next((found for other in mates if (found := _related(other, one, tools)) is not None), None)
    return related or (_searching(one, tool.connector, tools) if one.name not in _GENERAL else None)


def listings(tools: Mapping[str, Tool], names: Iterable[str]) -> list[Listing]:
    """What lists the things that arguments of the tools of these names name, and can be called as it is."""
    found: dict[str, Listing] = {}
    for tool in (tools[name] for name in names):
        for one in filter(names_thing, wanted_of(tool)):
            listing = lister_of(tool, one, tools)
            if listing is not None and _reads_freely(listing.tool):
                found.setdefault(listing.tool.name, listing)
    return list(found.values())


def _searched_by_path(tool: Tool, one: Wanted, tools: Mapping[str, Tool]) -> Listing | None:
    """The one tool of a connector that searches, by words alone, for things that are called as the path before an argument is:
    `/search/movie` for the id in `/movie/{movie_id}/credits`."""
    name = next(
        (each.name for each in tool.operation.parameters if each.argument == one.name and each.location == "path"), ""
    )
    before = tool.operation.path.partition(f"/{{{name}}}")[0].rpartition("/")[2] if name else ""
    noun = [stem(word) for word in one_of(split(before))]
    found = []
    for other in tools.values():
        if not noun or other.connector != tool.connector or not bytes(other.outputs) or not _reads_by_words(other):
            continue
        *_, last = [part for part in other.operation.path.split("/") if part and "{" not in part] or [""]
        if [stem(word) for word in one_of(split(last))] == noun:
            place = place_of(other.output_schema)
            found += [Listing(other, at, "/id", " ".join(one_of(split(before)))) for at in _lists(place)
                      if place.at(f"{at}/-/id").schemas][:1]  # fmt: skip
    return found[0] if len(found) == 1 else None


def _reads_by_words(tool: Tool) -> bool:
    """Whether it reads, and needs words to search for, and nothing else."""
    needed = [one for one in wanted_of(tool) if one.required]
    is_plain = len(needed) == 1 and not names_thing(needed[0]) and bool(set(needed[0].words) & QUERIES)
    return tool.effect == "read" and is_plain


def _searching(one: Wanted, connector: str, tools: Mapping[str, Tool]) -> Listing | None:
    """The one tool of a connector that is searched with words and gives things that have a field of that name: a `sku`."""
    found = []
    for tool in tools.values():
        if tool.connector != connector or tool.effect != "read" or not bytes(tool.outputs):
            continue
        if any(set(each.words) & QUERIES for each in wanted_of(tool)) and _reads_of_things(tool):
            place, key = place_of(tool.output_schema), f"/{escape(one.name)}"
            noun = " ".join(one_of(split(tool.operation.path.rstrip("/").rpartition("/")[2].partition(":")[0])))
            found += [Listing(tool, at, key, noun) for at in _lists(place) if place.at(f"{at}/-{key}").schemas]
    return found[0] if len(found) == 1 else None


def _related(tool: Tool, one: Wanted, tools: Mapping[str, Tool]) -> Listing | None:
    """By the relations of a tool that takes an argument of that name."""
    for relation in tool.related.preceding if tool.related else ():
        earlier = tools.get(relation.earlier)
        if earlier is None or not _reads_of_things(earlier):
            continue
        for binding in relation.bindings:
            if binding.argument == one.name and "/-/" in f"{binding.origin}/":
                items, _, key = binding.origin.rpartition("/-/")
                noun = earlier.related.family.noun if earlier.related and earlier.related.family else ""
                return Listing(earlier, items, f"/{key}", noun.replace("_", " "), binding.as_text)
    return None


def _named(noun: tuple[str, ...], connector: str, tools: Mapping[str, Tool], key: str = "id") -> Listing | None:
    """The one tool of a connector that lists things of that name, with an `id` in each, or the `key`."""
    found = []
    for tool in tools.values():
        if tool.connector != connector or tool.effect != "read" or not bytes(tool.outputs):
            continue
        steps = [part for part in tool.operation.path.split("/") if part and "{" not in part]
        words = split(steps[-1].partition(":")[0]) if steps else ()
        is_theirs = bool(words) and [stem(word) for word in one_of(words)] == [stem(word) for word in noun]
        if not is_theirs or not _reads_freely(tool):
            continue
        place = place_of(tool.output_schema)
        for at, name in ((at, name) for at in _lists(place) for name in ("id", key)):
            if place.at(f"{at}/-/{escape(name)}").schemas:
                found.append(Listing(tool, at, f"/{escape(name)}", " ".join(map(singular, noun))))
                break
    return found[0] if len(found) == 1 else None


def _lists(place: Place) -> list[str]:
    """Where lists stand in an answer: at its root, or in one of its fields."""
    if "array" in place.kinds:
        return [""]
    return [f"/{escape(name)}" for name in place.names if "array" in place.at(f"/{escape(name)}").kinds]


def _reads_of_things(tool: Tool) -> bool:
    """Whether it reads, and needs nothing but ids, or words to search for."""
    return tool.effect == "read" and all(
        names_thing(one) or set(one.words) & QUERIES for one in wanted_of(tool) if one.required
    )


def _reads_freely(tool: Tool) -> bool:
    return tool.effect == "read" and not any(one.required for one in wanted_of(tool))
