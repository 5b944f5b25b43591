"""XML bodies: what the `xml` objects of a schema say, read back with another library."""

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import Unbuildable, build_request

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def operation(schema: Any, version: str = "3.1.0", **components: Any) -> Any:
    tree = {
        "openapi": version,
        "info": {"title": "x", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {
            "/a": {"post": {"requestBody": {"required": True, "content": {"application/xml": {"schema": schema}}}}}
        },
        "components": {"schemas": components},
    }
    connector = compile_document(Manifest(name="x"), Documents("main", {"main": tree}), "digest")
    assert connector.refusals == ()
    return connector.tools[0].operation


def written(schema: Any, arguments: dict[str, Any], **components: Any) -> str:
    request = build_request(operation(schema, **components), arguments)
    assert ("Content-Type", "application/xml") in request.headers
    text = request.content.decode()
    ElementTree.fromstring(request.content)
    return text.removeprefix(HEAD)


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


def a_list(items: Any = TEXT, **xml: Any) -> Any:
    return {"type": "array", "items": items, **({"xml": xml} if xml else {})}


def an_object(xml: Any = None, **properties: Any) -> Any:
    return {"type": "object", "properties": properties, **({"xml": xml} if xml else {})}


@pytest.mark.parametrize(
    ("schema", "arguments", "xml"),
    [
        (an_object({"name": "pet"}, name=TEXT), {"name": "Rex"}, "<pet><name>Rex</name></pet>"),
        (an_object(name=TEXT), {"name": "Rex"}, "<root><name>Rex</name></root>"),
        (an_object({"name": "p"}, id={**NUMBER, "xml": {"attribute": True}}, n=TEXT), {"n": "a", "id": 7}, '<p id="7"><n>a</n></p>'),
        (an_object({"name": "p"}, n={**TEXT, "xml": {"name": "called"}}), {"n": "a"}, "<p><called>a</called></p>"),
        (
            an_object({"name": "p", "prefix": "s", "namespace": "http://x/s"}, n={**TEXT, "xml": {"prefix": "s", "namespace": "http://x/s"}}),
            {"n": "a"},
            '<s:p xmlns:s="http://x/s"><s:n>a</s:n></s:p>',
        ),
        (an_object({"name": "p", "namespace": "http://x"}), {"body": {}}, '<p xmlns="http://x"/>'),
        # The tables of OAS 3.1 section 4.8.26.2 on lists.
        (an_object({"name": "r"}, animals=a_list()), {"animals": ["a", "b"]}, "<r><animals>a</animals><animals>b</animals></r>"),
        (
            an_object({"name": "r"}, animals=a_list({**TEXT, "xml": {"name": "animal"}}, name="aliens")),
            {"animals": ["a"]},
            "<r><animal>a</animal></r>",
        ),
        (
            an_object({"name": "r"}, animals=a_list({**TEXT, "xml": {"name": "animal"}}, name="aliens", wrapped=True)),
            {"animals": ["a", "b"]},
            "<r><aliens><animal>a</animal><animal>b</animal></aliens></r>",
        ),
        (an_object({"name": "r"}, animals=a_list(wrapped=True)), {"animals": ["a"]}, "<r><animals><animals>a</animals></animals></r>"),
        (
            an_object({"name": "r"}, animals=a_list(name="aliens", wrapped=True)),
            {"animals": ["a"]},
            "<r><aliens><aliens>a</aliens></aliens></r>",
        ),
        (an_object({"name": "r"}, animals=a_list(wrapped=True)), {"animals": []}, "<r><animals></animals></r>"),
        # Values.
        (an_object({"name": "r"}, a={"type": "boolean"}, b={"type": "number"}), {"a": True, "b": 1.5}, "<r><a>true</a><b>1.5</b></r>"),
        (an_object({"name": "r"}, n=NUMBER), {"n": 9007199254740993}, "<r><n>9007199254740993</n></r>"),
        (an_object({"name": "r"}, a=TEXT), {"a": "<b> & \"c\" ]]>"}, '<r><a>&lt;b&gt; &amp; "c" ]]&gt;</a></r>'),
        (
            an_object({"name": "r"}, a={**TEXT, "xml": {"attribute": True}}),
            {"a": "x\"y'<&\n"},
            "<r a=\"x&quot;y'&lt;&amp;&#10;\"/>",
        ),
        (
            an_object({"name": "r"}, a={"type": ["string", "null"]}),
            {"a": None},
            '<r><a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/></r>',
        ),
        (an_object({"name": "r"}, a=TEXT, b=TEXT), {"b": "2", "a": "1"}, "<r><a>1</a><b>2</b></r>"),
        # A prefix is declared once.
        (
            an_object(
                {"name": "p"},
                a={**TEXT, "xml": {"attribute": True, "prefix": "s", "namespace": "http://x"}},
                b={**TEXT, "xml": {"attribute": True, "prefix": "s", "namespace": "http://x"}},
            ),
            {"a": "1", "b": "2"},
            '<p xmlns:s="http://x" s:a="1" s:b="2"/>',
        ),
        (
            an_object(
                {"name": "p", "prefix": "s", "namespace": "http://x"},
                a={**TEXT, "xml": {"attribute": True, "prefix": "s", "namespace": "http://x"}},
            ),
            {"a": "1"},
            '<s:p xmlns:s="http://x" s:a="1"/>',
        ),
        # OAS 3.2, nodeType.
        (
            an_object({"name": "r"}, a={**TEXT, "xml": {"nodeType": "attribute"}}, t={**TEXT, "xml": {"nodeType": "text"}}),
            {"a": "1", "t": "x<y"},
            '<r a="1">x&lt;y</r>',
        ),
        (an_object({"name": "r"}, t={**TEXT, "xml": {"nodeType": "cdata"}}), {"t": "a]]>b<"}, "<r><![CDATA[a]]]]><![CDATA[>b<]]></r>"),
        (an_object({"name": "r"}, l=a_list(nodeType="element")), {"l": ["a"]}, "<r><l><l>a</l></l></r>"),
    ],
)  # fmt: skip
def test_a_value_is_the_xml_that_its_schema_says(schema: Any, arguments: dict[str, Any], xml: str) -> None:
    assert written(schema, arguments) == xml


def test_the_root_is_called_as_its_component_and_a_circle_of_components_is_finite() -> None:
    node = an_object(None, name=TEXT, children=a_list({"$ref": "#/components/schemas/Node"}, wrapped=True))
    node["properties"]["children"]["items"] = {"$ref": "#/components/schemas/Node"}
    value = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
    assert written({"$ref": "#/components/schemas/Node"}, value, Node=node) == (
        "<Node><name>a</name><children><children><name>b</name><children><children><name>c</name></children></children>"
        "</children></children></Node>"
    )


def test_a_text_body_is_sent_as_it_is() -> None:
    xml = "<Envelope><Body/></Envelope>"
    assert written({"type": "string"}, {"body": xml}) == xml
    assert written({}, {"body": xml}) == xml


@pytest.mark.parametrize("value", ["\x00", "a\x0bb", "\ufffe", "\ud800"])
def test_what_xml_cannot_hold_is_refused_by_its_argument(value: str) -> None:
    with pytest.raises(Unbuildable) as caught:
        build_request(operation(an_object({"name": "r"}, a=TEXT)), {"a": value})
    assert caught.value.argument == "a"


@pytest.mark.parametrize("name", ["a b", "1a", "a><x", "a:b:c", ""])
def test_a_member_that_cannot_be_an_element_is_refused(name: str) -> None:
    schema = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": True}}}
    with pytest.raises(Unbuildable, match="names that can be those of elements"):
        build_request(operation(schema), {"m": {name: "x"}})


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=20
)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), TEXTS | st.integers() | st.booleans(), min_size=1, max_size=6
    )
)
def test_whatever_is_written_is_read_back(members: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": True}}}
    request = build_request(operation(schema), {"m": members})
    read = {one.tag: one.text or "" for one in ElementTree.fromstring(request.content)[0]}
    assert read == {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in members.items()
    }
