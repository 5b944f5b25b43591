"""JSON that is too long, made shorter and still JSON: the longest lists and texts lose their ends, and what was left out is
said by its place. Exact where it is kept: nothing is decoded that is not cut."""

from typing import NamedTuple

import msgspec
from msgspec import Raw

from gateway.core.pointer import escape
from gateway.core.prose import plain

CUTS_MAX = 40
MEMBERS_MAX = 10_000
LEVELS_MAX = 12
TEXT_CHARACTERS_MIN = 40
CUTS_TOLD_MAX = 10
STEP_CHARACTERS_MAX = 60

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


class Shortened(NamedTuple):
    """The JSON, and a line for each cut: `/items: the first 20 of 512`."""

    encoded: bytes
    cuts: tuple[str, ...]


class _Cut(NamedTuple):
    encoded: bytes
    told: list[str]


def shorten_json(exact: bytes, bytes_max: int) -> Shortened | None:
    """The JSON in at most `bytes_max` bytes; None where it cannot be made to fit (a value without lists or texts). Where
    leaving out white space is enough, nothing is cut."""
    cut = _fit(exact, bytes_max, "", LEVELS_MAX)
    if len(cut.encoded) > bytes_max:
        return None
    told = cut.told[:CUTS_TOLD_MAX]
    if len(cut.told) > len(told):
        told.append(f"and {len(cut.told) - len(told)} more places")
    return Shortened(cut.encoded, tuple(told))


def _fit(exact: bytes, room: int, place: str, left: int) -> _Cut:
    """As much of a value as fits; more than `room` only where nothing in it can be cut."""
    if len(exact) <= room or left == 0:
        return _Cut(exact, [])
    match exact[:1]:
        case b"[":
            return _fit_list(exact, room, place, left)
        case b"{":
            return _fit_object(exact, room, place, left)
        case b'"':
            return _fit_text(exact, room, place)
        case _:
            return _Cut(exact, [])


def _fit_list(exact: bytes, room: int, place: str, left: int) -> _Cut:
    """The first items that fit whole; of the very first, as much as fits."""
    items = _ITEMS.decode(exact)
    kept: list[bytes] = []
    used = 2
    for item in map(bytes, items):
        if used + len(item) + 1 > room:
            break
        kept.append(item)
        used += len(item) + 1
    told = (
        [f"{place or 'the list'}: the first {len(kept) or 1} of {len(items)}"] if len(items) > max(len(kept), 1) else []
    )
    if not kept and items:
        first = _fit(bytes(items[0]), room - 2, f"{place}/0", left - 1)
        kept, told = [first.encoded], [*told, *first.told]
    return _Cut(b"[" + b",".join(kept) + b"]", told)


def _fit_object(exact: bytes, room: int, place: str, left: int) -> _Cut:
    """The largest member is cut until the whole fits, then the next largest."""
    decoded = _MEMBERS.decode(exact)
    if len(decoded) > MEMBERS_MAX:
        return _first_members(decoded, room, place)
    members = {name: bytes(value) for name, value in decoded.items()}
    names = {name: msgspec.json.encode(name) for name in members}
    used = 2 + sum(len(names[name]) + len(value) + 2 for name, value in members.items())
    told: list[str] = []
    for name in sorted(members, key=lambda name: -len(members[name]))[:CUTS_MAX]:
        if used <= room:
            break
        value = members[name]
        cut = _fit(value, max(len(value) - (used - room), TEXT_CHARACTERS_MIN), f"{place}/{_step(name)}", left - 1)
        members[name] = cut.encoded
        used -= len(value) - len(cut.encoded)
        told += cut.told
    if used > room:
        members, told = _drop(members, names, used - room, place, told)
    return _Cut(b"{" + b",".join(names[name] + b":" + value for name, value in members.items()) + b"}", told)


def _first_members(decoded: dict[str, Raw], room: int, place: str) -> _Cut:
    """Of more members than are worth looking at one by one, the first that fit."""
    kept: list[bytes] = []
    used = 2
    for name, value in decoded.items():
        member = msgspec.json.encode(name) + b":" + bytes(value)
        if used + len(member) + 1 > room:
            break
        kept.append(member)
        used += len(member) + 1
    told = f"{place or 'the object'}: the first {len(kept)} of {len(decoded)} members"
    return _Cut(b"{" + b",".join(kept) + b"}", [told])


def _step(name: str) -> str:
    """The name of a member as a step of a place that is shown to a caller: the backend chose it."""
    return plain(escape(name), STEP_CHARACTERS_MAX)


def _drop(
    members: dict[str, bytes], names: dict[str, bytes], over: int, place: str, told: list[str]
) -> tuple[dict[str, bytes], list[str]]:
    """Whole members go, the last first, where cutting them was not enough."""
    kept = dict(members)
    for name in reversed(members):
        if over <= 0:
            break
        over -= len(names[name]) + len(kept.pop(name)) + 2
    return kept, [*told, f"{place or 'the object'}: the first {len(kept)} of {len(members)} members"]


def _fit_text(exact: bytes, room: int, place: str) -> _Cut:
    """The beginning of a text, with an ellipsis; a text that is short already stays."""
    text: str = msgspec.json.decode(exact)
    if len(text) <= TEXT_CHARACTERS_MIN:
        return _Cut(exact, [])
    # Every character may take six bytes, escaped.
    kept = max(TEXT_CHARACTERS_MIN, (room - 8) * len(text) // len(exact))
    encoded = msgspec.json.encode(text[:kept] + "…")
    while len(encoded) > room and kept > TEXT_CHARACTERS_MIN:
        kept = max(TEXT_CHARACTERS_MIN, kept * 3 // 4)
        encoded = msgspec.json.encode(text[:kept] + "…")
    return _Cut(encoded, [f"{place or 'the text'}: the first {kept} of {len(text)} characters"])
