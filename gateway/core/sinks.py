"""Sinks: what becomes of the arguments of a tool. As its document, an overlay or the manifest says, and, where nobody said it, as
names and formats of its schema show."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from gateway.core.extension import Role
from gateway.core.pointer import escape, tokens
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool

LEVELS_MAX = 6
PLACES_MAX = 1_000

# What a manifest says of an argument; `none` ends guessing.
Said = Role | Literal["none"]

_TO = ("to", "cc", "bcc", "recipient", "recipients", "torecipients", "ccrecipients", "bccrecipients")
RECIPIENTS = frozenset({*_TO, "toemail", "emailto", "toaddress"})
EMAILS = frozenset({"email", "idn-email"})
URLS = frozenset({"uri", "url", "iri", "uri-reference", "iri-reference", "uri-template"})
ANYTHING = Place((True,), {})
TIMES = frozenset({"date", "date-time", "time", "duration"})


class Sink(Struct, frozen=True):
    """A place among the arguments (a JSON Pointer, `-` for any item) and what becomes of what stands there or beneath.
    `inferred`: nobody said so."""

    pointer: str
    role: Role
    inferred: bool = False


def sinks_of(tool: Tool, said: Mapping[str, Said]) -> tuple[Sink, ...]:
    """Those that are said and those that show, in the order of the schema. `said` is what the manifest says, by the names of
    arguments or those on the wire; it counts for more than the document."""
    known = dict(_said(tool, {**(tool.extension.sink if tool.extension is not None else {}), **said}))
    told = [Sink(f"/{escape(name)}", role) for name, role in known.items() if role != "none"]
    shown = (
        Sink(pointer, role, inferred=True)
        for pointer, role in _shown(tool)
        if known.get(tokens(pointer)[0]) != "none" and pointer not in {one.pointer for one in told}
    )
    return (*told, *shown)


def unnamed_sinks(tool: Tool, root: Place, said: Mapping[str, Said], place: str, value: Any) -> tuple[Sink, ...]:
    """Those that only a plan names, on the way to a place and within what it puts there: members that the schema has no name
    for, because it takes any. `root` is where its arguments stand."""
    found: dict[str, Sink] = {}
    for path in (place, *_within(place, value)):
        at, pointer = root, ""
        for name in tokens(path):
            is_named, pointer = name in at.names, f"{pointer}/{escape(name)}"
            at = at.at(f"/{escape(name)}")
            role = None if is_named or name.isdigit() else _role(tool, name, ANYTHING)
            if role is not None and said.get(tokens(path)[0]) != "none":
                found.setdefault(pointer, Sink(pointer, role, inferred=True))
    return tuple(found.values())


def _within(place: str, value: Any) -> Iterator[str]:
    """The places of what holds nothing else within a value, PLACES_MAX at most."""
    waiting = [(place, value)]
    for _ in range(PLACES_MAX):
        if not waiting:
            return
        pointer, one = waiting.pop()
        match one:
            case dict():
                waiting += [(f"{pointer}/{escape(str(name))}", inner) for name, inner in one.items()]
            case list():
                waiting += [(f"{pointer}/{index}", inner) for index, inner in enumerate(one)]
            case _:
                yield pointer


def meets(sink: Sink, place: str) -> bool:
    """Whether a value at a place goes into a sink: it stands there, beneath, or has that place in it."""
    pairs = zip(tokens(sink.pointer), tokens(place), strict=False)
    return all(one == other or (one == "-" and (other.isdigit() or other == "-")) for one, other in pairs)


def _said(tool: Tool, roles: Mapping[str, Said]) -> Iterator[tuple[str, Said]]:
    """By the names of arguments: those that share a name on the wire share what is said of it."""
    operation = tool.operation
    names = [(one.argument, one.name) for one in operation.parameters]
    if operation.body is not None:
        names += [(one.argument, one.name) for one in operation.body.fields]
        names += [(one, one) for one in (operation.body.argument, operation.body.extra) if one]
    for argument, name in names:
        if role := roles.get(argument, roles.get(name)):
            yield argument, role


def _shown(tool: Tool) -> Iterator[tuple[str, Role]]:
    """What names and formats show, LEVELS_MAX deep and for PLACES_MAX places at most."""
    waiting = [("", "", place_of(tool.input_schema))]
    for _ in range(PLACES_MAX):
        if not waiting:
            return
        pointer, name, place = waiting.pop(0)
        if pointer and (role := _role(tool, name, place)):
            yield pointer, role
        elif len(tokens(pointer)) < LEVELS_MAX:
            waiting += [(f"{pointer}/{escape(one)}", one, place.at(f"/{escape(one)}")) for one in place.names]
            if (items := place.at("/-")).schemas and "array" in place.kinds:
                waiting.append((f"{pointer}/-", name, items))


def _role(tool: Tool, name: str, place: Place) -> Role | None:
    """A recipient is one of a write: whoever reads looks for somebody."""
    plain = "".join(filter(str.isalnum, name)).casefold()
    formats, kinds = place.formats, place.kinds
    if formats & URLS or (plain.endswith(("url", "uri")) and "string" in kinds):
        return "url"
    if tool.effect == "read" or formats & TIMES:
        return None
    return "recipient" if formats & EMAILS or (plain in RECIPIENTS and kinds - {"boolean", "null"}) else None
