"""Standing intents, and what became of their slots."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "standing_intent",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("owner", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("standing", sa.LargeBinary, nullable=False),
        sa.Index("standing_intent_tenant", "tenant", "number"),
        sa.Index("standing_intent_due", "due_at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "standing_slot",
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("slot", sa.LargeBinary, nullable=False),
        sa.Index("standing_slot_open", "intent", "is_open", "at"),
    )
