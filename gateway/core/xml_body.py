"""How values become XML, read off a schema and its `xml` objects (OAS 3.1 section 4.8.26, 3.2 section 4.25): a plan of
nodes that the writer follows. Writes nothing.

What the specification leaves open is settled here: an element without a name of its own is called as its property, the
root as the component that it refers to, else `root`. Members of alternatives (`oneOf`, `anyOf`) stand side by side.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.operation import NodeKind, XmlNode, XmlPlan
from gateway.core.references import At, Malformed
from gateway.core.source import Source

NODES_MAX = 2_000
PARTS_MAX = 100
NODE_STEPS = 20
XML_NAME = re.compile(r"[^\W\d][\w.-]*(:[^\W\d][\w.-]*)?")


def plan_xml(source: Source, schema: At) -> XmlPlan:
    """The plan for one body. Raises Malformed where a name in the document cannot be one in XML, or there are too many."""
    nodes: dict[str, XmlNode] = {}
    waiting = [schema]
    while waiting:
        source.work.spend(NODE_STEPS)
        at = waiting.pop()
        key = _key(at)
        if key in nodes:
            continue
        if len(nodes) >= NODES_MAX:
            raise Malformed("unsupported-body", source.documents.place(schema), f"it has more than {NODES_MAX} parts.")
        members, items = _inside(source, at)
        nodes[key] = _node(source, at, {name: _key(one) for name, one in members.items()}, _key(items) if items else "")
        waiting += [*members.values(), *([items] if items else [])]
    first = _key(schema)
    return XmlPlan(nodes[first].name or _component(source, schema), first, nodes)


def _key(at: At) -> str:
    return f"{at.uri}#{at.pointer}"


def _node(source: Source, at: At, members: Mapping[str, str], items: str) -> XmlNode:
    told: dict[str, Any] = {}
    for part in (_settled(source, at), at):
        one = part.value.get("xml") if isinstance(part.value, dict) else None
        told |= one if isinstance(one, dict) else {}
    name, prefix, namespace = (
        one if isinstance(one := told.get(key), str) else "" for key in ("name", "prefix", "namespace")
    )
    for text in filter(None, (name, prefix)):
        if not XML_NAME.fullmatch(text):
            place = source.documents.place(at)
            raise Malformed("unsupported-body", place, f"{text[:60]!r} cannot be a name in XML.")
    return XmlNode(_kind(told), name, prefix, namespace, _is_wrapped(told), items, members)


def _kind(told: Mapping[str, Any]) -> NodeKind:
    if told.get("attribute") is True:
        return "attribute"
    kinds: tuple[NodeKind, ...] = ("element", "attribute", "text", "cdata", "none")
    return next((kind for kind in kinds if kind == told.get("nodeType")), "element")


def _is_wrapped(told: Mapping[str, Any]) -> bool:
    return told.get("wrapped") is True or told.get("nodeType") == "element"


def _settled(source: Source, at: At) -> At:
    try:
        return source.documents.resolve(at)
    except Malformed:
        return at


def _inside(source: Source, at: At) -> tuple[dict[str, At], At | None]:
    """The properties and the items of a schema, those of its parts and alternatives among them."""
    members: dict[str, At] = {}
    items: At | None = None
    waiting, count = [at], 0
    while waiting and count < PARTS_MAX:
        count += 1
        part = _settled(source, waiting.pop(0))
        if not isinstance(part.value, dict):
            continue
        members = {**source.schemas.properties(part), **members}
        items = items or (part.get("items") if isinstance(part.value.get("items"), dict) else None)
        for key in ("allOf", "oneOf", "anyOf"):
            if isinstance(part.value.get(key), list):
                group = part.child(key)
                waiting += [group.child(index) for index in range(len(group.value))]
    return members, items


def _component(source: Source, at: At) -> str:
    """The name of the component that a schema is or refers to."""
    settled = _settled(source, at)
    last = settled.pointer.rpartition("/")[2]
    is_component = settled is not at or "/schemas/" in settled.pointer or "/definitions/" in settled.pointer
    return last if is_component and XML_NAME.fullmatch(last) else "root"
