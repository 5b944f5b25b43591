"""What became of a connector's document over time, and which of its tools somebody approved."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("connector", sa.Column("modified", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "connector_version",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("connector", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("connector_version_connector", "connector_version", ["connector", "sequence"])
    op.create_table(
        "approved_tools",
        sa.Column("connector", sa.Text, primary_key=True),
        sa.Column("fingerprints", sa.LargeBinary, nullable=False),
    )
