"""Changes to a state, and whether a state is what they make of another.

Changes are a merge patch (RFC 7396: null removes) in which `"+"` within a collection lists what is new there, whatever ids it
gets. In place of a value there may be

    {"$any": true}        anything, or nothing in what is new
    {"$one_of": [...]}    one of these; null is nothing
    {"$has": [...]}       a text with all of these in it

Texts are the same whatever their case, the space around them and a full stop at their end.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

NEW = "+"
MISSING: Any = object()
Path = tuple[str, ...]


def apply(state: Any, changes: Any) -> Any:
    """The state with the changes made. What is new needs an id here, so that there is no `"+"`."""
    if not isinstance(changes, dict):
        return deepcopy(changes)
    made = dict(state) if isinstance(state, dict) else {}
    for key, change in changes.items():
        if change is None:
            made.pop(key, None)
        else:
            made[key] = apply(made.get(key), change)
    return made


def fits(wanted: Any, value: Any) -> bool:
    """Whether a value is what is wanted of it, and holds nothing more."""
    match wanted:
        case {"$any": True}:
            return value is not MISSING
        case {"$one_of": list(choices)}:
            return any(fits(one, value) for one in choices)
        case {"$has": list(words)}:
            return isinstance(value, str) and all(_plain(word) in _plain(value) for word in words)
        case dict():
            given = set(value) if isinstance(value, dict) else set()
            optional = {key for key, one in wanted.items() if _may_be_missing(one)}
            return (
                isinstance(value, dict)
                and given <= set(wanted)
                and all(fits(one, value[key]) if key in value else key in optional for key, one in wanted.items())
            )
        case list():
            return (
                isinstance(value, list)
                and len(value) == len(wanted)
                and all(fits(one, other) for one, other in zip(wanted, value, strict=True))
            )
        case str():
            return isinstance(value, str) and _plain(wanted) == _plain(value)
        case None:
            return value is MISSING
    return bool(wanted == value and isinstance(wanted, bool) == isinstance(value, bool))


def differences(start: Any, changes: Any, final: Any, path: Path = ()) -> Iterator[Path]:
    """Where the final state is not what the changes make of the start. A new thing that is wanted and not there is at its
    collection's path with `"+"`."""
    if not isinstance(changes, dict) or _is_matcher(changes):
        if not fits(changes, final):
            yield path
        return
    start, final = (one if isinstance(one, dict) else {} for one in (start, final))
    wanted = list(changes.get(NEW, ()))
    for key in sorted({*start, *changes, *final} - {NEW}):
        if key in changes:
            yield from differences(start.get(key, MISSING), changes[key], final.get(key, MISSING), (*path, key))
        elif key in start:
            if start[key] != final.get(key, MISSING):
                yield (*path, key)
        elif (found := next((one for one in wanted if fits(one, final[key])), None)) is not None:
            wanted.remove(found)
        else:
            yield (*path, key)
    yield from ((*path, NEW) for _ in wanted)


def effects(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What one write changed: the places and what is there now, MISSING where there is nothing any more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from effects(before.get(key, MISSING), after.get(key, MISSING), (*path, key))
    elif before is MISSING or after is MISSING or before != after:
        yield path, after


def wanted_at(changes: Any, path: Path) -> Any:
    """What the changes want at a place: a value or a matcher, None where it is to be gone, MISSING where they want nothing."""
    for key in path:
        if not isinstance(changes, dict) or _is_matcher(changes) or key not in changes:
            return MISSING
        changes = changes[key]
    return changes


def _may_be_missing(wanted: Any) -> bool:
    match wanted:
        case {"$any": True}:
            return True
        case {"$one_of": list(choices)}:
            return None in choices
    return False


def _is_matcher(value: dict[str, Any]) -> bool:
    return any(key.startswith("$") for key in value)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!")
