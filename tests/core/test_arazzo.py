"""Arazzo: what goes out as a document comes back as it was, documents of others become plans, and what none can carry is named."""

import copy
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gateway.core.arazzo import Portable
from gateway.core.arazzo_document import ArazzoRefused, read_document
from gateway.core.arazzo_read import read_arazzo, statuses_of
from gateway.core.arazzo_write import Lossy, write_arazzo
from gateway.core.catalog import Connector
from gateway.core.plan import (
    Budget,
    Default,
    Item,
    Leaf,
    Listed,
    Literal,
    Plan,
    Ref,
    Shape,
    Slot,
    Source,
    Span,
    Step,
    Verify,
    When,
    fill,
    in_order,
    leaves,
)
from gateway.core.plan_check import check_plan
from gateway.core.recipe import RecipeParameter, Unpromotable, check_words, template_of
from gateway.core.tool import Tool
from gateway.core.yaml_tree import parse_yaml
from tests.conftest import NODE
from tests.core.test_compile import compile_tree
from tests.core.test_plan import operation, parameter

Json = dict[str, Any]
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
PERSON = {"type": "object", "properties": {"id": NUMBER, "name": TEXT}, "required": ["id", "name"]}
PEOPLE = {"type": "object", "properties": {"items": {"type": "array", "items": PERSON}, "total": NUMBER}}
MAIL = {
    "type": "object",
    "required": ["to"],
    "additionalProperties": False,
    "properties": {
        "to": {"type": "object", "properties": {"id": NUMBER, "name": TEXT}, "additionalProperties": False},
        "subject": TEXT,
        "copies": {"type": "array", "items": NUMBER},
    },
}
NOTE = {"type": "object", "properties": {"text": TEXT}, "additionalProperties": TEXT}
TREE: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Office", "version": "1"},
    "paths": {
        "/people": {"get": operation("people", PEOPLE, None, parameters=[parameter("q", TEXT), parameter("limit", NUMBER)])},
        "/people/{id}": {
            "get": operation(
                "person",
                PERSON,
                parameters=[parameter("id", NUMBER, "path", required=True), parameter("X-Trace", TEXT, "header")],
            ),
            "delete": operation("drop", None, parameters=[parameter("id", NUMBER, "path", required=True)]),
        },
        "/mail": {"post": operation("mail", PERSON, MAIL)},
        "/tags": {"put": operation("tag", PERSON, {"type": "array", "items": TEXT})},
        "/notes": {"post": operation("note", PERSON, NOTE)},
        "/status": {"get": {key: one for key, one in operation("x", PERSON).items() if key != "operationId"}},
    },
}  # fmt: skip
INTENT = "Tell Bob that 42 $inputs.x is the price"


@cache
def office() -> Connector:
    return compile_tree(TREE, prefix="", document="https://office.example/openapi.json")


@cache
def tools() -> dict[str, Tool]:
    return {one.name: one for one in office().tools}


def write(one: Portable, *, plain: bool = False) -> Json:
    document = write_arazzo(one, tools(), {"x": office()}, plain=plain)
    told: Json = msgspec.json.decode(msgspec.json.encode(document))
    return told


def read(document: Json, workflow: str = "") -> tuple[Portable, tuple[str, ...]]:
    brought = read_arazzo(read_document(document), workflow, {"x": office(), "office": office()})
    return brought.portable, brought.notes


# Random plans that hold.

texts = st.sampled_from(["Bob", "", "$inputs.x", "a {$steps.b} c", "$5", "{}", "$statusCode", "ünï", "42"])
spans = st.none() | st.sampled_from([Span(5, 8), Span(0, 39), Span(14, 16)])
origins = st.sampled_from(["the document", "model", "a fact"])
questions = st.sampled_from(["Which?", "What shall it be?"])


def of_text(before: tuple[str, ...], *, each: bool) -> st.SearchStrategy[Source]:
    options: list[st.SearchStrategy[Source]] = [
        st.builds(Literal, texts, spans),
        st.builds(Default, texts, origins),
        st.builds(Slot, questions, st.none() | st.just({"type": "string", "maxLength": 9})),
    ]
    if before:
        steps = st.sampled_from(before)
        options.append(st.builds(Ref, steps, st.sampled_from(["/items/0/name", "/items/-/name"])))
        options.append(st.builds(Ref, steps, st.just("/total"), st.just(True)))
    if each:
        options += [st.just(Item("/name")), st.just(Item("/id", as_text=True))]
    return st.one_of(options)


