"""What changed between two versions of a connector, tool by tool, and what an approver of a tool looked at.

`widened` takes more than before, `narrowed` less; `required` is an argument that must be given now; `request` is the same
arguments sent in another way; `result` is another answer.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.catalog import Connector
from gateway.core.operation import Field, Parameter
from gateway.core.schema_diff import diff_schemas
from gateway.core.tool import Tool
from gateway.core.work import Work

CHANGES_MAX = 1_000
CHANGES_OF_A_TOOL_MAX = 50
# For all tools of a connector together, about a minute at most.
STEPS_MAX = 50_000_000

Kind = Literal[
    "added", "removed", "renamed", "widened", "narrowed", "required", "effect", "scopes", "request", "description",
    "deprecated", "result",
]  # fmt: skip


class Change(Struct, frozen=True, omit_defaults=True):
    """One change of one tool. `place` is a JSON Pointer to an argument, with `-` for items; "" is the whole tool."""

    tool: str
    kind: Kind
    place: str = ""
    detail: str = ""


def diff_connectors(before: Connector, after: Connector) -> tuple[Change, ...]:
    """By tool name; of more than CHANGES_MAX the first, and how many more there are."""
    was, now = _by_name(before), _by_name(after)
    old_names = {tool.operation.key: name for name, tool in was.items()}
    new_names = {tool.operation.key: name for name, tool in now.items()}
    changes: list[Change] = []
    work = Work(STEPS_MAX)
    for name in sorted({*was, *now}):
        if name not in now:
            key = was[name].operation.key
            if key not in new_names:
                changes.append(Change(name, "removed", detail=f"{key} is gone."))
        elif name not in was:
            key = now[name].operation.key
            if (old := old_names.get(key)) is not None and old not in now:
                changes.append(Change(name, "renamed", detail=f"{key} was called {old}."))
                changes += diff_tools(was[old], now[name], work)
            else:
                changes.append(Change(name, "added", detail=f"{key}, which is a {now[name].effect}."))
        else:
            changes += diff_tools(was[name], now[name], work)
    if len(changes) > CHANGES_MAX:
        more = len(changes) - CHANGES_MAX + 1
        changes = [*changes[: CHANGES_MAX - 1], Change("", "description", detail=f"and {more} more changes.")]
    return tuple(changes)


def diff_tools(before: Tool, after: Tool, work: Work | None = None) -> tuple[Change, ...]:
    """What changed under one name; () where an approver would see no difference and the answers are the same. `work` is
    what comparing may take, of all tools together."""
    return tuple(Change(after.name, kind, place, detail) for kind, place, detail in _differences(before, after, work))


def fingerprint(tool: Tool) -> str:
    """A digest of everything that somebody who approves a tool looks at: its texts, its arguments, what it does and needs,
    the request that it sends. Its answers are not among them."""
    return sha256(msgspec.json.encode(_looked_at(tool), order="deterministic")).hexdigest()[:32]


def _differences(before: Tool, after: Tool, work: Work | None) -> Iterator[tuple[Kind, str, str]]:
    if before.effect != after.effect:
        yield "effect", "", f"it is a {after.effect} now, and was a {before.effect}."
    if set(before.scopes) != set(after.scopes):
        yield "scopes", "", f"it needs {_say_scopes(after)} now, and needed {_say_scopes(before)}."
    schemas = msgspec.json.decode(before.input_schema), msgspec.json.decode(after.input_schema)
    found = list(diff_schemas(*schemas, work)) if schemas[0] != schemas[1] else []
    yield from found[:CHANGES_OF_A_TOOL_MAX]
    if len(found) > CHANGES_OF_A_TOOL_MAX:
        yield "narrowed", "", f"and {len(found) - CHANGES_OF_A_TOOL_MAX} more differences in its arguments."
    if not found and schemas[0] != schemas[1]:
        yield "description", "", "its arguments are written in another way."
    common = frozenset(schemas[0]["properties"].keys() & schemas[1]["properties"].keys())
    if _request(before, common) != _request(after, common):
        yield (
            "request",
            "",
            f"the request is another: {after.operation.method} {after.operation.server}{after.operation.path}.",
        )
    if (before.title, before.description) != (after.title, after.description):
        yield "description", "", "its title or description is another."
    if before.extension != after.extension:
        yield "description", "", "what its document says in x-factotum is another."
    if before.deprecated != after.deprecated:
        yield "deprecated", "", "it is deprecated now." if after.deprecated else "it is not deprecated any more."
    if _canonical(before.output_schema) != _canonical(after.output_schema) or _others(before) != _others(after):
        yield "result", "", "what it answers is another."


def _others(tool: Tool) -> list[tuple[str, str, bytes]]:
    return sorted((one.status, one.media_type, _canonical(one.root)) for one in tool.answers[1:])


def _looked_at(tool: Tool) -> dict[str, Any]:
    return {
        "texts": [tool.name, tool.title, tool.description],
        "schema": msgspec.json.decode(tool.input_schema),
        "does": [tool.effect, sorted(sorted(one) for one in tool.scopes), tool.deprecated],
        "request": msgspec.to_builtins(_request(tool)),
        "extension": msgspec.to_builtins(tool.extension),
    }


def _request(tool: Tool, common: frozenset[str] | None = None) -> Any:
    """What decides how a request looks, of these arguments or of all; their order, where the operation stands in its
    document and how its lists come do not."""
    operation = tool.operation
    told = [structs.replace(one, required=False) for one in operation.parameters]
    body = operation.body
    if body is not None:
        fields = tuple(sorted((one for one in body.fields if common is None or one.argument in common), key=_argument))
        body = structs.replace(body, required=False, fields=fields)
    parameters = tuple(sorted((one for one in told if common is None or one.argument in common), key=_argument))
    return operation.method, operation.server, operation.path, parameters, body


def _argument(one: Parameter | Field) -> str:
    return one.argument


def _canonical(encoded: Raw) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(encoded), order="deterministic") if bytes(encoded) else b""


def _say_scopes(tool: Tool) -> str:
    return " or ".join(" and ".join(sorted(alternative)) for alternative in tool.scopes)[:300]


def _by_name(connector: Connector) -> Mapping[str, Tool]:
    return {tool.name: tool for tool in (*connector.tools, *connector.held)}
