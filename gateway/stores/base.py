"""What a store offers: small protocols over one database. Knows no SQL, no file, no policy.

Every method raises `StoreFailed` when the store cannot be reached. Times are aware and in UTC.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol, TypeVar

from msgspec import Struct, structs

from gateway.core.approval import Approval, State
from gateway.core.audit import AuditEntry, Phase
from gateway.core.audit_chain import AuditTail, Checkpoint, Link
from gateway.core.authorization import Kept
from gateway.core.diff import Change
from gateway.core.event import Outgoing
from gateway.core.fact import Fact
from gateway.core.grant import Grant, GrantState
from gateway.core.manifest import Manifest
from gateway.core.principal import Owner, Person
from gateway.core.recipe import Recipe
from gateway.core.run import Entry, Run
from gateway.core.standing import Slot, Standing

VERSIONS_MAX = 50
RECORDS_MAX = 10_000
POLICY_VERSIONS_MAX = 100

R = TypeVar("R", bound=Kept)


class StoredDocument(Struct, frozen=True):
    """A document as fetched: the URI of its entry file and the bytes of every file by URI. `digest` covers both. `etag` and
    `modified` are what its server said of the entry (RFC 9110 section 8.8)."""

    digest: str
    entry: str
    files: Mapping[str, bytes]
    fetched_at: datetime
    etag: str = ""
    modified: str = ""


def without_files(document: StoredDocument) -> StoredDocument:
    """What is known of a document but its files."""
    return structs.replace(document, files={})


class StoredConnector(Struct, frozen=True):
    """A connector as it last was. `from_folder`: its manifest stands in a connectors folder, which alone decides whether
    there is such a connector; what is kept is the last good version of its document."""

    manifest: Manifest
    document: StoredDocument
    updated_at: datetime
    from_folder: bool = False


def say_nothing(grant: Grant) -> None:
    """There is nobody to tell."""


Cause = Literal["added", "replaced", "refreshed", "approved"]


class ConnectorVersion(Struct, frozen=True):
    """One version of a connector: when it came, why, and what changed. `sequence` is given by the store."""

    connector: str
    at: datetime
    digest: str
    cause: Cause
    changes: tuple[Change, ...] = ()
    sequence: int = 0


class ApiKey(Struct, frozen=True):
    """An API key without its secret: only the SHA-256 of the whole token is kept."""

    id: str
    token_sha256: bytes
    tenant: str
    subject: str
    name: str
    scopes: frozenset[str]
    groups: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class AuditFilter(Struct, frozen=True):
    """Which lines to read: those after `after_sequence`, oldest first, or the newest `limit` where it is None.
    `tenant` None means every tenant: only the local operator may ask that."""

    tenant: str | None
    after_sequence: int | None = None
    limit: int = 100
    tool: str = ""
    subject: str = ""
    phase: Phase | None = None


class PolicyVersion(Struct, frozen=True):
    """Policies that were in force from `at` on: their texts by file name, the digest of those that decide about calls (`version`),
    and of those over the gateway's own API (`roles`)."""

    version: str
    roles: str
    at: datetime
    files: Mapping[str, str]


class ConnectorStore(Protocol):
    async def manifests(self) -> Sequence[StoredConnector]:
        """All connectors, by name, without the files of their documents: little, however large those are."""

    async def connectors(self, names: Collection[str] | None = None) -> Sequence[StoredConnector]:
        """All connectors, or those of these names that there are, by name."""

    async def put_connector(self, connector: StoredConnector) -> None:
        """Write one, in place of any of the same name. Changes the generation."""

    async def delete_connector(self, name: str) -> bool:
        """True where there was one. Its versions and what was approved of it go too. Changes the generation."""

    async def add_version(self, version: ConnectorVersion) -> None:
        """Append one. Only the newest VERSIONS_MAX of a connector are kept."""

    async def versions(self, connector: str, limit: int) -> Sequence[ConnectorVersion]:
        """The newest first."""

    async def approved(self, connector: str) -> frozenset[str] | None:
        """The fingerprints of the tools that somebody approved; None where nothing was ever written."""

    async def put_approved(self, connector: str, fingerprints: frozenset[str]) -> None:
        """Write them, in place of those there were. Changes the generation."""

    async def generation(self) -> int:
        """A number that grows with every change to connectors or keys, so that another process notices."""


class KeyStore(Protocol):
    async def add_key(self, key: ApiKey) -> None:
        """Changes the generation. Raises Conflict where there is one of that id or token."""

    async def find_key(self, token_sha256: bytes) -> ApiKey | None: ...

    async def keys(self) -> Sequence[ApiKey]:
        """All keys, oldest first, expired and revoked ones among them."""

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        """True where there was one that was not yet revoked. Changes the generation."""


