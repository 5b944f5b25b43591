"""The agent card of the gateway (A2A 1.0, section 8): what it is, where it is asked, how one signs in. Anybody may read it; what a
caller can reach is on the extended one alone."""

from typing import Any

import msgspec
from litestar.types import HTTPScope

from gateway.authorization.server import PATHS
from gateway.core.principal import Principal
from gateway.edge.asgi import A2A_HTTP_PATH, A2A_PATH, Reply, header_values
from gateway.edge.parts import Gateway

CARD_PATH = "/.well-known/agent-card.json"
DESCRIPTION = (
    "Fulfils what a person wants across many services, under that person's scopes and the organisation's policies: checked as a "
    "whole first, each write done at most once and looked after."
)
FULFIL = {
    "id": "fulfil-intent",
    "name": "Fulfil an intent",
    "description": 'Carries out a typed plan over many tools (a data part {"plan": ...}, with "mode": "preview" to try it), or '
    'an intent in words (a text part). What it asks is answered by a data part {"values": {...}}, or in words.',
    "tags": ["intent", "plan", "workflow"],
    "inputModes": ["application/json", "text/plain"],
}


class AgentCard:
    """The card of one gateway."""

    def __init__(self, gateway: Gateway, version: str) -> None:
        self._gateway = gateway
        self._version = version

    def reply(self, scope: HTTPScope) -> Reply:
        """For anybody: web pages too may read it."""
        if scope["method"] not in ("GET", "HEAD"):
            return Reply(405, headers=((b"allow", b"GET"),))
        card = msgspec.json.encode(self._card(scope, [FULFIL]))
        return Reply(200, card, ((b"access-control-allow-origin", b"*"),))

    def extended(self, scope: HTTPScope, principal: Principal) -> bytes:
        """With a skill for each connector whose tools the caller may call."""
        view = self._gateway.discovery.view(principal)
        names = dict.fromkeys(tool.connector for tool in view.tools.values())
        skills = [
            {
                "id": name,
                "name": view.catalog.connectors[name].title or name,
                "description": f"{sum(tool.connector == name for tool in view.tools.values())} tools of {name}.",
                "tags": [name],
            }
            for name in names
        ]
        return msgspec.json.encode(self._card(scope, [FULFIL, *skills]))

    def _card(self, scope: HTTPScope, skills: list[dict[str, Any]]) -> dict[str, Any]:
        origin = self._gateway.desk.resource.seen_by(scope).origin or _origin(scope)
        schemes, tells = self._schemes(origin), bool(self._gateway.settings.a2a.push_hosts)
        return {
            "name": "Factotum",
            "description": DESCRIPTION,
            "version": self._version,
            "supportedInterfaces": [
                {"url": origin + path, "protocolBinding": binding, "protocolVersion": "1.0"}
                for path, binding in ((A2A_PATH, "JSONRPC"), (A2A_HTTP_PATH, "HTTP+JSON"))
            ],
            "capabilities": {
                "streaming": True,
                "pushNotifications": tells,
                "extendedAgentCard": True,
            },
            "securitySchemes": schemes,
            "securityRequirements": [{"schemes": {name: {"list": []}}} for name in schemes],
            "defaultInputModes": ["application/json", "text/plain"],
            "defaultOutputModes": ["application/json", "text/plain"],
            "skills": skills,
        }

    def _schemes(self, origin: str) -> dict[str, Any]:
        """An API key or an access token, each as a bearer; and where the gateway is its own authorisation server, how one is
        had."""
        metadata = self._gateway.desk.resource.metadata_url(A2A_PATH)
        told = "An API key, or an access token" + (
            f": {metadata} names the authorisation servers." if metadata else "."
        )
        schemes: dict[str, Any] = {"bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer", "description": told}}}
        if self._gateway.authorization is not None:
            own = self._gateway.authorization.origin
            flow = {
                "authorizationUrl": own + PATHS["authorization_endpoint"],
                "tokenUrl": own + PATHS["token_endpoint"],
                "scopes": {},
                "pkceRequired": True,
            }
            server = f"{own}/.well-known/oauth-authorization-server"
            schemes["oauth2"] = {
                "oauth2SecurityScheme": {"flows": {"authorizationCode": flow}, "oauth2MetadataUrl": server}
            }
        return schemes


def _origin(scope: HTTPScope) -> str:
    """Where a gateway that knows no address of its own was asked."""
    hosts = header_values(scope, b"host")
    return f"{scope['scheme']}://{hosts[0]}" if hosts else ""
