"""The arguments of one tool while they are gathered: names, schemas, which are required."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.default import default_of
from gateway.core.extension import Role
from gateway.core.naming import Distinct, name_argument
from gateway.core.operation import Default
from gateway.core.option import RESERVED
from gateway.core.references import Malformed

# More names than that do not fit into the root of a schema (shelf.ROOT_BYTES_MAX).
INPUTS_MAX = 5_000


class Inputs:
    """Parameters and body properties side by side. The first to ask for a name gets it. `names` are the arguments by
    their names on the wire, `defaults` what is sent for those that are required and need not be given. `look_up` finds
    a definition by its name; `place` is that of the operation."""

    def __init__(self, look_up: Callable[[str], Any], place: str) -> None:
        self._look_up = look_up
        self._place = place
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.dependent: dict[str, list[str]] = {}
        self.defaults: list[Default] = []
        self.sinks: dict[str, Role] = {}
        self.names: dict[str, str] = {}
        self._free = Distinct(RESERVED)

    def add(self, wire_name: str, location: str, schema: Any, *, required: bool, if_any: bool = False) -> str:
        """The argument's name. `required`: a request has to have it, from the caller or by its default; `if_any`: only
        where it has any of the body. Raises Malformed `too-many-inputs`."""
        if len(self.properties) >= INPUTS_MAX:
            raise Malformed("too-many-inputs", self._place, f"it has more than {INPUTS_MAX} inputs.")
        argument = self._free.take(name_argument(wire_name), location)
        self.properties[argument] = schema
        self.names.setdefault(wire_name, argument)
        default = default_of(schema, location, self._look_up) if required else ""
        if default:
            self.defaults.append(Default(argument, default, of_body=location == "body"))
        elif required and not if_any:
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
                self.dependent[argument] = list(dict.fromkeys([*self.dependent.get(argument, ()), *others]))

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
