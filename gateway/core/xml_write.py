"""Values as XML, after the plan of their schema. Pure; reads no document.

A member that the plan does not know is an element of its name. Null is an element with `xsi:nil`, and no attribute. The
order is that of the schema, what it does not name behind.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gateway.core.operation import XmlNode, XmlPlan
from gateway.core.serialize import Unwritable, scalar
from gateway.core.xml_body import XML_NAME

LEVELS_MAX = 64
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
# XML 1.0 section 2.2: what no document can hold, escaped or not.
_UNFIT = re.compile("[^\\t\\n\\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = XmlNode()


def write_xml(plan: XmlPlan, value: object) -> bytes:
    """One XML document in UTF-8. Raises Unwritable."""
    body = _element(plan, plan.first, plan.root, value, frozenset(), LEVELS_MAX)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body.encode()


def _element(plan: XmlPlan, key: str, name: str, value: object, known: frozenset[str], left: int) -> str:
    """One element, or those of a list side by side where it is not wrapped."""
    if left == 0:
        raise Unwritable(f"expected at most {LEVELS_MAX} levels")
    node = plan.nodes.get(key, _PLAIN)
    tag, declared, within = _tag(node, node.name or name, known)
    if value is None:
        return f"<{tag}{declared} {NIL}/>"
    if isinstance(value, list):
        # An item is called as its own schema says, else as its list is (OAS 3.1 section 4.8.26.2).
        called, around = (node.name or name, within) if node.wrapped else (name, known)
        joined = "".join(_element(plan, node.items, called, item, around, left - 1) for item in value)
        return f"<{tag}{declared}>{joined}</{tag}>" if node.wrapped else joined
    if not isinstance(value, dict):
        return f"<{tag}{declared}>{_text(value)}</{tag}>"
    attributes = "".join(_attributes(plan, node, value, within))
    inner = "".join(_children(plan, node, value, within, left - 1))
    return f"<{tag}{declared}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{declared}{attributes}/>"


def _tag(node: XmlNode, name: str, known: frozenset[str]) -> tuple[str, str, frozenset[str]]:
    """The tag with its prefix, the declaration of its namespace where none around it has it, and what is declared now."""
    if not XML_NAME.fullmatch(name):
        raise Unwritable(f"expected names that can be those of elements; {name[:40]!r} cannot")
    tag = f"{node.prefix}:{name}" if node.prefix else name
    if not node.namespace:
        return tag, "", known
    declaration = f" xmlns{':' + node.prefix if node.prefix else ''}={quoteattr(_fit(node.namespace))}"
    return tag, "" if declaration in known else declaration, known | {declaration}


def _attributes(plan: XmlPlan, node: XmlNode, value: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    """The attributes, each prefix declared once: `known` are the declarations that hold already."""
    for name, key in node.members.items():
        member = plan.nodes.get(key, _PLAIN)
        if member.kind == "attribute" and value.get(name) is not None:
            told = f"{member.prefix}:{member.name or name}" if member.prefix else member.name or name
            if not XML_NAME.fullmatch(told):
                raise Unwritable(f"expected names that can be those of attributes; {told[:40]!r} cannot")
            if member.prefix and member.namespace:
                declaration = f" xmlns:{member.prefix}={quoteattr(_fit(member.namespace))}"
                if declaration not in known:
                    yield declaration
                known |= {declaration}
            yield f" {told}={quoteattr(_fit(scalar(value[name])))}"


def _children(
    plan: XmlPlan, node: XmlNode, value: Mapping[str, Any], known: frozenset[str], left: int
) -> Iterator[str]:
    ordered = [name for name in node.members if name in value] + [name for name in value if name not in node.members]
    for name in ordered:
        key = node.members.get(name, "")
        match plan.nodes.get(key, _PLAIN).kind:
            case "attribute":
                continue
            case "text" if value[name] is not None:
                yield _text(value[name])
            case "cdata" if value[name] is not None:
                yield "<![CDATA[" + _fit(scalar(value[name])).replace("]]>", "]]]]><![CDATA[>") + "]]>"
            case "none" if isinstance(value[name], dict):
                yield from _children(plan, plan.nodes[key], value[name], known, left)
            case _:
                yield _element(plan, key, name, value[name], known, left)


def _text(value: object) -> str:
    return escape(_fit(scalar(value)), {"\r": "&#13;"})


def _fit(text: str) -> str:
    if _UNFIT.search(text):
        raise Unwritable("expected text without control characters, which XML cannot hold")
    return text
