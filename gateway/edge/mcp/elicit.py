"""Asking a person over MCP, by URL: the client is given the page of an approval to open. What it answers says that it has shown
the page, or that nobody wants to look; the yes is what the approval in the store says, and nothing else.

Source: MCP 2026-07-28, basic/patterns/mrtr and client/elicitation; MCP 2025-11-25, client/elicitation.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from gateway.core.principal import Principal
from gateway.core.prose import cut
from gateway.core.seal import Seal
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.mcp.intents import NO_MEANS, NOTHING, Carried, InputNeeded, Means, read_answer
from gateway.edge.mcp.tools import CallParams
from gateway.errors import ApprovalNeeded

# MCP 2025-11-25, client/elicitation: URLElicitationRequiredError. The eras after it do not have it.
URL_ELICITATION_REQUIRED = -32042
REQUEST = "approval"
TASKS = "io.modelcontextprotocol/tasks"
# How long a person may take to answer what an intent asks, and the client still carries the question.
ASKED_S = 86_400
MESSAGE_CHARACTERS_MAX = 1_000
# How a session begins whose client opens URLs: in the era of sessions that is all that is to be remembered of it.
OPENS_URLS = "opens-urls-"


class _Modes(Struct, frozen=True):
    form: dict[str, Any] | UnsetType = UNSET
    url: dict[str, Any] | UnsetType = UNSET


class _Capabilities(Struct, frozen=True):
    elicitation: _Modes | UnsetType = UNSET
    extensions: dict[str, Raw] = {}


class _Initialize(Struct, frozen=True):
    capabilities: Raw = Raw(b"{}")


_capabilities = msgspec.json.Decoder(_Capabilities)
_initialize = msgspec.json.Decoder(_Initialize)


class Elicitation:
    """`seal` closes what a client carries from one request of a call to the next."""

    def __init__(self, seal: Seal, clock: Callable[[], datetime]) -> None:
        self._seal = seal
        self._clock = clock

    def required(self, principal: Principal, params: CallParams, needed: ApprovalNeeded) -> dict[str, Any]:
        """What an InputRequiredResult says beside its type."""
        until = int(needed.approval.expires_at.timestamp())
        request = {"method": "elicitation/create", "params": _url(needed)}
        return self._asked(principal, params, needed.approval.id, until, {REQUEST: request})

    def asked(self, principal: Principal, params: CallParams, needed: InputNeeded) -> dict[str, Any]:
        """The same for what an intent asks."""
        until = int(self._clock().timestamp()) + ASKED_S
        return self._asked(principal, params, needed.word, until, needed.requests)

    def _asked(
        self, principal: Principal, params: CallParams, word: str, until: int, requests: Mapping[str, object]
    ) -> dict[str, Any]:
        return {
            "inputRequests": requests,
            "requestState": self._seal.close(word, _bound(principal, params), until),
        }

    def carried(self, principal: Principal, params: CallParams) -> Carried:
        """What came back with a call. Raises Fault where the state that it carries is of another call, of another caller, too
        old, or none of ours."""
        if params.request_state is UNSET:
            return NOTHING
        word = self._seal.open(params.request_state, _bound(principal, params), self._clock().timestamp())
        if word is None:
            raise Fault(INVALID_PARAMS, "requestState is none of this call, or too old; call again without it.")
        return Carried(word, params.input_responses)


def is_declined(carried: Carried) -> bool:
    """Whether the client says that nobody wants to look at what this call asked for. Raises Fault."""
    answer = read_answer(carried.responses, REQUEST) if carried.word else None
    return answer is not None and answer.action != "accept"


def url_required(needed: ApprovalNeeded) -> Fault:
    """The same in 2025-11-25, as an error."""
    asked = {**_url(needed), "elicitationId": needed.approval.id}
    return Fault(URL_ELICITATION_REQUIRED, needed.detail, {"elicitations": [asked]})


def means_of(capabilities: Raw | UnsetType) -> Means:
    """How a client says that it can have a person asked. One that names no mode shows forms."""
    try:
        told = _Capabilities() if capabilities is UNSET else _capabilities.decode(capabilities)
    except msgspec.DecodeError:
        return NO_MEANS
    modes, tasks = told.elicitation, TASKS in told.extensions
    if modes is UNSET:
        return Means(tasks=tasks)
    return Means(modes.form is not UNSET or modes.url is UNSET, modes.url is not UNSET, tasks)


def new_session(params: Raw) -> str:
    """The id of a session for a client that opens URLs, "" for any other: nothing is kept of it but what the id says, and
    whoever makes one up is shown URLs."""
    try:
        capabilities = _initialize.decode(params).capabilities
    except msgspec.DecodeError:
        return ""
    return OPENS_URLS + secrets.token_urlsafe(24) if means_of(capabilities).urls else ""


def _url(needed: ApprovalNeeded) -> dict[str, str]:
    approval = needed.approval
    why = " ".join((f"{approval.tool} of {approval.connector} waits for a yes.", *approval.reasons))
    return {"mode": "url", "message": cut(why, MESSAGE_CHARACTERS_MAX), "url": needed.url}


def _bound(principal: Principal, params: CallParams) -> object:
    """What a state is good for: this call, with these arguments, by this caller."""
    return ["tools/call", principal.owner, principal.actors, params.name, params.arguments]
