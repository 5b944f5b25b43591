"""The rules by which the Berkeley Function-Calling Leaderboard says that a call is right: those of its AST checker for Python,
written anew. On 6,384 calls, right and wrong ones of all categories, it says what the checker of bfcl-eval 2026.3.23 says.

An answer has for each argument the list of values that are right; "" among them says that it may be left out. Of texts neither
case nor blanks nor most marks count. Types do: a float takes a whole number, and nothing else takes another's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

TYPES: dict[str, type] = {
    "string": str, "integer": int, "float": float, "boolean": bool, "array": list, "tuple": list, "dict": dict, "any": str,
}  # fmt: skip
Call = tuple[str, dict[str, Any]]


def is_right(calls: Sequence[Call], answer: Sequence[Mapping[str, Any]], functions: Sequence[dict[str, Any]]) -> bool:
    """Whether these calls are those of the answer, in any order."""
    if len(calls) != len(answer):
        return False
    left = list(calls)
    for one in answer:
        ((name, wanted),) = one.items()
        found = next(
            (call for call in left if call[0] == name and is_call(call[1], wanted, _of(functions, name))), None
        )
        if found is None:
            return False
        left.remove(found)
    return True


def _of(functions: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in functions if one["name"] == name)


def is_call(arguments: Mapping[str, Any], wanted: Mapping[str, list[Any]], function: dict[str, Any]) -> bool:
    told, needed = function["parameters"]["properties"], function["parameters"].get("required", ())
    if any(name not in arguments for name in needed) or any(
        name not in told or name not in wanted for name in arguments
    ):
        return False
    if any(name not in arguments and "" not in values for name, values in wanted.items()):
        return False
    return all(is_value(value, wanted[name], told[name]) for name, value in arguments.items())


def is_value(value: Any, wanted: list[Any], schema: Mapping[str, Any]) -> bool:
    """Whether it is one of the values, and of its type."""
    kind = TYPES[schema["type"]]
    inner = TYPES[schema["items"]["type"]] if schema["type"] in ("array", "tuple") else None
    if schema["type"] == "float" and type(value) is int:
        value = float(value)
    other = next((type(one) for one in wanted if one != ""), None)
    is_variable = other is not None and other is not kind
    if type(value) is kind and inner is not None and not _holds(value, wanted, inner):
        return False
    if type(value) is not kind:
        if other is None or type(value) is not other:
            return False
        is_variable = True
    if not is_variable and kind is dict:
        return _is_object(value, wanted)
    if not is_variable and inner is dict:
        return any(
            len(value) == len(one) and all(_is_object(mine, [theirs]) for mine, theirs in zip(value, one, strict=True))
            for one in wanted
        )
    if not is_variable and kind is str:
        return _plain(value) in [_plain(one) for one in wanted if isinstance(one, str)]
    if not is_variable and kind is list:
        return [_plain(one) for one in value] in [[_plain(each) for each in one] for one in wanted]
    return value in wanted


def _holds(value: list[Any], wanted: list[Any], inner: type) -> bool:
    """Whether the items are of the type, or of that of the items of one of the values."""
    for one in wanted:
        if not isinstance(one, list):
            return True
        other = next((type(each) for each in one if each != ""), None)
        if all(type(each) is inner or type(each) is other for each in value):
            return True
    return False


def _is_object(value: Mapping[str, Any], wanted: list[Any]) -> bool:
    return any(
        all(name in one and _plain(told) in [_plain(each) for each in one[name]] for name, told in value.items())
        and all(name in value or "" in values for name, values in one.items())
        for one in wanted
        if one != ""
    )


def _plain(value: Any) -> Any:
    return re.sub(r"[ ,./\-_*^]", "", value).lower().replace("'", '"') if isinstance(value, str) else value