def of_number(before: tuple[str, ...], *, each: bool) -> st.SearchStrategy[Source]:
    options: list[st.SearchStrategy[Source]] = [
        st.builds(Literal, st.integers(-9, 9), spans),
        st.builds(Default, st.integers(0, 9), origins),
        st.builds(Slot, questions, st.none()),
    ]
    if before:
        options.append(
            st.builds(Ref, st.sampled_from(before), st.sampled_from(["/total", "/items/0/id", "/items/-/id"]))
        )
    return st.one_of([*options, *([st.just(Item("/id"))] if each else [])])


@st.composite
def arguments(draw: st.DrawFn, tool: str, before: tuple[str, ...], *, each: bool) -> dict[str, Source]:
    text, number = of_text(before, each=each), of_number(before, each=each)

    def some(**told: st.SearchStrategy[Source]) -> dict[str, Source]:
        return {name: draw(one) for name, one in told.items() if draw(st.booleans())}

    match tool:
        case "people":
            return some(q=text, limit=number, pages=st.just(Literal(2)))
        case "person":
            return {"id": draw(number), **some(**{"X-Trace": text})}
        case "drop":
            return {"id": draw(number)}
        case "mail":
            to: Source = (
                Shape(some(id=number, name=text)) if draw(st.booleans()) else Literal({"id": 3, "name": "$url"})
            )
            copies = st.builds(Listed, st.lists(number, max_size=2).map(tuple)) | st.just(Literal([1, 2]))
            return {"to": to, **some(subject=text, copies=copies)}
        case "tag":
            listed = st.builds(Listed, st.lists(text, max_size=2).map(tuple))
            return {"body": draw(listed | st.just(Literal(["a"])))}
        case "note":
            extra = st.builds(Shape, st.dictionaries(st.sampled_from(["a", "b/c"]), text)) | st.just(
                Literal({"d": "e"})
            )
            return some(text=text, additional_properties=extra)
        case _:
            return {}


@st.composite
def portables(draw: st.DrawFn) -> Portable:
    steps: list[Step] = []
    for name in draw(st.permutations(["s1", "look", "Tell-all", "d_4"]))[: draw(st.integers(1, 4))]:
        lists = tuple(one.name for one in steps if one.tool == "people" and one.each is None)
        tool = draw(st.sampled_from([*sorted(tools())] if lists else ["people", "people", *sorted(tools())]))
        each = Ref(draw(st.sampled_from(lists)), "/items") if lists and draw(st.integers(0, 3)) == 0 else None
        told = draw(arguments(tool, lists, each=each is not None))
        when = When(Item("/id"), {"minimum": 2}) if each is not None and draw(st.booleans()) else None
        verify: Any = msgspec.UNSET
        if tools()[tool].effect != "read":
            looks = Verify("people", {"q": Literal("Bob", Span(5, 8))}, {"/total": Literal(1)})
            verify = draw(st.sampled_from([msgspec.UNSET, None, looks]))
        steps.append(Step(name, tool, told, each, when, verify))
    listed = draw(st.permutations(steps))
    plan = Plan(INTENT, tuple(listed), draw(st.sampled_from([Budget(), Budget(calls_max=9)])))
    assume(not check_plan(plan, tools()))
    free = [
        step.name + place
        for step in plan.steps
        for place, leaf in leaves(step.arguments)
        if isinstance(leaf, Literal | Slot | Default) and place != "/pages"
    ]
    chosen = draw(st.lists(st.sampled_from(free), unique=True, max_size=3)) if free else []
    parameters = tuple(
        RecipeParameter(f"p{number}", (place,), draw(st.sampled_from(["", "Which one?"])))
        for number, place in enumerate(chosen)
    )
    words = (INTENT,) if draw(st.booleans()) else ()
    return Portable(
        "office-closed", template_of(plan, parameters), draw(st.sampled_from(["", "Why"])), words, parameters
    )


