"""A tool's input schema in the dialect that a model provider demands, and what its model then sends turned back.

Our own schemas are JSON Schema 2020-12, and the tool checks its arguments by them whatever a model was shown. A dialect
only guides the model: what it cannot say is left out or left open, and told in `lost`. The choices, for both:

- What takes anything, what is nested too deeply, and an object that must have a property whose name the provider does
  not take: a string that holds JSON. What does not parse as JSON is taken as the string that it is.
- An object of free keys (`additionalProperties` and no properties): a list of objects of `key` and `value`.
- An object with properties is closed, whatever else it would take.
- `allOf` is merged where that is exact; keywords that contradict each other there are left open.
- A choice (`anyOf`, `oneOf`) is `anyOf`, with what stands beside it put into each of its schemas. One that is only about
  which properties there must be is left out.
- A property whose name the provider does not take is left out.
- A format that the dialect does not have, an enum that it cannot have, and a default are told in the description.
- Without a `type`, the keywords that are there tell it.
- A pattern with lookaround or a reference back to a group is left out.
- A root that is no plain object with properties: one argument, `arguments`, that holds them all as JSON.

OpenAI strict: an optional property is required and may be null, which means that it is left out. One that takes null
for itself keeps it, and is left out as "(leave out)".

Gemini: references are put in place, and a definition stands within itself twice at most. Numbers, booleans and lists
with "" have no enum. A tool without arguments has no properties: leave `parameters` out of its declaration.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw, Struct

from gateway.core import dialect_gemini, dialect_openai
from gateway.core.fold import size
from gateway.core.prose import cut
from gateway.core.shape import ENUM_VALUES_MAX, Fold, Plan, Rules, TooLarge, shaped, whole
from gateway.core.turn_back import turn_back

Dialect = Literal["plain", "openai-strict", "gemini"]

LOST_MAX = 50
LOST_CHARACTERS_MAX = 200

# From the whole schema to as little as keeps the names at its root.
_FOLDS = (
    Fold(10, 50, 2, 300, ENUM_VALUES_MAX),
    Fold(10, 50, 1, 80, ENUM_VALUES_MAX),
    Fold(6, 4, 1, 80, ENUM_VALUES_MAX),
    Fold(4, 3, 1, 80, ENUM_VALUES_MAX),
    Fold(3, 2, 1, 80, ENUM_VALUES_MAX),
    Fold(2, 1, 1, 80, ENUM_VALUES_MAX),
    Fold(1, 0, 1, 80, ENUM_VALUES_MAX),
    Fold(1, 0, 1, 0, 0),
)


class Translated(Struct, frozen=True):
    """A schema in a dialect, encoded. `lost`: what was left out or opened, as `keyword at /pointer`; at most LOST_MAX,
    the last of which then says how many more there are."""

    schema: Raw
    lost: tuple[str, ...] = ()


class _Provider(NamedTuple):
    rules: Rules
    write: Callable[[Plan], dict[str, Any]]
    fits: Callable[[dict[str, Any], int], bool]


_PROVIDERS = {
    "openai-strict": _Provider(dialect_openai.RULES, dialect_openai.write, dialect_openai.fits),
    "gemini": _Provider(dialect_gemini.RULES, dialect_gemini.write, dialect_gemini.fits),
}


def in_dialect(input_schema: Raw, dialect: Dialect) -> Translated:
    """The schema that a provider's models are to be given."""
    if dialect == "plain":
        return Translated(input_schema)
    plan, schema = _translate(input_schema, dialect)
    return Translated(Raw(msgspec.json.encode(schema)), _bounded(plan.lost))


def from_dialect(arguments: dict[str, Any], input_schema: Raw, dialect: Dialect) -> dict[str, Any]:
    """Arguments as the tool's own schema has them, from what a model sent that was given the schema in the dialect."""
    return arguments if dialect == "plain" else turn_back(arguments, _translate(input_schema, dialect)[0])


def _translate(input_schema: Raw, dialect: Dialect) -> tuple[Plan, dict[str, Any]]:
    """The first fold that fits, and what it looks like."""
    provider = _PROVIDERS[dialect]
    try:
        schema = msgspec.json.decode(input_schema)
        for fold in _FOLDS:
            try:
                plan = shaped(schema, provider.rules, fold)
            except TooLarge:
                continue
            written = provider.write(plan)
            if provider.fits(written, size(written)):
                return plan, written
    except RecursionError:
        pass
    return whole(), provider.write(whole())


def _bounded(lost: tuple[str, ...]) -> tuple[str, ...]:
    told = tuple(cut(one, LOST_CHARACTERS_MAX) for one in lost[:LOST_MAX])
    return told if len(lost) <= LOST_MAX else (*told[:-1], f"{len(lost) - LOST_MAX + 1} more")
