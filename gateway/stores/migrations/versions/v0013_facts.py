"""What people had the gateway remember."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "fact",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("person", sa.LargeBinary, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("fact", sa.LargeBinary, nullable=False),
        sa.Column("uses", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Index("fact_person", "person", "about", unique=True),
        sqlite_autoincrement=True,
    )
