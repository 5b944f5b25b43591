"""What a model sent in the form of a dialect, as the tool's own schema has it. Checks nothing: what does not fit its
shape stays as it is, and the check of arguments tells what is wrong with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from gateway.core.dialect_openai import LEFT_OUT, takes_null
from gateway.core.shape import WHOLE, Link, Map, Plan, Record, Scalar, Sequence, Shape, Text, Union, kinds_of

LEVELS_MAX = 100
VALUES_MAX = 200_000
# A value of another type weighs more than anything that is wrong inside one of the right type.
_OTHER_TYPE = 1_000


def turn_back(arguments: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The arguments in the terms of the tool's own schema."""
    told = _Turning(plan.definitions).value(arguments, plan.root, LEVELS_MAX)[0]
    if not plan.is_whole:
        return dict(told)
    return told[WHOLE] if isinstance(told.get(WHOLE), dict) else told  # type: ignore[no-any-return]


class _Turning:
    """Each method gives the value turned back, and how badly it fits the shape: 0 where it fits."""

    def __init__(self, definitions: Mapping[str, Shape]) -> None:
        self._definitions = definitions
        self._known: dict[tuple[int, int], tuple[Any, int]] = {}
        self._values_left = VALUES_MAX

    def value(self, value: Any, shape: Shape, levels: int) -> tuple[Any, int]:
        if value is None:
            return None, 0 if takes_null(shape, self._definitions) else _OTHER_TYPE
        self._values_left -= 1
        if levels == 0 or self._values_left < 0:
            return value, 0
        match shape:
            case Text():
                return _parsed(value)
            case Scalar(kind="null"):
                return (None, 0) if value == "null" else (value, _OTHER_TYPE)
            case Scalar():
                return value, _broken(value, shape.rules) if shape.kind in kinds_of(value) else _OTHER_TYPE
            case Sequence():
                return self._sequence(value, shape, levels)
            case Map():
                return self._map(value, shape, levels)
            case Record():
                return self._record(value, shape, levels)
            case Union():
                return self._union(value, shape, levels)
            case Link():
                return self.value(value, self._definitions[shape.name], levels - 1)

    def _sequence(self, value: Any, shape: Sequence, levels: int) -> tuple[Any, int]:
        if not isinstance(value, list):
            return value, _OTHER_TYPE
        turned = [self.value(item, shape.items, levels - 1) for item in value]
        return [item for item, _ in turned], _inside([_broken(value, shape.rules), *(misfit for _, misfit in turned)])

    def _map(self, value: Any, shape: Map, levels: int) -> tuple[Any, int]:
        """A list of pairs as the object that it stands for; of two with one key the later counts."""
        if not isinstance(value, list) or not all(map(_is_pair, value)):
            return value, _OTHER_TYPE
        turned = {pair["key"]: self.value(pair["value"], shape.value, levels - 1) for pair in value}
        misfits = [_broken(value, shape.rules), *(misfit for _, misfit in turned.values())]
        return {key: item for key, (item, _) in turned.items()}, _inside(misfits)

    def _record(self, value: Any, shape: Record, levels: int) -> tuple[Any, int]:
        if not isinstance(value, dict):
            return value, _OTHER_TYPE
        told: dict[str, Any] = {}
        misfits = [1 for name in shape.required if name not in value]
        for name, item in value.items():
            member = shape.members.get(name)
            if member is None:
                told[name] = item
                misfits.append(1)
            elif name in shape.required or not self._is_left_out(item, member):
                told[name], misfit = self.value(item, member, levels - 1)
                misfits.append(misfit)
        return told, _inside(misfits)

    def _is_left_out(self, value: Any, shape: Shape) -> bool:
        return (value is None or value == LEFT_OUT) and (value is None) != takes_null(shape, self._definitions)

    def _union(self, value: Any, shape: Union, levels: int) -> tuple[Any, int]:
        """As the branch that fits best, the first of equals."""
        key = (id(value), id(shape))
        if key not in self._known:
            turned = [self.value(value, branch, levels - 1) for branch in shape.branches]
            self._known[key] = min(turned, key=lambda one: one[1])
        return self._known[key]


def _inside(misfits: Iterable[int]) -> int:
    return min(sum(misfits), _OTHER_TYPE - 1)


_IS_BROKEN: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, bound: value < bound,
    "maximum": lambda value, bound: value > bound,
    "exclusiveMinimum": lambda value, bound: value <= bound,
    "exclusiveMaximum": lambda value, bound: value >= bound,
    **dict.fromkeys(("minLength", "minItems"), lambda value, bound: len(value) < bound),
    **dict.fromkeys(("maxLength", "maxItems"), lambda value, bound: len(value) > bound),
    "enum": lambda value, listed: value not in listed,
}


def _broken(value: Any, rules: Mapping[str, Any]) -> int:
    """How many of these rules, patterns apart, a value of the right type breaks."""
    return sum(_IS_BROKEN[keyword](value, bound) for keyword, bound in rules.items() if keyword in _IS_BROKEN)


def _is_pair(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"key", "value"} and isinstance(value["key"], str)


def _parsed(value: Any) -> tuple[Any, int]:
    """What a text holds; a text that holds no JSON is itself."""
    if not isinstance(value, str):
        return value, _OTHER_TYPE
    try:
        return msgspec.json.decode(value), 0
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return value, 1
