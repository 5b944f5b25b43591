"""Sentence templates: what a connector's people say to it, and the steps that it comes to. Shapes, and how a sentence fits one.

A template is written by whoever wrote the connector, and names tools of that connector alone. Its steps are those of a plan,
as if a step of the name `things.name` had listed what the sentence names: each with `/id` and `/count`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated

from msgspec import Meta, Struct, structs

from gateway.core.plan import Item, Leaf, Listed, Pick, Pointer, Ref, Shape, Source, Step, StepName

TEMPLATES_MAX = 50
SENTENCES_MAX = 20
TEMPLATE_STEPS_MAX = 20

Sentence = Annotated[str, Meta(pattern=r"^[a-z' ]*\{[a-z_]{1,30}\}[a-z' ]*$", min_length=3, max_length=200)]
ToolName = Annotated[str, Meta(min_length=1, max_length=200)]


class ThingsTold(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the braces of the sentence stand for: a list of things, each looked for by its words with `tool`, which takes them
    as the argument `query`. `items` points to the list in its answer; `id` and, where things come in packs ("500 g"), `pack`
    into each."""

    name: StepName
    tool: ToolName
    query: Annotated[str, Meta(min_length=1, max_length=200)]
    id: Pointer
    items: Pointer = ""
    pack: Pointer = ""


class Template(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sentences, such as `order {products}`, and what they come to. A step whose `each` refers to `things.name` is there for
    every thing that was named; its items have `/id` and `/count`. `note` is what people are told of it besides."""

    say: Annotated[tuple[Sentence, ...], Meta(min_length=1, max_length=SENTENCES_MAX)]
    things: ThingsTold
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=TEMPLATE_STEPS_MAX)]
    note: Annotated[str, Meta(max_length=300)] = ""


def fits(template: Template, told: str) -> tuple[int, int] | None:
    """Which characters of a command, read from its verb on, stand where the braces are, by any of its sentences; None where none is
    what it says."""
    for sentence in template.say:
        before, _, rest = sentence.partition("{")
        after = rest.partition("}")[2]
        wanted = rf"\s*{_spaced(before)}(?P<things>\S.*?){_spaced(after)}(?:,?\s+please)?\s*[.!?]*\s*"
        if found := re.fullmatch(wanted, told, re.IGNORECASE | re.DOTALL):
            return found.span("things")
    return None


def steps_of(template: Template, things: Sequence[Mapping[str, Source]], prefix: str) -> tuple[Step, ...]:
    """The steps for these things, each a source by pointer; their names begin with `prefix`."""
    return tuple(chain.from_iterable(_steps(template, step, things, prefix) for step in template.steps))


def tools_of(template: Template) -> frozenset[str]:
    """The names of all the tools that it calls."""
    verifying = (step.told_verify for step in template.steps)
    return frozenset(
        [template.things.tool, *(step.tool for step in template.steps), *(one.tool for one in verifying if one)]
    )


def _spaced(words: str) -> str:
    told = r"\s+".join(re.escape(word) for word in words.split())
    return (r"\s+" if words[:1] == " " else "") + told + (r"\s+" if told and words[-1:] == " " else "")


def _steps(template: Template, step: Step, things: Sequence[Mapping[str, Source]], prefix: str) -> Iterable[Step]:
    if step.each is None or step.each.step != template.things.name:
        yield _step(step, step.each, prefix, step.name, {})
        return
    for number, thing in enumerate(things, 1):
        yield _step(step, None, prefix, f"{step.name}-{number}", thing)


def _step(step: Step, each: Ref | None, prefix: str, name: str, thing: Mapping[str, Source]) -> Step:
    """The step of this name, with what it says of the thing filled in, and the steps that it refers to by their new names."""

    def filled(source: Source) -> Source:
        match source:
            case Shape(members=members):
                return Shape({key: filled(one) for key, one in members.items()})
            case Listed(items=items):
                return Listed(tuple(filled(one) for one in items))
            case _:
                return told(source)

    def told(leaf: Leaf) -> Source:
        if isinstance(leaf, Item) and leaf.pointer in thing:
            return thing[leaf.pointer]
        return structs.replace(leaf, step=f"{prefix}-{leaf.step}") if isinstance(leaf, Ref | Pick) else leaf

    return structs.replace(
        step,
        name=f"{prefix}-{name}",
        arguments={key: filled(one) for key, one in step.arguments.items()},
        each=None if each is None else structs.replace(each, step=f"{prefix}-{each.step}"),
    )
