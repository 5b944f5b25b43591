"""A compiled operation: everything needed to build its request, and nothing that changes at run time."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

# What a call does to the world. `destructive` is a write that the same API cannot take back.
Effect = Literal["read", "write", "destructive"]
NodeKind = Literal["element", "attribute", "text", "cdata", "none"]
Location = Literal["path", "query", "header", "cookie", "querystring"]
Style = Literal[
    "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited", "cookie"
]


class Parameter(Struct, frozen=True, gc=False):
    """One parameter of the request line or the headers (OAS 3.1 section 4.8.12).

    `argument` is its name among the tool's arguments, `name` its name on the wire.
    A non-empty `media_type` means a `content` parameter: the value is serialised as that media
    type and `style` is not used. `allow_empty`: a value with nothing in it is sent as `name=`.
    """

    argument: str
    name: str
    location: Location
    required: bool = False
    style: Style = "form"
    explode: bool = True
    allow_reserved: bool = False
    media_type: str = ""
    allow_empty: bool = False


class PartHeader(Struct, frozen=True, gc=False):
    """A header of one part of a multipart body: with this `value` always, or with that of an `argument`."""

    name: str
    value: str = ""
    argument: str = ""


class XmlNode(Struct, frozen=True, gc=False, omit_defaults=True):
    """One schema as a part of XML. `name` is the one that its `xml` object gives, "" where it gives none; `members` and
    `items` are keys of the plan. A list is `wrapped` in an element of its own, or its items stand side by side."""

    kind: NodeKind = "element"
    name: str = ""
    prefix: str = ""
    namespace: str = ""
    wrapped: bool = False
    items: str = ""
    members: Mapping[str, str] = {}


class XmlPlan(Struct, frozen=True, gc=False):
    """`nodes` by key, beginning with that of the body, which is called `root`."""

    root: str
    first: str
    nodes: Mapping[str, XmlNode]


class Field(Struct, frozen=True, gc=False):
    """One property of an object body that is an argument of its own.

    The rest applies to form bodies only (OAS 3.1 section 4.8.15): `content_type` of a part ("" lets the value decide),
    `headers` of a part; `style`, `explode` and `allow_reserved`, which count where the document states one of them
    (`styled`); `binary` marks a file, `encoded` one that goes as text in base64; `xml` says how a part becomes XML.
    """

    argument: str
    name: str
    content_type: str = ""
    style: Style = "form"
    explode: bool = True
    allow_reserved: bool = False
    binary: bool = False
    styled: bool = False
    headers: tuple[PartHeader, ...] = ()
    xml: XmlPlan | None = None
    encoded: bool = False


class Body(Struct, frozen=True, gc=False):
    """The request body.

    Either `argument` names the one argument that is the whole body, or the body is an object put together
    from `fields` (and from the members of the object argument `extra`, where additional properties are allowed).
    `binary`: it is a file, `encoded`: as text in base64. `sequential`: it is a list, written one value after another.
    `xml` says how it becomes XML.
    """

    media_type: str
    required: bool = False
    argument: str = ""
    fields: tuple[Field, ...] = ()
    extra: str = ""
    binary: bool = False
    sequential: bool = False
    xml: XmlPlan | None = None
    encoded: bool = False


class Default(Struct, frozen=True, gc=False):
    """What a required argument is where the caller does not give it, as JSON. `of_body`: it belongs to the body."""

    argument: str
    value: str
    of_body: bool = False


class Paging(Struct, frozen=True, gc=False, omit_defaults=True):
    """How a list comes page by page. `argument` asks for a page (a cursor, a number, an offset) and `size` for how many
    items; `next` is the JSON Pointer of the next cursor or URL in the answer, "" where it has to be looked for; `items`
    is that of the list, "" being the whole answer, None where it has to be looked for. `first` is the number of the first
    page, or the first offset."""

    kind: Literal["cursor", "page", "offset", "next", "link"]
    argument: str = ""
    size: str = ""
    next: str = ""
    items: str | None = None
    first: int = 0


class Operation(Struct, frozen=True, gc=False):
    """One method on one path of a document.

    `server` is the absolute base URL without a trailing slash, its variables filled in; it may carry a query.
    `path` is the template as written, starting with a slash. `accept` is the value of the Accept header, and
    `choices` are media types that may be asked for instead. `headers` are those of its answers that are told, in lower case.
    `pointer` is the JSON Pointer of the operation in its document. `paging`: its answers come page by page.
    `defers`: it may answer before the work is done, and say where to look. `defaults`: required arguments that need not
    be given.
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
    choices: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    paging: Paging | None = None
    defers: bool = False
    defaults: tuple[Default, ...] = ()

    @property
    def key(self) -> str:
        """`METHOD /path`: what identifies the operation within its document."""
        return f"{self.method} {self.path}"
