"""The composition root: settings to parts to the ASGI app. The only file that names implementations, but for those of search
(ranking.py) and of planning (planner.py).

Whoever opens the gateway closes it: `async with open_gateway(settings, secrets) as gateway`.
"""

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litestar.types import ASGIApp

from gateway import __version__
from gateway.approvals import Approvals, keep_expiring
from gateway.audit import AuditLog
from gateway.audit_seal import AuditSeal, fingerprint_key, signing_key
from gateway.auth.access_token import AccessTokens, OwnIssuer
from gateway.auth.api_key import ApiKeyAuthenticator
from gateway.auth.issuer_http import IssuerHttp
from gateway.auth.issuer_keys import IssuerKeys, KeyTimes, Metadata
from gateway.auth.relying_party import RelyingParty
from gateway.auth.sign_in import SignIn
from gateway.authorization.assertion_grant import Assertions
from gateway.authorization.clients import Clients
from gateway.authorization.families import Families
from gateway.authorization.forgetting import forget_what_is_over
from gateway.authorization.grants import Parts
from gateway.authorization.lines import Lines
from gateway.authorization.logins import Logins
from gateway.authorization.server import AuthorizationServer
from gateway.authorization.signing import ALGORITHM, open_signer
from gateway.authorization.users import Users
from gateway.authorization.visits import Visits
from gateway.call import Calls
from gateway.compiled import CompiledFiles
from gateway.compiler import CompileBounds, Compiler
from gateway.core.catalog import EMPTY
from gateway.core.egress import parse_networks, refuse_url
from gateway.core.event import Outgoing, read_secret
from gateway.core.issuer import BrowserClient, Issuer
from gateway.core.notice import read_about
from gateway.core.policy import load_policies
from gateway.core.seal import KEY_BYTES, Seal
from gateway.credentials.static import StaticCredentials
from gateway.discover import Discovery
from gateway.edge.a2a.push import Pushing
from gateway.edge.browser import CALLBACK
from gateway.edge.mcp.elicit import Elicitation
from gateway.edge.mcp.endpoint import McpEndpointSettings, mcp_endpoint
from gateway.edge.mcp.intents import IntentTools
from gateway.edge.mcp.listen import Listening
from gateway.edge.mcp.resources import Resources
from gateway.edge.mcp.tools import Toolbox
from gateway.edge.parts import Gateway
from gateway.edge.rejected import own_hosts
from gateway.edge.rest import doors
from gateway.edge.sign_in import ProtectedResource, SignInDesk
from gateway.events import Events
from gateway.fetch import Bounds, DocumentReader
from gateway.grants import Grants
from gateway.ingest import Ingestion, read_folder
from gateway.intent import Intents
from gateway.key_file import make_key_file
from gateway.learning import Learning
from gateway.memory import Memory
from gateway.origin import find_origin, knows_origin, other_origins, require_origin
from gateway.planner import open_planner
from gateway.planning import Planning
from gateway.policies import PolicyDesk
from gateway.policy_files import read_in_force
from gateway.policy_watch import PolicyWatch
from gateway.published import Edition, Published
from gateway.quotas import Quotas
from gateway.ranking import heads_of, open_ranker
from gateway.recipes import Recipes
from gateway.rejections import Rejections
from gateway.results import KeptResults
from gateway.runs import Runs
from gateway.settings import MemoryStore, Secrets, Settings, SettingsBroken, SqliteStore
from gateway.standing import Standings
from gateway.stores.base import Store
from gateway.stores.sql import open_memory, open_sql
from gateway.tool_index import ToolIndex
from gateway.upstream import Upstream, open_upstream
from gateway.webhook import Address, Outbox, Post, Webhook

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_gateway(
    settings: Settings, secrets: Secrets, *, clock: Clock = _now, carries_out: bool = True, fires: bool = True
) -> AsyncIterator[Gateway]:
    """Open the store, take in every connector, and follow what other processes change. `clock` gives the time in UTC. Whoever stays
    only for a moment does not carry out intents: it would cut off what it began. Whoever does so for one of them alone `fires` no
    standing ones.

    Raises StoreFailed, SettingsBroken, or BadRequest where the policies are broken.
    """
    async with AsyncExitStack() as opened:
        store = await opened.enter_async_context(open_store(settings))
        audit_key = signing_key(secrets, Path(settings.data_dir))
        seal = AuditSeal(store, audit_key, settings.audit, clock)
        opened.push_async_callback(seal.sign)  # Once the log is closed, whose lines are all written then.
        audit = await opened.enter_async_context(AuditLog(store, queue_entries_max=settings.audit.queue_entries_max))
        rejections = Rejections(
            audit,
            per_minute=settings.audit.rejected_per_minute,
            key=fingerprint_key(audit_key),
            clock=clock,
        )
        opened.push_async_callback(rejections.close)
        upstream = await opened.enter_async_context(open_upstream())
        policies = read_in_force(settings)
        published = Published(Edition(EMPTY, load_policies({}, EMPTY)))
        reader = _reader(settings, upstream)
        ingestion = Ingestion(published, store, reader, audit, policies=policies, tenants=settings.tenants, clock=clock)
        offers, broken = read_folder(Path(settings.connectors_dir))
        await ingestion.open([offered for offered in offers if offered.manifest.enabled], broken)
        watch = PolicyWatch(settings, published, ingestion, store, audit, policies, clock=clock)
        await watch.begin()
        ranker = await opened.enter_async_context(open_ranker(settings.ranker, secrets, store, heads_of(settings)))
        taught_by = [name for name, one in settings.tenants.items() if one.learn_from_searches]
        learning = Learning(audit, taught_by, clock)
        opened.push_async_callback(learning.close)
        discovery, every_s = (
            Discovery(published, ToolIndex(ranker), learning.note, settings.toolsets),
            settings.follow_s,
        )
        _keep_running(
            opened,
            ingestion.follow(every_s),
            ingestion.keep_fresh(every_s),
            watch.follow(every_s),
            discovery.keep_indexed(),
            seal.keep(),
            rejections.keep(),
        )
        http = IssuerHttp()
        opened.push_async_callback(http.close)
        authorization = _open_authorization(settings, secrets, store, published, audit, upstream, http, clock)
        visits = _open_visits(settings, secrets, store, published, audit, http, clock)
        if authorization is not None or visits is not None:
            _keep_running(opened, forget_what_is_over(store, clock))
        desk = await _open_desk(settings, secrets, store, published, authorization, http, clock)
        kept = settings.results
        quotas = Quotas(settings.quotas, time.monotonic)
        webhook, added = _open_webhook(settings, secrets, clock), asyncio.Event()
        events = _events(settings, clock, added.set)
        approvals, grants = _decisions(settings, store, published, audit, events, clock)
        _keep_running(opened, keep_expiring(approvals, grants, store, clock, every_s))
        results = KeptResults(
            published, bytes_max=kept.bytes_max, ttl_s=kept.ttl_s, clock=clock, seconds=time.monotonic
        )
        calls = Calls(
            published,
            StaticCredentials(secrets),
            upstream,
            audit,
            results,
            quotas,
            approvals,
            clock=clock,
            new_id=_new_id,
        )
        memory = Memory(store, audit, settings.memory, clock=clock, new_id=_new_id)
        planner = await opened.enter_async_context(open_planner(settings.planner, secrets, clock=clock))
        runs = Runs(store, published, settings.intents, look_s=every_s, clock=clock, noted=added.set)
        if webhook is not None or settings.a2a.push_hosts:
            address = _address(webhook, _open_pushing(settings, runs))
            outbox = Outbox(store, upstream, address, clock=clock, look_s=every_s, added=added)
            _keep_running(opened, outbox.run())
        recipes = Recipes(discovery, runs, store, audit, settings.intents, clock=clock, new_id=_new_id)
        planning = Planning(discovery, calls, planner, recipes, memory, clock=clock)
        intents = Intents(
            discovery,
            calls,
            approvals,
            runs,
            recipes,
            memory,
            store,
            settings.intents,
            planning.again,
            planning.go_on,
            planning.reserves,
            look_s=every_s,
            clock=clock,
            new_id=_new_id,
        )
        standings = Standings(
            discovery,
            calls,
            intents,
            runs,
            store,
            audit,
            settings.standing,
            look_s=every_s,
            clock=clock,
            new_id=_new_id,
            hook_root=_hook_root(settings, secrets),
        )
        if carries_out:
            _keep_running(opened, intents.keep_going(), runs.forget(), runs.leave())
        if carries_out and fires:
            _keep_running(opened, standings.keep_going())
        yield Gateway(
            settings=settings,
            published=published,
            discovery=discovery,
            calls=calls,
            intents=intents,
            standings=standings,
            memory=memory,
            recipes=recipes,
            planning=planning,
            runs=runs,
            results=results,
            approvals=approvals,
            policies=PolicyDesk(published, store, clock=clock),
            policy_watch=watch,
            grants=grants,
            ingestion=ingestion,
            desk=desk,
            audit=audit,
            rejections=rejections,
            store=store,
            seal=_open_seal(secrets, Path(settings.data_dir)),
            authorization=authorization,
            visits=visits,
        )


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store alone: enough for keys and for the audit log."""
    match settings.store:
        case MemoryStore():
            store: Store = await open_memory()
        case SqliteStore(path=path, durability=durability):
            store = await open_sql(_sqlite_url(Path(settings.data_dir, path)), durability=durability)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_decisions(settings: Settings) -> AsyncIterator[tuple[Approvals, Grants]]:
    """Who decides, without a catalog: enough to say yes and no to what is there, and to take it back."""
    async with open_store(settings) as store, AuditLog(store) as audit:
        nothing = Published(Edition(EMPTY, load_policies({}, EMPTY)))
        yield _decisions(settings, store, nothing, audit, _events(settings, _now, lambda: None), _now)


def _decisions(
    settings: Settings, store: Store, published: Published, audit: AuditLog, events: Events, clock: Clock
) -> tuple[Approvals, Grants]:
    told = settings.approvals
    grants = Grants(store, published, audit, events, ttl_s_max=told.grant_ttl_s_max, clock=clock, new_id=_new_id)
    return Approvals(store, grants, audit, events, ttl_s=told.ttl_s, clock=clock, new_id=_new_id), grants


def _events(settings: Settings, clock: Clock, added: Callable[[], None]) -> Events:
    wanted = settings.approvals.webhook is not None
    return Events(wanted, find_origin(settings), clock, _new_id, added)


def _open_pushing(settings: Settings, runs: Runs) -> Pushing:
    """Raises SettingsBroken."""
    try:
        return Pushing(runs, settings.a2a)
    except ValueError as error:
        raise SettingsBroken(f"a2a.push_allow_addresses does not fit: {error}.") from error


def _address(webhook: Webhook | None, pushing: Pushing) -> Address:
    """Where what waits in the outbox goes."""

    async def address(event: Outgoing) -> Post | None:
        if read_about(event.about) is not None:
            return await pushing.address(event)
        return await webhook.address(event) if webhook is not None else None

    return address


def _open_webhook(settings: Settings, secrets: Secrets, clock: Clock) -> Webhook | None:
    """None where nobody is to be told. Raises SettingsBroken."""
    told = settings.approvals.webhook
    if told is None:
        return None
    try:
        why = refuse_url(told.url, parse_networks(told.allow_addresses))
        key = read_secret(secrets[told.secret])
    except KeyError as error:
        raise SettingsBroken(f"approvals.webhook.secret names {told.secret!r}, and there is no such secret.") from error
    except ValueError as error:
        raise SettingsBroken(f"approvals.webhook does not fit: {error}.") from error
    if not why and not told.url.startswith("https://") and not told.allow_addresses:
        why = "it is not https, and no network is named in allow_addresses"
    if why:
        raise SettingsBroken(f"approvals.webhook.url cannot be asked: {why}.")
    return Webhook(told, key, clock)


def _open_seal(secrets: Secrets, data_dir: Path) -> Seal:
    """With the secret `seal-key`, or a file that is made at the first start. Raises SettingsBroken."""
    path = data_dir / "seal-key.b64"
    try:
        if "seal-key" not in secrets and not path.exists():
            make_key_file(path, base64.b64encode(os.urandom(KEY_BYTES)))
        key = base64.b64decode(secrets.get("seal-key") or path.read_bytes(), validate=True)
    except (OSError, ValueError) as error:
        raise SettingsBroken(f"The secret seal-key, or {path}, cannot be read as base64.") from error
    if len(key) < KEY_BYTES:
        raise SettingsBroken(f"The secret seal-key, or {path}, must be at least {KEY_BYTES} random bytes in base64.")
    return Seal(key)


def _reader(settings: Settings, upstream: Upstream) -> DocumentReader:
    told = settings.documents
    compiler = Compiler(CompileBounds(told.compile_timeout_s, told.memory_bytes_max, told.compiles_max))
    bounds = Bounds(told.bytes_max, told.files_max, told.timeout_s, told.read_timeout_s)
    return DocumentReader(upstream, compiler, CompiledFiles(_compiled_folder(settings)), bounds)


def _compiled_folder(settings: Settings) -> Path | None:
    """None where nothing shall outlive the process."""
    match settings.store:
        case MemoryStore():
            return None
        case SqliteStore():
            return Path(settings.data_dir, "compiled")


def _sqlite_url(path: Path) -> str:
    if "?" in str(path):
        raise SettingsBroken("data_dir and store.path cannot have a question mark in them.")
    return f"sqlite:///{path.resolve()}"


def asgi_app(gateway: Gateway) -> ASGIApp:
    """Every door of one gateway: MCP at /mcp, REST at /v1, and the probes."""
    http, mcp = gateway.settings.http, gateway.settings.mcp
    toolbox = Toolbox(
        gateway.calls,
        gateway.results,
        gateway.discovery,
        gateway.rejections,
        IntentTools(gateway.intents, gateway.runs, gateway.planning) if mcp.intent_tools else None,
        list_tools_max=mcp.list_tools_max,
        page_tools_max=mcp.page_tools_max,
    )
    endpoint = mcp_endpoint(
        toolbox,
        Resources(gateway.results),
        Listening(gateway.published, gateway.discovery),
        Elicitation(gateway.seal, _now),
        gateway.desk,
        gateway.rejections,
        McpEndpointSettings(
            list_ttl_ms=mcp.list_ttl_ms,
            body_bytes_max=http.body_bytes_max,
            body_depth_max=http.body_depth_max,
            body_timeout_s=http.body_timeout_s,
            allowed_hosts=own_hosts(gateway.settings.host, http),
            allowed_origins=http.allowed_origins,
            version=__version__,
            toolsets=gateway.settings.toolsets,
        ),
    )
    return doors(gateway, endpoint)


async def _open_desk(
    settings: Settings,
    secrets: Secrets,
    store: Store,
    published: Published,
    authorization: AuthorizationServer | None,
    http: IssuerHttp,
    clock: Clock,
) -> SignInDesk:
    """API keys alone, and the tokens of issuers where there are some. Raises SettingsBroken."""
    api_keys, told = ApiKeyAuthenticator(store), settings.auth
    own = None if authorization is None else authorization.origin
    names = tuple(filter(None, (own, *(one.issuer for one in told.issuers))))
    if not names:
        return SignInDesk(api_keys, published, clock=clock)
    resource = ProtectedResource(
        require_origin(settings), names, told.scopes, other_origins(settings), tuple(settings.toolsets)
    )
    tokens = AccessTokens(
        told.issuers,
        resource.audiences,
        resource.toolset_audiences,
        secrets,
        http,
        times=_key_times(settings),
        cache_s=told.cache_s,
        clock=time.monotonic,
        own=None if authorization is None else _own_issuer(authorization),
    )
    return SignInDesk(SignIn(api_keys, tokens), published, resource, told.certificate_header, clock)


def _open_authorization(
    settings: Settings,
    secrets: Secrets,
    store: Store,
    published: Published,
    audit: AuditLog,
    upstream: Upstream,
    http: IssuerHttp,
    clock: Clock,
) -> AuthorizationServer | None:
    """The gateway's own authorisation server; None where it is not wanted. Raises SettingsBroken."""
    wanted, told = settings.auth.server, settings.auth
    is_on = wanted.mode in ("on", True) or (wanted.mode == "auto" and not told.issuers and knows_origin(settings))
    if not is_on:
        return None
    origin, lines = require_origin(settings), Lines(audit, clock)
    if any(one.issuer == origin for one in told.issuers):
        raise SettingsBroken("auth.issuers names the gateway itself, whose own authorisation server is on anyway.")
    users = Users(store, lines, clock)
    signer = open_signer(secrets, Path(settings.data_dir))
    families = Families(store, users, published, lines, signer, wanted, origin, clock)
    clients = Clients(store, upstream, lines, wanted, clock, time.monotonic)
    issuer = Issuer(origin, algorithms=(ALGORITHM,))
    resource = ProtectedResource(origin, aliases=other_origins(settings), toolsets=tuple(settings.toolsets))
    resources = (*resource.audiences, *resource.toolset_audiences)
    parts = Parts(store, users, clients, families, signer, wanted, issuer, resources, clock)
    logins = Logins(store, users, published, lines, wanted, clock, time.monotonic)
    trusted = {one.issuer: (one, _keys_of(one, settings, http)) for one in wanted.assertion_issuers}
    assertions = Assertions(trusted, store, published, origin, clock)
    return AuthorizationServer(parts, logins, published, lines, origin, assertions, time.monotonic)


