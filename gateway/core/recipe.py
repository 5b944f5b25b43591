"""A recipe: a plan that a person wants to have again, with what is to be told anew each time. Shapes, and the plan that comes of
it; knows no store and no clock."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct, structs

from gateway.core import plan as plans
from gateway.core.diff import fingerprint
from gateway.core.english import words_of
from gateway.core.labels import Labels
from gateway.core.plan import Default, Leaf, Plan, Slot, Step, leaves, replace_leaves
from gateway.core.principal import Owner, Person
from gateway.core.reach import Place, place_of
from gateway.core.shelf import NO_SHELVES
from gateway.core.tool import Tool

PARAMETERS_MAX = 50
PLACES_MAX = 50
WORDS_MAX = 20
PHRASE_CHARACTERS_MAX = 500

RecipeName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
ParameterName = Annotated[str, Meta(pattern="^[a-zA-Z][a-zA-Z0-9_-]{0,63}$")]
Phrase = Annotated[str, Meta(min_length=1, max_length=PHRASE_CHARACTERS_MAX)]
Told = Annotated[str, Meta(max_length=1_000)]
RecipeState = Literal["pending", "active", "suspended"]

# What a parameter may be told by.
Given: TypeAlias = plans.Literal | Slot | Default


class RecipeParameter(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is told anew each time: where its value goes, each place the name of a step and a JSON Pointer among its arguments
    (`tell/subject`). `description` is the question that asks for it."""

    name: ParameterName
    places: Annotated[tuple[Annotated[str, Meta(max_length=600)], ...], Meta(min_length=1, max_length=PLACES_MAX)]
    description: Told = ""


class NewRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe to be. `words` are what it answers to, with `{name}` where a parameter is told; without any, the words of the
    intent are, as far as they say where its parameters stand."""

    name: RecipeName
    description: Told = ""
    words: Annotated[tuple[Phrase, ...], Meta(max_length=WORDS_MAX)] = ()
    parameters: Annotated[tuple[RecipeParameter, ...], Meta(max_length=PARAMETERS_MAX)] = ()


class Recipe(Struct, frozen=True):
    """As it is after `version` changes. `plan` has a Slot at each place of a parameter. `maker` is who put it there, of whose
    person it is; `source` is the intent that it was, "" where it came from elsewhere. `fingerprints` are those of its tools as
    somebody looked at them last, by name. `said` are the places (`step/argument`) of fixed values that were the person's own word
    in that intent; they are again, where `own`: the person's own yes made it active."""

    id: str
    name: str
    maker: Owner
    plan: Plan
    created_at: datetime
    fingerprints: dict[str, str]
    state: Literal["pending", "active"]
    description: str = ""
    words: tuple[str, ...] = ()
    parameters: tuple[RecipeParameter, ...] = ()
    source: str = ""
    said: tuple[str, ...] = ()
    own: bool = False
    approved_by: str = ""
    version: int = 1

    @property
    def person(self) -> Person:
        return self.maker[:3]

    @property
    def vouched(self) -> tuple[str, ...]:
        """The places of values that are the person's own word."""
        return self.said if self.own else ()


class Unpromotable(Exception):
    """Why no recipe comes of it, as a sentence."""


def template_of(plan: Plan, parameters: Sequence[RecipeParameter]) -> Plan:
    """The plan with a Slot at each place of a parameter. Raises Unpromotable."""
    told = {step.name + place: leaf for step in plan.steps for place, leaf in leaves(step.arguments)}
    slots: dict[str, Slot] = {}
    for one in parameters:
        if [other.name for other in parameters].count(one.name) > 1:
            raise Unpromotable(f"two parameters are named {one.name}")
        values = {_encoded(_value_of(told, place, one.name)) for place in one.places}
        if len(values) > 1:
            raise Unpromotable(f"the places of {one.name} have different values, so that they are several parameters")
        for place in one.places:
            if place in slots:
                raise Unpromotable(f"two parameters are at {place[:200]}")
            leaf = told[place]
            question = one.description or (leaf.question if isinstance(leaf, Slot) else ask_for(one.name))
            slots[place] = Slot(question, leaf.schema if isinstance(leaf, Slot) else None)
    return structs.replace(plan, recipe="", steps=tuple(_replaced(step, slots) for step in plan.steps))


def ask_for(name: str) -> str:
    return f"What shall the {name.replace('_', ' ').replace('-', ' ')} be?"


