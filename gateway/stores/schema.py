"""The tables of a SQL store, and the Alembic migrations that bring a database to them. Knows no query."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from gateway.core.audit_chain import START
from gateway.errors import StoreFailed

SCHEMA = "0015"
MIGRATIONS = Path(__file__).parent / "migrations"

# Once in a while, so that a line costs no more for it.
_FORGET = """CREATE TRIGGER audit_lines_max AFTER INSERT ON audit WHEN NEW.sequence % {step} = 0
    BEGIN DELETE FROM audit WHERE sequence <= NEW.sequence - {kept}; END"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIGRATING = threading.Lock()  # Alembic keeps the migration that is running in a global.


def microseconds(at: datetime) -> int:
    """As an Instant is kept."""
    return (at - _EPOCH) // timedelta(microseconds=1)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time as whole microseconds since 1970 in UTC: exact, sortable and the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


# The tables, as the newest migration leaves them.

metadata = sa.MetaData()

state = sa.Table(
    "state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("audit_sequence", sa.BigInteger, nullable=False),
    sa.Column("audit_digest", sa.LargeBinary, nullable=False),
)
documents = sa.Table(
    "document",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("files", sa.LargeBinary, nullable=False),
)
connectors = sa.Table(
    "connector",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, sa.ForeignKey("document.digest"), nullable=False, index=True),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("modified", sa.Text, nullable=False, server_default=""),
    sa.Column("from_folder", sa.Boolean, nullable=False, server_default=sa.false()),
)
versions = sa.Table(
    "connector_version",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("version", sa.LargeBinary, nullable=False),
    sa.Index("connector_version_connector", "connector", "sequence"),
    sqlite_autoincrement=True,
)
approved = sa.Table(
    "approved_tools",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("fingerprints", sa.LargeBinary, nullable=False),
)
api_keys = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Index("audit_tenant", "tenant", "sequence"),
    sa.Index("audit_tool", "tool", "sequence"),
    sa.Index("audit_subject", "subject", "sequence"),
    sqlite_autoincrement=True,
)
approvals = sa.Table(
    "approval",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("owner", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("approval", sa.LargeBinary, nullable=False),
    sa.Index("approval_digest", "digest", "number"),
    sa.Index("approval_tenant", "tenant", "number"),
    sa.Index("approval_ends", "state", "expires_at"),
    sqlite_autoincrement=True,
)
grants = sa.Table(
    "approval_grant",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("owner", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Index("approval_grant_tenant", "tenant", "number"),
    sa.Index("approval_grant_owner", "owner", "state"),
    sa.Index("approval_grant_ends", "state", "expires_at"),
    sqlite_autoincrement=True,
)
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("outbox_about", "about", "number"),
    sa.Index("outbox_due", "due_at"),
    sqlite_autoincrement=True,
)
authorization_records = sa.Table(
    "authorization_record",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Index("authorization_record_owner", "kind", "owner"),
    sa.Index("authorization_record_expires", "expires_at"),
)
checkpoints = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("is_start", sa.Boolean, nullable=False),
)

policy_versions = sa.Table(
    "policy_version",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("files", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
vectors = sa.Table(
    "vector",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
runs = sa.Table(
    "run",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("owner", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("run", sa.LargeBinary, nullable=False),
    sa.Column("updated_at", Instant, nullable=False, server_default="0"),
    sa.Index("run_owner", "owner", "number"),
    sa.Index("run_due", "due_at"),
    sa.Index("run_updated", "state", "updated_at"),
    sqlite_autoincrement=True,
)
run_plans = sa.Table(
    "run_plan",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("plan", sa.LargeBinary, nullable=False),
)
run_entries = sa.Table(
    "run_entry",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("event", sa.LargeBinary, nullable=False),
)
standings = sa.Table(
    "standing_intent",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("owner", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("standing", sa.LargeBinary, nullable=False),
    sa.Index("standing_intent_tenant", "tenant", "number"),
    sa.Index("standing_intent_due", "due_at"),
    sqlite_autoincrement=True,
)
standing_slots = sa.Table(
    "standing_slot",
    metadata,
    sa.Column("intent", sa.Text, primary_key=True),
    sa.Column("at", Instant, primary_key=True, autoincrement=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("slot", sa.LargeBinary, nullable=False),
    sa.Index("standing_slot_open", "intent", "is_open", "at"),
)
standing_deliveries = sa.Table(
    "standing_delivery",
    metadata,
    sa.Column("intent", sa.Text, primary_key=True),
    sa.Column("delivery", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Index("standing_delivery_at", "intent", "at"),
)
facts = sa.Table(
    "fact",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("person", sa.LargeBinary, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("fact", sa.LargeBinary, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("used_at", Instant),
    sa.Index("fact_person", "person", "about", unique=True),
    sqlite_autoincrement=True,
)
recipes = sa.Table(
    "recipe",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("person", sa.LargeBinary, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("recipe", sa.LargeBinary, nullable=False),
    sa.Index("recipe_person", "person", "name", unique=True),
    sa.Index("recipe_tenant", "tenant", "name"),
    sqlite_autoincrement=True,
)


def migrate(connection: sa.Connection) -> None:
    """Bring the schema up to date. Raises StoreFailed where the database is not ours, or of a newer version."""
    found = _find_schema(connection)
    if found != SCHEMA:
        with _MIGRATING:
            _upgrade(connection, found)


def create(connection: sa.Connection, audit_lines_max: int) -> None:
    """The tables at once, in an empty database in memory, whose audit log forgets its oldest lines."""
    metadata.create_all(connection)
    connection.execute(state.insert().values(id=1, generation=0, audit_sequence=0, audit_digest=START))
    told = {"step": max(audit_lines_max // 1_000, 1), "kept": audit_lines_max}
    connection.exec_driver_sql(_FORGET.format(**told))


def _find_schema(connection: sa.Connection) -> str:
    """The revision that the database is at; "" where it is empty. Raises StoreFailed where it holds something else."""
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return (
            connection.execute(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version"))).scalar()
            or ""
        )
    if tables:
        raise StoreFailed("The database holds something that is not Factotum's; give the store a path of its own.")
    return ""


def _upgrade(connection: sa.Connection, found: str) -> None:
    from alembic import command  # Slow to import, and seldom needed.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found and found not in known:
        raise StoreFailed(
            f"A newer Factotum wrote the database: its schema is {found[:32]}, and this one knows up to {SCHEMA}. "
            "Install that version, or give the store another path."
        )
    command.upgrade(config, SCHEMA)