random_plans = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@given(portables())
@random_plans
def test_a_plan_that_goes_out_comes_back_as_it_was(one: Portable) -> None:
    document = write(one)
    back, notes = read(document)
    assert (back, notes) == (one, ())
    steps = [msgspec.json.encode(plan.steps, order="deterministic") for plan in (back.plan, one.plan)]
    assert steps[0] == steps[1], "true is no 1"
    names = {step["stepId"]: set(step.get("outputs", ())) for step in document["workflows"][0]["steps"]}
    for expression in expressions(document["workflows"][0]["steps"]):
        kind, first, *rest = expression.strip("{}").removeprefix("$").split(".")
        if kind == "steps":
            assert rest[1] in names[first], "every reference is to an output that there is"
        elif kind == "inputs":
            assert first in document["workflows"][0]["inputs"]["properties"]


def expressions(value: Any) -> list[str]:
    match value:
        case {"successCriteria": _}:
            return expressions({key: one for key, one in value.items() if key in ("parameters", "requestBody")})
        case dict():
            return [found for one in value.values() for found in expressions(one)]
        case list():
            return [found for one in value for found in expressions(one)]
        case str() if value.startswith(("$steps", "$inputs", "{$")):
            return [value]
        case _:
            return []


@given(portables())
@random_plans
def test_without_what_is_ours_alone_it_does_the_same_or_is_refused_by_name(one: Portable) -> None:
    try:
        document = write(one, plain=True)
    except Lossy as lossy:
        losses = lossy.losses
    else:
        losses = ()
        back, _ = read(document)
        assert "x-factotum" not in str(document)
        assert deeds(back.plan) == deeds(one.plan)
    ours = [step for step in one.plan.steps if step.each or step.when or step.verify is not msgspec.UNSET]
    assert losses or not ours


def deeds(plan: Plan) -> Any:
    """What a plan does, whoever says it: values, references, and that something is asked."""

    def told(_: str, leaf: Leaf) -> object:
        match leaf:
            case Literal(value=value) | Default(value=value):
                return ["value", value]
            case Slot():
                return "asked"
            case _:
                return msgspec.to_builtins(leaf)

    def flat(value: Any) -> Any:
        """A constant is the same, whether its parts have sources of their own."""
        match value:
            case ["value", inner]:
                return inner
            case dict():
                return {key: flat(one) for key, one in value.items()}
            case list():
                return [flat(one) for one in value]
            case _:
                return value

    return [(step.name, step.tool, flat(fill(step.arguments, told))) for step in in_order(plan)]


@pytest.mark.node
def test_what_goes_out_is_arazzo_as_spectral_has_it(tmp_path: Path) -> None:
    """Spectral has the schema of the OpenAPI Initiative, and looks at expressions, names and conditions beside it."""
    found: list[Json] = []

    @given(portables())
    @settings(random_plans, max_examples=60, database=None, phases=[Phase.generate], derandomize=True)
    def collect(one: Portable) -> None:
        found.append(write(one))

    collect()
    for number, document in enumerate(found):
        (tmp_path / f"{number}.arazzo.json").write_bytes(msgspec.json.encode(document))
    assert linted(tmp_path) == (0, "")
    broken = copy.deepcopy(found[0])
    broken["workflows"][0]["steps"][0]["operationPath"] = "both"
    broken["workflows"][0]["steps"][0]["operationId"] = "both"
    (tmp_path / "0.arazzo.json").write_bytes(msgspec.json.encode(broken))
    assert linted(tmp_path)[0] == 1, "what is none is told from what is"


