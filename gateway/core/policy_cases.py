"""Case tables: what policies decide, written down beside them and checked. Self-contained: a table declares the few
tools that its cases call, so it runs with no connector installed. Reads no file and no YAML."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct, structs

from gateway.core.catalog import Catalog, Connector, build_catalog
from gateway.core.decision import Decision, Verdict
from gateway.core.manifest import Manifest
from gateway.core.operation import Operation
from gateway.core.policy import Facts, PolicyBook
from gateway.core.policy_context import Source
from gateway.core.principal import Method, Principal
from gateway.core.scope import default_scope
from gateway.core.tool import Annotations, Effect, Tool

A_MONDAY_AT_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class CaseTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool as far as policies know it. `arguments` maps a name to its JSON Schema, or to the word for its type; `tenant` is
    that of the connector, "" where all tenants share it."""

    name: str
    connector: str
    effect: Effect
    arguments: Mapping[str, str | dict[str, Any]] = {}
    required: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    tenant: str = ""


class CasePrincipal(Struct, frozen=True, forbid_unknown_fields=True):
    """The caller of a case, who has nothing but what is written down."""

    tenant: str = "default"
    subject: str = "ada"
    client: str = "agent"
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    method: Method = "api_key"
    issuer: str = ""
    actors: tuple[str, ...] = ()


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One call and what must be decided about it. `tool` is the name of one of the table's tools, or a tool of the
    case's own. `in_scope` is true by default because a call whose scopes do not suffice never comes as far as the
    policies. `policies` are the ids of those that decide, and `redact` the fields that they want redacted; None means that
    any may."""

    name: str
    tool: str | CaseTool
    expect: Verdict
    principal: CasePrincipal = CasePrincipal()
    arguments: Mapping[str, Any] = {}
    at: Annotated[datetime, Meta(tz=True)] = A_MONDAY_AT_NOON
    door: str = "mcp"
    in_scope: bool = True
    source: Source = "call"
    intent: str = ""
    labels: frozenset[str] = frozenset()
    redact: frozenset[str] | None = None
    policies: frozenset[str] | None = None


class CaseTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The cases of one policy file. `beside` names the other files that are in force with it, relative to the table: a
    pack is seldom alone. `also` is Cedar text that is in force with it too."""

    cases: tuple[Case, ...]
    tools: tuple[CaseTool, ...] = ()
    beside: tuple[str, ...] = ()
    also: str = ""


class CaseFailure(Struct, frozen=True):
    """A case that did not come out as written, and what came out instead."""

    case: str
    detail: str


def table_catalog(table: CaseTable) -> Catalog:
    """The catalog that a table's policies are loaded with: the tools it declares, and those of its cases' own."""
    own = [case.tool for case in table.cases if isinstance(case.tool, CaseTool)]
    tools = {one.name: _tool(one) for one in (*table.tools, *own)}
    declared = {one.connector: one.tenant for one in (*table.tools, *own)}
    return build_catalog(
        Connector(
            Manifest(name, tenant=tenant),
            digest="",
            tools=tuple(one for one in tools.values() if one.connector == name),
        )
        for name, tenant in sorted(declared.items())
    )


def run_cases(book: PolicyBook, cases: Iterable[Case]) -> tuple[CaseFailure, ...]:
    """The cases that fail; () where the policies do what is written."""
    return tuple(failure for case in cases if (failure := _run(book, case)) is not None)


def _run(book: PolicyBook, case: Case) -> CaseFailure | None:
    name = case.tool if isinstance(case.tool, str) else case.tool.name
    tool = book.tools.get(name)
    if tool is None:
        return CaseFailure(case.name, f"the table declares no tool named {name}.")
    principal = Principal(**structs.asdict(case.principal))
    facts = Facts(case.at, case.door, case.in_scope, case.source, case.intent, case.labels)
    decision = book.decide(principal, tool, case.arguments, facts)
    decided = case.policies is None or case.policies == frozenset(decision.policies)
    redacted = case.redact is None or case.redact == frozenset(decision.redact)
    if decision.verdict == case.expect and decided and redacted:
        return None
    expected = _say(case.expect, case.policies) + _say_redacted(case.redact)
    return CaseFailure(case.name, f"expected {expected}, got {_explain(decision)}")


def _say(verdict: Verdict, policies: Iterable[str] | None) -> str:
    return verdict if policies is None else f"{verdict} by {', '.join(sorted(policies)) or 'no policy'}"


def _say_redacted(fields: Iterable[str] | None) -> str:
    return f" without {', '.join(sorted(fields))}" if fields else ""


def _explain(decision: Decision) -> str:
    verdict = _say(decision.verdict, decision.policies) + _say_redacted(decision.redact)
    return f"{verdict}: {' '.join(decision.reasons)}"


def _tool(told: CaseTool) -> Tool:
    schema = {
        "type": "object",
        "properties": {name: {"type": one} if isinstance(one, str) else one for name, one in told.arguments.items()},
        "required": list(told.required),
    }
    reads = told.effect == "read"
    return Tool(
        name=told.name,
        title=told.name,
        description="",
        inputs=Raw(msgspec.json.encode(schema)),
        outputs=Raw(b""),
        compact=Raw(msgspec.json.encode(schema)),
        effect=told.effect,
        annotations=Annotations(
            read_only_hint=reads, destructive_hint=told.effect == "destructive", idempotent_hint=reads
        ),
        scopes=(frozenset({default_scope(told.connector, told.effect)}),),
        operation=Operation(told.connector, "GET" if reads else "POST", f"/{told.name}", "https://example.org", ""),
        tags=told.tags,
        deprecated=told.deprecated,
    )
