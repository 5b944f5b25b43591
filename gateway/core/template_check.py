"""Whether the sentence templates of a manifest hold against the tools that its document gave."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.core.manifest import Manifest
from gateway.core.plan import Plan, Slot, Source
from gateway.core.plan_check import check_plan
from gateway.core.reach import place_of
from gateway.core.template import Template, steps_of, tools_of
from gateway.core.tool import Repair, Tool

_ANY_THING: Mapping[str, Source] = {"/id": Slot("Which?"), "/count": Slot("How many?")}


def broken_templates(manifest: Manifest, tools: Sequence[Tool]) -> Iterator[Repair]:
    """Those that no plan can come of, each with the first thing that is wrong."""
    known = {tool.name: tool for tool in tools}
    loose = (manifest.name,) if manifest.undeclared_fields else ()
    for index, template in enumerate(manifest.templates):
        if wrong := _wrong(template, known, loose):
            yield Repair(f"manifest#/templates/{index}", "template-broken", f"{wrong}.")


def _wrong(template: Template, known: Mapping[str, Tool], loose: Sequence[str]) -> str:
    if missing := sorted(tools_of(template) - known.keys()):
        return f"there is no tool {missing[0]!r} of this connector"
    told, looked = template.things, known[template.things.tool]
    if looked.effect != "read":
        return f"{looked.name} does more than read, so that nothing is looked for with it"
    if told.query not in place_of(looked.input_schema).names:
        return f"{looked.name} has no argument {told.query!r}"
    problems = check_plan(Plan("", steps_of(template, [_ANY_THING], "template")), known, loose)
    return f"{problems[0].step}{problems[0].argument}: {problems[0].detail}".rstrip(".") if problems else ""
