"""Documents that mean harm, or are very broken: refused or neutralised by name, within counted work, and never at the
cost of the operations beside them."""

import json
import re
from typing import Any

import msgspec
import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import ID_CHARACTERS_MAX, PATH_CHARACTERS_MAX, compile_document
from gateway.core.document import parse_document
from gateway.core.inputs import INPUTS_MAX
from gateway.core.manifest import Manifest
from gateway.core.naming import NAME_CHARACTERS_MAX, Distinct
from gateway.core.parameters import WIRE_NAME_CHARACTERS_MAX
from gateway.core.prose import shown, visible
from gateway.core.references import PLACE_CHARACTERS_MAX, Documents
from gateway.core.servers import URL_CHARACTERS_MAX
from gateway.core.tool import TOOL_NAME_PATTERN, Tool

URI = "https://docs.example/api/openapi.json"
FINE = {"get": {"operationId": "fine", "responses": {}}}
ESC, OVERRIDE = "\x1b[31m", "\u202e"


def compiled(paths: Any, schemas: Any = None, *, version: str = "3.1.0", **root: Any) -> Connector:
    """With an operation beside the others that has to come through whatever they are."""
    tree = {"openapi": version, "servers": [{"url": "https://a.example"}], "paths": {**paths, "/fine": FINE}, **root}
    if schemas is not None:
        tree["components"] = {"schemas": schemas}
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: parse_document(_bytes(tree), URI)}), "digest")
    assert "x_fine" in {tool.name for tool in connector.tools}
    return connector


