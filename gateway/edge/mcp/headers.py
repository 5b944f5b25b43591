"""The request headers that mirror a modern message, and how they must agree with it. Knows no method's meaning.
Source: MCP 2026-07-28, transports, Streamable HTTP, Request Metadata."""

import base64
import binascii

from litestar.types import HTTPScope
from msgspec import Struct

from gateway.edge.asgi import header_values
from gateway.edge.jsonrpc import Fault

HEADER_MISMATCH = -32020

_PREFIX, _SUFFIX = "=?base64?", "?="


class Routing(Struct, frozen=True):
    """What the headers say; None where one is absent. `repeated` names one that came more than once."""

    version: str | None
    method: str | None
    name: str | None
    repeated: str = ""


def read_routing(scope: HTTPScope) -> Routing:
    names = ("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
    values = [header_values(scope, name.lower().encode()) for name in names]
    repeated = next((name for name, found in zip(names, values, strict=True) if len(found) > 1), "")
    version, method, name = (", ".join(found) if found else None for found in values)
    return Routing(version, method, name, repeated)


def check_routing(routing: Routing, *, version: str, method: str, name: str | None) -> None:
    """Raises Fault where a header is absent, repeated, malformed or says something else than the body. `name` is what the
    body's params name, or None where the method names nothing."""
    if routing.repeated:
        raise Fault(HEADER_MISMATCH, f"The {routing.repeated} header came more than once.")
    _check("MCP-Protocol-Version", routing.version, version)
    _check("Mcp-Method", routing.method, method)
    if name is not None:
        _check("Mcp-Name", None if routing.name is None else decode_value(routing.name), name)


def _check(header: str, found: str | None, wanted: str) -> None:
    if found is None:
        raise Fault(HEADER_MISMATCH, f"The {header} header is missing or malformed.")
    if found != wanted:
        raise Fault(HEADER_MISMATCH, f"The {header} header says something else than the body.")


def decode_value(value: str) -> str | None:
    """A header's value, or what its `=?base64?...?=` form stands for; None where that is malformed.

    Only visible ASCII, spaces and tabs may stand in a header (RFC 9110 section 5.5), and only canonical base64 is read:
    two spellings of one value would let two readers disagree.
    """
    if not (value.startswith(_PREFIX) and value.endswith(_SUFFIX)):
        return value if value.isascii() and value.replace("\t", " ").isprintable() else None
    payload = value[len(_PREFIX) : -len(_SUFFIX)]
    try:
        decoded = base64.b64decode(payload, validate=True)
        return decoded.decode() if base64.b64encode(decoded).decode() == payload else None
    except (binascii.Error, UnicodeError, ValueError):
        return None
