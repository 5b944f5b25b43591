"""One backend of the house: an OpenAPI document, a state that is a plain value, and a handler for each operation.

What comes in is parsed and checked by the document itself, so that the document is true. Every request is kept, and every
change with the state before and after it."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
import yaml
from msgspec import Struct

State = dict[str, Any]
SECRET = "house-secret"  # The one credential of all backends.
METHODS = ("get", "put", "post", "patch", "delete")


class Refused(Exception):
    """A request that cannot be done: its HTTP status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Asked(Struct, frozen=True):
    """A request as its document reads it: `arguments` of path and query by name, the body, and what time it is."""

    arguments: dict[str, Any]
    body: Any
    now: datetime

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)


class Request(Struct, frozen=True):
    """One request and its answer, as they went over the wire."""

    method: str
    path: str
    query: str
    body: bytes
    status: int
    answer: bytes


class Write(Struct, frozen=True):
    """A request that changed something."""

    request: Request
    before: State
    after: State


Handler = Callable[[State, Asked], Any]


class Operation(Struct, frozen=True):
    pattern: re.Pattern[str]
    method: str
    handler: Handler
    parameters: tuple[tuple[str, str, dict[str, Any], bool], ...]
    body: jsonschema_rs.Validator | None
    body_required: bool
    status: int


class Backend:
    """An ASGI app. `start` puts it back to its seed, with changes; `state` is all that it holds."""

    def __init__(self, folder: Path, handlers: Mapping[str, Handler]) -> None:
        self.name = folder.name
        self.document: dict[str, Any] = yaml.safe_load((folder / "openapi.yaml").read_text())
        self.manifest: dict[str, Any] = yaml.safe_load((folder / "connector.yaml").read_text())
        self.seed: State = yaml.load((folder / "seed.yaml").read_text(), _Plain)
        self._operations = tuple(_operations(self.document, handlers))
        self.start(self.seed, datetime.fromisoformat("2026-05-12T09:30:00+02:00"))

    def start(self, state: State, now: datetime) -> None:
        self.state, self.now = deepcopy(state), now
        self.requests: list[Request] = []
        self.writes: list[Write] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        path, query = scope["path"], scope["query_string"].decode()
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        before = deepcopy(self.state)
        status, told = self._answer(scope["method"], path, query, body, headers)
        answer = b"" if told is None else json.dumps(told).encode()
        request = Request(scope["method"], path, query, body, status, answer)
        self.requests.append(request)
        if self.state != before:
            self.writes.append(Write(request, before, deepcopy(self.state)))
        kind = b"application/json" if status < 400 else b"application/problem+json"
        sent = [(b"content-length", str(len(answer)).encode())] + ([(b"content-type", kind)] if answer else [])
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        try:
            _sign_in(self.manifest.get("auth", {"kind": "none"}), headers, query)
            operation, arguments = self._find(method, path)
            asked = Asked({**arguments, **_query(operation, query)}, _body(operation, body), self.now)
            told = operation.handler(self.state, asked)
        except Refused as refused:
            return refused.status, {"title": "Refused", "status": refused.status, "detail": refused.detail}
        return operation.status, None if operation.status == 204 else told

    def _find(self, method: str, path: str) -> tuple[Operation, dict[str, Any]]:
        found = [(one, match) for one in self._operations if (match := one.pattern.fullmatch(path))]
        if not found:
            raise Refused(404, "There is nothing here.")
        for operation, match in found:
            if operation.method == method:
                return operation, {name: unquote(value) for name, value in match.groupdict().items()}
        raise Refused(405, "There is no such method here.")