def _open_visits(
    settings: Settings,
    secrets: Secrets,
    store: Store,
    published: Published,
    audit: AuditLog,
    http: IssuerHttp,
    clock: Clock,
) -> Visits | None:
    """People who sign in at the gateway's pages through an issuer; None where none has a client for that. Raises
    SettingsBroken."""
    parties = [
        _relying_party(one, one.browser, settings, secrets, http)
        for one in settings.auth.issuers
        if one.browser is not None
    ]
    return Visits(parties, store, published, Lines(audit, clock), clock, time.monotonic) if parties else None


def _relying_party(
    issuer: Issuer, client: BrowserClient, settings: Settings, secrets: Secrets, http: IssuerHttp
) -> RelyingParty:
    if client.secret and client.secret not in secrets:
        raise SettingsBroken(f"browser.secret of {issuer.issuer} names {client.secret!r}, and there is no such secret.")
    secret = secrets[client.secret] if client.secret else ""
    metadata, callback = Metadata(issuer.issuer, http), require_origin(settings) + CALLBACK
    keys = IssuerKeys(issuer, metadata, http, _key_times(settings), time.monotonic)
    return RelyingParty(issuer, client, secret, keys, metadata, http, callback)


def _keys_of(issuer: Issuer, settings: Settings, http: IssuerHttp) -> IssuerKeys:
    return IssuerKeys(issuer, Metadata(issuer.issuer, http), http, _key_times(settings), time.monotonic)


def _key_times(settings: Settings) -> KeyTimes:
    return KeyTimes(settings.auth.keys_fresh_s, settings.auth.keys_floor_s, settings.auth.keys_stale_s)


def _own_issuer(authorization: AuthorizationServer) -> OwnIssuer:
    parts = authorization.parts
    return OwnIssuer(parts.issuer, parts.signer, parts.families.confirm)


def _new_id() -> str:
    return os.urandom(12).hex()


def _hook_root(settings: Settings, secrets: Secrets) -> bytes:
    """What the secrets of webhooks of standing intents follow from; b"" where nobody signs. Raises SettingsBroken."""
    name = settings.standing.hook_secret
    if not name:
        return b""
    try:
        return read_secret(secrets[name])
    except KeyError as error:
        raise SettingsBroken(f"standing.hook_secret names {name!r}, and there is no such secret.") from error
    except ValueError as error:
        raise SettingsBroken(f"The secret {name!r} of standing.hook_secret does not fit: {error}.") from error


def _keep_running(opened: AsyncExitStack, *endless: Coroutine[Any, Any, None]) -> None:
    """Until what was opened is closed."""
    for one in endless:
        opened.push_async_callback(_end, asyncio.create_task(one))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
