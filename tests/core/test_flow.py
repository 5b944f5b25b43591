"""Labels and flows of plans: what nobody vouches for decides nothing unless it is said, whatever plan it comes in."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.compile import compile_document
from gateway.core.flow import Containment, Flow, FlowRule, Flows, contain, decide
from gateway.core.labels import Label, Trust, is_said, join
from gateway.core.manifest import Manifest
from gateway.core.plan import MODEL_SEEN, Leaf, Plan, Ref, Span, Step, fill
from gateway.core.references import Documents
from gateway.core.sinks import Sink, meets, sinks_of
from gateway.core.tool import Tool
from tests.core.test_compile import URI
from tests.core.test_plan import operation, parameter

Json = dict[str, Any]

TEXT = {"type": "string"}
PERSON = {"type": "object", "properties": {"name": TEXT, "address": TEXT}}
MESSAGE = {"type": "object", "properties": {"from": TEXT, "text": TEXT, "link": TEXT}}
SEND = {
    "type": "object",
    "properties": {
        "to": {"type": "array", "items": {"type": "string", "format": "email"}},
        "subject": TEXT,
        "reply": {"type": "object", "properties": {"address": {"type": "string", "format": "email"}, "note": TEXT}},
        "folder": {"type": "string", "default": "sent"},
        "link": {"type": "string", "format": "uri"},
    },
}


def tools_of(connector: str, *operations: Json, **more: Any) -> dict[str, Tool]:
    paths = {f"/{one['operationId']}": {more.get(one["operationId"], "get"): one} for one in operations}
    tree = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "servers": [{"url": "http://x.test"}]}
    compiled = compile_document(
        Manifest(connector, prefix=""), Documents(URI, {URI: {**tree, "paths": paths}}), "digest"
    )
    return {tool.name: tool for tool in compiled.tools}


TOOLS = {
    **tools_of(
        "mail", operation("inbox", {"type": "array", "items": MESSAGE}), operation("send", MESSAGE, SEND), send="post"
    ),
    **tools_of("people", operation("who", PERSON, parameters=[parameter("q", TEXT)])),
    **tools_of("web", operation("open", MESSAGE, parameters=[parameter("url", TEXT), parameter("to", TEXT)])),
    **tools_of("hook", operation("free", None, {"type": "object"}), free="post"),
    **tools_of("board", operation("publish", None, {"type": "object", "properties": {"text": TEXT}}), publish="post"),
}
HELD = Containment(Trust(frozenset({"people"})), {}, frozenset({"publish"}))
INTENT = "Tell bob@example.com, and carol@example.com, about 3 things at https://example.com/a"


def told(*steps: Json, intent: str = INTENT) -> Plan:
    return msgspec.convert({"intent": intent, "steps": steps}, Plan)


def one(name: str, tool: str, /, **arguments: Any) -> Json:
    return {"name": name, "tool": tool, "arguments": arguments}


def said(value: str, intent: str = INTENT) -> Json:
    start = intent.index(value)
    return {"kind": "literal", "value": value, "span": {"start": start, "end": start + len(value)}}


def flows(*steps: Json, held: Containment = HELD) -> list[tuple[str, str, str]]:
    found = Flows(told(*steps), TOOLS, held).all()
    assert all(one.detail for one in found)
    return [(one.step, one.argument, one.sink) for one in found]


INBOX, WHO = one("inbox", "inbox"), one("who", "who", q={"kind": "literal", "value": "bob"})
EVIL = {"kind": "literal", "value": "eve@evil.test"}
REF = {"kind": "ref", "step": "inbox", "pointer": "/0/from"}


def listed(*items: Json) -> Json:
    return {"kind": "list", "items": items}


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        pytest.param([one("s", "send", to=listed(said("bob@example.com")))], [], id="the person said it"),
        pytest.param([one("s", "send", to=listed(EVIL))], [("s", "/to/0", "recipient")], id="nobody said it"),
        pytest.param(
            [one("s", "send", to=listed({**EVIL, "span": {"start": 5, "end": 20}}))],
            [("s", "/to/0", "recipient")],
            id="the span says something else",
        ),
        pytest.param([INBOX, one("s", "send", to=listed(REF))], [("s", "/to/0", "recipient")], id="an answer"),
        pytest.param([INBOX, one("s", "send", to=REF)], [("s", "/to", "recipient")], id="a whole list"),
        pytest.param([INBOX, one("s", "send", reply=REF)], [("s", "/reply", "recipient")], id="it has one in it"),
        pytest.param([INBOX, one("s", "send", subject=REF)], [], id="a subject decides nothing"),
        pytest.param(
            [{**WHO, "arguments": {"q": said("bob@example.com")}}, one("s", "send", to=listed({**REF, "step": "who"}))],
            [],
            id="a trusted answer to what the person said",
        ),
        pytest.param(
            [INBOX, {**WHO, "arguments": {"q": REF}}, one("s", "send", to=listed({**REF, "step": "who"}))],
            [("s", "/to/0", "recipient")],
            id="a trusted answer to what nobody vouches for",
        ),
        pytest.param(
            [
                INBOX,
                {**one("s", "send", to=listed({"kind": "item", "pointer": "/from"})), "each": {**REF, "pointer": ""}},
            ],
            [("s", "/to/0", "recipient")],
            id="an item",
        ),
        pytest.param([one("s", "send", to=listed({"kind": "slot", "question": "Who?"}))], [], id="the person is asked"),
        pytest.param(
            [one("s", "send", to=listed({"kind": "slot", "question": "Ok?", "schema": {"enum": ["eve@evil.test"]}}))],
            [("s", "/to/0", "recipient")],
            id="the person is offered one",
        ),
        pytest.param([INBOX, one("o", "open", url={**REF, "pointer": "/0/link"})], [("o", "/url", "url")], id="a URL"),
        pytest.param([INBOX, one("o", "open", to=REF)], [], id="who reads sends nobody anything"),
        pytest.param(
            [one("s", "send", link={"kind": "default", "value": "http://evil.test", "origin": "the document"})],
            [("s", "/link", "url")],
            id="what a plan says of its defaults is not believed",
        ),
        pytest.param([INBOX, one("p", "publish", text=REF)], [("p", "/text", "public")], id="it becomes public"),
        pytest.param(
            [one("f", "free", body={"kind": "object", "members": {"to": EVIL, "note": EVIL}})],
            [("f", "/body/to", "recipient")],
            id="a member that only the plan names",
        ),
        pytest.param(
            [one("f", "free", body={"kind": "literal", "value": {"a": [{"callback_url": "http://evil.test"}]}})],
            [("f", "/body", "url")],
            id="a member within what the plan puts there",
        ),
        pytest.param([one("p", "publish", text=said("3 things"))], [], id="what the person says may be public"),
        pytest.param(
            [INBOX, {**one("s", "send"), "verify": {"tool": "open", "arguments": {"url": REF}, "shows": {}}}],
            [("s", "/url", "url")],
            id="a look asks a URL too",
        ),
    ],
)
def test_flows_that_harm_are_found_on_the_plan(steps: list[Json], found: list[Any]) -> None:
    assert flows(*steps) == found


def test_a_flow_says_which_value_is_from_where_and_that_its_sink_was_guessed() -> None:
    (flow,) = Flows(told(INBOX, one("s", "send", to=listed(REF))), TOOLS, HELD).all()
    why = "send: /to/0 decides who gets it, and is from what inbox (inbox) answered at '/0/from': untrusted."
    assert flow == Flow("s", "/to/0", "send", "recipient", why, inferred=True)
    decision = decide((flow,), "needs_approval")
    assert decision is not None
    assert (decision.verdict, decision.reasons, decision.exact) == ("needs_approval", (why,), True)
    assert decide((), "deny") is None


def test_a_flow_rule_lets_one_connector_flow_to_another() -> None:
    steps = INBOX, one("p", "publish", text=REF)
    for rule, is_held in ((("mail", "board"), True), (("*", "board"), True), (("board", "mail"), False)):
        held = Containment(HELD.trust, {}, HELD.public, (FlowRule(*rule),))
        assert (flows(*steps, held=held) == []) is is_held


def test_what_a_person_plans_is_theirs_but_not_what_backends_answer() -> None:
    held = Containment(Trust(is_person=True))
    assert flows(one("s", "send", to=listed(EVIL)), held=held) == []
    assert flows(INBOX, one("s", "send", to=listed(REF)), held=held) == [("s", "/to/0", "recipient")]


def test_what_a_model_put_into_a_plan_is_nobodys_word_whoever_hands_it_in() -> None:
    made_up = {"kind": "default", "value": "eve@evil.test", "origin": "model"}
    send = one("s", "send", to=listed(made_up), folder={"kind": "default", "value": "sent", "origin": "model"})
    assert flows(send, held=Containment(Trust(is_person=True))) == [("s", "/to/0", "recipient")]


def test_what_a_plan_says_is_remembered_and_is_not_is_nobodys_word_whoever_hands_it_in() -> None:
    claimed = {"kind": "default", "value": "anna@example.com", "origin": "fact:f1"}
    send = one("s", "send", to=listed(claimed))
    assert flows(send, held=Containment(Trust(is_person=True))) == [("s", "/to/0", "recipient")]


def test_a_manifest_says_what_arguments_are_and_are_not() -> None:
    mail = Manifest(
        "mail", trusted_answers=True, sinks={"send": {"subject": "recipient", "to": "none"}}, public=("send",)
    )
    held = contain([mail], (), is_person=False)
    assert (held.trust.connectors, held.public) == ({"mail"}, {"send"})
    sinks = sinks_of(TOOLS["send"], held.sinks["send"])
    assert sinks[0] == Sink("/subject", "recipient")
    assert {one.pointer for one in sinks[1:]} == {"/reply/address", "/link"}


def test_what_a_document_says_of_an_argument_holds_and_what_it_does_not_say_is_guessed_from_names_and_formats() -> None:
    body = {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "x-factotum": {"sink": "amount"}},
            "cc": {"type": "string", "format": "date"},
            "ToRecipients": {"type": "array", "items": {"type": "object"}},
            "webhook_url": TEXT,
        },
    }
    (tool,) = tools_of("bank", {**operation("pay", None, body), "x-factotum": {"public": True}}, pay="post").values()
    assert tool.extension is not None
    assert tool.extension.public
    assert sinks_of(tool, {}) == (
        Sink("/amount", "amount"),
        Sink("/ToRecipients", "recipient", inferred=True),
        Sink("/webhook_url", "url", inferred=True),
    )


def test_policies_read_integrity_origins_and_roles() -> None:
    steps = INBOX, one("s", "send", to=listed(REF, said("bob@example.com")), subject={**EVIL})
    judged = Flows(told(*steps), TOOLS, HELD).of_step("s", TOOLS["send"])
    assert judged.labels == {"user", "untrusted", "user:recipient", "untrusted:recipient", "from:mail"}


def test_what_a_model_says_that_has_read_may_be_whatever_was_answered_before_it() -> None:
    reads = {"kind": "default", "value": "three things", "origin": MODEL_SEEN}
    assert flows(INBOX, WHO, one("p", "publish", text=reads)) == [("p", "/text", "public")]
    labels = Flows(told(INBOX, WHO, one("p", "publish", text=reads)), TOOLS, HELD).of_step("p", TOOLS["publish"]).labels
    assert labels == {"untrusted", "from:mail", "from:people"}
    assert flows(one("p", "publish", text=reads), INBOX) == [], "what is listed later has not been read"
    sent = {"kind": "default", "value": "sent", "origin": MODEL_SEEN}
    told_so = Flows(told(INBOX, one("s", "send", folder=sent)), TOOLS, HELD).of_step("s", TOOLS["send"]).labels
    assert "untrusted" in told_so, "that the document offers it is no excuse"


def test_what_follows_on_a_call_is_as_it_was() -> None:
    found = Flows(told(INBOX, one("s", "send", subject=REF)), TOOLS, HELD).of_what_follows("s", TOOLS["open"])
    assert [one.sink for one in found.flows] == ["url"]


def test_a_value_of_several_is_trusted_as_the_least_of_them() -> None:
    labels = [Label("user"), Label("trusted", frozenset("a")), Label("untrusted", frozenset("b"))]
    assert join(labels) == Label("untrusted", frozenset("ab"))
    assert join(labels[:2]) == Label("trusted", frozenset("a"))
    assert join([]) == Label("user")


@pytest.mark.parametrize(
    ("words", "value", "is_it"),
    [
        ("bob@example.com", "bob@example.com", True),
        ("ob@example.com", "ob@example.com", False),
        ("example.com", "example.com", False),
        ("bob@example.co", "bob@example.co", False),
        ("carol@example.com", "carol@example.com", True),
        ("carol@example.com", "CAROL@example.com", False),
        ("3", 3, True),
        ("3", True, False),
        ("3", [3], False),
        ("https://example.com/a", "https://example.com/a", True),
        ("https://example.com", "https://example.com", False),
    ],
)
def test_only_what_stands_whole_in_the_words_was_said(words: str, value: Any, is_it: bool) -> None:
    start = INTENT.index(words)
    assert is_said(INTENT, Span(start, start + len(words)), value) is is_it


def test_a_sink_is_met_above_at_and_beneath_it() -> None:
    sink = Sink("/a/-/b", "url")
    assert all(meets(sink, place) for place in ("/a", "/a/3", "/a/3/b", "/a/-/b/c", ""))
    assert not any(meets(sink, place) for place in ("/b", "/a/3/c", "/a/x/b"))


# Whatever a planner writes: values that nobody vouches for have a mark, and it is followed to where it comes out.

MARK = "eve"
WORDS = [word.strip(",") for word in INTENT.split()]


@st.composite
def leaf(draw: st.DrawFn, before: list[str], *, has_each: bool) -> Json:
    start = draw(st.integers(0, len(INTENT) - 1))
    end = draw(st.integers(start + 1, len(INTENT)))
    value = draw(st.sampled_from([INTENT[start:end], *WORDS, "eve@evil.test", "example.com.evil.test"]))
    kinds = [
        "literal",
        "span",
        "slot",
        "offer",
        "default",
        "read",
        *(["ref"] if before else []),
        *(["item"] if has_each else []),
    ]
    match draw(st.sampled_from(kinds)):
        case "literal":
            return {"kind": "literal", "value": value}
        case "span":
            return {"kind": "literal", "value": value, "span": {"start": start, "end": end}}
        case "slot":
            return {"kind": "slot", "question": "Which?"}
        case "offer":
            return {"kind": "slot", "question": "Which?", "schema": {"anyOf": [{"enum": [value]}]}}
        case "default":
            return {"kind": "default", "value": draw(st.sampled_from([value, "sent"])), "origin": "document"}
        case "read":
            return {"kind": "default", "value": draw(st.sampled_from([value, "sent"])), "origin": MODEL_SEEN}
        case "ref":
            pointer = draw(st.sampled_from(["", "/0/from", "/name"]))
            return {"kind": "ref", "step": draw(st.sampled_from(before)), "pointer": pointer}
        case _:
            return {"kind": "item", "pointer": draw(st.sampled_from(["", "/from"]))}


@st.composite
def sources(draw: st.DrawFn, before: list[str], *, has_each: bool) -> Json:
    inner = leaf(before, has_each=has_each)
    deep = st.one_of(
        inner,
        st.lists(inner, max_size=2).map(lambda told: listed(*told)),
        st.dictionaries(st.sampled_from(["address", "note", "to"]), inner, max_size=2).map(
            lambda told: {"kind": "object", "members": told}
        ),
    )
    names = st.sampled_from(["to", "subject", "reply", "link", "folder", "q", "url", "text", "body"])
    drawn: Json = draw(st.dictionaries(names, deep, max_size=4))
    return drawn


@st.composite
def any_plan(draw: st.DrawFn) -> Plan:
    steps: list[Json] = []
    for index in range(draw(st.integers(1, 5))):
        before = [one["name"] for one in steps]
        each = draw(st.none() | st.sampled_from(before)) if before else None
        step = one(
            f"s{index}", draw(st.sampled_from(sorted(TOOLS))), **draw(sources(before, has_each=each is not None))
        )
        if step["tool"] in ("send", "free", "publish") and draw(st.booleans()):
            look = leaf([*before, step["name"]], has_each=each is not None)
            step["verify"] = {"tool": "open", "arguments": {"url": draw(look), "to": draw(look)}}
        steps.append(step | ({"each": {"kind": "ref", "step": each}} if each else {}))
    return told(*steps)


class World:
    """What comes of a plan where every backend answers with all that it was asked, and all but one with the mark too."""

    def __init__(self, plan: Plan) -> None:
        self.answers: dict[str, str] = {}
        self.calls: list[tuple[Step, Json]] = []
        self.looks: list[tuple[Step, Json]] = []
        for step in plan.steps:
            arguments = fill(step.arguments, lambda place, leaf, step=step: self._value(step, leaf))
            self.calls.append((step, arguments))
            own = "" if TOOLS[step.tool].connector == "people" else MARK
            items = self.answers[step.each.step] if step.each is not None else ""
            self.answers[step.name] = json.dumps([arguments, own, items])
            if (verify := step.told_verify) is not None:
                looked = fill(verify.arguments, lambda place, leaf, step=step: self._value(step, leaf))
                self.looks.append((step, looked))

    def _value(self, step: Step, leaf: Leaf) -> str:
        match msgspec.to_builtins(leaf):
            case {"kind": "literal", "value": value, "span": {"start": start, "end": end}} if (
                value == INTENT[start:end] and value in WORDS
            ):
                return ""
            case {"kind": "default", "origin": origin} if origin == MODEL_SEEN:
                return MARK
            case {"kind": "default", "value": "sent"}:
                return "sent" if step.tool == "send" else MARK
            case {"kind": "slot", "question": _, "schema": _}:
                return MARK
            case {"kind": "slot"}:
                return "what the person answered"
            case {"kind": "ref", "step": name}:
                return self.answers[name]
            case {"kind": "item"}:
                assert isinstance(step.each, Ref)
                return self.answers[step.each.step]
        return MARK


def told_of(step: Step, value: Any) -> bool:
    """Whether a text is something that has members which the schema names."""
    return isinstance(value, str) and step.tool != "free"


GUARDED = {"send": ("/to", "/link", "/reply/address"), "open": ("/url",), "free": ("/body/to",)}


@given(any_plan())
def test_no_plan_sends_what_nobody_vouches_for_to_a_recipient_or_a_url_without_a_decision_that_says_so(
    plan: Plan,
) -> None:
    found = Flows(plan, TOOLS, HELD)
    everywhere = {(flow.step, flow.argument) for flow in found.all()}
    for step, arguments in World(plan).calls:
        judged = found.of_step(step.name, TOOLS[step.tool])
        assert {(flow.step, flow.argument) for flow in judged.flows} <= everywhere
        decision = decide(judged.flows, "needs_approval")
        for guarded in GUARDED.get(step.tool, ()):
            _, name, *beneath = guarded.split("/")
            value: Any = arguments.get(name, "")
            for key in beneath:
                # A text stands for all of what a backend answered; a list has no such member, and no tool takes it.
                value = value.get(key, "") if isinstance(value, dict) else value if told_of(step, value) else ""
            if MARK in json.dumps(value):
                assert decision is not None
                assert decision.exact
                assert any(reason.startswith(f"{step.tool}: /{name}") for reason in decision.reasons)


@given(any_plan())
def test_no_look_after_a_write_asks_a_url_that_nobody_vouches_for_without_a_decision_that_says_so(plan: Plan) -> None:
    found = Flows(plan, TOOLS, HELD)
    everywhere = {(flow.step, flow.argument) for flow in found.all()}
    for step, arguments in World(plan).looks:
        judged = found.of_look(step.name, TOOLS["open"])
        assert {(flow.step, flow.argument) for flow in judged.flows} <= everywhere
        decision = decide(judged.flows, "needs_approval")
        if MARK in json.dumps(arguments["url"]):
            assert decision is not None
            assert any(reason.startswith("open: /url") for reason in decision.reasons)