class _Plain(yaml.SafeLoader):
    """YAML without dates and times: what looks like one stays text."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _sign_in(auth: Mapping[str, str], headers: Mapping[str, str], query: str) -> None:
    sent, wanted = headers.get("authorization"), SECRET
    match auth["kind"]:
        case "none":
            return
        case "bearer":
            wanted = f"Bearer {SECRET}"
        case "basic":
            wanted = "Basic " + b64encode(f"{auth['username']}:{SECRET}".encode()).decode()
        case "header":
            sent = headers.get(auth["header"].lower())
        case "query":
            sent = dict(parse_qsl(query)).get(auth["parameter"])
    if sent != wanted:
        raise Refused(401, "Sign in as the document says.")


def _operations(document: dict[str, Any], handlers: Mapping[str, Handler]) -> list[Operation]:
    operations = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                told = item[method]
                parameters = [
                    _follow(document, one) for one in (*item.get("parameters", ()), *told.get("parameters", ()))
                ]
                operations.append(
                    Operation(
                        pattern=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)),
                        method=method.upper(),
                        handler=handlers[told.get("operationId", f"{method.upper()} {path}")],
                        parameters=tuple(
                            (one["name"], one["in"], one.get("schema", one), one.get("required", False))
                            for one in parameters
                        ),
                        body=_body_validator(document, told, parameters),
                        body_required=_body_required(told, parameters),
                        status=min(int(code) for code in told["responses"] if str(code).startswith("2")),
                    )
                )
    return sorted(operations, key=lambda one: one.pattern.pattern.count("(?P"))


def _follow(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        place: Any = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            place = place[key]
        value = place
    return value


def _body_validator(document: dict[str, Any], told: dict[str, Any], parameters: list[Any]) -> Any:
    schema = next((one["schema"] for one in parameters if one["in"] == "body"), None)
    if "requestBody" in told:
        schema = told["requestBody"]["content"]["application/json"]["schema"]
    if schema is None:
        return None
    shared: dict[str, Any] = {key: document[key] for key in ("components", "definitions") if key in document}
    return jsonschema_rs.validator_for({"allOf": [schema], **shared}, validate_formats=True)


def _body_required(told: dict[str, Any], parameters: list[Any]) -> bool:
    if "requestBody" in told:
        return bool(told["requestBody"].get("required", False))
    return any(one["in"] == "body" and one.get("required") for one in parameters)


def _query(operation: Operation, query: str) -> dict[str, Any]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    found = {}
    for name, where, schema, required in operation.parameters:
        if where != "query":
            continue
        if name in given:
            found[name] = _typed(name, given[name], schema)
        elif required:
            raise Refused(422, f"{name} is missing.")
        elif "default" in schema:
            found[name] = schema["default"]
    return found


def _typed(name: str, text: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type", "string")
    value: Any = text
    if kind == "array":
        return [_typed(name, one, schema["items"]) for one in text.split(",")]
    if kind == "boolean" and text in ("true", "false"):
        value = text == "true"
    if kind == "integer" and re.fullmatch(r"-?\d{1,9}", text):
        value = int(text)
    plain = {
        key: told for key, told in schema.items() if key in ("type", "enum", "minimum", "maximum", "format", "pattern")
    }
    try:
        jsonschema_rs.validate(plain, value, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        raise Refused(422, f"{name}: {error.message}") from error
    return value


def _body(operation: Operation, body: bytes) -> Any:
    if operation.body is None:
        return None
    if not body and not operation.body_required:
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON.") from error
    for problem in operation.body.iter_errors(value):
        raise Refused(422, f"{'/'.join(map(str, problem.instance_path))}: {problem.message}")
    return value


def find(things: Mapping[str, Any], key: str, what: str) -> Any:
    """The thing with this id. Raises Refused 404."""
    if key not in things:
        raise Refused(404, f"There is no {what} {key[:40]!r}.")
    return things[key]


def named(things: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A collection as a list, each with its id."""
    return [{"id": key, **thing} for key, thing in things.items()]


def add(things: dict[str, Any], prefix: str, thing: Any) -> dict[str, Any]:
    """The new thing with its new id."""
    count = len(things) + 1
    while f"{prefix}{count}" in things:
        count += 1
    things[f"{prefix}{count}"] = thing
    return {"id": f"{prefix}{count}", **thing}


def says(query: str | None, *texts: str) -> bool:
    """Whether all words of a search are in these texts; no search finds everything."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in (query or "").casefold().split())
