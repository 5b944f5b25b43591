"""REST for those who look after a gateway: connectors, the audit log, the probes. Knows the wire; the stories do the work."""

from contextlib import suppress
from typing import Annotated

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta, Struct

from gateway.core.audit import AuditEntry, Phase
from gateway.core.catalog import Catalog, Connector
from gateway.core.diff import Change
from gateway.core.manifest import Manifest
from gateway.core.principal import Principal
from gateway.core.roles import AdminAction, AdminResource, scope_of
from gateway.core.tenancy import SHARED
from gateway.core.tool import Refusal, Repair
from gateway.discover import Indexed
from gateway.edge.allow import require
from gateway.edge.asgi import read_body
from gateway.edge.parts import Gateway
from gateway.edge.query import Limit, Position, read_query
from gateway.errors import BadRequest, NotFound
from gateway.fetch import Offered
from gateway.stores.base import AuditFilter, ConnectorVersion

READ_CONNECTORS = scope_of("connectors.read")
WRITE_CONNECTORS = scope_of("connectors.write")
APPROVE_CONNECTORS = scope_of("connectors.approve")
READ_AUDIT = scope_of("audit.read")
AUDIT_LINES_MAX = 1_000
VERSIONS_MAX = 1_000

AnyRequest = Request[object, object, object]  # type: ignore[type-var]


class ConnectorSummary(Struct, frozen=True):
    """One connector in a list. `tenant` is the one it belongs to, "" where all share it. `held` tools wait for approval;
    `left_out` operations the manifest or the document does not want as tools. `problem` says why it is not in the catalog,
    or not refreshed."""

    name: str
    title: str = ""
    version: str = ""
    tools: int = 0
    refusals: int = 0
    repairs: int = 0
    held: int = 0
    left_out: int = 0
    problem: str = ""
    tenant: str = ""


class ConnectorList(Struct, frozen=True):
    connectors: tuple[ConnectorSummary, ...]


class ConnectorReport(Struct, frozen=True):
    """What became of every operation of one connector."""

    summary: ConnectorSummary
    tools: tuple[str, ...]
    held: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    repairs: tuple[Repair, ...]


