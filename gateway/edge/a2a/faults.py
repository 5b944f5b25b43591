"""What goes wrong over A2A, in either binding: codes, reasons, and what programs read of them.

Source: A2A 1.0, specification sections 3.3.2 and 5.4; google.rpc.ErrorInfo and BadRequest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar.types import HTTPScope

from gateway.edge.asgi import A2A_PATH, header_values
from gateway.edge.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, Fault
from gateway.edge.sign_in import SignInDesk
from gateway.errors import (
    ArgumentsInvalid,
    Conflict,
    GatewayError,
    NotFound,
    PlanInvalid,
    ScopeMissing,
    Unauthenticated,
    jsonrpc_code,
)

VERSION = "1.0"

TASK_NOT_FOUND = -32001
TASK_NOT_CANCELABLE = -32002
PUSH_NOT_SUPPORTED = -32003
UNSUPPORTED_OPERATION = -32004
CONTENT_TYPE_NOT_SUPPORTED = -32005
VERSION_NOT_SUPPORTED = -32009
REASONS = {
    TASK_NOT_FOUND: "TASK_NOT_FOUND",
    TASK_NOT_CANCELABLE: "TASK_NOT_CANCELABLE",
    PUSH_NOT_SUPPORTED: "PUSH_NOTIFICATION_NOT_SUPPORTED",
    UNSUPPORTED_OPERATION: "UNSUPPORTED_OPERATION",
    CONTENT_TYPE_NOT_SUPPORTED: "CONTENT_TYPE_NOT_SUPPORTED",
    VERSION_NOT_SUPPORTED: "VERSION_NOT_SUPPORTED",
    METHOD_NOT_FOUND: "METHOD_NOT_FOUND",
    INVALID_REQUEST: "INVALID_REQUEST",
    PARSE_ERROR: "INVALID_REQUEST",
    INVALID_PARAMS: "INVALID_PARAMS",
    INTERNAL_ERROR: "INTERNAL_ERROR",
}
_TYPES = "type.googleapis.com/google.rpc"


def fault_of(error: GatewayError) -> Fault:
    """An error of ours under the code of the protocol."""
    match error:
        case NotFound():
            code = TASK_NOT_FOUND
        case Conflict():
            code = INVALID_PARAMS
        case _:
            code = jsonrpc_code(error)
    return Fault(code, f"{error.title}: {error.detail}")


def details(reason: str, code: str, violations: Sequence[Mapping[str, str]] = ()) -> list[dict[str, Any]]:
    """What programs read. `code` is the gateway's own."""
    told: dict[str, Any] = {
        "@type": f"{_TYPES}.ErrorInfo",
        "reason": reason,
        "domain": "a2a-protocol.org",
        "metadata": {"code": code},
    }
    more = [{"@type": f"{_TYPES}.BadRequest", "fieldViolations": violations}] if violations else []
    return [told, *more]


def violations_of(error: GatewayError) -> list[dict[str, str]]:
    match error:
        case ArgumentsInvalid(problems=wrong):
            return [{"field": one.argument, "description": one.expected} for one in wrong]
        case PlanInvalid(problems=broken):
            return [{"field": f"{one.step}{one.argument}", "description": one.detail} for one in broken]
        case _:
            return []


def challenges(desk: SignInDesk, error: GatewayError) -> tuple[tuple[bytes, bytes], ...]:
    """How to sign in, where that is what is missing."""
    match error:
        case Unauthenticated(code=problem):
            return (desk.challenge(problem, door=A2A_PATH),)
        case ScopeMissing(scopes=scopes):
            return (desk.challenge("insufficient_scope", scopes, A2A_PATH),)
        case _:
            return ()


def check_version(scope: HTTPScope) -> None:
    """Raises Fault. Without a header a client means 0.3 (section 3.6)."""
    told = header_values(scope, b"a2a-version")
    version = ".".join(told[0].split(".")[:2]) if told else ""
    if version != VERSION:
        raise Fault(VERSION_NOT_SUPPORTED, f"This agent speaks A2A {VERSION}; say so in the header A2A-Version.")
