"""What is wrong with a policy is found when it is loaded, and said so that its author can mend it."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, json, structs

from gateway.core.catalog import Catalog, Connector, build_catalog
from gateway.core.manifest import Manifest
from gateway.core.policy import PolicyBook, PolicyBroken, load_policies
from gateway.core.policy_cases import Case, CaseTable, CaseTool, run_cases, table_catalog
from gateway.core.policy_schema import ATTRIBUTES_MAX, Kind, argument_kinds

ADDRESS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (
    CaseTool("bank_pay", "bank", "write", {"amount": "number", "note": "string", "to": ADDRESS}, ("amount",)),
    CaseTool("bank_lend", "bank", "write", {"amount": "number"}, ("amount",)),
    CaseTool("home_look", "home", "read"),
)


def load(text: str, *tools: CaseTool) -> PolicyBook:
    return load_policies({"house.cedar": text}, table_catalog(CaseTable((), tools or TOOLS)))


def on(scope: str, condition: str) -> str:
    return f'@id("x") forbid ({scope}) when {{ {condition} }};'


ANY = "principal, action, resource"
PAY = 'principal, action == Action::"bank_pay", resource'
PAY_OR_READ = 'principal, action in [Action::"bank_pay", Action::"read"], resource'
WRITES = 'principal, action in Action::"write", resource'
START = 'principal, action == Action::"car_start", resource'
START_OR_PAY = 'principal, action in [Action::"car_start", Action::"bank_pay"], resource'
MISSPELT = 'principal, action in Action::"wriite", resource'
LEND_OR_PAY = 'principal, action in [Action::"bank_pay", Action::"bank_lend"], resource'


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("permit (principal, action, resource);", "", "every policy needs an @id"),
        ("@id permit (principal, action, resource);", "", "every policy needs an @id"),
        ('@id("a b") permit (principal, action, resource);', "'a b'", "letters, digits, dots, dashes"),
        ('@id("x") @id("y") permit (principal, action, resource);', "from line 1", "duplicate annotation"),
        ('@id("x") permit (principal == ?principal, action, resource);', "x", "templates are not supported"),
        ('@id("x") @needs_approval("me") forbid (principal, action, resource);', "x", "only a permit"),
        ('@id("x") @obligation("redact:a") forbid (principal, action, resource);', "x", "only a permit can oblige"),
        ('@id("x") @obligation("encrypt:a") permit (principal, action, resource);', "x", "no obligation 'encrypt:a'"),
        ('@id("x") @obligation("redact:a,,redact:b") permit (principal, action, resource);', "x", "no obligation ''"),
        ('@id("x") @obligation permit (principal, action, resource);', "x", "there is no obligation ''"),
        ('@id("x") @obligation("redact:") permit (principal, action, resource);', "x", "'' is no field"),
        ('@id("x") @obligation("redact:a..b") permit (principal, action, resource);', "x", "'a..b' is no field"),
        (on(ANY, 'context.hour == "noon"'), "x", "Long and String are not compatible"),
        (on(ANY, "context.houre == 1"), "x", "there is no 'houre' in context; did you mean 'hour'?"),
        (on(ANY, "context has houre && context.houre == 1"), "x", "there is no 'houre' in context"),
        (on(ANY, 'principal has group && principal.group == "a"'), "x", "in principal; did you mean 'groups'?"),
        (on(ANY, 'resource["effects"] == "read"'), "x", "no 'effects' in resource"),
        (on(ANY, "context has arguments"), "x", "its scope must name its tools"),
        (on(PAY, "context == context"), "x", "it reads all of context; name what it reads"),
        (on(PAY, "context.arguments == {}"), "x", "it reads all of context.arguments"),
        (on(ANY, "context.arguments has amount"), "x", "its scope must name its tools"),
        (on(WRITES, "context has arguments.amount"), "x", "must name its tools"),
        (on('principal, action, resource == Tool::"bank_pay"', "context has arguments.amount"), "x", "must name its"),
        (on(PAY_OR_READ, "context has arguments.amount"), "x", "must name"),
        (on(PAY, "context.arguments has amuont"), "x", "no 'amuont' in context.arguments; did you mean 'amount'?"),
        (on(PAY, 'context.arguments["amuont"] == 1'), "x", "did you mean 'amount'?"),
        (on(PAY, "context.arguments has to.town"), "x", "there is no 'town' in context.arguments.to"),
        (on(PAY, 'context.arguments.note == ""'), "x", "unable to guarantee safety of access to optional attribute"),
        (on(PAY, "context.arguments.amount > 5"), "x", "expected Long"),
        (on(LEND_OR_PAY, "context.arguments has nota"), "x", "no 'nota' in context.arguments; did you mean 'note'?"),
        (on("principal is Tool, action, resource", "true"), "x", "unable to find an applicable action"),
        (on(ANY, 'principal in Grupo::"a"'), "x", "unrecognized entity type"),
        (on('principal, action == Action::"bank pay", resource', "true"), "x", "'bank pay' is no name of a tool"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_mean_what_it_says_is_an_error(text: str, place: str, says: str) -> None:
    with pytest.raises(PolicyBroken) as broken:
        load(text)
    assert (broken.value.file, broken.value.place) == ("house.cedar", place)
    assert says in broken.value.detail
    assert str(broken.value).startswith(f"house.cedar: {place}: " if place else "house.cedar: ")


def test_an_id_that_is_taken_is_an_error_that_names_both_files() -> None:
    text = '@id("x") permit (principal, action, resource);'
    with pytest.raises(PolicyBroken) as broken:
        load_policies({"b.cedar": text, "a.cedar": text}, table_catalog(CaseTable((), TOOLS)))
    assert str(broken.value) == "b.cedar: x: its @id is taken by a policy in a.cedar."


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("// one; two;\n" + on(ANY, "true") + "\n\n", ""), ("", "\n" + on(ANY, "true") * 30)],
)
def test_where_a_text_is_not_cedar_is_told_by_line(before: str, after: str) -> None:
    with pytest.raises(PolicyBroken) as broken:
        load(before + "@id('y')\npermit (principal, action resource);" + after)
    assert broken.value.place == f"from line {before.count(chr(10)) + 1}"


def test_what_a_policy_of_one_tool_may_read_the_policy_of_several_reads_behind_has() -> None:
    assert load(on(LEND_OR_PAY, 'context.arguments has note && context.arguments.note == ""')).warnings == ()
    with pytest.raises(PolicyBroken, match=r"attribute `arguments\.note` in context for Action::.bank_lend. not found"):
        load(on(LEND_OR_PAY, 'context.arguments.note == ""'))


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (on(START, "true"), "the tool 'car_start' is not there."),
        (on(MISSPELT, "true"), "the tool 'wriite' is not there; did you mean 'write'?"),
        (
            on('principal, action, resource == Tool::"bank_pai"', "true"),
            "the tool 'bank_pai' is not there; did you mean 'bank_pay'?",
        ),
        (on('principal, action, resource in Connector::"car"', "true"), "the connector 'car' is not there."),
        (on(ANY, 'action == Action::"car_start"'), "the tool 'car_start' is not there."),
        (
            on(START, "context.arguments has speed"),
            "the tool 'car_start' is not there. Its conditions can be checked only when it is.",
        ),
        (
            on(START_OR_PAY, "context.arguments has speed"),
            "the tool 'car_start' is not there.",
        ),
    ],
)  # fmt: skip
def test_a_policy_on_what_is_not_there_is_a_warning_and_matches_nothing(text: str, warning: str) -> None:
    book = load(text + '@id("all") permit (principal, action, resource);')
    assert book.warnings == (f"house.cedar: x: {warning}",)
    calls = [
        Case(tool.name, tool.name, "allow", arguments={"amount": 1}, policies=frozenset({"all"})) for tool in TOOLS
    ]
    assert run_cases(book, calls) == ()


def test_a_policy_on_tools_of_which_one_is_gone_still_holds_for_the_other() -> None:
    text = on(
        'principal, action in [Action::"car_start", Action::"bank_pay"], resource',
        'context.arguments.amount == decimal("1.0")',
    )
    book = load(text)
    assert run_cases(book, [Case("x", "bank_pay", "deny", arguments={"amount": 1}, policies=frozenset({"x"}))]) == ()


@pytest.mark.parametrize(
    "scope",
    [
        START,
        START_OR_PAY,
        'principal, action, resource in Connector::"car"',
    ],
)
def test_what_can_be_checked_of_a_policy_on_what_is_not_there_is_checked(scope: str) -> None:
    with pytest.raises(PolicyBroken, match="Long and String are not compatible"):
        load(on(scope, 'context.hour == "noon"'))


def test_a_tool_that_changes_under_a_policy_is_found_when_the_new_catalog_is_checked() -> None:
    text = on(PAY, 'context.arguments.amount == decimal("1.0")')
    load(text)
    with pytest.raises(PolicyBroken, match="not compatible"):
        load(text, CaseTool("bank_pay", "bank", "write", {"amount": "integer"}, ("amount",)))


def test_a_long_chain_of_conditions_is_no_problem_and_a_longer_one_is_told() -> None:
    def chain(length: int) -> str:
        return on(ANY, " || ".join(f"context.hour == {hour}" for hour in range(length)))

    book = load('@id("all") permit (principal, action, resource);' + chain(90))
    assert run_cases(book, [Case("noon", "home_look", "deny", policies=frozenset({"x"}))]) == ()
    with pytest.raises(PolicyBroken, match="nesting exceeds"):
        load(chain(150))


def test_the_version_changes_with_the_text_and_with_nothing_else() -> None:
    one, two = on(ANY, "true"), on(ANY, "false")
    assert load(one).version == load(one, CaseTool("a", "a", "read")).version
    assert load(one).version != load(two).version


def kinds_of(schema: object) -> Kind:
    (tool,) = table_catalog(CaseTable((), (TOOLS[0],))).tools.values()
    return argument_kinds(structs.replace(tool, inputs=Raw(json.encode(schema))))


STRING, NULL = {"type": "string"}, {"type": "null"}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (STRING, "String"),
        ({"type": ["integer", "null"]}, "Long"),
        ({"anyOf": [STRING, NULL]}, "String"),
        ({"anyOf": [NULL, {"$ref": "#/$defs/name"}]}, "String"),
        ({"allOf": [{"$ref": "#/$defs/name"}], "description": "x"}, "String"),
        ({"$ref": "#/$defs/name"}, "String"),
        ({"type": "array", "items": {"type": "number"}}, "Set"),
        ({"type": "object"}, "Record"),
        ({"type": "array"}, None),
        ({"type": "array", "items": {"type": ["string", "null"]}}, None),
        ({"anyOf": [STRING, {"type": "integer"}]}, None),
        ({"type": ["string", "integer"]}, None),
        ({"$ref": "#/$defs/nowhere"}, None),
        ({"$ref": "#/$defs/itself"}, None),
        ({"enum": ["a"]}, None),
        (True, None),
        ({}, None),
    ],
)
def test_an_argument_has_the_type_of_its_schema_or_none(schema: object, kind: str | None) -> None:
    definitions = {"name": STRING, "itself": {"$ref": "#/$defs/itself"}}
    members = kinds_of({"properties": {"a": schema}, "$defs": definitions}).members
    assert [one.kind.name for one in members.values()] == ([kind] if kind else [])


def test_an_argument_that_may_be_null_may_be_absent() -> None:
    schema = {"properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": [STRING, NULL]}, "c": STRING}}
    members = kinds_of({**schema, "required": ["a", "b", "c"]}).members
    assert [one.required for one in members.values()] == [False, False, True]


def test_types_that_hold_each_other_end() -> None:
    tree = {"type": "object", "properties": {f"p{number}": {"$ref": "#/$defs/tree"} for number in range(60)}}
    kind = kinds_of({"properties": {"a": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}})

    def count(one: Kind) -> int:
        return sum(1 + count(member.kind) for member in one.members.values())

    assert 0 < count(kind) <= ATTRIBUTES_MAX


def test_alternatives_in_alternatives_end() -> None:
    schema: object = STRING
    for _ in range(300):
        schema = {"anyOf": [schema, NULL]}
    assert kinds_of({"properties": {"a": schema}}).members == {}


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=6) | st.text(string.punctuation, max_size=4), st.sampled_from(["string", "array", "object"])
    )
)
def test_no_name_of_an_argument_keeps_policies_from_loading(arguments: dict[str, str]) -> None:
    tool = CaseTool("bank_pay", "bank", "write", {**arguments, "amount": "number"})
    load(on(PAY, "context.arguments has amount"), tool)


def test_policies_need_no_catalog() -> None:
    empty = Catalog("empty", {}, {})
    assert load_policies({}, empty).warnings == ()
    alone = build_catalog([Connector(Manifest("car"), digest="")])
    assert load_policies({"a": on('principal, action, resource in Connector::"car"', "true")}, alone).warnings == ()
