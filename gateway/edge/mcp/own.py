"""The tools of the gateway itself on the MCP wire: those that stand for a large catalog, and the one that reads kept results on.
How they are told; `tools` carries them out."""

from typing import Any, get_args

import msgspec
from msgspec import Raw, Struct, field

from gateway.core.tool import Annotations, Effect
from gateway.discover import SEARCH_LIMIT_MAX
from gateway.edge.searching import FILTER_CHARACTERS_MAX, FILTER_VALUES_MAX

# To describe one tool after a search is one more turn of a model; three schemas are some thousand tokens at most.
SCHEMAS_SHOWN = 3

READ_ONLY = Annotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ANYTHING = Annotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False)


class Definition(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One entry of tools/list. `_meta` carries the effect, which the hints can only approach, and the scopes that the caller
    lacks for it, where it is shown all the same."""

    name: str
    title: str
    description: str
    input_schema: Raw
    annotations: Annotations
    meta: dict[str, str | tuple[str, ...]] = field(name="_meta", default_factory=dict)


def schema_of(properties: dict[str, Any], *required: str) -> Raw:
    told = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Raw(msgspec.json.encode(told))


def text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _any_of(description: str, kind: dict[str, Any]) -> dict[str, Any]:
    bounded = kind | ({"maxLength": FILTER_CHARACTERS_MAX} if "type" in kind else {})
    return {"type": "array", "items": bounded, "maxItems": FILTER_VALUES_MAX, "description": description}


SEARCH = Definition(
    "search_tools",
    "Search tools",
    "Finds the tools that fit what you want to do, best first, the first ones with what they take; describe_tool shows it of "
    "the others.",
    schema_of(
        {
            "query": text("What you want to do, in a few words."),
            "limit": {"type": "integer", "minimum": 1, "maximum": SEARCH_LIMIT_MAX, "default": 10},
            "connectors": _any_of("Only tools of these services.", {"type": "string"}),
            "effects": _any_of("Only tools that do this.", {"enum": [*get_args(Effect)]}),
            "tags": _any_of("Only tools with one of these tags.", {"type": "string"}),
            "toolset": text("Only tools of this toolset.") | {"maxLength": FILTER_CHARACTERS_MAX},
            "schemas": {
                "type": "integer",
                "minimum": 0,
                "maximum": SEARCH_LIMIT_MAX,
                "default": SCHEMAS_SHOWN,
                "description": "How many of the first come with their input schemas.",
            },
        },
        "query",
    ),
    READ_ONLY,
)
DESCRIBE = Definition(
    "describe_tool",
    "Describe a tool",
    "Shows one tool in full: its arguments, its result, its effect, the scopes that it needs, and which tools give its "
    "arguments, can follow on it, take it back or show what it did.",
    schema_of(
        {
            "name": text("The tool's name, as search_tools gives it."),
            "at": text("A folded part of its schemas, as its hint names it: #/$defs/Filter. Shows that part alone."),
        },
        "name",
    ),
    READ_ONLY,
)
CALL = Definition(
    "call_tool",
    "Call a tool",
    "Calls any tool by its name. Tools can be called directly by their names too.",
    schema_of(
        {
            "name": text("The tool's name."),
            "arguments": {"type": "object", "description": "As describe_tool shows them, options among them."},
            "dry_run": {"type": "boolean", "default": False, "description": "Show the request and send nothing."},
        },
        "name",
    ),
    ANYTHING,
)
READ = Definition(
    "read_result",
    "Read a kept result",
    "Gives more of an answer that was too long to give at once: what is selected of it, or the piece from a byte on.",
    schema_of(
        {
            "uri": text("Where it is kept, as the answer said: factotum://results/..."),
            "select": text("JMESPath over the whole answer, where it is JSON: items[20:40].name"),
            "offset": {"type": "integer", "minimum": 0, "description": "The byte to begin at, for text."},
        },
        "uri",
    ),
    READ_ONLY,
)
# What stands for a catalog that is too large to list; `read_result` stands beside every list.
FRONT = (SEARCH, DESCRIBE, CALL)
