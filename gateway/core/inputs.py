"""The arguments of one tool while they are gathered: names, schemas, which are required."""

from collections.abc import Mapping
from typing import Any

from gateway.core.extension import Role
from gateway.core.naming import distinct, name_argument
from gateway.core.option import RESERVED


class Inputs:
    """Parameters and body properties side by side. The first to ask for a name gets it. `names` are the arguments by
    their names on the wire."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.dependent: dict[str, list[str]] = {}
        self.sinks: dict[str, Role] = {}
        self.names: dict[str, str] = {}
        self._taken: set[str] = set(RESERVED)

    def add(self, wire_name: str, location: str, schema: Any, *, required: bool) -> str:
        """The argument's name."""
        argument = distinct(name_argument(wire_name), location, self._taken)
        self.properties[argument] = schema
        self.names.setdefault(wire_name, argument)
        if required:
            self.required.append(argument)
        return argument

    def mark(self, wire_name: str, sink: Role | None) -> None:
        """Say what becomes of an argument's value."""
        if sink:
            self.sinks[wire_name] = sink

    def require_together(self, arguments: list[str], needed: list[str]) -> None:
        """Whoever gives one of these must give all that are needed: a body that is optional as a whole. Each argument
        asks for the first that is needed, and that one for all the others."""
        for argument in arguments:
            others = needed[1:] if argument in needed[:1] else needed[:1]
            if others:
                self.dependent[argument] = others

    def schema(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The schema of the arguments, and of these options beside them."""
        told: dict[str, Any] = {"type": "object", "properties": {**self.properties, **options}}
        told["additionalProperties"] = False
        if self.required:
            told["required"] = self.required
        if self.dependent:
            told["dependentRequired"] = self.dependent
        return told


def described(schema: Any, text: str) -> Any:
    """A schema with this description, where there is one to give."""
    if not text:
        return schema
    if schema is False:
        return {"not": {}, "description": text}
    return {**schema, "description": text} if isinstance(schema, dict) else {"description": text}
