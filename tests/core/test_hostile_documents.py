"""Documents that mean harm, or are very broken: refused or neutralised by name, within counted work, and never at the
cost of the operations beside them."""

import contextlib
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.catalog import Connector
from gateway.core.compile import ALTERNATIVES_MAX, ID_CHARACTERS_MAX, PATH_CHARACTERS_MAX, compile_document
from gateway.core.diff import diff_connectors
from gateway.core.document import parse_document
from gateway.core.inputs import INPUTS_MAX
from gateway.core.manifest import Manifest
from gateway.core.naming import NAME_CHARACTERS_MAX, Distinct
from gateway.core.parameters import WIRE_NAME_CHARACTERS_MAX
from gateway.core.prose import shown, visible
from gateway.core.references import PLACE_CHARACTERS_MAX, Documents
from gateway.core.request import Unbuildable, build_request
from gateway.core.servers import URL_CHARACTERS_MAX
from gateway.core.tool import TOOL_NAME_PATTERN, Tool
from gateway.core.work import Work, WorkExceeded

URI = "https://docs.example/api/openapi.json"
FINE = {"get": {"operationId": "fine", "responses": {}}}
ESC, OVERRIDE = "\x1b[31m", "\u202e"


def compiled(paths: Any, schemas: Any = None, *, version: str = "3.1.0", steps_max: int = 0, **root: Any) -> Connector:
    """With an operation beside the others that has to come through whatever they are."""
    tree = {"openapi": version, "servers": [{"url": "https://a.example"}], "paths": {**paths, "/fine": FINE}, **root}
    if schemas is not None:
        tree["components"] = {"schemas": schemas}
    documents = Documents(URI, {URI: parse_document(_bytes(tree), URI)})
    documents.work = Work(steps_max) if steps_max else documents.work
    connector = compile_document(Manifest(name="x"), documents, "digest")
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
    for tool in others(compiled({path: {"get": {}}})):
        assert build_request(tool.operation, {}).url.startswith("https://a.example/")


# Documents that would take for ever.


def refer(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def posted(schema: Any, **more: Any) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    answer = {"200": {"content": {"application/json": {"schema": schema}}}}
    return {"post": {"requestBody": body, "responses": answer, **more}}


def fan(member: Any) -> dict[str, Any]:
    """Twenty schemas, each of which refers ten times to the next."""
    told = {f"S{level}": member([refer(f"S{level + 1}")] * 10) for level in range(20)}
    return {**told, "S20": {"type": "object", "properties": {"x": {"type": "string"}}}}


def chain(length: int) -> dict[str, Any]:
    return {**{f"S{index}": refer(f"S{index + 1}") for index in range(length)}, f"S{length}": {"type": "string"}}


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schemas",
    [
        fan(lambda listed: {"allOf": listed}),
        fan(lambda listed: {"oneOf": listed}),
        fan(lambda listed: {"properties": {f"p{index}": one for index, one in enumerate(listed)}}),
        fan(lambda listed: {"items": {"prefixItems": listed}}),
        {"S0": {"allOf": [refer("S1"), refer("S0")]}, "S1": {"anyOf": [refer("S0"), refer("S1")]}},
        {"S0": {"oneOf": [{"oneOf": [{"type": "integer"}] * 100}] * 100}},
        {f"S{index}": {"properties": {"next": refer(f"S{index + 1}")}} for index in range(5_000)},
        chain(10_000),
        {"S0": deep(240)},
        {"S0": {"$ref": "#/" + "a/" * 100_000}},
        {"S0": {"enum": [f"v{index}" for index in range(100_000)]}},
        {"S0": {"required": [f"p{index}" for index in range(100_000)]}},
        {"S0": {"patternProperties": {f"^(a{{{index}}})+$": {} for index in range(200)}}},
    ],
    ids=lambda schemas: f"{len(schemas)}-{str(schemas['S0'])[:12]}",
)
def test_schemas_that_fan_out_nest_or_go_on_for_ever_take_as_much_as_they_are_long(schemas: Any) -> None:
    tree = {"/a": posted(refer("S0"))}
    connector = compiled(tree, schemas)
    assert [tool.operation.key for tool in others(connector)] == ["POST /a"]


