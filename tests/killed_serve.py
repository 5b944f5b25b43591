"""`factotum serve`, killed by SIGKILL at a row of a run's journal: `python killed_serve.py INTENT ROW before|after`. For tests."""

import os
import signal
import sys
from typing import Any

from gateway.cli import main
from gateway.stores.sql_runs import SqlRuns

intent, row, side = sys.argv[1], int(sys.argv[2]), sys.argv[3]
write = SqlRuns.write_run


async def write_run(self: SqlRuns, before: Any, after: Any, entries: Any, *notices: Any) -> bool:
    is_it = after.plan.intent == intent and any(one.sequence == row for one in entries)
    if is_it and side == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    written = await write(self, before, after, entries, *notices)
    if is_it:
        os.kill(os.getpid(), signal.SIGKILL)
    return written


SqlRuns.write_run = write_run  # type: ignore[method-assign]
sys.argv = ["factotum", "serve"]
main()
