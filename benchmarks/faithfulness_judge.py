"""A judge of requests that we did not write: openapi-core reads a request back against the document that it was built from.

The document is handed over as it stands, one operation at a time (its path search is linear, and which of several paths
that fit is meant is the document's affair); a Swagger 2.0 document is first told as OpenAPI 3.0, which is all that
openapi-core knows, by the plain rules of `as_openapi3`. Security is left out: credentials are put in by the gateway, not
by its builder, and stand-ins for them are put in here. Three of its ways are mended, so that it can judge at all: a parameter
that is absent is absent whatever its style (it calls some styles broken then), relatives of JSON and text are read as such,
and `{+name}` of a path is read as `{name}`.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema_path import SchemaPath
from openapi_core import V30RequestValidator, V31RequestValidator, V32RequestValidator
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.styles import style_deserializers
from openapi_core.deserializing.styles.factories import StyleDeserializersFactory
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.validation.request.exceptions import MissingRequestBody, ParametersError, RequestBodyValidationError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from benchmarks.faithfulness_swagger import METHODS, as_openapi3, follow
from gateway.core.http import HttpRequest
from gateway.core.operation import Operation

Json = dict[str, Any]

CREDENTIAL = "credential"


class Request(NamedTuple):
    """A request as openapi-core's protocol has it."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    body: bytes | None
    content_type: str


class Judged(NamedTuple):
    """What became of one request: the errors, none where it is accepted; the values of parameters as the judge read them,
    by location and name, and that of the body, None where there is none."""

    errors: tuple[Exception, ...]
    parameters: Mapping[tuple[str, str], Any]
    body: Any
    request: Request


class Unjudgeable(Exception):
    """openapi-core cannot look at the document at all."""