class NewConnector(Manifest, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A manifest, and the document's text where it does not come from a URL. Without a `name` the title gives one. It belongs to
    the tenant of whoever adds it, or is `shared` by all, which an owner of the installation's own tenant may say."""

    name: Annotated[str, Meta(pattern="^([a-z][a-z0-9-]{0,31})?$")] = ""
    content: str = ""
    shared: bool = False


class Changes(Struct, frozen=True):
    """What changed, tool by tool."""

    changes: tuple[Change, ...]


class VersionList(Struct, frozen=True):
    """What became of a connector, the newest first."""

    versions: tuple[ConnectorVersion, ...]


class LetGo(Struct, frozen=True, forbid_unknown_fields=True):
    """Which held tools to let go; none named: all."""

    tools: tuple[str, ...] = ()


class VersionQuery(Struct, frozen=True):
    limit: Limit = 10


class AuditQuery(Struct, frozen=True):
    """Which lines: those after a sequence (the newest where it is left out), of this tool, subject and phase."""

    after: Position | None = None
    limit: Limit = 100
    tool: str = ""
    subject: str = ""
    phase: Phase | None = None


class AuditPage(Struct, frozen=True):
    """Lines, oldest first. `last` is the sequence to ask after for those that follow."""

    lines: tuple[AuditEntry, ...]
    last: int


class SearchStatus(Struct, frozen=True):
    """How much can be found by every stage of the ranking: `ready` of `tools`. What a model has not read yet is found by its
    words."""

    ranker: str
    tools: int
    ready: int
    connectors: tuple[Indexed, ...]


class Health(Struct, frozen=True):
    status: str


def admin_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""

    async def signed_in(request: AnyRequest, action: AdminAction) -> Principal:
        principal = await gateway.desk.principal(request.scope)
        require(gateway.roles, principal, action)
        return principal

    def about(principal: Principal, name: str) -> AdminResource:
        """Raises NotFound, for what is another tenant's too."""
        return AdminResource(gateway.ingestion.owner(name, principal.tenant), name)

    async def signed_in_for(request: AnyRequest, action: AdminAction, name: str) -> Principal:
        """Who may do this to this connector. Whoever may do it to none does not learn whether there is one."""
        principal = await signed_in(request, action)
        require(gateway.roles, principal, action, about(principal, name))
        return principal

    def tenant_of(principal: Principal, new: NewConnector) -> str:
        """Whose a connector will be that is added. Raises BadRequest or AdminRefused."""
        if new.tenant not in ("", principal.tenant):
            raise BadRequest("A connector belongs to the tenant of whoever adds it; leave `tenant` out.")
        if not new.shared:
            return principal.tenant
        require(gateway.roles, principal, "connectors.write", AdminResource(SHARED, new.name or "new"))
        return SHARED

    async def read_new(request: AnyRequest) -> NewConnector:
        bounds = gateway.settings.documents
        return _decode(
            await read_body(request.scope, request.receive, bytes_max=bounds.bytes_max, timeout_s=bounds.timeout_s)
        )

    @get("/v1/connectors")
    async def list_connectors(request: AnyRequest) -> ConnectorList:
        tenant = (await signed_in(request, "connectors.read")).tenant
        catalog, problems = gateway.published.of(tenant).catalog, gateway.ingestion.problems_of(tenant)
        shown = {one.name: _summary(one, problems.get(one.name, "")) for one in catalog.connectors.values()}
        lost = {name: ConnectorSummary(name, problem=why) for name, why in problems.items() if name not in shown}
        return ConnectorList(tuple(one for _, one in sorted({**shown, **lost}.items())))

    @get("/v1/search/status")
    async def search_status(request: AnyRequest) -> SearchStatus:
        tenant = (await signed_in(request, "connectors.read")).tenant
        return status_of(gateway, gateway.published.of(tenant).catalog)

    @get("/v1/connectors/{name:str}")
    async def show_connector(request: AnyRequest, name: FromPath[str]) -> ConnectorReport:
        tenant = (await signed_in(request, "connectors.read")).tenant
        connector = gateway.published.of(tenant).catalog.connectors.get(name)
        if connector is None:
            raise NotFound(f"There is no connector named {name[:64]!r}.")
        return _report(connector, gateway.ingestion.problems_of(tenant).get(name, ""))

    @post("/v1/connectors")
    async def add_connector(request: AnyRequest) -> ConnectorReport:
        principal = await signed_in(request, "connectors.write")
        new = await read_new(request)
        return _report(await gateway.ingestion.add(principal, _offered(new, new.name, tenant_of(principal, new))))

    @put("/v1/connectors/{name:str}")
    async def replace_connector(request: AnyRequest, name: FromPath[str]) -> ConnectorReport:
        principal = await signed_in(request, "connectors.write")
        new = await read_new(request)
        if new.name not in ("", name):
            raise BadRequest("The name in the body is not the name in the path.")
        tenant = tenant_of(principal, new)
        with suppress(NotFound):
            resource = about(principal, name)
            require(gateway.roles, principal, "connectors.write", resource)
            tenant = resource.tenant
        return _report(await gateway.ingestion.add(principal, _offered(new, name, tenant), replace=True))

    @delete("/v1/connectors/{name:str}")
    async def remove_connector(request: AnyRequest, name: FromPath[str]) -> None:
        await gateway.ingestion.remove(await signed_in_for(request, "connectors.write", name), name)

    @post("/v1/connectors/{name:str}/refresh", status_code=200)
    async def refresh_connector(request: AnyRequest, name: FromPath[str]) -> Changes:
        principal = await signed_in_for(request, "connectors.write", name)
        return Changes(await gateway.ingestion.refresh(principal, name))

    @get("/v1/connectors/{name:str}/versions")
    async def list_versions(request: AnyRequest, name: FromPath[str]) -> VersionList:
        await signed_in_for(request, "connectors.read", name)
        limit = min(read_query(request.scope, VersionQuery).limit, VERSIONS_MAX)
        return VersionList(tuple(await gateway.store.versions(name, limit)))

    @post("/v1/connectors/{name:str}/approve", status_code=200)
    async def approve_tools(request: AnyRequest, name: FromPath[str]) -> LetGo:
        principal = await signed_in_for(request, "connectors.approve", name)
        bounds = gateway.settings.http
        body = await read_body(
            request.scope, request.receive, bytes_max=bounds.body_bytes_max, timeout_s=bounds.body_timeout_s
        )
        asked = _decode_approval(body) if body else LetGo()
        return LetGo(await gateway.ingestion.approve(principal, name, asked.tools))

    @get("/v1/audit")
    async def read_audit(request: AnyRequest) -> AuditPage:
        principal = await signed_in(request, "audit.read")
        asked = read_query(request.scope, AuditQuery)
        bounded = min(asked.limit, AUDIT_LINES_MAX)
        wanted = AuditFilter(principal.tenant, asked.after, bounded, asked.tool, asked.subject, asked.phase)
        lines = tuple(await gateway.store.read_audit(wanted))
        return AuditPage(lines, lines[-1].sequence if lines else asked.after or 0)

    @get("/healthz", media_type="application/json")
    async def healthz() -> Health:
        return Health("ok")

    @get("/readyz", media_type="application/json")
    async def readyz() -> Response[Health]:
        ready = await gateway.store.ready()
        return Response(Health("ok" if ready else "the store does not answer"), status_code=200 if ready else 503)

    return [
        list_connectors,
        search_status,
        show_connector,
        add_connector,
        replace_connector,
        remove_connector,
        refresh_connector,
        list_versions,
        approve_tools,
        read_audit,
        healthz,
        readyz,
    ]


def _offered(new: NewConnector, name: str, tenant: str) -> Offered:
    """Raises BadRequest."""
    if new.document and new.content:
        raise BadRequest("Send `document`, the URL of the document, or `content`, its text: which of the two is meant?")
    told = {field: getattr(new, field) for field in Manifest.__struct_fields__}
    manifest = Manifest(**told | {"name": name, "tenant": tenant})
    return Offered(manifest, folder=None, content=new.content.encode() if new.content else None)


def status_of(gateway: Gateway, *catalogs: Catalog) -> SearchStatus:
    """Of all connectors of these catalogs."""
    told = {one.connector: one for catalog in catalogs for one in gateway.discovery.indexed(catalog)}.values()
    ranker = gateway.discovery.ranked_by
    return SearchStatus(ranker, sum(one.tools for one in told), sum(one.ready for one in told), tuple(told))


def _decode(body: bytes) -> NewConnector:
    try:
        return msgspec.json.decode(body, type=NewConnector)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The connector does not fit schemas/connector.json: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest("The body is not JSON.") from error


def _decode_approval(body: bytes) -> LetGo:
    try:
        return msgspec.json.decode(body, type=LetGo)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadRequest('The body must be {"tools": [...]}, or nothing for all.') from error


def _summary(connector: Connector, problem: str = "") -> ConnectorSummary:
    return ConnectorSummary(
        name=connector.name,
        title=connector.title,
        version=connector.version,
        tools=len(connector.tools),
        refusals=len(connector.refusals),
        repairs=len(connector.repairs),
        held=len(connector.held),
        left_out=connector.left_out,
        problem=problem,
        tenant=connector.manifest.tenant,
    )


def _report(connector: Connector, problem: str = "") -> ConnectorReport:
    names = tuple(sorted(tool.name for tool in connector.tools))
    held = tuple(sorted(tool.name for tool in connector.held))
    return ConnectorReport(_summary(connector, problem), names, held, connector.refusals, connector.repairs)
