"""The arguments of a tool from one step of an Arazzo document. What it does not take is refused, by its place.

Source: Arazzo 1.0.1, sections "Parameter Object" and "Request Body Object".
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from gateway.core import plan as plans
from gateway.core.arazzo import StepExtension, says_expression
from gateway.core.arazzo_document import Json, ParameterTold, Replacement, RequestBody
from gateway.core.operation import Body, Parameter
from gateway.core.plan import Default, Listed, Shape, Slot, Source, Span
from gateway.core.pointer import escape, tokens
from gateway.core.tool import Tool


class StepArguments:
    """Those of one step. `expression` gives the source of an expression at a place among the arguments; `refuse` and `note` are
    told of what is wrong, and of what is done in another way, each with its place."""

    def __init__(
        self,
        tool: Tool,
        ours: StepExtension,
        *,
        expression: Callable[[str, str], Source],
        refuse: Callable[[str, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._tool = tool
        self._ours = ours
        self._expression = expression
        self._refuse = refuse
        self._note = note

    def read(self, parameters: Sequence[ParameterTold], body: RequestBody | None) -> dict[str, Source]:
        told: dict[str, Source] = {}
        for parameter in parameters:
            found = self._of(parameter)
            if found is not None:
                told[found.argument] = self._source(f"/{escape(found.argument)}", parameter.value)
        if body is not None:
            told |= self._body(body)
        # What stands nowhere in the document is added; what stands there as null was replaced above.
        alone = {tokens(place)[0]: one for place, one in self._ours.arguments.items() if len(tokens(place)) == 1}
        return told | {name: one for name, one in alone.items() if name not in told}

    def _of(self, one: ParameterTold) -> Parameter | None:
        for known in self._tool.operation.parameters:
            is_named = known.name == one.name or (one.where == "header" and known.name.lower() == one.name.lower())
            if is_named and known.location == one.where:
                return known
        where = one.where or "in nothing"
        self._refuse("/parameters", f"{self._tool.name} takes no {where} parameter {one.name[:64]}")
        return None

    def _body(self, told: RequestBody) -> dict[str, Source]:
        body, place = self._tool.operation.body, "/requestBody"
        if body is None or told.payload is UNSET:
            self._refuse(place, f"{self._tool.name} takes no such body")
            return {}
        if told.content_type and told.content_type.partition(";")[0].strip().lower() != body.media_type.lower():
            self._note(f"its body goes as {body.media_type}, not {told.content_type[:60]}")
        payload = told.payload
        for one in told.replacements:
            payload = self._replaced(payload, one, place)
        if body.argument:
            return {body.argument: self._source(f"/{escape(body.argument)}", payload)}
        if not isinstance(payload, dict):
            self._refuse(place, f"{self._tool.name} takes the members of its body, and not all of it as one")
            return {}
        return self._members(payload, body, place)

    def _members(self, payload: Json, body: Body, place: str) -> dict[str, Source]:
        fields = {one.name: one.argument for one in body.fields}
        told = {
            fields[name]: self._source(f"/{escape(fields[name])}", one)
            for name, one in payload.items()
            if name in fields
        }
        rest = {name: one for name, one in payload.items() if name not in fields}
        if rest and body.extra:
            at = f"/{escape(body.extra)}"
            told[body.extra] = Shape({name: self._source(f"{at}/{escape(name)}", one) for name, one in rest.items()})
        elif rest:
            self._refuse(place, f"{self._tool.name} takes no {sorted(rest)[0][:64]} in its body")
        return told

    def _replaced(self, payload: Any, one: Replacement, place: str) -> Any:
        """The payload with another value at a JSON Pointer."""
        steps = tokens(one.target)
        if not one.target.startswith("/") or one.selector is not UNSET:
            self._refuse(f"{place}/replacements", f"{one.target[:80]!r} is no JSON Pointer: not carried")
            return payload
        try:
            return _put(payload, steps, one.value)
        except (LookupError, TypeError, ValueError):
            self._refuse(f"{place}/replacements", f"there is nothing at {one.target[:80]!r} in the payload")
            return payload

    def _source(self, place: str, value: Any) -> Source:
        """The source of a value. A container that has no expression within is a constant, unless we wrote that it is none."""
        ours = self._ours
        if place in ours.arguments:
            return ours.arguments[place]
        match value:
            case str() if says_expression(value):
                told = self._expression(place, value)
                if isinstance(told, plans.Literal):
                    return self._constant(place, told.value)
                return ours.slots.get(place, told) if isinstance(told, Slot) else told
            case dict() if place in ours.shapes or _says(value):
                if value.keys() >= {"context", "selector", "type"}:
                    self._refuse(place, "a Selector Object is not carried")
                return Shape({name: self._source(f"{place}/{escape(name)}", one) for name, one in value.items()})
            case list() if place in ours.shapes or _says(value):
                return Listed(tuple(self._source(f"{place}/{index}", one) for index, one in enumerate(value)))
            case _:
                return self._constant(place, value)

    def _constant(self, place: str, value: Any) -> Source:
        ours = self._ours
        if place in ours.defaults:
            return Default(value, ours.defaults[place])
        span = Span(*ours.spans[place]) if place in ours.spans else None
        return plans.Literal(value, span)


def _says(value: Any) -> bool:
    match value:
        case str():
            return says_expression(value)
        case dict():
            return any(map(_says, value.values()))
        case list():
            return any(map(_says, value))
        case _:
            return False


def _put(value: Any, steps: Sequence[str], new: Any) -> Any:
    if not steps:
        return new
    name, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {**value, name: _put(value[name] if rest else None, rest, new)}
    if isinstance(value, list) and name.isdigit():
        return [_put(one, rest, new) if index == int(name) else one for index, one in enumerate(value)]
    raise TypeError