def linted(folder: Path) -> tuple[int, str]:
    (folder / "ruleset.yaml").write_text('extends: ["spectral:arazzo"]')
    spectral = NODE.parent.parent / "@stoplight" / "spectral-cli" / "dist" / "index.js"
    asked = [
        "lint",
        "--fail-severity",
        "error",
        "--display-only-failures",
        "--quiet",
        "-r",
        "ruleset.yaml",
        "*.arazzo.json",
    ]
    done = subprocess.run(
        [NODE, spectral, *asked], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout.strip() + done.stderr.strip()


# Documents of others.

BEGIN = """
arazzo: 1.0.1
info: {title: Office, version: 1.0.0}
sourceDescriptions:
- {name: office, url: https://office.example/openapi.json, type: openapi}
workflows:
- workflowId: writeToSomebody
  summary: Write to whoever has a name
  inputs:
    type: object
    properties:
      name: {type: string, description: Whose?}
      kind: {const: urgent}
      letter: {$ref: '#/components/inputs/letter'}
  steps:
"""
FIND = """
  - stepId: find
    operationId: people
    parameters:
    - {name: q, in: query, value: $inputs.name}
    - reference: $components.parameters.few
      value: 1
    successCriteria:
    - condition: $statusCode == 200
    outputs:
      who: $response.body.items[0]
      how-many: $response.body#/total
"""
SEND = """
  - stepId: 2.send
    operationPath: '{$sourceDescriptions.office.url}#/paths/~1mail/post'
    requestBody:
      contentType: application/json
      payload: {to: {id: $steps.find.outputs.who.id}, subject: $inputs.letter.subject, copies: [1]}
      replacements:
      - {target: /copies/0, value: $steps.find.outputs.how-many}
"""
END = """
components:
  inputs:
    letter: {type: object, properties: {subject: {type: string, description: About what?}}}
  parameters:
    few: {name: limit, in: query, value: 5}
"""


def of_others(*parts: str, end: str = END) -> Json:
    tree = parse_yaml(BEGIN + "".join(parts) + end)
    assert isinstance(tree, dict)
    return tree


def test_a_document_of_others_becomes_a_plan_whose_inputs_are_asked() -> None:
    one, notes = read(of_others(FIND, SEND))
    assert check_plan(one.plan, tools()) == ()
    find, send = one.plan.steps
    assert (find.tool, find.arguments) == ("people", {"q": Slot("Whose?"), "limit": Literal(1)})
    assert (send.name, send.tool) == ("s_2_send", "mail")
    assert send.arguments == {
        "to": Shape({"id": Ref("find", "/items/0/id")}),
        "subject": Slot("About what?"),
        "copies": Listed((Ref("find", "/total"),)),
    }
    assert one.parameters == (
        RecipeParameter("name", ("find/q",), "Whose?"),
        RecipeParameter("letter_subject", ("s_2_send/subject",), "About what?"),
    )
    assert (one.plan.intent, one.words) == ("Write to whoever has a name", ())
    assert notes == (
        "Steps have other names here, where theirs could not be names of steps.",
        "find: any status from 200 to 299 is a success, not only '$statusCode == 200'.",
    )


REFUSED: list[tuple[str, str]] = [
    ("  - {stepId: a, workflowId: other}", "steps/a: it is another workflow (other): not carried"),
    ("  - {stepId: a, operationId: nothing}", "steps/a/operationId: nothing of office is no tool here"),
    ("  - {stepId: a, operationId: people, operationPath: x}", "steps/a: it has one of operationId, operationPath and"),
    ("  - {stepId: a, operationPath: '{$sourceDescriptions.office.url}#/paths/~1people'}", "a path goes on with its method"),
    ("  - {stepId: a, operationId: people, onSuccess: [{name: x, type: goto, stepId: a}]}", "steps/a/onSuccess: x is a goto: not"),
    ("  - {stepId: a, operationId: people, onFailure: [{name: x, type: retry, retryAfter: 1, retryLimit: 2, stepId: a}]}",
     "steps/a/onFailure: x is a retry: not carried"),
    ("  - {stepId: a, operationId: people, onSuccess: [{name: x, type: end}]}\n  - {stepId: b, operationId: people}",
     "steps/a/onSuccess: x ends the workflow early: not carried"),
    ("  - {stepId: a, operationId: people, successCriteria: [{condition: $response.body#/total == 1}]}", "looks at more than the"),
    ("  - {stepId: a, operationId: people, successCriteria: [{condition: $statusCode == 302}]}", "takes for a success what is none of"),
    ("  - {stepId: a, operationId: people, successCriteria: [{condition: '$[?@.x]', context: $response.body, type: jsonpath}]}",
     "looks at more than the status"),
    ("  - {stepId: a, operationId: people, dependsOn: [b]}\n  - {stepId: b, operationId: people}", "b is no step before it"),
    ("  - {stepId: a, channelPath: x, action: send}", "it sends or receives messages (AsyncAPI): not carried"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: path, value: 1}]}", "people takes no path parameter q"),
    ("  - {stepId: a, operationId: people, parameters: [{reference: $components.parameters.no}]}", "there is no $components."),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: $inputs.no}]}", "there is no input no"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: $steps.b.outputs.x}]}", "there is no step b"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: $steps.a.outputs.x}]}", "a has no output x"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: $url}]}", "the expression $url is not read"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: 'to {$inputs.name}!'}]}",
     "expressions within other text are not put together"),
    ("  - {stepId: a, operationId: people, outputs: {h: $response.header.X}}\n"
     "  - {stepId: b, operationId: people, parameters: [{name: q, in: query, value: $steps.a.outputs.h}]}",
     "steps/a/outputs/h: the expression $response.header.X is not read"),
    ("  - {stepId: a, operationId: people, requestBody: {payload: {}}}", "people takes no such body"),
    ("  - {stepId: a, operationId: mail, requestBody: {payload: {to: {}, more: 1}}}", "mail takes no more in its body"),
    ("  - {stepId: a, operationId: mail, requestBody: {payload: $inputs.letter}}", "takes the members of its body"),
    ("  - {stepId: a, operationId: mail, requestBody: {payload: {to: {}}, replacements: [{target: //to, value: 1}]}}",
     "there is nothing at '//to' in the payload"),
    ("  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: {context: $inputs.name, selector: /, type: x}}]}",
     "a Selector Object is not carried"),
    ("  - {stepId: a, operationId: people, retries: 3}", "/workflows/0/steps/0/retries is no field of Arazzo there"),
    ("  - {stepId: a, operationId: people}\n  - {stepId: a, operationId: people}", "two steps of writeToSomebody are named a"),
    ("  - {stepId: a, operationId: 3}", "it is no Arazzo 1.0 or 1.1 document: Expected `str`, got `int`"),
    ("  dependsOn: [first]\n  steps2:\n  - {stepId: a}", "is no Arazzo"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "why"), REFUSED, ids=[why[:50] for _, why in REFUSED])