class Judge:
    """One document. `trees` are its files by URI, its entry first."""

    def __init__(self, trees: Mapping[str, Json]) -> None:
        self.entry, tree = next(iter(trees.items()))
        self.is_swagger = "swagger" in tree
        self.trees = dict(trees)
        self.tree = self.trees[self.entry] = as_openapi3(tree) if self.is_swagger else tree
        version = str(self.tree.get("openapi", ""))
        kinds = {"3.0": V30RequestValidator, "3.1": V31RequestValidator, "3.2": V32RequestValidator}
        if version[:3] not in kinds:
            raise Unjudgeable(f"it knows no version {version!r}")
        self._validator = kinds[version[:3]]
        self._validators: dict[str, Any] = {}
        self.credentials = list(self._credentials())

    def judge(self, operation: Operation, request: HttpRequest) -> Judged:
        """Whether this is a request for the operation."""
        path, method = self._place(operation)
        validator = self._validator_of(path, method)
        asked = self._received(request)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = validator._find_path(asked)
            except PathError as error:
                return Judged((error,), {}, None, asked)
            asked.parameters.path = {name: unquote(text) for name, text in found.path_result.variables.items()}
            return Judged(*_read_back(validator, found.operation, found.path, asked), asked)

    def parameter(self, operation: Operation, name: str, where: str) -> Json:
        """The parameter as the document has it; its name and place alone where it has none."""
        path, method = self._place(operation)
        item = self._item(path)
        for level in (self.resolve(item.get(method) or {}), item):
            for one in level.get("parameters") or ():
                told = self.resolve(one)
                if told.get("name") == name and told.get("in") == where:
                    return told
        return {"name": name, "in": where}

    def field(self, operation: Operation, kind: str, name: str) -> Json:
        """The schema of a property of the body in that media type; {} where it is not plainly there."""
        path, method = self._place(operation)
        body = self.resolve(self.resolve(self._item(path).get(method) or {}).get("requestBody") or {})
        schema = self.resolve(((body.get("content") or {}).get(kind) or {}).get("schema") or {})
        return self.resolve((schema.get("properties") or {}).get(name) or {})

    def media_types(self, operation: Operation) -> list[str]:
        """Those of the request body."""
        path, method = self._place(operation)
        body = self.resolve(self.resolve(self._item(path).get(method) or {}).get("requestBody") or {})
        return list(body.get("content") or {})

    def servers(self, operation: Operation) -> list[Json]:
        path, method = self._place(operation)
        item = self._item(path)
        levels = [self.resolve(item.get(method) or {}).get("servers"), item.get("servers"), self.tree.get("servers")]
        return next((level for level in levels if level), [])

    def resolve(self, node: Any) -> Json:
        told = follow(self.tree, node)
        return told if isinstance(told, dict) else {}

    def _place(self, operation: Operation) -> tuple[str, str]:
        pointer = operation.pointer
        tokens = (pointer if pointer.startswith("/") else pointer.partition("#")[2]).split("/")
        if tokens[1:2] in (["paths"], ["x-ms-paths"]) and len(tokens) == 4:
            return tokens[2].replace("~1", "/").replace("~0", "~"), tokens[3]
        return operation.path, operation.method.lower()

    def _validator_of(self, path: str, method: str) -> Any:
        key = f"{method} {path}"
        if key not in self._validators:
            self._validators.clear()
            item = self._item(path)
            kept = {name: one for name, one in item.items() if name not in METHODS or name == method}
            if isinstance(kept.get(method), dict):
                kept[method] = {
                    name: one
                    for name, one in kept[method].items()
                    if name not in ("security", "responses", "callbacks")
                }
            # A `#` tells operations on one path apart, a `?` begins a query: neither is of the path that is asked for.
            shown = path.partition("#")[0].partition("?")[0].replace("{+", "{")
            tree = {**self.tree, "paths": {shown if shown.startswith("/") else f"/{shown}": kept}}
            tree.pop("security", None)
            handlers = {"https": self._read, "http": self._read, "file": self._read, "": self._read}
            spec = SchemaPath.from_dict(tree, base_uri=self.entry, handlers=handlers)
            casters = self._validator.schema_casters_factory
            styles = StyleDeserializersFactory(casters, style_deserializers=_STYLES_WHERE_PRESENT)
            self._validators[key] = self._validator(
                spec,
                base_url=self.entry,
                extra_media_type_deserializers=_Readers(),
                style_deserializers_factory=styles,
            )
        return self._validators[key]

    def _item(self, path: str) -> Json:
        paths = {**(self.tree.get("x-ms-paths") or {}), **self.tree["paths"]}
        told = paths.get(path, paths.get(path.lstrip("/"), {}))
        if isinstance(told, dict) and isinstance(told.get("$ref"), str) and told["$ref"].startswith("#/"):
            return {**follow(self.tree, told), **{key: one for key, one in told.items() if key != "$ref"}}
        return told if isinstance(told, dict) else {}

    def _read(self, uri: str) -> Any:
        if uri not in self.trees:
            raise OSError(f"{uri} is not at hand")
        return self.trees[uri]

    def _received(self, request: HttpRequest) -> Request:
        """As a server hands it on: the query decoded into pairs, the cookies apart, stand-ins where credentials go."""
        parts = urlsplit(request.url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        headers = Headers([*request.headers, ("Host", parts.netloc)])
        cookies = dict(pair.partition("=")[::2] for pair in headers.get("Cookie", "").split("; ") if pair)
        told = {name: unquote(text) for name, text in cookies.items()}
        headers.setdefault("Authorization", f"Bearer {CREDENTIAL}")
        for where, name in self.credentials:
            if where == "query":
                query.append((name, CREDENTIAL))
            elif where == "header":
                headers.setdefault(name, CREDENTIAL)
            elif where == "cookie":
                told.setdefault(name, CREDENTIAL)
        return Request(
            host_url=f"{parts.scheme}://{parts.netloc}",
            path=parts.path,
            method=request.method.lower(),
            parameters=RequestParameters(
                query=ImmutableMultiDict(query), header=headers, cookie=ImmutableMultiDict(told)
            ),
            body=request.content or None,
            content_type=dict(request.headers).get("Content-Type", ""),
        )

    def _credentials(self) -> Iterator[tuple[str, str]]:
        for scheme in ((self.tree.get("components") or {}).get("securitySchemes") or {}).values():
            one = follow(self.tree, scheme)
            if one.get("type") == "apiKey" and isinstance(one.get("name"), str):
                yield str(one.get("in")), one["name"]


def _read_back(
    validator: Any, operation: Any, item: Any, asked: Request
) -> tuple[tuple[Exception, ...], dict[tuple[str, str], Any], Any]:
    """The errors of a request, and the values that were read all the same."""
    errors: list[Exception] = []
    body = None
    try:
        told = validator._get_parameters(asked.parameters, operation, item)
    except ParametersError as error:
        errors += error.errors
        told = error.parameters
    try:
        body = validator._get_body(asked.body, asked.content_type, operation)
    except MissingRequestBody:
        pass
    except RequestBodyValidationError as error:
        errors.append(error)
    places = ("path", "query", "header", "cookie")
    read = {(place, name): value for place in places for name, value in getattr(told, place).items()}
    return tuple(errors), read, body


def _where_present(read: Callable[..., Any]) -> Callable[..., Any]:
    def reading(explode: bool, name: str, schema_type: str, location: Mapping[str, Any]) -> Any:
        if not any(key == name or key.startswith(f"{name}[") for key in location):
            raise KeyError(name)
        return read(explode, name, schema_type, location)

    return reading


_STYLES_WHERE_PRESENT = {
    **style_deserializers,
    **{name: _where_present(style_deserializers[name]) for name in ("deepObject", "spaceDelimited", "pipeDelimited")},
}


class _Readers(dict[str, Callable[..., Any]]):
    """What openapi-core is told of media types beyond its own few: every relative of JSON is JSON, of text text."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and (_is_json(kind) or kind.startswith("text/") or kind in _LINES)

    def __getitem__(self, kind: str) -> Callable[..., Any]:
        if kind in _LINES:
            return _read_lines
        if "*" in kind:
            return _read_any
        return _read_json if _is_json(kind) else _read_text


def _is_json(kind: str) -> bool:
    return kind.endswith("+json") or kind in ("text/json", "*/*", "application/*", "*")


def _read_json(value: bytes, **_: str) -> Any:
    return json.loads(value)


def _read_any(value: bytes, **_: str) -> Any:
    """Under a range of media types: JSON where it is some, else bytes."""
    try:
        return json.loads(value)
    except ValueError:
        return value


_LINES = frozenset({"application/x-ndjson", "application/jsonl"})


def _read_lines(value: bytes, **_: str) -> list[Any]:
    return [json.loads(line) for line in value.splitlines()]


def _read_text(value: bytes | str, **_: str) -> str:
    return value if isinstance(value, str) else value.decode()
