"""STORY 2  A connector comes in, and is looked at again: fetch, compile, diff, hold back, check, publish.

One document at a time, and the catalog swapped whole. A connector that cannot be read is listed with its problem and
costs no other connector anything. Knows no OpenAPI (that is core) and sends nothing itself (that is upstream).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import msgspec
import structlog
from msgspec import Raw, Struct, structs

from gateway.audit import AuditLog
from gateway.core.audit import AuditEntry, administered
from gateway.core.broken import DocumentBroken
from gateway.core.catalog import Connector, build_catalog, hash_manifest
from gateway.core.compilation import refuse_name
from gateway.core.diff import Change, diff_connectors, fingerprint
from gateway.core.manifest import Manifest
from gateway.core.policy import PolicyBroken, load_policies
from gateway.core.principal import DEFAULT_TENANT, SCHEDULE, Principal
from gateway.core.quarantine import fingerprints_of, hold_back
from gateway.core.tenancy import SHARED, TenantPowers, exceeded, is_seen
from gateway.core.yaml_tree import parse_yaml
from gateway.errors import BadRequest, Conflict, DocumentRejected, GatewayError, NotFound
from gateway.fetch import DocumentReader, Offered, Read
from gateway.policy_files import PolicyFiles
from gateway.published import Edition, Editions, Published
from gateway.stores.base import Cause, ConnectorStore, ConnectorVersion, StoredConnector, StoredDocument

log = structlog.get_logger(__name__)

MANIFEST_FILE = "connector.yaml"
MANIFEST_BYTES_MAX = 4 << 20


class Ingestion:
    """Keeps the catalog: the connectors of a folder, which only a restart changes, and those of the store."""

    def __init__(
        self,
        published: Published,
        store: ConnectorStore,
        reader: DocumentReader,
        audit: AuditLog,
        *,
        policies: PolicyFiles,
        tenants: Mapping[str, TenantPowers],
        clock: Callable[[], datetime],
    ) -> None:
        self._published = published
        self._store = store
        self._reader = reader
        self._audit = audit
        self._policies = policies
        self._tenants = tenants
        self._clock = clock
        self._local: dict[str, Connector] = {}
        # The tenants of those that the folder has, those that could not be read among them.
        self._offered: Mapping[str, str] = {}
        self._making: Mapping[str, _Made] = {}
        self._stored: dict[str, Connector] = {}
        # Those of the store whose names the folder may have too: they are back when the folder has them no longer.
        self._shadowed: frozenset[str] = frozenset()
        # Without their bytes: what is asked with when they are looked at again.
        self._documents: dict[str, StoredDocument] = {}
        self._looked_at: dict[str, datetime] = {}
        self._problems: dict[str, str] = {}
        # The tenant of every connector that is known of, those that could not be read among them.
        self._owners: dict[str, str] = {}
        self._generation = -1
        self._one_at_a_time = asyncio.Lock()

    @property
    def problems(self) -> Mapping[str, str]:
        """Why a connector is not in the catalog, by its name or by its folder."""
        return MappingProxyType(self._problems)

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """All of them, of whichever tenant: for the local operator."""
        return MappingProxyType({**self._stored, **self._local})

    def problems_of(self, tenant: str) -> dict[str, str]:
        """Those of a tenant's own connectors; what all share is the installation's own."""
        return {
            name: why
            for name, why in self._problems.items()
            if (self._owners.get(name, SHARED) or DEFAULT_TENANT) == tenant
        }

    def owner(self, name: str, tenant: str) -> str:
        """The tenant that a connector belongs to, "" where all share it. Raises NotFound where there is none that this tenant
        sees."""
        owner = self._owners.get(name)
        if owner is None or not is_seen(owner, tenant):
            raise NotFound(f"There is no connector named {name[:64]!r}.")
        return owner

    @property
    def generation(self) -> int:
        """The generation of the store that was last read."""
        return self._generation

    async def open(self, offers: Sequence[Offered], problems: Mapping[str, str]) -> None:
        """Take in the connectors of the folder (`problems` are those that could not be read there) and those of the
        store. Raises StoreFailed, or BadRequest where the policies themselves are broken; a broken connector is only
        a problem."""
        async with self._one_at_a_time:
            self._problems.update(problems)
            stored = await self._store.manifests()
            kept = {one.manifest.name: one for one in stored if one.from_folder}
            self._offered = {offered.manifest.name: offered.manifest.tenant for offered in offers}
            self._shadowed = frozenset(one.manifest.name for one in stored if not one.from_folder)
            for offered in offers:
                await self._open_local(offered, kept.get(offered.manifest.name))
            await self._read_store()
            await self._publish()
            known = {one.manifest.name for one in stored} | {offered.manifest.name for offered in offers}
            await self._reader.forget_others(known | self._stored.keys())

    async def add(self, principal: Principal, offered: Offered, *, replace: bool = False) -> Connector:
        """Take one in, keep it in the store, and put its tools in force. Its manifest says whose it is.

        Raises Conflict, DocumentRejected, BadRequest, UpstreamFailed or StoreFailed; then nothing has changed.
        """
        if why := (offered.manifest.name and refuse_name(offered.manifest.name)) or self._exceeded(offered.manifest):
            raise BadRequest(why)
        read = await self._reader.read(offered, self._clock())
        connector, manifest = read.connector, read.connector.manifest
        async with self._one_at_a_time:
            await self._refuse_taken(manifest, principal, replace)
            before = self._stored.get(manifest.name)
            editions = await self._check([*self._others(manifest.name), connector])
            await self._audit.record(self._line(principal, "add", manifest))
            if before is None:
                # Nothing is left of another of that name, which may have been another tenant's.
                await self._store.delete_connector(manifest.name)
            await self._keep(read, connector, "replaced" if before else "added", before)
            await self._approve_all(connector)
            self._stored[manifest.name] = connector
            self._owners[manifest.name] = manifest.tenant
            self._problems.pop(manifest.name, None)
            self._published.publish(editions)
        log.info(
            "connector added", connector=manifest.name, tools=len(connector.tools), refusals=len(connector.refusals)
        )
        return connector

    async def refresh(self, principal: Principal, name: str) -> tuple[Change, ...]:
        """Look at a connector's document again, and put what changed in force; () where nothing did. Where that cannot
        be, the version there is stays, `problems` says why, and so does what is raised: NotFound, BadRequest,
        DocumentRejected, UpstreamFailed or StoreFailed."""
        current, known = self._find(name, principal), self._documents[name]
        self._looked_at[name] = self._clock()
        try:
            read = await self._reader.read_again(current.manifest, known, self._clock())
        except GatewayError as error:
            self._problems[name] = _say_stale(known, error)
            raise
        if read is None:
            self._problems.pop(name, None)
            return ()
        async with self._one_at_a_time:
            before = self._find(name, principal)
            fresh = await self._with_held(read.connector)
            changes = await asyncio.to_thread(diff_connectors, before, fresh)
            editions = await self._check([*self._others(name), fresh])
            await self._audit.record(self._line(principal, "refresh", fresh.manifest))
            await self._keep(read, fresh, "refreshed", before, changes)
            (self._local if name in self._local else self._stored)[name] = fresh
            self._problems.pop(name, None)
            self._published.publish(editions)
        log.info("connector refreshed", connector=name, changes=len(changes), held=len(fresh.held))
        return changes

    async def approve(self, principal: Principal, name: str, tools: Sequence[str] = ()) -> tuple[str, ...]:
        """Let held tools go, these or all, as they are now; their names. Raises NotFound or StoreFailed."""
        async with self._one_at_a_time:
            current = self._find(name, principal)
            held = {tool.name: tool for tool in current.held}
            if unknown := next((one for one in tools if one not in held), ""):
                raise NotFound(f"No tool {unknown[:80]!r} of {name} is held back.")
            names = tuple(tools) or tuple(held)
            approved = await self._store.approved(name) or frozenset()
            approved |= {fingerprint(held[one]) for one in names}
            settled = await asyncio.to_thread(hold_back, current, approved)
            editions = await self._check([*self._others(name), settled])
            await self._audit.record(self._line(principal, "approve", current.manifest))
            await self._store.put_approved(name, approved)
            changes = tuple(Change(one, "added", detail="it was approved.") for one in names)
            await self._store.add_version(ConnectorVersion(name, self._clock(), current.digest, "approved", changes))
            (self._local if name in self._local else self._stored)[name] = settled
            self._published.publish(editions)
        return names

    async def remove(self, principal: Principal, name: str) -> None:
        """Take one out. Raises NotFound, Conflict (it comes from the folder) or StoreFailed."""
        async with self._one_at_a_time:
            if principal.method != "local":
                self.owner(name, principal.tenant)
            if name in self._local:
                raise Conflict(f"{name} comes from the connectors folder; take its folder away and restart.")
            editions = await self._check(self._others(name))
            removed = Manifest(name=name, tenant=self._owners.get(name, SHARED))
            await self._audit.record(self._line(principal, "remove", removed))
            if not await self._store.delete_connector(name):
                raise NotFound(f"There is no connector named {name[:64]!r}.")
            await self._reader.forget(name)
            self._stored.pop(name, None)
            self._owners.pop(name, None)
            self._documents.pop(name, None)
            self._problems.pop(name, None)
            self._published.publish(editions)

    async def put_policies(
        self, policies: PolicyFiles, before_publishing: Callable[[Edition], Awaitable[None]]
    ) -> None:
        """Put other policies in force over the catalogs as they are; what is to be done first is given the edition that all
        share. Raises BadRequest where they do not fit, or what the first step raises; then nothing has changed."""
        async with self._one_at_a_time:
            editions = await self._check([*self._local.values(), *self._stored.values()], policies)
            await before_publishing(editions.shared)
            self._policies = policies
            self._published.publish(editions)

    async def follow(self, every_s: float) -> None:
        """Notice what another process changed in the store, for ever. Cancel it to end it."""
        while True:
            await asyncio.sleep(every_s)
            try:
                if await self._store.generation() != self._generation:
                    async with self._one_at_a_time:
                        if await self._read_store():
                            await self._publish()
            except GatewayError as error:
                log.warning("the store could not be followed", reason=error.detail)

    async def keep_fresh(self, every_s: float) -> None:
        """Notice what documents have become, each as often as its manifest says, for ever. Cancel it to end it."""
        while True:
            await asyncio.sleep(every_s)
            await self._refresh_due()

    async def _refresh_due(self) -> None:
        """Look again at every document whose time has come, one after another."""
        for connector in (*self._local.values(), *self._stored.values()):
            name, every = connector.name, timedelta(seconds=connector.manifest.refresh_s)
            last = self._looked_at.get(name, self._documents[name].fetched_at)
            if every and connector.manifest.enabled and self._clock() - last >= every:
                try:
                    await self.refresh(SCHEDULE, name)
                except GatewayError as error:
                    log.warning("connector not refreshed", connector=name, reason=error.detail)

    # The steps, in the order in which a connector goes through them.

    async def _open_local(self, offered: Offered, kept: StoredConnector | None) -> None:
        """One of the folder, as it is now; where it cannot be read, as it last was."""
        name = offered.manifest.name
        try:
            if why := self._exceeded(offered.manifest):
                raise BadRequest(why)
            read = await self._reader.read(offered, self._clock())
        except GatewayError as error:
            self._problems[name] = error.detail
            falls_back = kept if not self._exceeded(offered.manifest) else None
            log.warning("connector not read", connector=name, reason=error.detail, falls_back=falls_back is not None)
            if falls_back is not None:
                await self._open_kept(falls_back, error, offered.manifest.tenant)
            return
        self._documents[name] = _without_bytes(read.document)
        self._local[name] = await self._with_held(read.connector)
        if _same(read.connector, kept):
            await self._reader.keep(read)
        else:
            before = await self._reopen(kept) if kept is not None else None
            await self._keep(
                read, read.connector, "refreshed" if before else "added", before.connector if before else None
            )

    async def _open_kept(self, kept: StoredConnector, error: GatewayError, tenant: str) -> None:
        """As it last was, for the tenant whose it is now."""
        reopened = await self._reopen(kept)
        if reopened is not None:
            name, document = reopened.connector.name, reopened.document
            self._documents[name] = _without_bytes(document)
            own = structs.replace(reopened.connector.manifest, tenant=tenant)
            self._local[name] = await self._with_held(structs.replace(reopened.connector, manifest=own))
            self._problems[name] = _say_stale(document, error)

    async def _reopen(self, kept: StoredConnector) -> Read | None:
        """The last good version; None where a later compiler does not read it any more."""
        try:
            return await self._read_stored(kept)
        except DocumentRejected:
            return None

    async def _read_stored(self, kept: StoredConnector) -> Read:
        """What the store has of it, compiled. Raises DocumentRejected, also where it is gone."""

        async def with_files() -> StoredConnector:
            for found in await self._store.connectors([kept.manifest.name]):
                return found
            raise DocumentRejected("another process has just taken it out.")

        return await self._reader.read_stored(kept, with_files)

    async def _read_store(self) -> bool:
        """Compile what changed in the store since it was last read; whether anything did that concerns the catalog."""
        self._generation = await self._store.generation()
        before = {**self._stored, **self._local}
        wanted = {stored.manifest.name: stored for stored in await self._store.manifests() if not stored.from_folder}
        for name in self._stored.keys() - wanted.keys():
            del self._stored[name]
        others = {name: stored.manifest.tenant for name, stored in wanted.items() if name not in self._local}
        self._owners = {**self._offered, **others}
        for name, stored in wanted.items():
            if name not in self._local and not _same(self._stored.get(name), stored):
                await self._open_stored(name, stored)
        # Another process may have approved what is held here.
        for connectors in (self._local, self._stored):
            for name, connector in connectors.items():
                if connector.held:
                    connectors[name] = await self._with_held(connector)
        after = {**self._stored, **self._local}
        return before.keys() != after.keys() or any(before[name] is not one for name, one in after.items())

    async def _open_stored(self, name: str, stored: StoredConnector) -> None:
        try:
            if why := self._exceeded(stored.manifest):
                self._stored.pop(name, None)
                raise DocumentRejected(why)
            read = await self._read_stored(stored)
            self._stored[name] = await self._with_held(read.connector)
            self._documents[name] = _without_bytes(read.document)
            self._problems.pop(name, None)
        except DocumentRejected as error:
            self._problems[name] = error.detail
            log.warning("connector left out", connector=name, reason=error.detail)

    async def _approve_all(self, connector: Connector) -> None:
        """Whoever adds a connector approves its tools as they are; where none would be held back, nobody asks later."""
        if connector.manifest.quarantine != "none":
            approved = await asyncio.to_thread(fingerprints_of, connector)
            await self._store.put_approved(connector.name, approved)

    async def _with_held(self, connector: Connector) -> Connector:
        """Without the tools that wait for approval. A connector that is seen for the first time is approved as it is."""
        if connector.manifest.quarantine == "none":
            return connector
        approved = await self._store.approved(connector.name)
        if approved is None:
            await self._approve_all(connector)
            return connector
        return await asyncio.to_thread(hold_back, connector, approved)

    async def _keep(
        self,
        read: Read,
        connector: Connector,
        cause: Cause,
        before: Connector | None,
        changes: tuple[Change, ...] | None = None,
    ) -> None:
        """Write down what it is now, and how it differs from what it was. `connector` is the one that is served."""
        name, document, now = connector.name, read.document, self._clock()
        if changes is None:
            changes = await asyncio.to_thread(diff_connectors, before, connector) if before else ()
        if name not in self._local or name not in self._shadowed:
            await self._store.put_connector(StoredConnector(connector.manifest, document, now, name in self._local))
        await self._store.add_version(ConnectorVersion(name, now, connector.digest, cause, changes))
        await self._reader.keep(read)
        self._documents[name] = _without_bytes(document)
        self._looked_at[name] = now

    async def _check(self, connectors: Sequence[Connector], policies: PolicyFiles | None = None) -> Editions:
        """The catalogs that these make, and the policies checked against each. Raises BadRequest where they do not fit one."""
        enabled = [connector for connector in connectors if connector.manifest.enabled]
        self._making = await asyncio.to_thread(_make_all, enabled, policies or self._policies, self._making)
        return Editions(
            self._making[SHARED].edition,
            MappingProxyType({tenant: one.edition for tenant, one in self._making.items() if tenant != SHARED}),
        )

    async def _publish(self) -> None:
        self._published.publish(await self._check([*self._local.values(), *self._stored.values()]))

    def _find(self, name: str, principal: Principal) -> Connector:
        """One that the caller sees; whoever owns the store sees all."""
        connector = self._local.get(name) or self._stored.get(name)
        sees = principal.method == "local" or is_seen(self._owners.get(name, ""), principal.tenant)
        if connector is None or not sees:
            raise NotFound(f"There is no connector named {name[:64]!r}.")
        return connector

    def _others(self, name: str) -> list[Connector]:
        return [one for one in (*self._local.values(), *self._stored.values()) if one.name != name]

    async def _refuse_taken(self, manifest: Manifest, principal: Principal, replace: bool) -> None:
        """Raises Conflict. Of what another tenant has, no more is told than that the name is taken."""
        name, owner = manifest.name, self._owners.get(manifest.name)
        for kept in await self._store.connectors([name]) if owner is None else ():
            # Another process has just added it.
            owner = None if kept.from_folder else kept.manifest.tenant
        if owner is None:
            return
        sees = principal.method == "local" or is_seen(owner, principal.tenant)
        if not sees or (owner != manifest.tenant and principal.method != "local"):
            raise Conflict(f"The name {name} is taken; choose another name.")
        if name in self._local:
            raise Conflict(f"The connectors folder has a connector named {name}; choose another name.")
        if not replace:
            raise Conflict(f"There is a connector named {name} already; replace it, or choose another name.")

    def _exceeded(self, manifest: Manifest) -> str:
        """What the manifest wants that its tenant may not use; "" where there is nothing."""
        return exceeded(manifest, self._tenants.get(manifest.tenant, TenantPowers()))

    def _line(self, principal: Principal, verb: str, manifest: Manifest) -> AuditEntry:
        """It is a line of the tenant whose connector it is, whoever did it."""
        encoded = Raw(msgspec.json.encode(manifest))
        what, owner = f"connectors.{verb}", manifest.tenant or principal.tenant
        line = administered(principal, self._clock(), what, connector=manifest.name, arguments=encoded)
        return structs.replace(line, tenant=owner)


def read_folder(folder: Path) -> tuple[list[Offered], dict[str, str]]:
    """The connectors of a folder, `<name>/connector.yaml` each, and why any could not be read, by its folder's name."""
    offers: list[Offered] = []
    problems: dict[str, str] = {}
    for path in sorted(folder.glob(f"*/{MANIFEST_FILE}")):
        try:
            offers.append(Offered(read_manifest(path), folder=path.parent))
        except BadRequest as error:
            problems[path.parent.name] = error.detail
    return offers, problems


