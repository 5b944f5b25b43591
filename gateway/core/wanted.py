"""An argument of a tool as filling looks at it: its name in words, what its schema says, and what it is about by these. Pure."""

import re
from typing import Any

from msgspec import Struct, structs

from gateway.core.idempotency import key_argument
from gateway.core.noun import named, split
from gateway.core.option import RESERVED
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool

STARTS = named("start starts begin begins from since after departure")
ENDS = named("end ends to until before till return finish")
DAYS = named("date day on when time at due deadline start end from to until since before after departure return")
BODIES = named("text body message content description note notes comment comments msg")
TITLES = named("title subject name summary label heading")
QUERIES = named("q query search keyword keywords term terms phrase")
ADDRESSES = named("to email mail recipient recipients cc bcc address attendees invitees participants")
PLACES = named("place location city town address where venue")
LINKS = named("url uri link href website")
AMOUNTS = named("amount price cost total value sum budget cents fee")
COUNTS = named("qty quantity count amount number")
STATEFUL = named("on enabled enable active activated state status power is_on")
PAGING = named("limit offset page cursor per_page page_size size count max_results top skip start_index")
_UNIT_NAMES = {
    "percent": named("percent percentage pct"),
    "celsius": named("celsius c centigrade degrees degree"),
    "fahrenheit": named("fahrenheit f"),
    "kelvin": named("kelvin k"),
    "second": named("seconds second s sec secs"),
    "minute": named("minutes minute min mins"),
    "hour": named("hours hour h hrs"),
    "day": named("days day"),
    "kilogram": named("kilograms kilogram kg kilos"),
    "gram": named("grams gram g"),
    "kilometre": named("kilometers kilometres km"),
    "metre": named("meters metres m"),
    "mile": named("miles mile"),
    "litre": named("liters litres l"),
}

# What stands in quotes in a description is what may be chosen, or an example.
_QUOTED_OPTION = re.compile(r"(?<!\w)'([^'\n]{1,40})'(?!\w)|\"([^\"\n]{1,40})\"|`([^`\n]{1,40})`")
OPTIONS_MAX = 40
# How a description has days written, in the terms of strftime.
_ORDERS = (
    ("%Y-%m-%d %H:%M:%S", r"yyyy-mm-dd hh:mm:ss"), ("%Y-%m-%d %H:%M", r"yyyy-mm-dd hh:mm"), ("%m/%d/%Y", r"mm/dd/yyyy"),
    ("%d/%m/%Y", r"dd/mm/yyyy"), ("%d-%m-%Y", r"dd-mm-yyyy"), ("%m-%d-%Y", r"mm-dd-yyyy"), ("%Y/%m/%d", r"yyyy/mm/dd"),
    ("%d.%m.%Y", r"dd\.mm\.yyyy"),
)  # fmt: skip
# `1 for cleaning, 2 represents ironing`
_MEANING = re.compile(
    r"(?<![\w.])['\"]?(\d{1,6}|[A-Z][A-Z0-9_]{0,15})['\"]?\s*(?:for|represents|means|is|=|:|-)\s+"
    r"(?!the\b|a\b)([A-Za-z][\w' -]{1,40}?)(?=\s*[,.;()]|\s+(?:and|or)\s|$)"
)


class Wanted(Struct, frozen=True):
    """One argument as filling looks at it: its name, that in words, what its schema says, and whether it has to be given. A member
    of an argument is named with it, `start/dateTime`; it is `needed` where another member is given."""

    name: str
    words: tuple[str, ...]
    schema: dict[str, Any]
    kinds: frozenset[str]
    required: bool
    place: Place
    needed: bool = False

    @property
    def description(self) -> str:
        return str(self.schema.get("description", ""))


def wanted_of(tool: Tool) -> tuple[Wanted, ...]:
    """The arguments of a tool, the required ones first; without options of the gateway and keys that it makes itself."""
    root = place_of(tool.input_schema)
    plain = root.plain
    required = frozenset(plain.get("required", ()))
    names = [name for name in plain.get("properties", {}) if name not in RESERVED and name != key_argument(tool)]
    made = [
        _wanted(name, root.at("/" + name.replace("~", "~0").replace("/", "~1")), name in required) for name in names
    ]
    return tuple(sorted(made, key=lambda one: not one.required))


def members_of(one: Wanted) -> list[Wanted]:
    """An object's members, as far as one of them may be filled by itself; else the argument itself."""
    names = one.place.names
    if one.kinds != {"object"} or not names or "currency" in names or "/" in one.name:
        return [one]
    needed = one.place.needed
    members = []
    for name in names:
        if "/" in name or "~" in name:
            return [one]
        member = _wanted(f"{one.name}/{name}", one.place.at(f"/{name}"), one.required and name in needed)
        members.append(structs.replace(member, words=(*one.words, *split(name)), needed=name in needed))
    return members


def names_thing(one: Wanted) -> bool:
    """Whether its value says which of some things is meant: an id."""
    is_id = bool(set(one.words[-1:]) & named("id ids uuid sku slug guid")) or one.schema.get("format") == "uuid"
    return is_id or bool(re.search(r"\b(?:'s|its|by|the|an)\s+(?:ids?|numbers?)\b", one.description, re.IGNORECASE))


def options_of(one: Wanted) -> list[str]:
    """What its description gives in quotes: choices, or examples."""
    found = (next(filter(None, each), "") for each in _QUOTED_OPTION.findall(one.description))
    return list(dict.fromkeys(found))[:OPTIONS_MAX]


def meanings_of(one: Wanted) -> dict[str, str]:
    """What its description says that codes stand for, by the codes."""
    return dict(_MEANING.findall(one.description)[:OPTIONS_MAX])


def order_of(one: Wanted) -> str:
    """How its description has days written, for strftime; "" where it does not say, or as ISO 8601 does."""
    return next((order for order, told in _ORDERS if re.search(told, one.description, re.IGNORECASE)), "")


def _wanted(name: str, place: Place, required: bool) -> Wanted:
    schema = place.plain or (place.schemas[0] if len(place.schemas) == 1 and isinstance(place.schemas[0], dict) else {})
    return Wanted(name, split(name), schema, place.kinds - {"null"}, required, place)


def units_of(one: Wanted) -> frozenset[str]:
    """Which units its name and description speak of; the name decides."""
    by_name = frozenset(unit for unit, words in _UNIT_NAMES.items() if words & set(one.words[-1:]))
    told = set(re.findall(r"[a-z%°]+", one.description.lower()))
    of_text = frozenset(unit for unit, words in _UNIT_NAMES.items() if {word for word in words if len(word) > 2} & told)
    return by_name or of_text
