"""What a model reads of a tool: one text, for the tools of a catalog and for those that models are trained with."""

from collections.abc import Iterable

from gateway.core.tool import Tool

DESCRIPTION_CHARACTERS_MAX = 300
ARGUMENTS_MAX = 12


def tell_tool(api: str, name: str, title: str, description: str, arguments: Iterable[str]) -> str:
    """The text. What comes first weighs most, for a model reads a bounded part of it."""
    named = ", ".join(list(arguments)[:ARGUMENTS_MAX])
    said = " ".join(description[:DESCRIPTION_CHARACTERS_MAX].split())
    told = said if said.startswith(title) else f"{title}. {said}"
    return f"{api}: {name}. {told} ({named})"


def text_of_tool(tool: Tool, api: str) -> str:
    """Of a tool of a catalog; `api` is the title of its connector."""
    operation = tool.operation
    arguments = [parameter.argument for parameter in operation.parameters]
    arguments += [field.argument for field in operation.body.fields] if operation.body else []
    return tell_tool(api, tool.name, tool.title, tool.description, arguments)
