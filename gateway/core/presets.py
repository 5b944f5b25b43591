"""Defaults that a person had remembered, where a plan would ask. Pure: a plan in, a plan out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.fact import Fact, Preset, Setting, gives, name_words, setting_for, value_of
from gateway.core.plan import Default, Plan, Slot, Source, Step
from gateway.core.pointer import escape
from gateway.core.sinks import meets, sinks_of
from gateway.core.tool import Tool
from gateway.core.wanted import AMOUNTS, Wanted, names_thing, wanted_of

GUARDED = frozenset(["recipient", "url", "amount"])


class Fill(Struct, frozen=True):
    """One argument that a fact filled."""

    step: str
    argument: str
    value: Any
    fact: Fact


def fill_open(plan: Plan, facts: Sequence[Fact], tools: Mapping[str, Tool]) -> tuple[Plan, tuple[Fill, ...]]:
    """The plan with what the defaults say in place of questions, and, of what reads, with the settings (units, zone, locale) that a
    tool takes. A default never says what a write is done to, who gets something, which URL, or how much; and of what deletes
    or changes a thing it says nothing at all."""
    usable = [one for one in facts if isinstance(one.what, Preset | Setting)]
    fills: list[Fill] = []
    steps = []
    for step in plan.steps if usable else ():
        told = [*_fills(step, tools[step.tool], usable)] if step.tool in tools else []
        filled = {one.argument: Default(one.value, one.fact.origin) for one in told}
        steps.append(structs.replace(step, arguments={**step.arguments, **filled}) if told else step)
        fills += told
    return (structs.replace(plan, steps=tuple(steps)), tuple(fills)) if fills else (plan, ())


def _fills(step: Step, tool: Tool, facts: Sequence[Fact]) -> Iterator[Fill]:
    role = tool.related.role if tool.related else ""
    if tool.effect == "destructive" or (tool.effect == "write" and role in ("update", "replace", "delete")):
        return
    validator = compile_arguments(tool.input_schema)
    guarded = [one for one in sinks_of(tool, {}) if one.role in GUARDED] if tool.effect != "read" else []
    for one in wanted_of(tool):
        source = step.arguments.get(one.name)
        slot = source if isinstance(source, Slot) else None
        if not _is_open(source) or (tool.effect != "read" and _is_kept(one, role)):
            continue
        if any(meets(sink, f"/{escape(one.name)}") for sink in guarded):
            continue
        for fact in _fitting(one, tool, facts, is_asked=source is not None, creates=role == "create"):
            value = _value(fact, one, slot)
            problems = check_arguments(validator, {one.name: value}, lambda each: each.expected != "required")
            if value is not None and not any(each.argument == one.name for each in problems):
                yield Fill(step.name, one.name, value, fact)
                break


def _is_open(source: Source | None) -> bool:
    """Whether nobody has said anything of it: where words may mean several values, the person is asked which."""
    match source:
        case None | Default(origin="the document"):
            return True
        case Slot(schema=schema):
            return schema is None or "enum" not in schema
    return False


def _is_kept(one: Wanted, role: str) -> bool:
    """Whether it is for the person to say in a write: what it is done to, unless it is where something is made, and how much."""
    return (names_thing(one) and role != "create") or bool(set(one.words) & AMOUNTS)


def _fitting(one: Wanted, tool: Tool, facts: Sequence[Fact], *, is_asked: bool, creates: bool) -> list[Fact]:
    """The facts that are about this argument, those of the connector first. What no question needs is filled by a setting where
    something is read, and by a default of the connector where something is made."""
    fitting = []
    for fact in facts:
        match fact.what:
            case Preset(argument=argument, connector=of) if name_words(argument) == name_words(one.name):
                if of == tool.connector or (of == "" and is_asked):
                    fitting.append(fact)
            case Setting(name=name) if setting_for(one.name) == name and (is_asked or tool.effect == "read"):
                fitting.append(fact)
    if not is_asked and not creates:
        fitting = [fact for fact in fitting if isinstance(fact.what, Setting)]
    return sorted(fitting, key=lambda fact: isinstance(fact.what, Preset) and not fact.what.connector)


def _value(fact: Fact, one: Wanted, slot: Slot | None) -> Any:
    """What the fact says here: as the choices have it, where there are some; None where none of them is meant."""
    told = value_of(fact.what)
    choices = [*_choices(one.schema), *_choices(slot.schema or {} if slot is not None else {})]
    if choices:
        return next((const for const, title in choices if gives(fact.what, const) or _same(title, told)), None)
    if isinstance(fact.what, Setting) and fact.what.name == "units":
        return None
    language = ("language",), ("lang",)
    return str(told).partition("-")[0] if isinstance(fact.what, Setting) and one.words in language else told


def _choices(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    named = [(each["const"], str(each.get("title", ""))) for each in schema.get("anyOf", ()) if "const" in each]
    return named or [(each, "") for each in schema.get("enum", ())]


def _same(title: str, told: Any) -> bool:
    return bool(title) and isinstance(told, str) and title.casefold() == told.casefold()