class AuditStore(Protocol):
    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append all or nothing, in order, each linked to the one before it (`core.audit_chain`), and return when they are
        committed. Sequences are given in that order, without a gap."""

    async def audit_tail(self) -> AuditTail: ...

    async def audit_links(self, after: int, limit: int) -> Sequence[Link]:
        """The lines after one, oldest first, as they are kept. One whose columns are not what it says is given as none
        that can be right: without bytes."""

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Append one. There is one for a line at most; another for the same is left aside."""

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Oldest first."""

    async def old_checkpoint(self, before: datetime) -> Checkpoint | None:
        """The newest checkpoint that has only lines older than `before` up to it."""

    async def drop_audit(self, start: Checkpoint) -> int:
        """Let go of the lines up to a checkpoint, which takes the place of all before it. Gives how many lines went."""

    async def read_audit(self, wanted: AuditFilter) -> Sequence[AuditEntry]:
        """Oldest first."""


class ApprovalStore(Protocol):
    """What tells of a change is kept in the same transaction as the change."""

    async def add_approval(self, approval: Approval, event: Outgoing | None = None) -> None: ...

    async def find_approval(self, approval_id: str) -> Approval | None: ...

    async def latest_approval(self, digest: str) -> Approval | None:
        """The newest of exactly this call."""

    async def approvals(
        self, tenant: str, state: State | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Approval]:
        """Those of a tenant, of one caller where it is named, in a state at `now`, or in any; the newest first."""

    async def decide_approval(self, before: Approval, after: Approval, event: Outgoing | None = None) -> bool:
        """Put one in place of what it was; False where it is something else by now."""

    async def use_approval(self, digest: str, now: datetime) -> Approval | None:
        """Take one that is approved, not used and not over: it is used then, and given to nobody else."""


class GrantStore(Protocol):
    """What tells of a change is kept in the same transaction as the change."""

    async def add_grant(self, grant: Grant, event: Outgoing | None = None) -> None: ...

    async def find_grant(self, grant_id: str) -> Grant | None: ...

    async def grants(
        self, tenant: str, state: GrantState | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Grant]:
        """Those of a tenant, of one caller where it is named, in a state at `now`, or in any; the newest first."""

    async def change_grant(self, before: Grant, after: Grant, event: Outgoing | None = None) -> bool:
        """Put one in place of what it was; False where it is something else by now."""

    async def use_grant(
        self, grant_id: str, amount: Decimal, now: datetime, tell: Callable[[Grant], Outgoing | None] = say_nothing
    ) -> Grant | None:
        """Count one use, and what it takes, where there is so much left; nobody else can count the same. None where there
        is not, or the grant is not good at `now`. `tell` is what there is to tell of it then."""

    async def give_back_use(self, grant_id: str, amount: Decimal) -> None:
        """Take back one use that was counted, and what it took."""


class AuthorizationStore(Protocol):
    """What the gateway's own authorisation server keeps. A record is changed in one way only: from what it was to what it
    shall be, which fails where it is something else by then."""

    async def find_record(self, kind: type[R], key: str) -> R | None:
        """The one of this kind and key, over or not."""

    async def records(self, kind: type[R], owner: str | None = None, limit: int = RECORDS_MAX) -> Sequence[R]:
        """Those of a kind, of one owner or of all, by key; RECORDS_MAX at most."""

    async def count_records(self, kind: type[Kept], owner: str | None = None) -> int: ...

    async def swap_record(self, before: R | None, after: R | None) -> bool:
        """Put one in place of what it was, both with one key. None before: it is new; None after: it goes. False, and
        nothing changed, where it was something else."""

    async def drop_records(self, now: datetime) -> int:
        """Forget those that are over. Gives how many went."""


class PolicyStore(Protocol):
    async def add_policy_version(self, version: PolicyVersion) -> bool:
        """Append one; False where it is what the newest is already. Only the newest POLICY_VERSIONS_MAX are kept."""

    async def policy_versions(self, limit: int) -> Sequence[PolicyVersion]:
        """The newest first."""


class OutboxStore(Protocol):
    async def claim_events(self, now: datetime, until: datetime, limit: int) -> Sequence[Outgoing]:
        """Those that are due, of each approval and grant only the first, for whoever asks alone `until` then."""

    async def drop_event(self, event: Outgoing) -> None:
        """It has been told."""

    async def postpone_event(self, event: Outgoing, until: datetime) -> None:
        """It is due again then, after so many `attempts`."""

    async def overdue_approvals(self, now: datetime, limit: int) -> Sequence[Approval]:
        """Those that are over at `now`, and are not said to be yet."""

    async def overdue_grants(self, now: datetime, limit: int) -> Sequence[Grant]:
        """The same."""


class VectorStore(Protocol):
    """Vectors of texts, which are what they are for ever: by a digest of the text and of the model that made them."""

    async def vectors(self, keys: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Those of these that there are."""

    async def put_vectors(self, told: Mapping[bytes, bytes]) -> None:
        """Keep these; one that is there already stays."""