def test_what_a_plan_cannot_carry_is_refused_by_its_place_and_name(steps: str, why: str) -> None:
    with pytest.raises(ArazzoRefused) as refused:
        read(of_others("\n" + steps))
    assert any(why in one for one in refused.value.problems), refused.value.problems


CONDITIONS: list[tuple[str, set[int] | None]] = [
    ("$statusCode == 200", {200}),
    ("$statusCode == 200 || $statusCode == 201", {200, 201}),
    ("($statusCode >= 200 && $statusCode < 202)", {200, 201}),
    ("$statusCode >= 598 || $statusCode < 201 && $statusCode > 199", {200, 598, 599}),
    ("$statusCode == 200 && $response.body#/ok == true", None),
    ("($statusCode == 200) || ($statusCode == 201)", None),
]


@pytest.mark.parametrize(("condition", "statuses"), CONDITIONS, ids=[one for one, _ in CONDITIONS])
def test_conditions_are_read_where_they_are_of_the_status_alone(condition: str, statuses: set[int] | None) -> None:
    assert statuses_of(condition) == statuses


@pytest.mark.parametrize(
    ("criteria", "notes"),
    [
        ("[{condition: $statusCode >= 200}, {condition: $statusCode < 300}]", 0),
        ("[{condition: $statusCode < 400}, {condition: $statusCode > 199}]", 0),
        ("[{condition: $statusCode == 204}]", 1),
    ],
)
def test_criteria_hold_together(criteria: str, notes: int) -> None:
    _, told = read(of_others(f"\n  - {{stepId: a, operationId: people, successCriteria: {criteria}}}"))
    assert len(told) == notes
    for one in (
        "[{condition: $statusCode >= 200}]",
        "[{condition: $statusCode == 404}]",
        "[{condition: $statusCode > 200}]",
    ):
        with pytest.raises(ArazzoRefused):
            read(of_others(f"\n  - {{stepId: a, operationId: people, successCriteria: {one}}}"))


