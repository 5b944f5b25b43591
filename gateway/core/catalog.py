"""The catalog: every tool at one version. Frozen; replaced whole, never changed."""

import heapq
from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType

import msgspec
from msgspec import Struct, structs

from gateway.core.manifest import Manifest
from gateway.core.scope import Implied, imply
from gateway.core.tool import Refusal, Repair, Tool


class Connector(Struct, frozen=True):
    """One connector as it was compiled: its manifest, the digest of its document, and what became of every operation.
    `held` are tools that are kept back until somebody approves them. `left_out` counts the operations that the manifest
    or the document wants no tool for; they are no refusals. `contract` is what the document says of answers, in its own
    words, where they are judged strictly (core.contract)."""

    manifest: Manifest
    digest: str
    title: str = ""
    version: str = ""
    tools: tuple[Tool, ...] = ()
    held: tuple[Tool, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    repairs: tuple[Repair, ...] = ()
    left_out: int = 0
    contract: bytes = b""

    @property
    def name(self) -> str:
        return self.manifest.name


class Catalog(Struct, frozen=True):
    """All tools by name, in the order of their names, and all connectors by name. `implied` is what each scope holds
    besides itself. `version` changes exactly when their content does."""

    version: str
    connectors: Mapping[str, Connector]
    tools: Mapping[str, Tool]
    implied: Implied = MappingProxyType({})


EMPTY = Catalog(version="empty", connectors=MappingProxyType({}), tools=MappingProxyType({}))


def build_catalog(connectors: Iterable[Connector]) -> Catalog:
    """Put the connectors that one tenant sees together. Where two of them claim one tool name, one that all tenants share keeps
    it, or else the one whose name sorts first, and the other's operation becomes a refusal that says so."""
    ordered = sorted(connectors, key=lambda connector: (bool(connector.manifest.tenant), connector.name))
    tools: dict[str, Tool] = {}
    merged: dict[str, Connector] = {}
    for connector in ordered:
        kept, lost = _claim_names(connector, tools)
        tools.update({tool.name: tool for tool in kept})
        merged[connector.name] = (
            connector if not lost else structs.replace(connector, tools=kept, refusals=connector.refusals + lost)
        )
    # Merged step by step, as to sort them at once would keep every other thread waiting.
    named = {
        name: tools[name] for name in heapq.merge(*(sorted(one.name for one in each.tools) for each in merged.values()))
    }
    implied = {scope: held for one in ordered for scope, held in imply(one.name, one.manifest.scopes.implies).items()}
    return Catalog(
        _version(merged.values()), MappingProxyType(merged), MappingProxyType(named), MappingProxyType(implied)
    )


def all_scopes(catalog: Catalog) -> frozenset[str]:
    """Every scope that some tool needs."""
    return frozenset(scope for tool in catalog.tools.values() for alternative in tool.scopes for scope in alternative)


def _claim_names(connector: Connector, taken: Mapping[str, Tool]) -> tuple[tuple[Tool, ...], tuple[Refusal, ...]]:
    kept = tuple(tool for tool in connector.tools if tool.name not in taken)
    lost = tuple(
        Refusal(
            operation=tool.operation.key,
            place=tool.operation.pointer,
            reason="name-taken",
            detail=f"the connector {taken[tool.name].connector} has a tool named {tool.name}; "
            "give one of the two another prefix",
        )
        for tool in connector.tools
        if tool.name in taken
    )
    return kept, lost


def _version(connectors: Iterable[Connector]) -> str:
    digest = sha256()
    for connector in connectors:
        held = " ".join(sorted(tool.name for tool in connector.held))
        digest.update(f"{connector.name} {connector.digest} {hash_manifest(connector.manifest)} {held}\n".encode())
    return digest.hexdigest()[:16]


def hash_manifest(manifest: Manifest) -> str:
    """A digest of a manifest's content."""
    return sha256(msgspec.json.encode(manifest, order="deterministic")).hexdigest()[:16]


def reading_scopes(catalog: Catalog) -> frozenset[str]:
    """The scopes with which nothing can be changed: those that only tools that read ask for, and that hold none with which
    something can."""
    changing = frozenset(
        one for tool in catalog.tools.values() if tool.effect != "read" for held in tool.scopes for one in held
    )
    reading = all_scopes(catalog) | catalog.implied.keys()
    return frozenset(one for one in reading - changing if changing.isdisjoint(catalog.implied.get(one, ())))
