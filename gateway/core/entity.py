"""One thing that a text names: what kind of thing, its value, and which characters of the text say so."""

from typing import Any, Literal

from msgspec import Struct

from gateway.core.plan import Span

EntityKind = Literal[
    "number", "ordinal", "quantity", "money", "date", "time", "datetime", "range", "duration", "recurrence", "email", "url",
    "quoted", "name", "identifier", "boolean",
]  # fmt: skip
# What a range begins or ends at, by the word before it.
Role = Literal["", "start", "end"]


class Entity(Struct, frozen=True):
    """`value` is a number; of `money` the amount, with the currency (ISO 4217, "" where it is not plain) as `unit`; of `quantity`
    the amount, with the unit's own name (`percent`, `celsius`, `kilogram`); a date, a time, or a datetime with its zone; of
    `range` the first and the last day; of `duration` seconds; of `recurrence` five fields of cron; a text; true or false.

    `others` are values that it may mean as well: where there are any, it is not sure."""

    kind: EntityKind
    value: Any
    span: Span
    unit: str = ""
    role: Role = ""
    others: tuple[Any, ...] = ()

    @property
    def sure(self) -> bool:
        return not self.others