@pytest.mark.parametrize(
    ("paths", "root"),
    [
        ({"/a": posted({"properties": {f"p{index}": refer("Large") for index in range(4_000)}})}, {}),
        ({"/a": posted({"anyOf": [{"properties": {"$ref": "#/x-large"}}] * 3_000})}, {}),
        ({"/a": posted({"properties": {f"p{index}": {"pattern": f"(\\p{{L}}{{50}}){{{10 + index}}}"} for index in range(1_000)}})}, {}),
        ({"/a": posted({"type": "string"}, security=[{"o": [f"s{index}" for index in range(1_000)]}])}, {}),
    ],
    ids=["leaves", "property-maps", "patterns", "scopes"],
)  # fmt: skip
def test_an_operation_that_takes_too_much_is_refused_by_name(paths: Any, root: Any) -> None:
    large = {"type": "string", "enum": [f"value{index}" for index in range(1_000)]}
    many = {f"p{index}": {"type": "string"} for index in range(2_000)}
    connector = compiled(paths, {"Large": large}, **{"x-large": many}, **root)
    assert [(one.operation, one.reason) for one in connector.refusals] == [("POST /a", "too-costly")]
    assert others(connector) == []


def test_a_document_whose_operations_all_take_much_keeps_those_that_take_little() -> None:
    parameters = [{"name": f"p{index}", "in": "query", "schema": {"type": "string"}} for index in range(1_000)]
    item = {"get": {"parameters": parameters, "responses": {}}}
    paths = {f"/a{index}": {"$ref": "#/components/pathItems/Wide"} for index in range(500)}
    tree = {"components": {"pathItems": {"Wide": item}}, "steps_max": 2_000_000}
    connector = compiled(paths, **tree)
    assert {one.reason for one in connector.refusals} == {"too-costly"}
    assert 10 < len(connector.tools) < 200
    # The same document always ends at the same place.
    assert [one.operation for one in compiled(paths, **tree).refusals] == [one.operation for one in connector.refusals]


def test_alternatives_of_scopes_without_end_are_cut_and_never_widened() -> None:
    security = [{"o": [f"s{index}"]} for index in range(1_000)] + [{}]
    connector = compiled({"/a": {"get": {"security": security}}})
    [tool] = others(connector)
    assert len(tool.scopes) == ALTERNATIVES_MAX
    assert frozenset({"x:read"}) not in tool.scopes
    assert reasons(connector) == {"security-left-out"}


def test_servers_without_end_are_looked_through_once_in_a_while() -> None:
    servers = [{"url": "ftp://a.example"}] * 5_000
    connector = compiled({f"/a{index}": {"get": {}} for index in range(500)}, servers=[{"url": "https://a.example"}])
    assert connector.refusals == ()
    tree = {"openapi": "3.1.0", "servers": servers, "paths": {f"/a{index}": {"get": {}} for index in range(500)}}
    told = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    assert {one.reason for one in told.refusals} == {"no-server", "too-costly"}


def test_aliases_that_share_a_schema_a_million_times_are_refused_where_they_are_used() -> None:
    levels = "".join(
        f"x{level}: &x{level} {{type: object, properties: {{{', '.join(f'p{one}: *x{level - 1}' for one in range(10))}}}}}\n"
        for level in range(1, 6)
    )
    text = (
        f"openapi: 3.1.0\nservers: [{{url: 'https://a.example'}}]\nx0: &x0 {{type: string}}\n{levels}paths:\n"
        "  /a: {post: {requestBody: {required: true, content: {application/json: {schema: *x5}}}}}\n"
        "  /fine: {get: {operationId: fine}}\n"
    )
    tree = parse_document(text.encode(), URI)
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    assert [tool.name for tool in connector.tools] == ["x_fine"]
    assert [one.reason for one in connector.refusals] == ["too-costly"]


def test_a_name_of_a_hundred_thousand_characters_is_not_repeated_in_what_stands_beneath_it() -> None:
    wide = {"properties": {f"p{index}": {"type": 7} for index in range(1_000)}}
    connector = compiled({"/a": posted(refer("n" * 100_000))}, {"n" * 100_000: wide})
    assert reasons(connector) == {"type-repaired"}
    assert len(connector.repairs) == 1_000
    assert max(len(one.place) for one in connector.repairs) <= PLACE_CHARACTERS_MAX


