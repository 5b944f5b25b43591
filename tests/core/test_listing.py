"""Which tool finds the things that an argument names one of."""

from typing import Any

from gateway.core.compile import compile_document
from gateway.core.listing import lister_of
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.tool import Tool
from gateway.core.wanted import wanted_of

URI = "https://documents.example/openapi.json"


def films(*paths: str) -> dict[str, Tool]:
    """Tools by their paths: each answers with a list of films, and needs what stands in its path; a search needs words."""
    things = {"type": "object", "properties": {"id": {"type": "integer"}, "title": {"type": "string"}}}
    answer = {"type": "object", "properties": {"results": {"type": "array", "items": things}}}
    content = {"application/json": {"schema": answer}}
    told: dict[str, Any] = {}
    for path in paths:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "integer"}} for name in names]
        if "search" in path:
            parameters.append({"name": "query", "in": "query", "required": True, "schema": {"type": "string"}})
        told[path] = {"get": {"parameters": parameters, "responses": {"200": {"description": "", "content": content}}}}
    tree = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": told}
    tools = compile_document(Manifest(name="films"), Documents(URI, {URI: tree}), "digest").tools
    return {one.operation.path: one for one in tools}


def lister(tools: dict[str, Tool], path: str) -> str:
    tool = tools[path]
    found = lister_of(tool, wanted_of(tool)[0], {one.name: one for one in tools.values()})
    return f"{found.tool.operation.path} {found.items} {found.key}" if found is not None else ""


def test_an_id_in_a_path_is_found_by_the_search_for_what_stands_before_it() -> None:
    tools = films(
        "/movie/{movie_id}/reviews", "/search/movie", "/search/tv", "/discover/movie", "/keyword/{keyword_id}/movies"
    )
    assert lister(tools, "/movie/{movie_id}/reviews") == "/search/movie /results /id"


def test_two_searches_for_the_same_are_none() -> None:
    tools = films("/tv/{series_id}/reviews", "/search/tv", "/archive/search/tv")
    assert lister(tools, "/tv/{series_id}/reviews") == ""
