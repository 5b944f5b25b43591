"""A connector's manifest: where the document is, where the service is, how to sign in, what it may use."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.core.extension import SINKS_MAX, Role
from gateway.core.template import TEMPLATES_MAX, Template

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$", description="Lower-case letters, digits and dashes.")]
Seconds = Annotated[float, Meta(gt=0, le=600)]
Bytes = Annotated[int, Meta(ge=1, le=1 << 30)]
Count = Annotated[int, Meta(ge=0, le=10_000)]


class NoAuth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """The backend asks for no credential."""


class BearerAuth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="bearer"):
    """`Authorization: Bearer <secret>` (RFC 6750 section 2.1). `secret` names a secret of the settings."""

    secret: str


class HeaderAuth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="header"):
    """The secret as the value of a header."""

    header: str
    secret: str


class QueryAuth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="query"):
    """The secret as the value of a query parameter."""

    parameter: str
    secret: str


class BasicAuth(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="basic"):
    """`Authorization: Basic` (RFC 7617): the user name in the open, the password a secret."""

    username: str
    secret: str


Auth = NoAuth | BearerAuth | HeaderAuth | QueryAuth | BasicAuth


Words = Annotated[tuple[str, ...], Meta(max_length=1_000)]
Globs = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=50)]


class Filter(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Some operations of the document: those that have one of the values of every field that is given. In `paths`, `*`
    stands for anything within a segment and `**` for anything at all."""

    tags: Words = ()
    paths: Globs = ()
    methods: Words = ()
    operation_ids: Words = ()


Filters = Annotated[tuple[Filter, ...], Meta(max_length=50)]


class ScopeRules(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The scopes of the document, without the connector in front. `names` are what some are called here; `implies` is what
    whoever holds one holds as well, by these names."""

    names: Annotated[dict[str, str], Meta(max_length=1_000)] = {}
    implies: Annotated[dict[str, tuple[str, ...]], Meta(max_length=1_000)] = {}


class Limits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one connector may use. `response_bytes_max` is what is read of an answer, or of all the pages of a list;
    `result_bytes_max` is what a caller is given of it at once, and `media_bytes_max` the same for images, sounds and
    files. A stream of events is read for `stream_timeout_s`, the pages of a list for `pages_timeout_s`.
    `definition_bytes_max` is the whole of what a list of tools shows of one tool."""

    timeout_s: Seconds = 30.0
    connect_timeout_s: Seconds = 5.0
    request_bytes_max: Bytes = 10 << 20
    response_bytes_max: Bytes = 8 << 20
    result_bytes_max: Bytes = 64 << 10
    media_bytes_max: Bytes = 1 << 20
    stream_timeout_s: Seconds = 10.0
    pages_timeout_s: Seconds = 60.0
    in_flight_max: Annotated[int, Meta(ge=1, le=10_000)] = 64
    redirects_max: Count = 3
    retries_max: Annotated[int, Meta(ge=0, le=5)] = 1
    definition_bytes_max: Annotated[int, Meta(ge=2 << 10, le=256 << 10)] = 8 << 10


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One connector, as a developer writes it in `connector.yaml` or sends it to `POST /v1/connectors`.

    `document` is a URL, or a path relative to the manifest; "" only where the document comes with it. `base_url`
    takes the place of the document's servers.
    `tenant` is the one that the connector belongs to and that alone sees it; "" is shared by all.
    `prefix` starts the name of every tool; None means the connector's name, "" means no prefix.
    `allow_addresses` are networks (CIDR) that are not public and that this connector may reach all the same.
    `pinned` names tools that a list shows even where the catalog is too large to list.
    `refresh_s` is how often the document is looked at again; 0 is never. `quarantine` is what of a refreshed document is
    held back until somebody approves it: `writes` that are new or changed, or `all` such tools.
    `overlays` change the document before it is compiled, in this order: a URL, a path relative to the manifest, or the
    overlay itself, written out.
    `include` and `exclude` choose the operations that become tools; `include` left empty takes all.
    `media_types` are those of request bodies that are preferred where an operation takes several, the first the most.
    `secrets` are names of arguments, or of members within them, whose values no log and no approval shows.
    `answers`: a success that is not what its document says is given with a note (`checked`), or the call fails (`strict`).
    `undeclared_fields`: plans may refer to fields of answers that the document does not declare.
    `trusted_answers`: nobody but the organisation decides what stands in its answers, so that they may decide who gets something.
    `sinks` says by tool and argument what becomes of a value, as `x-factotum.sink` does; `none` is that it is no such one.
    `public` names tools that make public what they are given.
    `templates` are sentences that people say to it, and the calls of its tools that they come to.
    """

    name: Name
    document: str = ""
    title: str = ""
    description: str = ""
    base_url: str = ""
    tenant: Annotated[str, Meta(max_length=255)] = ""
    prefix: str | None = None
    enabled: bool = True
    auth: Auth = NoAuth()
    allow_addresses: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    refresh_s: Annotated[int, Meta(ge=0, le=366 * 86_400)] = 0
    quarantine: Literal["none", "writes", "all"] = "none"
    overlays: Annotated[tuple[str | dict[str, Any], ...], Meta(max_length=20)] = ()
    include: Filters = ()
    exclude: Filters = ()
    media_types: Annotated[tuple[str, ...], Meta(max_length=20)] = ()
    answers: Literal["checked", "strict"] = "checked"
    undeclared_fields: bool = False
    trusted_answers: bool = False
    sinks: Annotated[dict[str, dict[str, Role | Literal["none"]]], Meta(max_length=SINKS_MAX)] = {}
    public: Words = ()
    secrets: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=200)] = ()
    scopes: ScopeRules = ScopeRules()
    templates: Annotated[tuple[Template, ...], Meta(max_length=TEMPLATES_MAX)] = ()
    limits: Limits = Limits()

    @property
    def tool_prefix(self) -> str:
        return self.name if self.prefix is None else self.prefix
