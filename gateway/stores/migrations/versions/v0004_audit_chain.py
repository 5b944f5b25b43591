"""The audit log becomes a chain with signed checkpoints; the lines there are become its first links."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

START = bytes(32)


def upgrade() -> None:
    empty = sa.text("X''" if op.get_bind().dialect.name == "sqlite" else "''")
    op.add_column("state", sa.Column("audit_sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("state", sa.Column("audit_digest", sa.LargeBinary, nullable=False, server_default=empty))
    op.add_column("audit", sa.Column("digest", sa.LargeBinary, nullable=False, server_default=empty))
    op.create_table(
        "audit_checkpoint",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("is_start", sa.Boolean, nullable=False),
    )
    _link_lines(op.get_bind())


def _link_lines(connection: sa.Connection) -> None:
    """Numbers are kept: a gap there was, where a commit failed, is one that `audit verify` tells."""
    audit = sa.table("audit", sa.column("sequence"), sa.column("entry"), sa.column("digest"))
    sequence, digest = 0, START
    for row in connection.execute(sa.select(audit.c.sequence, audit.c.entry).order_by(audit.c.sequence)).all():
        sequence, digest = row.sequence, sha256(digest + row.sequence.to_bytes(8, "big") + row.entry).digest()
        connection.execute(audit.update().where(audit.c.sequence == sequence).values(digest=digest))
    state = sa.table("state", sa.column("audit_sequence"), sa.column("audit_digest"))
    connection.execute(state.update().values(audit_sequence=sequence, audit_digest=digest))
