"""OpenAPI Overlay 1.0 and 1.1: a document with the changes of another document applied. Fetches nothing, and leaves what
`extends` says to whoever chose the overlay.

Neither of the two is changed. What an action touches is copied along its path, and the rest is shared; so a value that
an alias shares changes only where a target names it.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from gateway.core.broken import DocumentBroken
from gateway.core.document import Tree
from gateway.core.jsonpath import Location, PathBroken, Paths
from gateway.core.prose import plain
from gateway.core.tool import Repair
from gateway.core.work import COPIED_A_STEP, Work, WorkExceeded
from gateway.core.yaml_tree import DEPTH_MAX

ACTIONS_MAX = 10_000
MATCHES_MAX = 200_000
# For one overlay, about ten seconds: values looked at, values added (each time they are), and members copied, sixteen to a step.
STEPS_MAX = 10_000_000
_SHOWN_CHARACTERS_MAX = 200

_VERSION = re.compile(r"1\.[0-9]+(\.|$|-)")


class Overlaid(Struct, frozen=True):
    """A document with an overlay applied, and what of the overlay had no effect."""

    tree: Tree
    repairs: tuple[Repair, ...]


class _ActionBroken(Exception):
    """An action that cannot be applied, and why in a sentence. It changes nothing then."""


class _Unmatched(Exception):
    """The target selects nothing (Overlay 1.1: the action succeeds without a change)."""


class _Touched(Struct):
    """A value that an action selects, or one on the way to such values, by the keys that lead there."""

    is_target: bool
    members: "dict[str | int, _Touched]"


def apply_overlay(tree: Tree, overlay: Tree, place: str, *, steps_max: int = STEPS_MAX) -> Overlaid:
    """The document after all actions, in their order, each on what the one before has left. `place` names the overlay.

    Repairs have the reason `overlay-unmatched` or `overlay-broken`, and the place `<place>#/actions/<index>`.
    Raises DocumentBroken where it is no overlay, or one of more than ACTIONS_MAX actions.
    """
    first_version, actions = _read(overlay, place)
    work = Work(steps_max)
    repairs = []
    for index, action in enumerate(actions):
        at = f"{place}#/actions/{index}"
        try:
            tree = _apply(tree, action, work, scalars=not first_version)
        except _Unmatched:
            shown = plain(action["target"], _SHOWN_CHARACTERS_MAX)
            repairs.append(Repair(at, "overlay-unmatched", f"its target {shown} selects nothing."))
        except (_ActionBroken, PathBroken, WorkExceeded) as error:
            repairs.append(Repair(at, "overlay-broken", str(error)))
    return Overlaid(tree, tuple(repairs))


def _read(overlay: Tree, place: str) -> tuple[bool, list[Any]]:
    """Whether it is of version 1.0, and its actions. Raises DocumentBroken."""
    version, actions = str(overlay.get("overlay", "")), overlay.get("actions")
    if not _VERSION.match(version):
        raise DocumentBroken("it is no overlay: it does not say `overlay: 1.0.0` or another 1.x.", place)
    if not isinstance(actions, list):
        raise DocumentBroken("the `actions` of an overlay are a list.", f"{place}#/actions")
    if len(actions) > ACTIONS_MAX:
        raise DocumentBroken(f"it has more than {ACTIONS_MAX} actions.", f"{place}#/actions")
    return version.startswith("1.0"), actions


def _apply(tree: Tree, action: Any, work: Work, *, scalars: bool) -> Tree:
    """One action (Overlay 1.0 and 1.1, Action Object). `remove` wins over the others."""
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise _ActionBroken("an action is an object with a `target`, which is text.")
    found = Paths(work).locate(action["target"], tree, MATCHES_MAX)
    if not found:
        raise _Unmatched
    locations = [location for location, _ in found]
    touched = _touched(locations)
    if action.get("remove") is True:
        if touched.is_target:
            raise _ActionBroken("the root of a document cannot be removed.")
        kept: Tree = _without(tree, touched, work)
        return kept
    value = _addition(tree, action, work)
    if not scalars and not all(isinstance(one, dict | list) for _, one in found):
        raise _ActionBroken("its target selects a plain value; Overlay 1.0 takes objects and arrays.")
    _weigh(value, locations, work)
    changed: Tree = _with(tree, touched, value, work)
    return changed


def _addition(tree: Tree, action: dict[str, Any], work: Work) -> Any:
    """What an action puts in: its `update`, or the one value that its `copy` selects (Overlay 1.1)."""
    told = [key for key in ("update", "copy") if key in action]
    if len(told) != 1:
        raise _ActionBroken("an action has one of `update`, `copy` and `remove: true`.")
    if told == ["update"]:
        return action["update"]
    if not isinstance(action["copy"], str):
        raise _ActionBroken("`copy` is a JSONPath, which is text.")
    found = Paths(work).locate(action["copy"], tree, MATCHES_MAX)
    if len(found) != 1:
        raise _ActionBroken(f"`copy` selects {len(found)} nodes; it takes one.")
    return found[0][1]


def _weigh(value: Any, locations: list[Location], work: Work) -> None:
    """Keeps the document within what any document may be, however often an overlay doubles it."""
    values, levels = work.walk(value)
    work.spend(values * len(locations))
    if max(map(len, locations)) + 1 + levels > DEPTH_MAX:
        raise _ActionBroken(f"the document would be nested deeper than {DEPTH_MAX} levels.")


def _touched(locations: Iterable[Location]) -> _Touched:
    root = _Touched(False, {})
    for location in locations:
        at = root
        for key in location:
            at = at.members.setdefault(key, _Touched(False, {}))
        at.is_target = True
    return root


def _with(value: Any, touched: _Touched, addition: Any, work: Work) -> Any:
    """The value with the addition in every target, a target before those beneath it."""
    if touched.is_target:
        is_entry = isinstance(value, list) and not isinstance(addition, list)
        value = _merge(value, [addition] if is_entry else addition, work)
    if not touched.members:
        return value
    fresh = _copy(value, work)
    for key, member in touched.members.items():
        fresh[key] = _with(fresh[key], member, addition, work)
    return fresh


def _without(value: Any, touched: _Touched, work: Work) -> Any:
    """The value without the targets beneath it."""
    fresh = _copy(value, work)
    for key, member in touched.members.items():
        if not member.is_target:
            fresh[key] = _without(fresh[key], member, work)
    gone = {key for key, member in touched.members.items() if member.is_target}
    pairs = enumerate(fresh) if isinstance(fresh, list) else fresh.items()
    kept = [(key, one) for key, one in pairs if key not in gone]
    return [one for _, one in kept] if isinstance(fresh, list) else dict(kept)


def _merge(target: Any, addition: Any, work: Work, key: str = "") -> Any:
    """Objects member by member, arrays one behind the other, a plain value for another (Overlay 1.1, which spells out
    what 1.0 means). One rule is our own: where the document has null, anything may stand instead."""
    if isinstance(target, dict) and isinstance(addition, dict):
        fresh = _copy(target, work)
        for key, one in addition.items():
            fresh[key] = _merge(target[key], one, work, key) if key in target else one
        return fresh
    if isinstance(target, list) and isinstance(addition, list):
        return [*_copy(target, work), *addition]
    if target is None or _kind(target) == _kind(addition):
        return addition
    where = f" at {key[:_SHOWN_CHARACTERS_MAX]!r}" if key else ""
    raise _ActionBroken(f"{_kind(addition)} cannot be merged into {_kind(target)}{where}.")


def _copy(value: Any, work: Work) -> Any:
    work.spend(1 + len(value) // COPIED_A_STEP)
    return value.copy()


def _kind(value: object) -> str:
    return "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else "a plain value"