def test_two_versions_that_fan_out_are_compared_as_far_as_that_goes() -> None:
    def version(kind: str) -> Any:
        listed = {
            f"S{level}": {"anyOf": [{"allOf": [refer(f"S{level + 1}")] * 10, "title": str(one)} for one in range(10)]}
            for level in range(9)
        }
        return compiled({"/a": posted(refer("S0"))}, {**listed, "S9": {"type": kind}})

    before, after = version("string"), version("integer")
    assert before.refusals == after.refusals == ()
    assert "too large to be compared" in " ".join(one.detail for one in diff_connectors(before, after))


def test_work_is_counted_in_parts_and_apart_from_them() -> None:
    work = Work(100)
    with work.part(10):
        work.spend(10)
        with work.apart():
            work.spend(50)
        with pytest.raises(WorkExceeded, match="more than 10 steps"):
            work.spend()
    assert work.spent == 60
    for steps in (1_000, 1):
        with pytest.raises(WorkExceeded, match="more than 100 steps"):
            work.spend(steps)
    with work.part(10, granted=5):
        work.spend(5)


# Any document at all.

WORDS = """
    servers url variables default enum get put post parameters name in path query header cookie schema type string integer
    object array properties items required allOf oneOf anyOf not $ref $id $anchor $dynamicRef $dynamicAnchor discriminator
    mapping propertyName additionalProperties patternProperties pattern format requestBody content application/json
    application/xml multipart/form-data encoding headers style explode deepObject responses 200 links operationId security
    tags description summary nullable readOnly xml x-factotum hide effect undo page kind #/components/schemas/A
    #/components/schemas/B #/paths/~1c/post 3 /c {id} https://a.example ../x // \\ @ \x00 \ud800
""".split()  # noqa: SIM905 - a list of a hundred lines says no more
ANY_WORD = st.sampled_from(WORDS) | st.text(max_size=4)
ANY_VALUE = st.recursive(
    ANY_WORD | st.sampled_from([None, True, False, 0, -1, 1.5, 10**30]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_WORD, inner, max_size=5),
    max_leaves=25,
)
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "parameters": st.lists(
            st.fixed_dictionaries(
                {"name": ANY_WORD, "in": st.sampled_from(["path", "query", "header", "cookie"]), "schema": ANY_VALUE}
            )
            | ANY_VALUE,
            max_size=3,
        ),
        "requestBody": st.fixed_dictionaries({"content": st.dictionaries(ANY_WORD, st.fixed_dictionaries({"schema": ANY_VALUE}))})
        | ANY_VALUE,
        "responses": ANY_VALUE,
        "security": ANY_VALUE,
        "x-factotum": ANY_VALUE,
    },
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@example({}, "\ud800", [], [], {})
@given(OPERATIONS | ANY_VALUE, ANY_WORD, ANY_VALUE, ANY_VALUE, st.dictionaries(ANY_WORD, ANY_VALUE))
def test_no_operation_crashes_the_compiler_or_leaves_its_host(
    operation: Any, path: str, schema: Any, item: Any, arguments: dict[str, Any]
) -> None:
    tree = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://a.example/base"}],
        "paths": {"/fine": FINE, f"/{path}": {"post": operation, "get": {"parameters": [item]}}, "/c": item},
        "components": {"schemas": {"A": schema, "B": operation}},
    }
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    names = [tool.name for tool in connector.tools]
    assert "x_fine" in names
    assert len(set(names)) == len(names)
    for tool in others(connector):
        assert re.match(TOOL_NAME_PATTERN, tool.name)
        check_arguments(compile_arguments(tool.input_schema), arguments)
        told = {**dict.fromkeys(msgspec.json.decode(tool.inputs)["properties"], schema), **arguments}
        with contextlib.suppress(Unbuildable):
            request = build_request(tool.operation, told)
            own = tool.operation.server
            assert request.url == own or request.url[len(own)] in "/?"
            assert not any({"\r", "\n", "\0"} & set(name + value) for name, value in request.headers)
