"""A store in memory, for tests and for trying things out. It ends with its process, and no other process sees it."""

from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice

from msgspec import structs

from gateway.core.approval import Approval, State
from gateway.core.audit import AuditEntry, encode_line
from gateway.core.audit_chain import START, AuditTail, Checkpoint, Link, link_lines
from gateway.core.principal import Owner
from gateway.errors import Conflict
from gateway.stores.base import (
    VERSIONS_MAX,
    ApiKey,
    AuditFilter,
    ConnectorVersion,
    Store,
    StoredConnector,
    without_files,
)

AUDIT_LINES_MAX = 100_000


async def open_memory(*, audit_lines_max: int = AUDIT_LINES_MAX) -> Store:
    """An empty store. It keeps the newest `audit_lines_max` lines of the audit log."""
    return MemoryStore(audit_lines_max)


class MemoryStore:
    """A Store that nothing outlives."""

    def __init__(self, audit_lines_max: int) -> None:
        self._connectors: dict[str, StoredConnector] = {}
        self._keys: dict[str, ApiKey] = {}
        self._lines: deque[AuditEntry] = deque(maxlen=audit_lines_max)
        self._approvals: dict[str, Approval] = {}
        self._links: deque[Link] = deque(maxlen=audit_lines_max)
        self._checkpoints: dict[int, Checkpoint] = {}
        self._tail = AuditTail(0, START)
        self._versions: dict[str, deque[ConnectorVersion]] = {}
        self._approved: dict[str, frozenset[str]] = {}
        self._generation = 0
        self._sequence = 0

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        """There is nothing to let go."""

    async def manifests(self) -> Sequence[StoredConnector]:
        return [structs.replace(one, document=without_files(one.document)) for one in await self.connectors()]

    async def connectors(self, names: Collection[str] | None = None) -> Sequence[StoredConnector]:
        wanted = self._connectors.keys() if names is None else self._connectors.keys() & set(names)
        return [self._connectors[name] for name in sorted(wanted)]

    async def put_connector(self, connector: StoredConnector) -> None:
        self._connectors[connector.manifest.name] = connector
        self._generation += 1

    async def delete_connector(self, name: str) -> bool:
        if self._connectors.pop(name, None) is None:
            return False
        self._versions.pop(name, None)
        self._approved.pop(name, None)
        self._generation += 1
        return True

    async def add_version(self, version: ConnectorVersion) -> None:
        self._sequence += 1
        kept = self._versions.setdefault(version.connector, deque(maxlen=VERSIONS_MAX))
        kept.appendleft(structs.replace(version, sequence=self._sequence))

    async def versions(self, connector: str, limit: int) -> Sequence[ConnectorVersion]:
        return list(self._versions.get(connector, ()))[: max(limit, 0)]

    async def approved(self, connector: str) -> frozenset[str] | None:
        return self._approved.get(connector)

    async def put_approved(self, connector: str, fingerprints: frozenset[str]) -> None:
        self._approved[connector] = fingerprints
        self._generation += 1

    async def generation(self) -> int:
        return self._generation

    async def add_key(self, key: ApiKey) -> None:
        if key.id in self._keys or await self.find_key(key.token_sha256):
            raise Conflict(f"There is a key {key.id} already; make another.")
        self._keys[key.id] = key
        self._generation += 1

    async def find_key(self, token_sha256: bytes) -> ApiKey | None:
        return next((key for key in self._keys.values() if key.token_sha256 == token_sha256), None)

    async def keys(self) -> Sequence[ApiKey]:
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._keys[key_id] = structs.replace(key, revoked_at=at)
        self._generation += 1
        return True

    async def add_approval(self, approval: Approval) -> None:
        self._approvals[approval.id] = approval

    async def find_approval(self, approval_id: str) -> Approval | None:
        return self._approvals.get(approval_id)

    async def latest_approval(self, digest: str) -> Approval | None:
        return next((one for one in reversed(self._approvals.values()) if one.digest == digest), None)

    async def approvals(
        self, tenant: str, state: State | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Approval]:
        found = (
            one
            for one in reversed(self._approvals.values())
            if one.tenant == tenant and (state is None or one.at(now).state == state) and owner in (None, one.owner)
        )
        return list(islice(found, max(limit, 0)))

    async def decide_approval(self, before: Approval, after: Approval) -> bool:
        if self._approvals.get(before.id) != before:
            return False
        self._approvals[after.id] = after
        return True

    async def use_approval(self, digest: str, now: datetime) -> Approval | None:
        for one in self._approvals.values():
            if one.digest == digest and one.at(now).state == "approved":
                used = self._approvals[one.id] = structs.replace(one, state="used")
                return used
        return None

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        links = link_lines(self._tail, map(encode_line, entries))
        for entry, link in zip(entries, links, strict=True):
            self._tail = AuditTail(link.sequence, link.digest)
            self._lines.append(structs.replace(entry, sequence=link.sequence))
            self._links.append(link)

    async def audit_tail(self) -> AuditTail:
        return self._tail

    async def audit_links(self, after: int, limit: int) -> Sequence[Link]:
        return [link for link in self._links if link.sequence > after][: max(limit, 0)]

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._checkpoints.setdefault(checkpoint.sequence, checkpoint)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        return sorted(self._checkpoints.values(), key=lambda one: one.sequence)

    async def old_checkpoint(self, before: datetime) -> Checkpoint | None:
        oldest = min((line.sequence for line in self._lines if line.at >= before), default=self._tail.sequence + 1)
        last = max((one for one in self._checkpoints if one < oldest), default=None)
        return None if last is None else self._checkpoints[last]

    async def drop_audit(self, start: Checkpoint) -> int:
        had, last = len(self._lines), start.sequence
        self._lines = deque((line for line in self._lines if line.sequence > last), self._lines.maxlen)
        self._links = deque((link for link in self._links if link.sequence > last), self._links.maxlen)
        self._checkpoints = {one: kept for one, kept in self._checkpoints.items() if one > last} | {last: start}
        return had - len(self._lines)

    async def read_audit(self, wanted: AuditFilter) -> Sequence[AuditEntry]:
        found = [line for line in self._lines if _fits(line, wanted)]
        limit = max(wanted.limit, 0)
        return found[max(len(found) - limit, 0) :] if wanted.after_sequence is None else found[:limit]


def _fits(line: AuditEntry, wanted: AuditFilter) -> bool:
    return (
        (wanted.tenant is None or line.tenant == wanted.tenant)
        and (wanted.after_sequence is None or line.sequence > wanted.after_sequence)
        and (not wanted.tool or line.tool == wanted.tool)
        and (not wanted.subject or line.subject == wanted.subject)
        and (wanted.phase is None or line.phase == wanted.phase)
    )