def _bytes(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def others(connector: Connector) -> list[Tool]:
    return [tool for tool in connector.tools if tool.name != "x_fine"]


def query(*names: str, **more: Any) -> dict[str, Any]:
    return {"get": {"parameters": [{"name": name, "in": "query", **more} for name in names], "responses": {}}}


def reasons(connector: Connector) -> set[str]:
    return {one.reason for one in (*connector.refusals, *connector.repairs)}


# Numbers.


@pytest.mark.parametrize("keyword", ["minimum", "maximum", "multipleOf", "maxLength"])
@pytest.mark.parametrize(
    "number", ["1e999999", "-1e999999", "9" * 1_000_000, "9" * 4_000, "1e-300", "0x" + "f" * 3_900]
)
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_number_beyond_all_measure_costs_its_keyword_at_most(keyword: str, number: str, form: str) -> None:
    if form == "json" and number.startswith("0x"):
        number = json.dumps(number)
    schema = f'{{"type": "number", "{keyword}": {number}, "enum": [{number}], "default": {number}}}'
    parameters = f'[{{"name": "p", "in": "query", "schema": {schema}}}]'
    text = f'"openapi": "3.1.0", "servers": [{{"url": "https://a.example"}}], "paths": {{"/a": {{"get": {{"parameters": {parameters}}}}}}}'
    tree = parse_document((f"{{{text}}}" if form == "json" else f"{{a: 1, {text}}}").encode(), URI)
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    [tool] = connector.tools
    told = msgspec.json.decode(tool.input_schema)["properties"]["p"]
    assert keyword not in told or isinstance(told[keyword], int | float)
    assert keyword in told or "keyword-dropped" in reasons(connector)


# Very many, very long.


def test_more_inputs_than_a_tool_can_have_are_refused_by_name() -> None:
    connector = compiled({"/a": query(*(f"p{index}" for index in range(INPUTS_MAX + 1)))})
    assert [(one.operation, one.reason) for one in connector.refusals] == [("GET /a", "too-many-inputs")]


def test_counting_names_apart_costs_one_step_a_name() -> None:
    free = Distinct()
    names = [free.take("x" * 64, "query") for _ in range(INPUTS_MAX)]
    assert len(set(names)) == INPUTS_MAX
    assert max(map(len, names)) <= NAME_CHARACTERS_MAX


def test_names_of_a_million_characters_stay_out_of_everything_that_is_shown() -> None:
    long = "n" * 1_000_000
    named = {**FINE["get"], "operationId": long, "summary": long, "description": long, "tags": [long]}
    paths = {"/a": {"get": named}, f"/{long}": {"get": {}}, "/b": query(long), f"/{{{long}}}": {"get": {}}}
    connector = compiled({**paths, "/c": {"get": {"$ref": f"#/{long}"}}}, {long: {"$ref": "#/nowhere"}})
    [tool] = others(connector)
    assert tool.name == "x_get_a"
    assert len(msgspec.json.encode([connector.refusals, connector.repairs])) < 10 * PLACE_CHARACTERS_MAX
    assert len(msgspec.json.encode([tool.title, tool.description, tool.tags])) < 2_000
    assert {(one.reason, "longer than" in one.detail) for one in connector.refusals} == {
        ("malformed", True),
        ("malformed-parameter", True),
        ("unresolvable-reference", False),
    }


@pytest.mark.parametrize(
    ("length", "name"), [(ID_CHARACTERS_MAX, r"x_i{40,}_[0-9a-f]{6}"), (ID_CHARACTERS_MAX + 1, "x_get_a")]
)
def test_an_operation_id_beyond_the_limit_is_none(length: int, name: str) -> None:
    [tool] = others(compiled({"/a": {"get": {"operationId": "i" * length}}}))
    assert re.fullmatch(name, tool.name)


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_a_path_and_a_name_may_be_as_long_as_the_limit(more: int, refused: bool) -> None:
    path = "/" + "p" * (PATH_CHARACTERS_MAX - 1 + more)
    connector = compiled({path: {"get": {}}, "/b": query("q" * (WIRE_NAME_CHARACTERS_MAX + more))})
    assert len(connector.refusals) == (2 if refused else 0)


# Text that acts.


@pytest.mark.parametrize("text", [ESC, OVERRIDE, "\x00", "\x07", "\r", "\x85", "\u2066"])
def test_text_that_would_act_on_a_terminal_is_shown_as_its_escape(text: str) -> None:
    assert visible(f"a{text}b") == f"a{json.dumps(text)[1:-1]}b".replace("\\r", "\\u000d")
    assert json.loads(f'"{visible(text)}"') == text


def test_lines_tabs_and_letters_of_any_script_are_shown_as_they_are() -> None:
    told = "a\n\tb \u05e9\u05dc\u05d5\u05dd \u4f60\u597d \U0001f600"
    assert visible(told) == told
    assert shown("a\nb", 10) == "a\\nb"
    assert shown("x" * 50, 10) == "x" * 9 + "…"


def test_nothing_that_is_told_of_a_hostile_operation_acts_on_who_reads_it() -> None:
    bad = f"x\n{ESC}{OVERRIDE}[red]<script>alert(1)</script>\x00"
    operation = {"operationId": bad, "summary": bad, "description": bad, "tags": [bad], "x-factotum": {bad: 1}}
    parameter = {"name": bad, "in": "query", "description": bad, "schema": {"type": bad, "pattern": "("}}
    paths = {
        f"/{bad}": {"get": {**operation, "parameters": [parameter]}, "post": 7},
        f"/{bad}b": {"$ref": f"#/{bad}"},
        "/c": {"additionalProperties": 1, "additionalOperations": {bad: {}}, "get": {"parameters": [{"in": bad}]}},
        "/d": {"get": {"parameters": [{"name": "n", "in": bad}]}},
    }
    connector = compiled(paths, info={"title": bad, "version": bad})
    [tool] = others(connector)
    assert re.match(TOOL_NAME_PATTERN, tool.name)
    told = [connector.title, connector.version, tool.title, tool.description, *tool.tags, *tool.operation.pointer]
    told += [text for one in (*connector.refusals, *connector.repairs) for text in msgspec.structs.astuple(one)]
    assert len(connector.refusals) == 5
    assert [text for text in told if text != visible(text) or "\n" in text] == []


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "__class__", "prototype", "toString", "$where", "..", "a/b"]
)
def test_names_that_mean_something_elsewhere_are_names_here(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    [tool] = others(compiled({"/a": {"post": {"operationId": name, **body}}}, {name: schema}))
    assert re.match(TOOL_NAME_PATTERN, tool.name)
    assert tool.operation.body is not None
    [field] = tool.operation.body.fields
    assert field.name == name
    assert next(iter(msgspec.json.decode(tool.input_schema)["properties"])) == field.argument


# Servers.


@pytest.mark.parametrize(
    "server",
    [
        {"url": "http://a.example@b.example"},
        {"url": "http://a.example\\@b.example"},
        {"url": "http:\\\\a.example"},
        {"url": "http://a.exa\tmple"},
        {"url": "http://a.example\n.b.example"},
        {"url": "javascript:alert(1)"},
        {"url": "data:text/html,x"},
        {"url": "http://a.example:65536"},
        {"url": "http://a.example:0"},
        {"url": "http://a.example:80:80"},
        {"url": "http://[fe80::1%25eth0]/"},
        {"url": "http://[::1"},
        {"url": "http://a.example%00.b.example"},
        {"url": "http://a.example%2f@b.example"},
        {"url": "//a.example:x"},
        {"url": "http://{host}", "variables": {"host": {"default": "a.example@b.example"}}},
        {"url": "http://{host}.example", "variables": {"host": {"default": "b.example\\"}}},
        {"url": "http://{host}", "variables": {"host": {"default": "{host}"}}},
        {"url": "http://{host}", "variables": {"host": {"default": None, "enum": []}}},
        {"url": "http://{host}", "variables": [1]},
        {"url": "http://a.example/" + "{b}" * 100, "variables": {"b": {"default": "y" * 100}}},
        {"url": "http://a.example/" + "x" * URL_CHARACTERS_MAX},
        {"url": 7},
        "http://a.example",
    ],
)
def test_a_server_that_two_readers_could_take_for_two_hosts_is_none(server: Any) -> None:
    connector = compiled({"/a": {"get": {"servers": [server]}}})
    assert [one.reason for one in connector.refusals] == ["no-server"]


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "/../x",
        "/a/../../x",
        "\\\\evil.example",
        "/%2e%2e/x",
        "@evil.example/x",
        ":1@b/",
        "?x",
        "#y",
    ],
)
def test_no_path_of_a_document_leads_to_another_host(path: str) -> None:
    from gateway.core.request import build_request

    for tool in others(compiled({path: {"get": {}}})):
        assert build_request(tool.operation, {}).url.startswith("https://a.example/")
