"""One case of the gold set, as it stands in `cases/*.json`, and all of them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

CASES = Path(__file__).parent / "cases"

Kind = Literal[
    "write",
    "read",
    "question",
    "several",
    "list",
    "chain",
    "values",
    "ambiguous",
    "missing",
    "impossible",
    "destructive",
    "negation",
    "injection",
    "misspelling",
    "manner",
]
# By backend: see changes.py for what they may say.
Changes = dict[str, dict[str, Any]]


class Fact(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that an answer has to tell: one of `any` stands in it as a word of its own, and none of `never`."""

    any: Annotated[tuple[str, ...], Meta(min_length=1)]
    never: tuple[str, ...] = ()


Facts = tuple[Fact, ...]


class Ask(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question that has to be put to the person: one of the words of `about` stands in its text, in a choice, or in the name
    of the argument that it asks for (words of one or two letters: in that name only).

    The person answers with the words of `says`, or with `value` where a form asks for one, and chooses, of several choices,
    the one whose value or label holds `pick`."""

    about: Annotated[tuple[str, ...], Meta(min_length=1)]
    says: str
    value: Any = UNSET
    pick: str | UnsetType = UNSET


class State(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="is", tag="state"):
    """It is done without a question: the changes are made and nothing else is. `through` are places (`shop/cart`) that may
    change on the way, as long as they end as they should."""

    changes: Changes
    answers: Facts = ()
    through: tuple[str, ...] = ()


class Asks(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="is", tag="asks"):
    """It is asked for what is missing or not clear, and then it is done. `approval`: a yes is needed as well."""

    asks: Annotated[tuple[Ask, ...], Meta(min_length=1)]
    changes: Changes
    answers: Facts = ()
    approval: bool = False
    through: tuple[str, ...] = ()


class Impossible(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="is", tag="impossible"):
    """It is said that it cannot be done, and nothing is changed."""


class Unchanged(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="is", tag="unchanged"):
    """Nothing is changed, and the answer tells the facts."""

    answers: Facts = ()


class Approval(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="is", tag="approval"):
    """Somebody's yes is needed: at the first time that it is asked for, nothing has changed, or `before` has; after it, `changes`
    are made. `yes` is what the person says; after a no, `changes` are what may have been done all the same."""

    changes: Changes
    before: Changes = {}
    yes: bool = True
    answers: Facts = ()
    through: tuple[str, ...] = ()


Expect = State | Asks | Impossible | Unchanged | Approval


class Case(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody says, at `now` (RFC 3339), to a house that is as new but for `before`, and what has to come of it.

    `part`: what is `held` is never looked at when planners are written or tuned."""

    id: Annotated[str, Meta(pattern="^[a-z0-9-]+$")]
    text: str
    kind: Kind
    part: Literal["dev", "held"]
    expect: Expect
    now: str = "2026-05-12T09:30:00+02:00"
    before: Changes = {}


def read_cases(folder: Path = CASES) -> list[Case]:
    """All cases, file by file. Raises msgspec.ValidationError."""
    return [
        case
        for path in sorted(folder.glob("*.json"))
        for case in msgspec.json.decode(path.read_bytes(), type=list[Case], strict=True)
    ]
