"""Policies against a catalog: everything they read is there and typed as they take it. Evaluates nothing.

Cedar's strict validation does most of it. It does not see a misspelt name behind `has`, which then is simply never
there, so the names are looked up here as well. A tool or connector that is not in the catalog is a warning: connectors
come and go.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import cedarpy
from cedarpy import pst

from gateway.core.catalog import Catalog
from gateway.core.policy_schema import AGENT, EFFECTS, FACTS, TOOL, Kind, argument_kinds, schema_text
from gateway.core.policy_text import Path, Policy, PolicyBroken, cedar_set
from gateway.core.tool import TOOL_NAME_PATTERN

ERRORS_SHOWN_MAX = 3
_ATTRIBUTES = {"principal": AGENT, "resource": TOOL, "context": FACTS | {"arguments"}, "action": frozenset[str]()}


def check_policies(policies: Sequence[Policy], catalog: Catalog) -> tuple[str, ...]:
    """Warnings, one sentence each. Raises PolicyBroken."""
    kinds: dict[str, Kind] = {}
    for one in policies:
        kinds.update({name: argument_kinds(catalog.tools[name]) for name in _tools(one, catalog) - kinds.keys()})
        _check_names(one, kinds)
    for group in _groups(policies, catalog):
        _validate(group, catalog)
    return (*(sentence for one in policies for sentence in _warnings(one, catalog)), *_unreachable(catalog))


def _groups(policies: Sequence[Policy], catalog: Catalog) -> Iterable[Sequence[Policy]]:
    """By the connectors of the tools that they name: what Cedar takes grows with policies times tools."""
    groups: dict[frozenset[str], list[Policy]] = {}
    for one in policies:
        connectors = frozenset(catalog.tools[name].connector for name in _tools(one, catalog))
        groups.setdefault(connectors, []).append(one)
    return groups.values()


def _check_names(policy: Policy, kinds: Mapping[str, Kind]) -> None:
    for name in _named(policy, "Action"):
        if not re.fullmatch(TOOL_NAME_PATTERN, name):
            raise PolicyBroken(policy.file, policy.id, f"{name!r} is no name of a tool.")
    tools = policy.actions - set(EFFECTS)
    if policy.reads_arguments and (not tools or tools != policy.actions):
        detail = (
            'it reads the arguments, so its scope must name its tools: `action == Action::"tool"` or `action in [...]`.'
        )
        raise PolicyBroken(policy.file, policy.id, detail)
    for path in sorted(policy.reads):
        _check_path(policy, path, [kinds[name] for name in tools if name in kinds])


def _check_path(policy: Policy, path: Path, kinds: Sequence[Kind]) -> None:
    """One of the tools must have it; that those without it are never asked for it is what Cedar checks. What a policy
    reads is all that Cedar will be told, so it must be named."""
    if path in (("context",), ("context", "arguments")):
        raise PolicyBroken(
            policy.file, policy.id, f"it reads all of {'.'.join(path)}; name what it reads: context.hour, say."
        )
    if len(path) > 1:
        _require(policy, path[1], _ATTRIBUTES[path[0]], path[0])
    if path[:2] != ("context", "arguments") or len(kinds) < len(policy.actions):
        return
    for depth, step in enumerate(path[2:], 2):
        _require(policy, step, {name for kind in kinds for name in kind.members}, ".".join(path[:depth]))
        kinds = [kind.members[step].kind for kind in kinds if step in kind.members]


def _require(policy: Policy, name: str, known: frozenset[str] | set[str], where: str) -> None:
    if name not in known:
        raise PolicyBroken(policy.file, policy.id, f"there is no {name!r} in {where}{_meant(name, known)}")


def _validate(policies: Sequence[Policy], catalog: Catalog) -> None:
    named = {name for one in policies for name in _named(one, "Action")} - set(EFFECTS)
    there = [catalog.tools[name] for name in sorted(named & catalog.tools.keys())]
    schema = schema_text(there, sorted(named - catalog.tools.keys()))
    checkable = cedar_set([told for one in policies if (told := _checkable(one, catalog)) is not None])
    result = cedarpy.validate_policies(str(checkable), schema, release_gil=True)
    if result:
        return
    by_id: dict[str, list[str]] = {}
    for error in result.errors:
        by_id.setdefault(result.id_annotations_by_policy_id.get(error.policy_id, ""), []).append(error.error)
    for one in policies:
        if one.id in by_id:
            raise PolicyBroken(one.file, one.id, f"{'; '.join(sorted(by_id[one.id])[:ERRORS_SHOWN_MAX])}.")
    raise PolicyBroken("policies", "", f"{'; '.join(sorted(by_id.get('', ()))[:ERRORS_SHOWN_MAX])}.")


def _checkable(policy: Policy, catalog: Catalog) -> pst.Template | None:
    """The policy as it is checked: about those of its tools that are there. Where none is, it is checked against the
    generic schema, or not at all where it reads arguments: nobody can say what they will be."""
    there = policy.actions & (catalog.tools.keys() | set(EFFECTS))
    if there == policy.actions:
        return policy.template
    if not there:
        return None if policy.reads_arguments else policy.template
    assert isinstance(policy.template.action, pst.ActionIn)
    kept = tuple(uid for uid in policy.template.action.entities if uid.id in there)
    return replace(policy.template, action=pst.ActionIn(kept))


def _warnings(policy: Policy, catalog: Catalog) -> Iterator[str]:
    known = {"Action": {*catalog.tools, *EFFECTS}, "Tool": {*catalog.tools}, "Connector": {*catalog.connectors}}
    for kind, names in known.items():
        for name in sorted(_named(policy, kind) - names):
            what = "connector" if kind == "Connector" else "tool"
            so = " Its conditions can be checked only when it is." if _checkable(policy, catalog) is None else ""
            yield f"{policy.file}: {policy.id}: the {what} {name!r} is not there{_meant(name, names)}{so}"


def _unreachable(catalog: Catalog) -> Iterator[str]:
    for name in EFFECTS:
        if name in catalog.tools:
            connector = catalog.tools[name].connector
            yield f"The tool {name} of {connector} is named like an effect, so its calls are all denied: set a prefix."


def _tools(policy: Policy, catalog: Catalog) -> set[str]:
    """The tools that a policy names as actions and that are there."""
    return (_named(policy, "Action") & catalog.tools.keys()) - set(EFFECTS)


def _named(policy: Policy, kind: str) -> set[str]:
    return {uid.id for uid in policy.names if str(uid.type) == kind}


def _meant(name: str, known: set[str] | frozenset[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {near[0]!r}?" if near else "."