class RunStore(Protocol):
    """Runs and their journals. A run changes in one way only: from the event that somebody knew as its last."""

    async def write_run(
        self, before: Run | None, after: Run, entries: Sequence[Entry], notices: Sequence[Outgoing] = ()
    ) -> bool:
        """Put one in place of what it was, append to its journal, and keep what is to be told of it, all or nothing. None before:
        it is new. False, and nothing changed, where something has happened to it since, or there is one of that id."""

    async def find_run(self, run_id: str) -> Run | None: ...

    async def runs(self, owner: Owner, limit: int, *, open_only: bool = False) -> Sequence[Run]:
        """Those of one caller, the newest first; with `open_only` those that have not ended."""

    async def journal(self, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        """The events after one, oldest first."""

    async def drop_runs(self, before: datetime, limit: int) -> int:
        """Forget runs that have ended before that time, and their journals, and the slots and deliveries of standing intents that
        are older, `limit` of each at most; but for runs whose slot is still open. How many runs went."""

    async def waiting_runs(self, before: datetime, limit: int) -> Sequence[str]:
        """The ids of those that have waited for an answer or a credential since before that time, the longest first."""

    async def claim_runs(self, now: datetime, until: datetime, limit: int, held: Collection[str] = ()) -> Sequence[str]:
        """The ids of those that are due, for whoever asks alone `until` then; those that it has already (`held`) until then too."""


class StandingStore(Protocol):
    """Standing intents and their slots. One changes in one way only: from the version that somebody knew."""

    async def write_standing(
        self, before: Standing | None, after: Standing | None, slots: Sequence[Slot] = (), delivery: str = ""
    ) -> bool:
        """Put one in place of what it was, and its slots that are new or other than they were, all or nothing. None before: it
        is new; None after: it goes, with all its slots. False, and nothing changed, where it is something else by now, or there
        was a `delivery` of that id: the first of the slots is the one that it comes to."""

    async def find_delivery(self, standing_id: str, delivery: str) -> datetime | None:
        """The slot that a delivery came to."""

    async def find_standing(self, standing_id: str) -> Standing | None: ...

    async def standings(self, tenant: str, limit: int, owner: Owner | None = None) -> Sequence[Standing]:
        """Those of a tenant, of one caller where it is named, the newest first."""

    async def due_standings(self, now: datetime, limit: int) -> Sequence[Standing]:
        """Those that are to be looked at, the longest due first."""

    async def slots(self, standing_id: str, limit: int, *, open_only: bool = False) -> Sequence[Slot]:
        """Its slots, or those that are open, the newest first."""


class FactStore(Protocol):
    """What people had the gateway remember. A fact never changes but for the counts of its use: another takes its place."""

    async def put_fact(self, fact: Fact, facts_max: int, bytes_max: int) -> bool:
        """Put one in place of what the person had that is about the same (`core.fact.about`). False, and nothing changed, where the
        person would have more than so many facts, or bytes of them."""

    async def facts(self, person: Person) -> Sequence[Fact]:
        """All of one person, oldest first."""

    async def drop_facts(self, person: Person, fact_id: str | None = None) -> int:
        """Delete that one of a person, or all. Gives how many went."""

    async def use_facts(self, person: Person, ids: Collection[str], at: datetime) -> None:
        """Count one use of each of these that are there."""


class RecipeStore(Protocol):
    """Recipes. One changes in one way only: from the version that somebody knew; a person has one of a name."""

    async def write_recipe(self, before: Recipe | None, after: Recipe | None) -> bool:
        """Put one in place of what it was. None before: it is new; None after: it goes. False, and nothing changed, where it is
        something else by now, or the person has one of that name."""

    async def find_recipe(self, recipe_id: str) -> Recipe | None: ...

    async def recipes(self, tenant: str, limit: int, person: Person | None = None) -> Sequence[Recipe]:
        """Those of a tenant, of one person where it is named, in the order of their names."""


class Store(
    ConnectorStore,
    KeyStore,
    VectorStore,
    AuditStore,
    ApprovalStore,
    GrantStore,
    AuthorizationStore,
    PolicyStore,
    OutboxStore,
    RunStore,
    StandingStore,
    FactStore,
    RecipeStore,
    Protocol,
):
    """All of them, as opened by `app.py`, which also closes it."""

    async def ready(self) -> bool:
        """True where the store answers."""

    async def close(self) -> None: ...
