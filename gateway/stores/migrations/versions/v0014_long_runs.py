"""The plan of a run apart from what changes with each event, when that was last, and what webhooks delivered."""

from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    op.create_table(
        "run_plan",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("plan", sa.LargeBinary, nullable=False),
    )
    op.add_column("run", sa.Column("updated_at", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("run_updated", "run", ["state", "updated_at"])
    op.create_table(
        "standing_delivery",
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("delivery", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Index("standing_delivery_at", "intent", "at"),
    )
    _move_plans(op.get_bind())


def _move_plans(connection: sa.Connection) -> None:
    runs = sa.table("run", *(sa.column(name) for name in ("id", "run", "updated_at")))
    plans = sa.table("run_plan", sa.column("run"), sa.column("plan"))
    for (run_id,) in connection.execute(sa.select(runs.c.id)).all():
        there = runs.c.id == run_id
        run = msgspec.json.decode(connection.execute(sa.select(runs.c.run).where(there)).scalar_one())
        connection.execute(plans.insert().values(run=run_id, plan=msgspec.json.encode(run["plan"])))
        at = (datetime.fromisoformat(run["updated_at"]) - _EPOCH) // timedelta(microseconds=1)
        left = msgspec.json.encode({**run, "plan": {"intent": "", "steps": []}})
        connection.execute(runs.update().where(there).values(run=left, updated_at=at))
