"""What becomes of approvals and grants, told to whoever listens: events are made here, and kept by the store in the same
transaction as what they tell of. Sends nothing."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from gateway.core.approval import Approval
from gateway.core.event import EventType, Outgoing, tell_approval, tell_grant
from gateway.core.grant import Grant

PREFIX = "evt-"


class Events(Struct, frozen=True):
    """`wanted`: somebody listens. `origin` is the gateway's public one, or "". `added` is called once there is one more."""

    wanted: bool
    origin: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    added: Callable[[], None] = lambda: None

    def of_approval(self, kind: EventType, approval: Approval) -> Outgoing | None:
        """None where nobody listens."""
        if not self.wanted:
            return None
        return tell_approval(kind, approval, self.clock(), PREFIX + self.new_id(), self.page_of(approval))

    def of_grant(self, kind: EventType, grant: Grant) -> Outgoing | None:
        """The same."""
        return tell_grant(kind, grant, self.clock(), PREFIX + self.new_id()) if self.wanted else None

    def page_of(self, approval: Approval) -> str:
        """Where people look at it; "" where the gateway has no public address."""
        return f"{self.origin}/approvals/{approval.id}" if self.origin else ""
