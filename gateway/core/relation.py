"""How one tool follows on another: which argument of the later call comes from where in the earlier one. Shapes only."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct, structs

# What says so: `x-factotum`, a link of the document, the paths of one resource, or the name of a field and an argument.
Kind = Literal["told", "link", "family", "name"]


class Binding(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where one argument of the later call comes from. `origin` is one of

    - a JSON Pointer into the JSON that the earlier call answered, with `-` for an item of a list: whoever follows chooses;
    - `arguments:` and a JSON Pointer into the arguments of the earlier call;
    - `headers:` and the name of a header of its answer, in lower case;
    - `url:`, the URL that it was sent to;
    - `constant:` and the value as JSON;
    - `template:` and a text that has any of the above in braces.

    `as_text`: what is found there is a number, and the argument takes a text.
    """

    argument: str
    origin: str
    as_text: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether it is what the earlier call answered, and nothing else."""
        return not self.origin or self.origin.startswith(("/", "headers:"))


class Relation(Struct, frozen=True, gc=False, omit_defaults=True):
    """The tool `later` can be called with what the tool `earlier` gave. Arguments that are not bound come from elsewhere."""

    earlier: str
    later: str
    kind: Kind
    bindings: tuple[Binding, ...] = ()


class Member(Struct, frozen=True, gc=False):
    """One tool of a family. `role` is `list`, `get`, `create`, `update`, `replace` or `delete`, or the name of something else
    that is done: `cancel`."""

    role: str
    tool: str


class Family(Struct, frozen=True, gc=False):
    """The tools of one resource: the path of its collection, or of the one thing, with `{}` for parameters; what one of its
    things is called; who does what."""

    path: str
    noun: str
    members: tuple[Member, ...] = ()


class Related(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of one tool's relations, all within its connector. `undo` takes a call back, `verify` shows what it did;
    unless they are told, every argument that they need is bound. `following` can be called with its answer, and the answers
    of `preceding` give its arguments. `role` is its own in its family, "" where it has none."""

    family: Family | None = None
    role: str = ""
    undo: Relation | None = None
    verify: Relation | None = None
    following: tuple[Relation, ...] = ()
    preceding: tuple[Relation, ...] = ()


def seen_by(related: Related, sees: Callable[[str], bool]) -> Related:
    """What of it is about tools that somebody sees."""
    family = related.family
    return Related(
        family=family and structs.replace(family, members=tuple(one for one in family.members if sees(one.tool))),
        role=related.role,
        undo=related.undo if related.undo is not None and sees(related.undo.later) else None,
        verify=related.verify if related.verify is not None and sees(related.verify.later) else None,
        following=tuple(one for one in related.following if sees(one.later)),
        preceding=tuple(one for one in related.preceding if sees(one.earlier)),
    )
