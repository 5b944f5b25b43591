"""What fields the JSON of a converted schema has, through references, as far as its document tells. Checks no value."""

from collections.abc import Callable
from typing import Any

LookUp = Callable[[str], Any]
PARTS_MAX = 200
_DEFINITION = "#/$defs/"


def followed(schema: Any, look_up: LookUp) -> dict[str, Any]:
    """The schema that a reference leads to; of a nullable reference, what it is when it is not null. {} where there is
    nothing to see."""
    for _ in range(PARTS_MAX):
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            schema = look_up(schema["$ref"].removeprefix(_DEFINITION))
        elif schema.keys() >= {"anyOf"} and "properties" not in schema and (other := _not_null(schema["anyOf"])):
            schema = other
        else:
            return schema
    return {}


def members(schema: Any, look_up: LookUp) -> dict[str, Any]:
    """The properties of an object schema, those of its `allOf` among them; of two with one name the later, which says more."""
    return _members(schema, look_up, [PARTS_MAX])


def _members(schema: Any, look_up: LookUp, left: list[int]) -> dict[str, Any]:
    whole = followed(schema, look_up)
    found: dict[str, Any] = {}
    for part in whole.get("allOf", ()):
        left[0] -= 1
        if left[0] >= 0:
            found |= _members(part, look_up, left)
    own: dict[str, Any] = whole.get("properties", {})
    return found | own if found else own


def kinds(schema: Any, look_up: LookUp) -> frozenset[str]:
    """The types that a value may have; none where the schema does not say."""
    whole = followed(schema, look_up)
    told = whole.get("type", ())
    if not told and ("properties" in whole or "allOf" in whole):
        return frozenset({"object"})
    return frozenset([told] if isinstance(told, str) else told)


def _not_null(listed: list[Any]) -> Any:
    return next((one for one in listed if isinstance(one, dict) and one.get("type") != "null"), None)
