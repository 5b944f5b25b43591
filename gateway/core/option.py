"""Options of a call, beside the arguments of its operation: what of the result, how many pages, how long to wait, as which
media type.

A model can only fill in arguments, so tools offer the options as arguments of reserved names; doors that have better
places for them may use those too.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.media import MEDIA_TYPE_CHARACTERS_MAX
from gateway.core.operation import Operation
from gateway.core.project import EXPRESSION_CHARACTERS_MAX

SELECT, PAGES, WAIT, ACCEPT = "_select", "_pages_max", "_wait_s", "_accept"
RESERVED = frozenset({SELECT, PAGES, WAIT, ACCEPT})
PAGES_MAX = 100
WAIT_S_MAX = 300.0


class Options(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`select` is a JMESPath expression over the JSON of the result. `pages_max` is how many pages of a list to read and
    put together. `wait_s` is how long to wait for work that the backend has accepted and not yet done. `accept` is the
    media type to ask for, of those that are declared."""

    select: Annotated[str, Meta(max_length=EXPRESSION_CHARACTERS_MAX)] = msgspec.field(name=SELECT, default="")
    pages_max: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = msgspec.field(name=PAGES, default=1)
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = msgspec.field(name=WAIT, default=0.0)
    accept: Annotated[str, Meta(max_length=MEDIA_TYPE_CHARACTERS_MAX)] = msgspec.field(name=ACCEPT, default="")


NO_OPTIONS = Options()


def offer_options(operation: Operation, *, answers: bool) -> dict[str, Any]:
    """The options that a tool offers, as schemas by their names. `answers`: there may be JSON to select from."""
    offered: dict[str, Any] = {}
    if answers:
        offered[SELECT] = {"type": "string", "description": "JMESPath over the result: only what you need of it."}
    if operation.paging is not None:
        told = "Read up to so many pages and put them together."
        offered[PAGES] = {"type": "integer", "minimum": 1, "maximum": PAGES_MAX, "description": told}
    if operation.defers:
        told = "Wait up to so many seconds until the work is done."
        offered[WAIT] = {"type": "number", "minimum": 0, "maximum": WAIT_S_MAX, "description": told}
    if operation.choices:
        told = "The media type to ask for, where the first will not do."
        offered[ACCEPT] = {"type": "string", "enum": list(operation.choices), "description": told}
    return offered


def take_options(arguments: Mapping[str, object]) -> tuple[Options, Mapping[str, object]]:
    """The options among the arguments, and the arguments without them. Raises msgspec.ValidationError, whose text names
    the option and what was expected of it."""
    if not RESERVED & arguments.keys():
        return NO_OPTIONS, arguments
    given = {name: value for name, value in arguments.items() if name in RESERVED and value is not None}
    rest = {name: value for name, value in arguments.items() if name not in RESERVED}
    return msgspec.convert(given, Options), rest