def _value_of(told: Mapping[str, Leaf], place: str, name: str) -> Any:
    match told.get(place):
        case plans.Literal(value=value) | Default(value=value):
            return value
        case Slot():
            return None
        case None:
            known = ", ".join(sorted(told)[:20])
            raise Unpromotable(f"{name} is nowhere: there is no {place[:200]}; there are {known}")
        case _:
            raise Unpromotable(f"{name} cannot be at {place[:200]}: what stands there comes from another step")


def _replaced(step: Step, instead: Mapping[str, Leaf]) -> Step:
    """A step with other sources at some places."""

    def at(place: str, leaf: Leaf) -> Leaf:
        return instead.get(step.name + place, leaf)

    return structs.replace(step, arguments=replace_leaves(step.arguments, at))


def words_for(plan: Plan, parameters: Sequence[RecipeParameter]) -> tuple[str, ...]:
    """The words of the intent with `{name}` in place of what was said for a parameter, where that leaves some of their own. None
    where they do not say where a value of a parameter stands."""
    told = {step.name + place: leaf for step in plan.steps for place, leaf in leaves(step.arguments)}
    found: dict[tuple[int, int], str] = {}
    for one in parameters:
        for leaf in (told.get(place) for place in one.places):
            if isinstance(leaf, plans.Literal) and leaf.span is None:
                return ()
            if isinstance(leaf, plans.Literal) and leaf.span is not None:
                found[leaf.span.start, leaf.span.end] = one.name
    phrase, after = plan.intent, len(plan.intent)
    for (start, end), name in sorted(found.items(), reverse=True):
        if end > after:
            return ()
        phrase, after = f"{phrase[:start]}{{{name}}}{phrase[end:]}", start
    words = (phrase.strip(),) if 0 < len(phrase.strip()) <= PHRASE_CHARACTERS_MAX else ()
    try:
        check_words(words, parameters)
    except Unpromotable:
        return ()
    return words


def said_in(
    plan: Plan, parameters: Sequence[RecipeParameter], labels: Labels, tools: Mapping[str, Tool]
) -> Iterator[str]:
    """The places of fixed values that are the person's own word in a plan, and stay so where it looks after the step too."""
    free = {place for one in parameters for place in one.places}
    for step in plan.steps:
        tool, verify = tools.get(step.tool), step.told_verify
        look = tools.get(verify.tool) if verify is not None else None
        if tool is None:
            continue
        looked = leaves(verify.arguments) if verify is not None and look is not None else ()
        other = {place for place, leaf in looked if look and labels.of(step, look, place, leaf).integrity != "user"}
        for place, leaf in leaves(step.arguments):
            is_fixed = isinstance(leaf, plans.Literal | Default) and step.name + place not in free
            if is_fixed and place not in other and labels.of(step, tool, place, leaf).integrity == "user":
                yield step.name + place


def instance(recipe: Recipe, intent: str, given: Mapping[str, Given]) -> Plan:
    """The plan of a recipe for an intent, with what is given for its parameters, by their names; the rest is asked. Its fixed
    values have no spans: they are not in these words."""
    bare = structs.replace(recipe.plan, steps=tuple(map(_without_spans, recipe.plan.steps)))
    places = {one.name: one.places for one in recipe.parameters}
    return structs.replace(with_given(bare, places, given), intent=intent, recipe=recipe.name)


def with_given(plan: Plan, places: Mapping[str, Sequence[str]], given: Mapping[str, Given]) -> Plan:
    """A plan with what is given for parameters, each at its places."""
    told = {place: given[name] for name, each in places.items() if name in given for place in each}
    return structs.replace(plan, steps=tuple(_replaced(step, told) for step in plan.steps))


def is_instance(recipe: Recipe, plan: Plan) -> bool:
    """Whether a plan is that of the recipe, whatever its parameters are given."""
    told = {step.name + place: leaf for step in plan.steps for place, leaf in leaves(step.arguments)}
    given = {
        one.name: leaf
        for one in recipe.parameters
        if isinstance(leaf := told.get(one.places[0]), plans.Literal | Slot | Default)
    }
    same = instance(recipe, plan.intent, given)
    return same == plan and _encoded(same.steps) == _encoded(plan.steps)