def read_manifest(path: Path) -> Manifest:
    """One manifest file. Raises BadRequest, which names the file and the place."""
    try:
        with path.open("rb") as file:
            data = file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read.") from error
    if len(data) > MANIFEST_BYTES_MAX:
        raise BadRequest(f"{path} is larger than a manifest may be, which is {MANIFEST_BYTES_MAX} bytes.")
    try:
        return msgspec.convert(parse_yaml(data.decode()), Manifest)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} cannot be read as YAML: it is not valid UTF-8.") from error
    except DocumentBroken as error:
        place = f" at {error.place}" if error.place else ""
        raise BadRequest(f"{path} cannot be read as YAML{place}: {error.detail}") from error


class _Made(Struct, frozen=True):
    """An edition, and of what it was made."""

    connectors: tuple[Connector, ...]
    policies: PolicyFiles
    edition: Edition


def _make_all(connectors: Sequence[Connector], policies: PolicyFiles, before: Mapping[str, _Made]) -> dict[str, _Made]:
    """An edition of what all share, and one for each tenant that has more; those that stay the same are taken from before."""
    made: dict[str, _Made] = {}
    for tenant in sorted({SHARED, *(one.manifest.tenant for one in connectors)}):
        seen = tuple(one for one in connectors if is_seen(one.manifest.tenant, tenant))
        known = before.get(tenant)
        same = known is not None and known.policies is policies and _are_same(known.connectors, seen)
        made[tenant] = known if same and known is not None else _Made(seen, policies, _make_edition(seen, policies))
    return made


def _are_same(some: Sequence[Connector], others: Sequence[Connector]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _make_edition(connectors: Sequence[Connector], policies: PolicyFiles) -> Edition:
    catalog = build_catalog(connectors)
    try:
        return Edition(catalog, load_policies(policies.texts, catalog), policies.roles)
    except PolicyBroken as error:
        raise BadRequest(f"The policies do not fit the catalog: {error}") from error


def _same(connector: Connector | None, stored: StoredConnector | None) -> bool:
    return (
        connector is not None
        and stored is not None
        and connector.digest == stored.document.digest
        and hash_manifest(connector.manifest) == hash_manifest(stored.manifest)
    )


def _say_stale(known: StoredDocument, error: GatewayError) -> str:
    return f"not refreshed since {known.fetched_at:%Y-%m-%d %H:%M} UTC: {error.detail}"


def _without_bytes(document: StoredDocument) -> StoredDocument:
    return structs.replace(document, files=dict.fromkeys(document.files, b""))
