"""Flows of a plan that harm: a value that nobody vouches for decides who gets something or which URL is asked, and what is
private to one connector becomes public through another. Found on the plan before anything is called, and again at each call."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.core.decision import Decision, PlanOf
from gateway.core.fact import ORIGIN, What
from gateway.core.labels import Label, Labels, Trust
from gateway.core.manifest import Manifest
from gateway.core.plan import Default, Item, Leaf, Moment, Pick, Plan, Ref, Slot, Step, in_order, leaves
from gateway.core.plan import Literal as Told
from gateway.core.reach import Place, place_of
from gateway.core.sinks import Said, Sink, meets, sinks_of, unnamed_sinks
from gateway.core.tool import Tool

POINTER_SHOWN_MAX = 100
REASONS_MAX = 10
WORDS_SHOWN_MAX = 200
SOURCES_SHOWN_MAX = 5
ANY = "*"

Verdict = Literal["deny", "needs_approval"]
Harm = Literal["recipient", "url", "public"]
_GUARDED: Mapping[str, Harm] = {"recipient": "recipient", "url": "url"}
_IS: Mapping[Harm, str] = {"recipient": "decides who gets it", "url": "decides which URL is asked"}


class FlowRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What the connector `from` answers may be made public through the connector `to`; `*` is any."""

    from_: Annotated[str, Meta(min_length=1)] = field(name="from")
    to: Annotated[str, Meta(min_length=1)]

    def allows(self, origin: str, target: str) -> bool:
        return self.from_ in (ANY, origin) and self.to in (ANY, target)


class Containment(Struct, frozen=True):
    """What is believed of values and said of tools: `sinks` of a tool's arguments, which tools make `public` what they are
    given, and the `rules` that let it through."""

    trust: Trust = Trust()
    sinks: Mapping[str, Mapping[str, Said]] = {}
    public: frozenset[str] = frozenset()
    rules: tuple[FlowRule, ...] = ()


class Flow(Struct, frozen=True):
    """One flow that harms: at which argument (a JSON Pointer) of which step, what it does there, and why it is not let through,
    as a sentence. `inferred`: nobody said that the argument is such a one, its name or format shows it."""

    step: str
    argument: str
    tool: str
    sink: Harm
    detail: str
    inferred: bool = False


class Judged(Struct, frozen=True):
    """One call: the labels of its arguments, as policies are told of them, and the flows that harm."""

    labels: frozenset[str]
    flows: tuple[Flow, ...]


def contain(
    manifests: Iterable[Manifest],
    rules: tuple[FlowRule, ...],
    *,
    is_person: bool,
    vouched: Iterable[str] = (),
    facts: Mapping[str, What] | None = None,
) -> Containment:
    """What these connectors and rules say. `is_person`: a person wrote the plan; `vouched` and `facts` as in Trust."""
    told = tuple(manifests)
    trusted = frozenset(one.name for one in told if one.trusted_answers)
    return Containment(
        Trust(trusted, is_person, frozenset(vouched), facts or {}),
        {tool: sinks for one in told for tool, sinks in one.sinks.items()},
        frozenset(tool for one in told for tool in one.public),
        rules,
    )


def decide(flows: tuple[Flow, ...], verdict: Verdict) -> Decision | None:
    """The decision that flows ask for; None where there is none. No grant but one for exactly this call is a yes to it."""
    if not flows:
        return None
    reasons = dict.fromkeys(one.detail for one in flows[:REASONS_MAX])
    return Decision(verdict, tuple(reasons), exact=True)


def require_yes(decision: Decision | None, reason: str, plan: PlanOf | None) -> Decision:
    """The same, or where it lets a call through that a person's yes, to it or to all of the plan, or a grant is needed."""
    if decision is None or decision.allowed:
        return Decision("needs_approval", (reason,), plan=plan)
    return decision


def planned_from(intent: str) -> str:
    """Why a write of a plan that was made of words needs a yes."""
    told = intent if len(intent) <= WORDS_SHOWN_MAX else f"{intent[:WORDS_SHOWN_MAX]}…"
    return f"It was planned from the words “{told}”: a person says whether they mean this."


