"""What a permit asks of the answer: `@obligation("redact:customer.email, redact:iban")`. Reads it; carries out nothing."""

import re

FIELDS_MAX = 50
FIELD_CHARACTERS_MAX = 200
_KIND = "redact"
_FIELD = re.compile(r'[^\s.,:"]+(?:\.[^\s.,:"]+)*')


class ObligationUnknown(Exception):
    """An obligation that is none, or cannot be kept: a sentence for the author of the policy."""


def parse_obligations(text: str) -> tuple[str, ...]:
    """The fields that are to be redacted, each once, in the order written. Raises ObligationUnknown.

    `customer.email` is the member `email` of a `customer`, `email` is every member of that name; both at any depth, and
    lists are walked through.
    """
    fields = tuple(dict.fromkeys(_read(one.strip()) for one in text.split(",")))
    if len(fields) > FIELDS_MAX:
        raise ObligationUnknown(f"at most {FIELDS_MAX} fields can be redacted by one policy.")
    return fields


def _read(told: str) -> str:
    kind, _, field = told.partition(":")
    field = field.strip()
    if kind.strip() != _KIND:
        raise ObligationUnknown(f'there is no obligation {told[:60]!r}; there is @obligation("redact:customer.email").')
    if len(field) > FIELD_CHARACTERS_MAX or not _FIELD.fullmatch(field):
        raise ObligationUnknown(f"{field[:60]!r} is no field: it is a name, or names with dots between them.")
    return field
