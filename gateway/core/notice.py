"""Who is told what becomes of a run, and that there is something to tell. Shapes and rules; sends nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.core.event import Outgoing

if TYPE_CHECKING:
    from gateway.core.run import Run

# What an event is about begins so where it is a run, and not an approval or a grant.
RUN = "run "


class Listener(Struct, frozen=True):
    """A URL that is told, by its `id` of this run. `token` goes along, and `credentials` of a `scheme` of authentication, "" where
    there are none. Prints neither."""

    id: str
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""

    def __repr__(self) -> str:
        return f"Listener({self.id!r}, {self.url!r})"


def notices(run: "Run", listeners: Sequence[Listener]) -> tuple[Outgoing, ...]:
    """That these are to be told how it is now; what that is, whoever tells it looks up then."""
    return tuple(
        Outgoing(f"{run.id}-{run.sequence}-{one.id}", f"{RUN}{run.id} {one.id}", b"", run.updated_at)
        for one in listeners
    )


def read_about(about: str) -> tuple[str, str] | None:
    """The run, and the id of the listener; None where it is about something else."""
    match about.split(" "):
        case ["run", run_id, listener]:
            return run_id, listener
        case _:
            return None