def test_inputs_that_would_have_one_name_have_two() -> None:
    tree = of_others(
        "\n  - {stepId: a, operationId: people, parameters: [{name: q, in: query, value: $inputs.letter.subject},"
        " {name: limit, in: query, value: $inputs.letter_subject}]}"
    )
    tree["workflows"][0]["inputs"]["properties"]["letter_subject"] = {"type": "integer"}
    one, _ = read(tree)
    assert [(each.name, each.places) for each in one.parameters] == [
        ("letter_subject", ("a/q",)),
        ("letter_subject_2", ("a/limit",)),
    ]


def test_all_that_is_wrong_is_told_at_once_and_workflows_that_wait_for_others_are_refused() -> None:
    tree = of_others("\n  - {stepId: a, operationId: no, onSuccess: [{name: x, type: goto, stepId: a}]}")
    tree["workflows"][0]["dependsOn"] = ["login"]
    with pytest.raises(ArazzoRefused) as refused:
        read(tree)
    assert len(refused.value.problems) == 3
    assert refused.value.problems[0] == "dependsOn: other workflows come first (login): not carried"


def test_of_several_workflows_one_is_named_and_of_several_sources_too() -> None:
    tree = of_others(FIND)
    tree["workflows"].append({**copy.deepcopy(tree["workflows"][0]), "workflowId": "again"})
    with pytest.raises(ArazzoRefused) as which:
        read(tree)
    assert which.value.problems == ("say which workflow: writeToSomebody, again",)
    assert read(tree, "again")[0].name == "again"
    tree["sourceDescriptions"].append({"name": "x", "url": "./other.json", "type": "openapi"})
    with pytest.raises(ArazzoRefused) as refused:
        read(tree, "again")
    assert "people of office, x is of several operations" in refused.value.problems[0]


def test_an_input_that_is_always_the_same_is_a_value_and_a_text_that_begins_as_an_expression_may_be_none() -> None:
    one, _ = read(
        of_others(
            "\n  - {stepId: a, operationId: person, parameters: [{name: id, in: path, value: 3},"
            " {name: x-trace, in: header, value: $inputs.kind}]}"
            "\n  - {stepId: b, operationId: people, parameters: [{name: q, in: query, value: '$5 off'}]}"
        )
    )
    assert one.plan.steps[0].arguments == {"id": Literal(3), "X-Trace": Literal("urgent")}
    assert one.plan.steps[1].arguments == {"q": Literal("$5 off")}


@pytest.mark.parametrize("tree", [{}, {"arazzo": "2.0.0"}, {"arazzo": "1.0.1", "info": 3}, {"x": [[]]}])
def test_what_is_no_document_is_refused(tree: Json) -> None:
    with pytest.raises(ArazzoRefused):
        read_document(tree)
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ArazzoRefused):
        read_document({**tree, "x-deep": deep})


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(found for key, one in inner for found in places(one, (*at, key)))]


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.text(max_size=9)
    | st.sampled_from(["$inputs.name", "{$steps.find.outputs.who}", "$steps.2.send.outputs.x", "$components.parameters.few"]),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["name", "in", "value", "x-factotum", "$ref"]), one),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
@settings(random_plans, max_examples=300)
def test_whatever_stands_in_a_document_a_plan_comes_of_it_or_it_is_refused(data: st.DataObject) -> None:
    tree = write(data.draw(portables())) if data.draw(st.booleans()) else of_others(FIND, SEND)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from([one for one in places(tree) if one]))
        value: Any = tree
        for step in way:
            value = value[step]
        value[last] = data.draw(odd)
    with suppress(ArazzoRefused, Unpromotable):
        one, _ = read(tree)
        check_plan(template_of(one.plan, one.parameters), tools())
        check_words(one.words, one.parameters)


def test_a_url_that_is_not_for_everybody_is_left_out() -> None:
    one = Portable("a", Plan("x", (Step("a", "get_status"),)))
    secret = compile_tree(TREE, prefix="", document="https://office.example/openapi.json?token=t0p")
    document = write_arazzo(one, tools(), {"x": secret})
    assert document["sourceDescriptions"][0]["url"] == "./x.openapi.json"
    assert document["workflows"][0]["steps"][0]["operationPath"] == "{$sourceDescriptions.x.url}#/paths/~1status/get"