def _without_spans(step: Step) -> Step:
    def bare(_: str, leaf: Leaf) -> Leaf:
        return structs.replace(leaf, span=None) if isinstance(leaf, plans.Literal) else leaf

    verify = step.told_verify
    if verify is not None:
        looked, shown = replace_leaves(verify.arguments, bare), replace_leaves(verify.shows, bare)
        step = structs.replace(step, verify=structs.replace(verify, arguments=looked, shows=shown))
    return structs.replace(step, arguments=replace_leaves(step.arguments, bare))


def phrase_of(recipe: Recipe, given: Mapping[str, Any]) -> str:
    """What a recipe is called for, in words: its first ones, with what is given."""
    phrase = next(iter(recipe.words), recipe.description or recipe.name)
    for name, value in given.items():
        told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        phrase = phrase.replace(f"{{{name}}}", told)
    return phrase[: plans.INTENT_CHARACTERS_MAX]


def tools_of(plan: Plan) -> tuple[str, ...]:
    """The names of the tools that it calls."""
    names = [name for step in plan.steps for name in (step.tool, step.told_verify.tool if step.told_verify else "")]
    return tuple(dict.fromkeys(filter(None, names)))


def fingerprints_of(plan: Plan, tools: Mapping[str, Tool]) -> dict[str, str]:
    """Those of its tools that are there."""
    return {name: fingerprint(tools[name]) for name in tools_of(plan) if name in tools}


def what_changed(recipe: Recipe, tools: Mapping[str, Tool]) -> str:
    """What is not as somebody looked at it last, as a sentence; "" where all is."""
    for name, known in sorted(recipe.fingerprints.items()):
        if name not in tools:
            return f"There is no {name} any more."
        if fingerprint(tools[name]) != known:
            return f"{name} is not what it was."
    return ""


def face_of(recipe: Recipe, tools: Mapping[str, Tool]) -> Tool | None:
    """A recipe as a search looks at a tool; None where it has none of its tools."""
    first = next((tools[step.tool] for step in recipe.plan.steps if step.tool in tools), None)
    if first is None:
        return None
    told = ". ".join(filter(None, (recipe.description, *recipe.words)))
    title = recipe.name.replace("-", " ").replace("_", " ")
    nothing = Raw(b'{"type":"object","properties":{}}')
    shown = structs.replace(first, name=recipe.name, title=title, description=told, inputs=nothing, outputs=Raw(b""))
    return structs.replace(
        shown, compact=nothing, tags=(), extension=None, answers=(), related=None, shelves=NO_SHELVES
    )


def asked_by(recipe: Recipe, parameter: RecipeParameter, tools: Mapping[str, Tool]) -> Place:
    """What the tools take for a parameter, by the first of its places."""
    name, mark, pointer = parameter.places[0].partition("/")
    tool = next((tools.get(step.tool) for step in recipe.plan.steps if step.name == name), None)
    return place_of(tool.input_schema).at(mark + pointer) if tool is not None else Place((), {})


def check_words(words: Sequence[str], parameters: Sequence[RecipeParameter]) -> None:
    """Raises Unpromotable where words could answer to anything, or tell what is no parameter."""
    names = {one.name for one in parameters}
    for phrase in words:
        parts = split_phrase(phrase)
        unknown = [part for is_name, part in parts if is_name and part not in names]
        if unknown:
            raise Unpromotable(f"the words “{phrase[:80]}” tell {unknown[0][:64]!r}, which is no parameter")
        told = [part for is_name, part in parts if is_name]
        if len(set(told)) < len(told):
            raise Unpromotable(f"the words “{phrase[:80]}” tell a parameter twice")
        if not any(one.text.isalnum() for is_name, part in parts if not is_name for one in words_of(part)):
            raise Unpromotable(f"the words “{phrase[:80]}” have none of their own")


def split_phrase(phrase: str) -> tuple[tuple[bool, str], ...]:
    """The words of a phrase and the names of its parameters, in order: whether each is a name, and which."""
    parts: list[tuple[bool, str]] = []
    rest = phrase
    while rest:
        before, mark, behind = rest.partition("{")
        name, end, after = behind.partition("}")
        if not mark or not end:
            parts.append((False, rest))
            break
        parts += [(False, before)] if before.strip() else []
        parts.append((True, name))
        rest = after
    return tuple(part for part in parts if part[1].strip())


def _encoded(value: Any) -> bytes:
    """As JSON: true is no 1."""
    return msgspec.json.encode(value, order="deterministic")
