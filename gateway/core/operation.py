"""A compiled operation: everything needed to build its request, and nothing that changes at run time."""

from typing import Literal

from msgspec import Struct

# What a call does to the world. `destructive` is a write that the same API cannot take back.
Effect = Literal["read", "write", "destructive"]
Location = Literal["path", "query", "header", "cookie", "querystring"]
Style = Literal[
    "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited", "cookie"
]


class Parameter(Struct, frozen=True):
    """One parameter of the request line or the headers (OAS 3.1 section 4.8.12).

    `argument` is its name among the tool's arguments, `name` its name on the wire.
    A non-empty `media_type` means a `content` parameter: the value is serialised as that media
    type and `style` is not used.
    """

    argument: str
    name: str
    location: Location
    required: bool = False
    style: Style = "form"
    explode: bool = True
    allow_reserved: bool = False
    media_type: str = ""


class Field(Struct, frozen=True):
    """One property of an object body that is an argument of its own.

    The rest applies to form bodies only (OAS 3.1 section 4.8.15): `content_type` of a multipart part ("" lets
    the value decide), `style` and `explode` of a urlencoded field; `binary` marks a file.
    """

    argument: str
    name: str
    content_type: str = ""
    style: Style = "form"
    explode: bool = True
    allow_reserved: bool = False
    binary: bool = False


class Body(Struct, frozen=True):
    """The request body.

    Either `argument` names the one argument that is the whole body, or the body is an object put together
    from `fields` (and from the members of the object argument `extra`, where additional properties are allowed).
    """

    media_type: str
    required: bool = False
    argument: str = ""
    fields: tuple[Field, ...] = ()
    extra: str = ""
    binary: bool = False


class Operation(Struct, frozen=True):
    """One method on one path of a document.

    `server` is the absolute base URL without a trailing slash, its variables filled in; it may carry a query.
    `path` is the template as written, starting with a slash. `accept` is the value of the Accept header.
    `pointer` is the JSON Pointer of the operation in its document.
    """

    connector: str
    method: str
    path: str
    server: str
    pointer: str
    operation_id: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    accept: str = "application/json, */*;q=0.5"

    @property
    def key(self) -> str:
        """`METHOD /path`: what identifies the operation within its document."""
        return f"{self.method} {self.path}"
