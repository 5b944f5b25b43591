"""The key by which a backend tells a call that is sent again from a new one (draft-ietf-httpapi-idempotency-key-header): which
argument of a tool takes it, and what it is."""

import uuid
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from gateway.core.tool import Tool

HEADERS = frozenset({"idempotency-key", "x-idempotency-key"})


def key_argument(tool: Tool) -> str:
    """The name of the argument that takes a key; "" where the tool takes none."""
    named = (one for one in tool.operation.parameters if one.location == "header" and one.name.lower() in HEADERS)
    return next((one.argument for one in named), "")


def key_of(run: str, step: str, iteration: int, arguments: Mapping[str, object]) -> str:
    """The same for the same call of a run, however often that is sent; as a UUID, since some backends take no other."""
    asked = msgspec.json.encode([run, step, iteration, arguments], order="deterministic")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, sha256(asked).hexdigest()))
