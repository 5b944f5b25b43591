"""What both doors have of a search: how it is narrowed down, and which of the tools found come with their input schemas."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Raw

from gateway.discover import Found

FILTER_VALUES_MAX = 100
FILTER_CHARACTERS_MAX = 200
SCHEMAS_BYTES_MAX = 16_000

OneName = Annotated[str, Meta(max_length=FILTER_CHARACTERS_MAX)]
Names = Annotated[tuple[OneName, ...], Meta(max_length=FILTER_VALUES_MAX)]


def first_schemas(found: Iterable[Found], count: int) -> dict[str, Raw]:
    """The input schemas, as lists show them, of the first so many, by name; one that goes beyond SCHEMAS_BYTES_MAX in all is
    left out, and describe_tool has it."""
    schemas: dict[str, Raw] = {}
    left = SCHEMAS_BYTES_MAX
    for one in list(found)[:count]:
        size = len(bytes(one.tool.compact))
        if size <= left:
            schemas[one.tool.name], left = one.tool.compact, left - size
    return schemas
