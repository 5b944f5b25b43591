"""What the tools of one document take and answer, field by field, as far as their schemas tell. Checks no value."""

from typing import Any

import msgspec

from gateway.core.outline import LookUp, followed, kinds, members
from gateway.core.pointer import tokens
from gateway.core.tool import Tool

NUMBERS = frozenset({"integer", "number"})


class Faces:
    """`asked` and `answered` look up the definitions of requests and of answers. Roots are decoded anew, but for the last."""

    def __init__(self, asked: LookUp, answered: LookUp) -> None:
        self.asked = asked
        self.answered = answered
        self._arguments: tuple[str, dict[str, Any]] = ("", {})
        self._answer: tuple[tuple[str, str], Any] = (("", ""), None)

    def answer(self, tool: Tool, status: str = "") -> Any:
        """The schema of its main answer, or of the one of a status; None where the document has none."""
        key = (tool.name, status)
        if self._answer[0] != key:
            main = bytes(tool.outputs)
            roots = [bytes(one.root) for one in tool.answers if status in ("", one.status)]
            root = main if main in roots else next((one for one in roots if one), b"")
            self._answer = (key, msgspec.json.decode(root) if root else None)
        return self._answer[1]

    def arguments(self, tool: Tool) -> dict[str, Any]:
        """The schemas of its arguments by name."""
        if self._arguments[0] != tool.name:
            self._arguments = (tool.name, msgspec.json.decode(tool.inputs).get("properties", {}))
        return self._arguments[1]

    def needs_text(self, earlier: Tool, origin: str, later: Tool, argument: str, status: str = "") -> bool:
        """Whether what is found at an origin is a number, and the argument takes a text and no number."""
        given = self._given(earlier, origin, status)
        asked = kinds(self.arguments(later).get(argument), self.asked) if given else frozenset()
        return bool(given) and given <= NUMBERS and "string" in asked and not asked & NUMBERS

    def _given(self, earlier: Tool, origin: str, status: str) -> frozenset[str]:
        if origin.startswith("/"):
            return kinds(schema_at(self.answer(earlier, status), self.answered, origin), self.answered) - {"null"}
        if origin.startswith("arguments:/"):
            found = schema_at({"properties": self.arguments(earlier)}, self.asked, origin.removeprefix("arguments:"))
            return kinds(found, self.asked) - {"null"}
        return frozenset()


def schema_at(schema: Any, look_up: LookUp, pointer: str) -> Any:
    """The schema of what stands there; None where no schema tells it."""
    for step in tokens(pointer):
        known = members(schema, look_up)
        schema = known[step] if step in known else followed(schema, look_up).get("items") if is_item(step) else None
    return schema


def has_place(schema: Any, look_up: LookUp, pointer: str) -> bool:
    """Whether a value of the schema may have something there. Where there is no schema, it may."""
    for step in tokens(pointer):
        known = members(schema, look_up)
        if step in known:
            schema = known[step]
        elif is_item(step) and "array" in kinds(schema, look_up):
            schema = followed(schema, look_up).get("items")
        else:
            return _is_open(schema, look_up)
    return True


def is_item(step: str) -> bool:
    return step == "-" or step.isdigit()


def _is_open(schema: Any, look_up: LookUp) -> bool:
    """Whether there may be members that the schema does not name: it has a choice, or names none."""
    whole = followed(schema, look_up)
    if whole.keys() & {"anyOf", "oneOf", "patternProperties"} or whole.get("additionalProperties") not in (None, False):
        return True
    return not members(schema, look_up) and kinds(schema, look_up) <= {"object"}
