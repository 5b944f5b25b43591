"""The last good version of a connector whose manifest stands in a folder."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("connector", sa.Column("from_folder", sa.Boolean, nullable=False, server_default=sa.false()))
