"""`x-factotum`: what a document, or an overlay on it, says to the gateway beyond OpenAPI. The shapes; reading them is
extension_read. Everything in it is believed as given, so it belongs to whoever adds the connector."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.core.operation import Effect

Role = Literal["recipient", "url", "amount", "body"]
SINKS_MAX = 200
Text = Annotated[str, Meta(max_length=4_000)]
Name = Annotated[str, Meta(max_length=200)]
# `METHOD /path` or an operationId, of the same document.
OperationKey = Annotated[str, Meta(min_length=1, max_length=500)]
Pointer = Annotated[str, Meta(pattern="^($|/)", max_length=500, description="A JSON Pointer (RFC 6901).")]
Origin = Annotated[
    str,
    Meta(
        pattern="^(arguments:)?($|/)",
        max_length=500,
        description="A JSON Pointer into the result, or `arguments:` and one into the arguments.",
    ),
]
# A scope-token of RFC 6749 section 3.3.
Scope = Annotated[str, Meta(pattern=r"^[!#-\[\]-~]+$", max_length=200)]


class Follow(Struct, frozen=True, forbid_unknown_fields=True):
    """Another operation of the document, called for this one, and where each of its arguments comes from."""

    operation: OperationKey
    arguments: Annotated[dict[Name, Origin], Meta(max_length=100)] = {}


class Poll(Struct, frozen=True, forbid_unknown_fields=True):
    """The operation that tells how far this one is: `status` points to a word, which is one of `done` at the end."""

    operation: OperationKey
    status: Pointer
    done: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=50)]
    arguments: Annotated[dict[Name, Origin], Meta(max_length=100)] = {}


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """How a list is read on: the argument to send again, where its next value and the items are, which one is the size.

    `none`: it comes whole. `next` of the kind `link` is a URL; of `offset` and `page` there is none.
    """

    kind: Literal["cursor", "page", "offset", "next", "link", "none"]
    parameter: Name = ""
    next: Pointer = ""
    items: Pointer = ""
    size: Name = ""


class Extension(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said of one operation, with the defaults of its path item and of the document.

    `name` is the tool's name after the prefix. `effect` takes the place of what the method says. `scopes` (without the
    connector in front; all of them together) take the place of the document's, and are never none. `sink` says by wire
    name what an argument does with its value. `undo` takes a call back and `verify` looks whether it took place.
    `media_type` is the one of the request body that is compiled, where there are several. `public`: what it is given can be
    read by others than those who can read where it is from.
    """

    name: Name = ""
    title: Name = ""
    description: Text = ""
    effect: Effect | None = None
    hide: bool = False
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=50)] | None = None
    sink: Annotated[dict[str, Role], Meta(max_length=SINKS_MAX)] = {}
    undo: Follow | None = None
    verify: Follow | None = None
    page: Page | None = None
    poll: Poll | None = None
    media_type: Name = ""
    public: bool = False


class ArgumentExtension(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one parameter, or of one property of the body."""

    sink: Role | None = None
    hide: bool = False
    description: Text = ""
