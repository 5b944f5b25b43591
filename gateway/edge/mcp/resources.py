"""Kept results as MCP resources: a caller sees and reads those it got itself, for as long as they are kept, and nothing else.
Knows both eras' forms. Source: MCP 2026-07-28 and 2025-11-25, server/resources."""

import base64
from typing import Any

from msgspec import Struct

from gateway.core.media import essence
from gateway.core.principal import Principal
from gateway.core.response import whole_text
from gateway.core.toolset import Filter
from gateway.edge.jsonrpc import Fault
from gateway.errors import NotFound
from gateway.results import Kept, KeptResults


class ReadParams(Struct, frozen=True):
    uri: str


class Resources:
    """What resources/list and resources/read answer."""

    def __init__(self, results: KeptResults) -> None:
        self._results = results

    def list_all(self, principal: Principal, toolset: Filter) -> dict[str, Any]:
        """Everything that is kept for this caller of the tools of a toolset, the newest first: there is never so much that it
        needs pages."""
        return {"resources": [_listed(uri, kept) for uri, kept in self._results.handles(principal, toolset)]}

    def read(self, principal: Principal, params: ReadParams, unknown_code: int, toolset: Filter) -> dict[str, Any]:
        """The whole of one, as text or as bytes. Raises Fault with that code where it is not the caller's, or gone, and
        ScopeMissing or PolicyDenied."""
        try:
            kept = self._results.find(principal, params.uri, "mcp", toolset)
        except NotFound as error:
            raise Fault(unknown_code, error.detail, {"uri": params.uri[:200]}) from error
        told: dict[str, Any] = {"uri": params.uri}
        if kind := _media_type(kept):
            told["mimeType"] = kind
        text = whole_text(kept.response)
        encoded = {"blob": base64.b64encode(kept.response.body).decode()} if text is None else {"text": text}
        return {"contents": [told | encoded]}


def _listed(uri: str, kept: Kept) -> dict[str, Any]:
    told = {
        "uri": uri,
        "name": kept.tool.name,
        "title": f"Result of {kept.tool.name}",
        "description": f"What {kept.tool.operation.key} answered, whole. Kept for a while, for you alone.",
        "size": len(kept.response.body),
    }
    kind = _media_type(kept)
    return told | ({"mimeType": kind} if kind else {})


def _media_type(kept: Kept) -> str:
    return essence(kept.response.header("content-type"))
