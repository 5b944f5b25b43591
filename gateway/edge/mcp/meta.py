"""The `_meta` of an MCP request: what it says of itself, in either era."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from gateway.discover import INTENT_CHARACTERS_MAX
from gateway.edge.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Fault


class RequestMeta(Struct, frozen=True):
    """The `_meta` of a request. What the modern era requires is kept as it came, so that each era judges it."""

    protocol_version: Raw | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/protocolVersion")
    client_capabilities: Raw | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/clientCapabilities")
    dry_run: bool = field(default=False, name="io.factotum/dryRun")
    intent: Annotated[str, Meta(max_length=INTENT_CHARACTERS_MAX)] = field(default="", name="io.factotum/intent")


class _AnyParams(Struct, frozen=True):
    meta: Raw | UnsetType = field(default=UNSET, name="_meta")


_any_params = msgspec.json.Decoder(_AnyParams)
_metas = msgspec.json.Decoder(RequestMeta)


def decode_meta(params: Raw) -> RequestMeta:
    """The `_meta` of any params. Raises Fault."""
    try:
        found = _any_params.decode(params).meta
    except msgspec.DecodeError as error:
        raise Fault(INVALID_REQUEST, "params must be an object.") from error
    if found is UNSET:
        return RequestMeta()
    try:
        return _metas.decode(found)
    except msgspec.DecodeError as error:
        raise Fault(
            INVALID_PARAMS,
            "params._meta must be an object; io.factotum/dryRun in it, true or false; io.factotum/intent, at most "
            f"{INTENT_CHARACTERS_MAX} characters.",
        ) from error
