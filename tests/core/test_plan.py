"""Plans: what is refused before anything is called, and that what is not refused gives arguments that tools take."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.idempotency import key_argument, key_of
from gateway.core.plan import (
    ITEMS_MAX,
    STEPS_MAX,
    Circular,
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
from gateway.core.plan_check import PlanProblem, check_plan
from gateway.core.tool import Tool
from tests.core.test_compile import compile_tree

Json = dict[str, Any]

PERSON = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "nick": {"type": ["string", "null"]},
        "home": {"$ref": "#/components/schemas/Home"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "job": {"oneOf": [{"type": "object", "properties": {"title": {"type": "string"}}}, {"type": "boolean"}]},
    },
}
HOME = {"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "array", "items": PERSON}}}
MAIL = {
    "type": "object",
    "required": ["to", "subject"],
    "additionalProperties": False,
    "properties": {
        "to": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        },
        "subject": {"type": "string", "minLength": 3},
        "copies": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        "tone": {"enum": ["warm", "cool"]},
    },
}


def operation(name: str, answer: Any = None, body: Any = None, **more: Any) -> Json:
    told: Json = {"operationId": name, "responses": {"200": {"description": "ok"}}, **more}
    if answer is not None:
        told["responses"]["200"]["content"] = {"application/json": {"schema": answer}}
    if body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told


def parameter(name: str, kind: Any, place: str = "query", *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required or place == "path", "schema": {"type": kind}}


DOCUMENT = {
    "openapi": "3.1.0",
    "components": {"schemas": {"Home": HOME}},
    "paths": {
        "/people": {
            "get": operation("people", {"type": "array", "items": PERSON}, parameters=[parameter("q", "string")])
        },
        "/people/{id}": {
            "get": operation("person", PERSON, parameters=[parameter("id", "integer", "path")]),
            "put": operation(
                "rename",
                PERSON,
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                parameters=[parameter("id", "integer", "path")],
            ),
        },
        "/mails": {
            "post": operation(
                "mail", None, MAIL, parameters=[parameter("Idempotency-Key", "string", "header", required=True)]
            )
        },
        "/tags/{tag}": {"get": operation("tag", None, parameters=[parameter("tag", "string", "path")])},
    },
}
TOOLS: dict[str, Tool] = {one.name: one for one in compile_tree(DOCUMENT, prefix="").tools}


def plan(*steps: Step, intent: str = "") -> Plan:
    return Plan(intent, steps)


def problems(*steps: Step, intent: str = "", **more: Any) -> list[tuple[str, str]]:
    return [(one.argument, one.detail) for one in check_plan(plan(*steps, intent=intent), TOOLS, **more)]


PEOPLE = Step("all", "people")
ONE = Step("one", "person", {"id": Literal(1)})
TO = Shape({"id": Literal(1)})


def mail(**arguments: Source) -> Step:
    return Step("send", "mail", {"to": TO, "subject": Literal("hello"), **arguments})


# What holds.


def test_a_plan_that_refers_to_what_is_declared_holds() -> None:
    assert (
        problems(PEOPLE, Step("one", "person", {"id": Ref("all", "/0/id")}), mail(to=Shape({"id": Ref("one", "/id")})))
        == []
    )


@pytest.mark.parametrize(
    "pointer",
    [
        "/name",
        "/nick",
        "/home/city",
        "/home/people/3/home/city",
        "/labels/anything",
        "/job/title",
        "/home/people/-/name",
    ],
)
def test_a_reference_reaches_through_lists_alternatives_maps_and_definitions(pointer: str) -> None:
    assert problems(ONE, mail(subject=Ref("one", pointer))) == []


@pytest.mark.parametrize(
    "pointer", ["/surname", "/name/first", "/home/people/name", "/labels/a/b", "/job/pay", "/0", "/-"]
)
def test_a_reference_to_what_no_schema_tells_is_refused(pointer: str) -> None:
    ((place, detail),) = problems(ONE, mail(subject=Ref("one", pointer)))
    assert place == "/subject"
    assert detail == f"the answer of one declares nothing at {pointer!r}"


def test_what_has_no_schema_supports_nothing_unless_its_manifest_says_so() -> None:
    steps = Step("tag", "tag", {"tag": Literal("a")}), mail(subject=Ref("tag", "/title"))
    assert problems(*steps) == [
        ("/subject", "the answer of tag has no schema, so that nothing in it can be referred to")
    ]
    assert problems(*steps, loose={"x"}) == []


def test_steps_are_in_order_however_they_are_listed() -> None:
    late, early = Step("one", "person", {"id": Ref("all", "/0/id")}), PEOPLE
    assert [step.name for step in in_order(plan(late, early))] == ["all", "one"]
    assert problems(late, early) == []


def test_each_is_over_a_list_and_its_items_are_what_the_list_declares() -> None:
    each = Step("each", "person", {"id": Item("/id")}, each=Ref("all"))
    assert problems(PEOPLE, each, mail(subject=Ref("each", "/0/name"))) == []
    assert problems(PEOPLE, each, mail(subject=Ref("each", "/name"))) != []
    assert problems(PEOPLE, Step("each", "person", {"id": Item("/home")}, each=Ref("all"))) != []
    assert problems(ONE, Step("each", "person", {"id": Item("/id")}, each=Ref("one", "/name"))) == [
        ("", "`each`: there is no list at '/name' in the answer of one"),
        ("/id", "an item has no schema, so that nothing in it can be referred to"),
    ]
    assert problems(Step("one", "person", {"id": Item("/id")})) == [
        ("/id", "there are no items: the step has no `each`")
    ]


# What does not.


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (Step("a", "persons"), ("", "there is no tool named 'persons' that you may call")),
        (Step("a", "person"), ("/id", "required")),
        (Step("a", "person", {"id": Literal("x")}), ("/id", "expected an integer")),
        (Step("a", "person", {"id": Default("x", "memory")}), ("/id", "expected an integer")),
        (Step("a", "people", {"p": Literal("x")}), ("/p", "unknown; leave it out")),
        (Step("a", "people", {"p": Slot("Who?")}), ("/p", "unknown; leave it out")),
        (mail(subject=Literal("no")), ("/subject", "expected text of at least 3 characters")),
        (mail(to=Shape({"id": Slot("Who?"), "mail": Slot("Where?")})), ("/to/mail", "unknown; leave it out")),
        (mail(to=Shape({"name": Slot("Who?")})), ("/to/id", "required")),
        (mail(copies=Listed((Literal(1), Literal("b")))), ("/copies/1", "expected an integer")),
        (mail(copies=Listed((Slot("Who?"), Literal("b")))), ("/copies/1", "expected an integer")),
        (mail(copies=Listed(())), None),
        (mail(tone=Literal("hot")), ("/tone", 'expected one of "warm", "cool"')),
        (mail(subject=Literal("hello", Span(0, 5))), ("/subject", "its span is not within the intent, which has 0 characters")),
        (mail(subject=Slot("What?", {"type": "integer"})), ("/subject", "expected string, and the question asks for integer")),
        (mail(_select=Literal("a")), ("/_select", "this option cannot be part of a plan")),
        (mail(subject=Ref("send", "/id")), ("", "these steps wait for each other, or for one that does: send")),
        (mail(subject=Ref("gone", "/id")), ("", "it refers to gone, and there is no such step")),
        (Step("a", "people", when=When(Item(), {})), ("", "`when`: there are no items: the step has no `each`")),
        (Step("a", "people", verify=Verify("people")), ("", "`verify`: a step that reads has nothing to be verified")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_step_and_argument(step: Step, found: tuple[str, str] | None) -> None:
    assert problems(step) == ([] if found is None else [found])
    assert all(one.step == step.name for one in check_plan(plan(step), TOOLS))


def test_a_number_goes_where_a_text_is_asked_for_only_as_text() -> None:
    expected = "expected string, and integer stands there; `as_text` makes a text of a number"
    assert problems(ONE, mail(subject=Ref("one", "/id"))) == [("/subject", expected)]
    assert problems(ONE, mail(subject=Ref("one", "/id", as_text=True))) == []


def test_a_verification_reads_and_shows_what_its_answer_declares() -> None:
    def rename(verify: Verify) -> Step:
        return Step("name", "rename", {"id": Literal(1), "name": Literal("Ada")}, verify=verify)

    assert problems(rename(Verify("person", {"id": Ref("name", "/id")}, {"/name": Literal("Ada")}))) == []
    assert problems(rename(Verify("rename", {}))) == [("", "`verify`: rename does more than read")]
    assert problems(rename(Verify("person", {"id": Literal(1)}, {"/age": Literal(1)}))) == [
        ("/age", "`verify`: the answer of person declares nothing there")
    ]
    assert problems(rename(Verify("person", {}))) == [("/id", "`verify`: required")]


@given(st.lists(st.sets(st.integers(0, 7)), max_size=8))
def test_the_next_step_is_the_first_that_is_listed_and_lacks_nothing(needs: list[set[int]]) -> None:
    steps = [
        Step(f"s{n}", "people", {f"a{one}": Ref(f"s{one}") for one in sorted(told)}) for n, told in enumerate(needs)
    ]
    names, left, told = {one.name for one in steps}, list(steps), []
    while ready := [one for one in left if not ({f"s{n}" for n in needs[steps.index(one)]} & names)]:
        told.append(ready[0])
        left.remove(ready[0])
        names.discard(ready[0].name)
    if left:
        with pytest.raises(Circular) as raised:
            in_order(plan(*steps))
        assert raised.value.steps == tuple(one.name for one in left)
    else:
        assert list(in_order(plan(*steps))) == told


def test_names_are_given_once_and_there_are_not_too_many_steps() -> None:
    assert problems(PEOPLE, PEOPLE) == [("", "two steps have this name")] * 2
    many = [Step(f"s{index}", "people") for index in range(STEPS_MAX + 1)]
    assert check_plan(plan(*many), TOOLS) == (
        PlanProblem("", "", f"a plan has 1 to {STEPS_MAX} steps; this one has {STEPS_MAX + 1}"),
    )
    assert problems() == [("", f"a plan has 1 to {STEPS_MAX} steps; this one has 0")]


def test_steps_that_wait_for_each_other_are_refused() -> None:
    ring = Step("a", "person", {"id": Ref("b", "/id")}), Step("b", "person", {"id": Ref("a", "/id")})
    with pytest.raises(Circular):
        in_order(plan(*ring))
    assert problems(*ring) == [("", "these steps wait for each other, or for one that does: a, b")]


def test_an_idempotency_key_is_given_by_whoever_carries_the_plan_out() -> None:
    assert problems(mail()) == []
    assert key_argument(TOOLS["mail"])
    assert not key_argument(TOOLS["rename"])
    keys = {key_of("run", "send", number, {"to": 1}) for number in (0, 0, 1)}
    assert len(keys) == 2
    assert all(len(key) == 36 for key in keys)


# Whatever is sent.


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "c", "all"])
POINTERS = st.sampled_from(["", "/", "/0/id", "/id", "/name", "/home/people", "/home/people/-/id", "/job/title", "/~2"])
SCHEMAS = st.one_of(
    st.sampled_from([{}, {"type": "string"}, {"type": 3}, {"properties": []}, {"pattern": "("}, {"enum": 1}]),
    st.dictionaries(
        st.sampled_from(["type", "enum", "properties", "items", "not", "x", "minimum"]), VALUES, max_size=3
    ),
)


def tagged(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)


LEAVES = st.one_of(
    st.fixed_dictionaries({"kind": st.just("literal"), "value": VALUES}),
    st.fixed_dictionaries({"kind": st.just("ref"), "step": NAMES, "pointer": POINTERS}),
    tagged("item", pointer=POINTERS),
    st.fixed_dictionaries({"kind": st.just("slot"), "question": st.just("?")}, optional={"schema": SCHEMAS}),
    st.fixed_dictionaries({"kind": st.just("default"), "value": VALUES, "origin": st.just("memory")}),
)
SOURCES = st.recursive(
    LEAVES,
    lambda inner: (
        st.fixed_dictionaries(
            {"kind": st.just("object"), "members": st.dictionaries(st.sampled_from(["id", "x"]), inner, max_size=2)}
        )
        | st.fixed_dictionaries({"kind": st.just("list"), "items": st.lists(inner, max_size=3)})
    ),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["id", "name", "to", "subject", "copies", "q", "x", "_select"]), SOURCES, max_size=4
)
REF = st.fixed_dictionaries({"step": NAMES, "pointer": POINTERS})
STEPS = st.fixed_dictionaries(
    {"name": NAMES, "tool": st.sampled_from([*TOOLS, "nothing"]), "arguments": ARGUMENTS},
    optional={
        "each": REF.map(lambda one: {**one, "kind": "ref"}),
        "when": st.fixed_dictionaries({"value": REF.map(lambda one: {**one, "kind": "ref"}), "fits": SCHEMAS}),
        "verify": st.none()
        | st.fixed_dictionaries(
            {
                "tool": st.sampled_from([*TOOLS]),
                "arguments": ARGUMENTS,
                "shows": st.dictionaries(POINTERS, SOURCES, max_size=2),
            }
        ),
    },
)


@given(st.lists(STEPS, max_size=4), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_plan_is_sent_is_checked_and_nothing_is_raised(steps: list[Json], loose: bool) -> None:
    try:
        decoded = msgspec.json.decode(msgspec.json.encode({"intent": "", "steps": steps}), type=Plan)
    except msgspec.ValidationError:
        assume(False)
    check_plan(decoded, TOOLS, {"x"} if loose else ())


# A plan that passes, filled with values of the schemas that were declared.

SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=5),
    "integer": st.integers(-9, 9),
    "number": st.floats(-9, 9),
    "boolean": st.booleans(),
}


@st.composite
def typed(draw: st.DrawFn, levels: int = 2) -> Json:
    kind = draw(st.sampled_from([*SIMPLE, *(["object", "array"] if levels else [])]))
    if kind == "array":
        return {"type": "array", "items": draw(typed(levels - 1))}
    if kind == "object":
        members = draw(st.dictionaries(st.sampled_from(["a", "b"]), typed(levels - 1), min_size=1, max_size=2))
        required = draw(st.lists(st.sampled_from(sorted(members)), unique=True))
        return {"type": "object", "properties": members, "required": required, "additionalProperties": False}
    return {"type": kind}


def value_of(schema: Json) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "array":
            return st.lists(value_of(schema["items"]), max_size=2)
        case "object":
            return st.fixed_dictionaries({name: value_of(one) for name, one in schema["properties"].items()})
        case kind:
            return SIMPLE[kind]


def source_of(schema: Json, answer: Json) -> st.SearchStrategy[Source]:
    """Anything that may be put there, much of it wrong."""
    places = [""]
    for name, one in answer.get("properties", {}).items():
        places += [f"/{name}", *(f"/{name}/{inner}" for inner in one.get("properties", {})), f"/{name}/0"]
    told: list[st.SearchStrategy[Source]] = [
        value_of(schema).map(Literal),
        st.sampled_from(places).map(lambda place: Ref("made", place)),
        st.just(Slot("?")),
        st.sampled_from([*SIMPLE]).map(lambda kind: Slot("?", {"type": kind})),
    ]
    if schema["type"] == "object":
        told.append(
            st.fixed_dictionaries(
                {},
                optional={name: source_of(one, answer) for name, one in schema["properties"].items()},
            ).map(Shape)
        )
    if schema["type"] == "array":
        told.append(st.lists(source_of(schema["items"], answer), max_size=2).map(lambda items: Listed(tuple(items))))
    return st.one_of(told)


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_plan_that_passes_gives_arguments_that_its_tools_take(data: st.DataObject) -> None:
    answer, asked = data.draw(typed()), data.draw(typed())
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/made": {"post": operation("made", answer)},
            "/taken": {
                "post": operation("taken", None, {"type": "object", "properties": {"a": asked}, "required": ["a"]})
            },
        },
    }
    tools = {one.name: one for one in compile_tree(document, prefix="").tools}
    told = plan(Step("made", "made"), Step("taken", "taken", {"a": data.draw(source_of(asked, answer))}))
    if check_plan(told, tools):
        return
    result = data.draw(value_of(answer))
    schema = {"properties": {"a": asked}}

    def value(place: str, leaf: Leaf) -> object:
        match leaf:
            case Ref(pointer=pointer):
                return look(result, pointer)
            case Slot(schema=None):
                return data.draw(value_of(schema_at(schema, place)))
            case Slot(schema=wanted):
                return data.draw(value_of(wanted))
            case Literal(value=given):
                return given
        raise AssertionError(leaf)

    try:
        arguments = fill(told.steps[1].arguments, value)
    except LookupError:
        return  # What is declared need not be there.
    assert check_arguments(compile_arguments(tools["taken"].input_schema), arguments) == ()


def look(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def schema_at(schema: Json, place: str) -> Json:
    for step in place.split("/")[1:]:
        schema = schema["items"] if schema.get("type") == "array" else schema["properties"][step]
    return schema


def test_leaves_and_fill_go_to_the_same_places() -> None:
    sources = {"a/b": Shape({"c": Listed((Literal(1), Item("/x")))}), "d": Slot("?")}
    places = [place for place, _ in leaves(sources)]
    assert places == ["/a~1b/c/0", "/a~1b/c/1", "/d"]
    assert fill(sources, lambda place, leaf: place) == {"a/b": {"c": places[:2]}, "d": places[2]}
    assert ITEMS_MAX <= 1_000
