"""Events that wait to be told, and what finds approvals and grants that are over."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_about", "outbox", ["about", "number"])
    op.create_index("outbox_due", "outbox", ["due_at"])
    op.create_index("approval_ends", "approval", ["state", "expires_at"])
    op.create_index("approval_grant_ends", "approval_grant", ["state", "expires_at"])
