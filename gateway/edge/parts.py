"""What a door is given: the opened parts of one gateway. A door calls stories and shelves through these, and holds no others."""

from msgspec import Struct

from gateway.approvals import Approvals
from gateway.audit import AuditLog
from gateway.authorization.server import AuthorizationServer
from gateway.authorization.visits import Visits
from gateway.call import Calls
from gateway.core.roles import RoleBook
from gateway.core.seal import Seal
from gateway.discover import Discovery
from gateway.edge.sign_in import SignInDesk
from gateway.grants import Grants
from gateway.ingest import Ingestion
from gateway.intent import Intents
from gateway.memory import Memory
from gateway.planning import Planning
from gateway.policies import PolicyDesk
from gateway.policy_watch import PolicyWatch
from gateway.published import Published
from gateway.recipes import Recipes
from gateway.rejections import Rejections
from gateway.results import KeptResults
from gateway.runs import Runs
from gateway.settings import Settings
from gateway.standing import Standings
from gateway.stores.base import Store


class Gateway(Struct, frozen=True):
    """The parts, opened by `app.open_gateway`, which also closes them. `authorization` is None where the gateway is not
    its own authorisation server, `visits` where nobody signs in at its pages through another issuer."""

    settings: Settings
    published: Published
    discovery: Discovery
    calls: Calls
    intents: Intents
    standings: Standings
    recipes: Recipes
    planning: Planning
    memory: Memory
    runs: Runs
    results: KeptResults
    approvals: Approvals
    policies: PolicyDesk
    policy_watch: PolicyWatch
    grants: Grants
    ingestion: Ingestion
    desk: SignInDesk
    audit: AuditLog
    rejections: Rejections
    store: Store
    seal: Seal
    authorization: AuthorizationServer | None = None
    visits: Visits | None = None

    @property
    def roles(self) -> RoleBook:
        """The policies over the gateway's own API that are in force now."""
        return self.published.current.roles
