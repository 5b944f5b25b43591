"""What the five services share: who may ask, errors as problem documents, their own document. Knows nothing of a household."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

PROBLEM = "application/problem+json"
AnyRequest = Request[Any, Any, Any]


class Refused(Exception):
    """A request that cannot be done: its HTTP status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Money(Struct, frozen=True):
    """An amount in cents, so that nothing is rounded."""

    cents: int
    currency: str = "EUR"


def service(routes: Sequence[BaseRouteHandler], document: Path, expects: tuple[str, str]) -> Litestar:
    """An app with these routes behind one credential: `expects` is the header's name and its value. The document is open
    to all."""
    text, kind = document.read_bytes(), "application/json" if document.suffix == ".json" else "application/yaml"

    @get(f"/{document.name}", media_type=kind)
    async def own_document() -> bytes:
        return text

    async def sign_in(request: AnyRequest) -> Response[bytes] | None:
        header, value = expects
        is_open = request.url.path == f"/{document.name}"
        if is_open or request.headers.get(header, "") == value:
            return None
        return _problem(401, f"Send the credential in {header}.")

    return Litestar(
        route_handlers=[own_document, *routes],
        before_request=sign_in,
        exception_handlers={Refused: _tell_refusal, HTTPException: _tell_http, msgspec.DecodeError: _tell_malformed},
        openapi_config=None,
        logging_config=None,
    )


async def read(request: AnyRequest, kind: type[Any]) -> Any:
    """The body as one Struct. Raises Refused."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        raise Refused(422, f"The body does not fit: {error}.") from error
    except msgspec.DecodeError as error:
        raise Refused(400, "The body is not JSON.") from error


def number(request: AnyRequest, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises Refused."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise Refused(422, f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def day(request: AnyRequest, name: str, default: date) -> date:
    """A date of the query. Raises Refused."""
    try:
        return date.fromisoformat(request.query_params.get(name, default.isoformat())[:10])
    except ValueError as error:
        raise Refused(422, f"{name} must be a date, such as {default.isoformat()}.") from error


def find(things: dict[str, Any], key: str, what: str) -> Any:
    """The thing with this id. Raises Refused 404."""
    if key not in things:
        raise Refused(404, f"There is no {what} {key[:40]!r}.")
    return things[key]


def change(thing: Any, changes: Any) -> Any:
    """A Struct with those fields of a patch that are set."""
    told = {name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not msgspec.UNSET}
    return msgspec.structs.replace(thing, **told)


def answer(value: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _problem(status: int, detail: str) -> Response[bytes]:
    titles = {400: "Malformed", 401: "Not signed in", 404: "Not found", 409: "Conflict", 422: "Does not fit"}
    told = {"type": "about:blank", "title": titles.get(status, "Refused"), "status": status, "detail": detail}
    return Response(msgspec.json.encode(told), status_code=status, media_type=PROBLEM)


def _tell_refusal(_: AnyRequest, error: Refused) -> Response[bytes]:
    return _problem(error.status, error.detail)


def _tell_http(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    return _problem(error.status_code, error.detail)


def _tell_malformed(_: AnyRequest, error: msgspec.DecodeError) -> Response[bytes]:
    return _problem(400, "The body is not what was expected.")
