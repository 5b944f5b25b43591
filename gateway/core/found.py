"""What stands in values that came: at a pointer into JSON, and where a relation says that the arguments of a later call are."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.pointer import tokens
from gateway.core.relation import Relation

_IN_BRACES = re.compile(r"\{([^{}]*)\}")


class NotFoundThere(LookupError):
    """There is nothing at a pointer."""


class Several(LookupError):
    """A pointer asks for the only item of a list, and there are others: what stands in each."""

    def __init__(self, choices: list[Any]) -> None:
        super().__init__()
        self.choices = choices


def value_at(value: Any, pointer: str) -> Any:
    """What stands there; `-` is the only item of a list. Raises NotFoundThere or Several."""
    steps = tokens(pointer)
    for index, step in enumerate(steps):
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if step.isdigit() and len(step) < 10 and int(step) < len(value):
                value = value[int(step)]
            case [only] if step == "-":
                value = only
            case [_, _, *_] if step == "-":
                rest = "".join("/" + one.replace("~", "~0").replace("/", "~1") for one in steps[index + 1 :])
                raise Several([value_at(item, rest) for item in value])
            case _:
                raise NotFoundThere(pointer)
    return value


def as_text(value: Any) -> Any:
    """A number as it is written."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return msgspec.json.encode(value).decode() if is_number else value


def bind(relation: Relation, arguments: Mapping[str, object], result: Any) -> dict[str, object] | None:
    """The arguments of the later call, from those of the earlier one and its answer; None where one of them is not there."""
    try:
        found = {one.argument: (_origin(one.origin, arguments, result), one.as_text) for one in relation.bindings}
    except LookupError:
        return None
    return {name: as_text(value) if textual else value for name, (value, textual) in found.items()}


def _origin(origin: str, arguments: Mapping[str, object], result: Any) -> Any:
    """What an origin of `core.relation.Binding` leads to. Headers and URLs are not kept."""
    kind, mark, rest = origin.partition(":")
    if origin == "" or origin.startswith("/"):
        return value_at(result, origin)
    if mark and kind == "arguments":
        return value_at(dict(arguments), rest)
    if mark and kind == "constant":
        return msgspec.json.decode(rest)
    if mark and kind == "template":
        return _IN_BRACES.sub(lambda found: str(as_text(_origin(found[1], arguments, result))), rest)
    raise NotFoundThere(origin)