class Flows:
    """The flows of one plan, as its tools are now."""

    def __init__(self, plan: Plan, tools: Mapping[str, Tool], containment: Containment) -> None:
        self._plan = plan
        self._tools = tools
        self._containment = containment
        self._steps = {step.name: step for step in plan.steps}
        self._labels = Labels(plan, tools, containment.trust)
        self._sinks_of: dict[str, tuple[Sink, ...]] = {}
        self._roots: dict[str, Place] = {}

    def all(self) -> tuple[Flow, ...]:
        """Those of every step, in order, and of what looks after it. Raises Circular."""
        return tuple(flow for step in in_order(self._plan) for flow in self._of(step))

    def _of(self, step: Step) -> Iterator[Flow]:
        tool, verify = self._tools.get(step.tool), step.told_verify
        look = self._tools.get(verify.tool) if verify is not None else None
        yield from self.of_step(step.name, tool).flows if tool is not None else ()
        yield from self.of_look(step.name, look).flows if look is not None else ()

    def of_step(self, name: str, tool: Tool) -> Judged:
        """Those of a call of a step."""
        step = self._steps[name]
        return self._judge(step, tool, tuple(leaves(step.arguments)))

    def of_look(self, name: str, tool: Tool) -> Judged:
        """Those of the look after a call of a step."""
        verify = self._steps[name].told_verify
        if verify is None:
            return self.of_what_follows(name, tool)
        return self._judge(self._steps[name], tool, tuple(leaves(verify.arguments)))

    def of_what_follows(self, name: str, tool: Tool) -> Judged:
        """Those of a call that is made of what a step was called with and answered: one that takes it back, or looks."""
        step, every = self._steps[name], f"what {name} was called with and answered"
        label = self._labels.answer(name)
        flows = self._judge_value(step, tool, "", label, every)
        return Judged(_tell(label, ()), tuple(flows))

    def _judge(self, step: Step, tool: Tool, values: tuple[tuple[str, Leaf], ...]) -> Judged:
        labels: frozenset[str] = frozenset()
        flows: list[Flow] = []
        sinks = self._sinks(tool)
        for place, leaf in values:
            label = self._labels.of(step, tool, place, leaf)
            labels |= _tell(label, (one for one in sinks if meets(one, place)))
            named = self._unnamed(tool, place, leaf) if label.integrity == "untrusted" else ()
            flows += self._judge_value(step, tool, place, label, self._say(step, leaf), named)
        return Judged(labels, tuple(flows))

    def _judge_value(
        self, step: Step, tool: Tool, place: str, label: Label, origin: str, named: tuple[Sink, ...] = ()
    ) -> Iterator[Flow]:
        """What harms about one value; `named` are sinks that only the plan names."""
        met = [one for one in (*self._sinks(tool), *named) if one.role in _GUARDED and meets(one, place)]
        for sink in met if label.integrity == "untrusted" else ():
            harm, at = _GUARDED[sink.role], place or sink.pointer
            why = f"{tool.name}: {at[:POINTER_SHOWN_MAX]} {_IS[harm]}, and is from {origin}: untrusted."
            yield Flow(step.name, at, tool.name, harm, why, sink.inferred)
        if self._is_public(tool) and (leaks := self._leaks(tool, label)):
            names = ", ".join(leaks[:SOURCES_SHOWN_MAX])
            what = f"{place[:POINTER_SHOWN_MAX] or 'what it is given'} is from {origin}"
            why = f"{tool.name} makes public what it is given: {what}, and no flow rule lets {names} flow there."
            yield Flow(step.name, place, tool.name, "public", why)

    def _sinks(self, tool: Tool) -> tuple[Sink, ...]:
        if tool.name not in self._sinks_of:
            self._sinks_of[tool.name] = sinks_of(tool, self._said(tool))
        return self._sinks_of[tool.name]

    def _unnamed(self, tool: Tool, place: str, leaf: Leaf) -> tuple[Sink, ...]:
        if tool.name not in self._roots:
            self._roots[tool.name] = place_of(tool.input_schema)
        value = leaf.value if isinstance(leaf, Told | Default) else None
        return unnamed_sinks(tool, self._roots[tool.name], self._said(tool), place, value)

    def _said(self, tool: Tool) -> Mapping[str, Said]:
        return self._containment.sinks.get(tool.name, {})

    def _is_public(self, tool: Tool) -> bool:
        return tool.name in self._containment.public or (tool.extension is not None and tool.extension.public)

    def _leaks(self, tool: Tool, label: Label) -> list[str]:
        """The connectors whose answers must not become public by this tool."""
        rules = self._containment.rules
        return sorted(one for one in label.connectors if not any(rule.allows(one, tool.connector) for rule in rules))

    def _say(self, step: Step, leaf: Leaf) -> str:
        """Where a value comes from, in words."""
        match leaf:
            case Told():
                return "the plan, and not in the words of the intent"
            case Default(origin=origin) if origin.startswith(ORIGIN):
                return "the plan, and nothing that is remembered says so"
            case Default():
                return "the plan, and no default that its document tells"
            case Slot():
                return "an answer that the plan offered"
            case Ref(step=name, pointer=pointer):
                return f"what {name} ({self._tool_of(name)}) answered at {pointer[:POINTER_SHOWN_MAX]!r}"
            case Moment():
                return "the time at which it began"
            case Pick(step=name, pointer=pointer):
                return f"one of what {name} ({self._tool_of(name)}) answered, at {pointer[:POINTER_SHOWN_MAX]!r}"
            case Item(pointer=pointer):
                name = step.each.step if step.each is not None else ""
                return f"an item of {name} ({self._tool_of(name)}), at {pointer[:POINTER_SHOWN_MAX]!r}"

    def _tool_of(self, name: str) -> str:
        return self._steps[name].tool if name in self._steps else ""


def _tell(label: Label, met: Iterable[Sink]) -> frozenset[str]:
    """As policies read it: `untrusted`, `from:mail`, and `untrusted:recipient` where it goes into such a sink."""
    sinks = (f"{label.integrity}:{one.role}" for one in met)
    return frozenset((label.integrity, *sinks, *(f"from:{one}" for one in label.connectors)))
