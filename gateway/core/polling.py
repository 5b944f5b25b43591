"""Work that a backend has accepted and not yet done: where to look for what comes of it, and whether it still runs
(RFC 9110 section 15.3.3; Operation-Location as in Azure's guidelines). Pure; looks at answers, sends nothing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.extension import Poll
from gateway.core.http import HttpRequest, HttpResponse, url_on_origin
from gateway.core.naming import snake
from gateway.core.pointer import tokens

HEADERS = ("operation-location", "azure-asyncoperation", "location", "content-location")
FIELDS = ("status_url", "status_uri", "poll_url", "polling_url", "operation_url", "monitor_url", "status_link", "get")
AROUND = ("", "links", "urls", "link", "meta")
STATUS_FIELDS = ("status", "state", "phase", "provisioning_state", "job_status", "job_state", "lifecycle_state")
RUNNING = frozenset(
    {"pending", "queued", "running", "in_progress", "inprogress", "processing", "accepted", "started", "not_started"}
    | {"notstarted", "creating", "updating", "deleting", "provisioning", "building", "waiting", "submitted", "new"}
    | {"scheduled", "initializing", "preparing", "working", "enqueued", "starting"}
)
BODY_BYTES_MAX = 1 << 20


def is_accepted(response: HttpResponse) -> bool:
    """Whether the answer says that the work goes on: 202, or a success with a header that says where to look."""
    if response.status == 202:
        return True
    return response.status in (200, 201) and any(response.header(name) for name in HEADERS[:2])


def look_at(request: HttpRequest, response: HttpResponse) -> str:
    """The URL to look at, on the origin of the request; "" where the answer names none there."""
    told = [response.header(name) for name in HEADERS] + _told_in(_decode(response))
    return next((url for one in told if one and (url := url_on_origin(one, request))), "")


def look_arguments(poll: Poll, arguments: Mapping[str, object], response: HttpResponse) -> dict[str, object] | None:
    """The arguments of the operation that tells how far the work is; None where the answer does not have one of them."""
    body, found = _decode(response), {}
    for name, origin in poll.arguments.items():
        root, pointer = (
            (arguments, origin.removeprefix("arguments:")) if origin.startswith("arguments:") else (body, origin)
        )
        value = _at(root, pointer)
        if value is None:
            return None
        found[name] = value
    return found


def is_done(poll: Poll, response: HttpResponse) -> bool:
    """Whether the status is one of those at which the work has ended; an error ends it too."""
    return response.status >= 300 or _at(_decode(response), poll.status) in poll.done


def _at(value: Any, pointer: str) -> Any:
    for token in tokens(pointer):
        value = value.get(token) if isinstance(value, Mapping) else None
    return value


def is_running(response: HttpResponse) -> bool:
    """Whether a status document says that the work goes on; what says nothing of it is the result."""
    if response.status == 202:
        return True
    status = _status(_decode(response))
    return response.status < 300 and status in RUNNING


def is_away(response: HttpResponse) -> bool:
    """Whether an answer says nothing of the work: the backend cannot tell now, and may later."""
    return response.status == 429 or response.status >= 500


def _status(body: Any) -> str:
    """The state that a status document tells, in words; "" where it tells none."""
    if not isinstance(body, dict):
        return ""
    named = {snake(str(name)): value for name, value in body.items()}
    value = next((named[name] for name in STATUS_FIELDS if name in named), "")
    if isinstance(value, dict):
        return _status(value)
    if named.get("done") is False and not value:
        return "running"
    return snake(value) if isinstance(value, str) else ""


def _told_in(body: Any) -> list[str]:
    """URLs of the fields that are called so, at the root and in the usual envelopes."""
    if not isinstance(body, dict):
        return []
    named = {snake(str(name)): value for name, value in body.items()}
    around = [named if not name else named.get(name) for name in AROUND]
    parts = [{snake(str(name)): one for name, one in part.items()} for part in around if isinstance(part, dict)]
    found = [part[name] for part in parts for name in FIELDS if name in part]
    return [one for one in found if isinstance(one, str) and one.startswith(("http", "/"))]


def _decode(response: HttpResponse) -> Any:
    try:
        return msgspec.json.decode(response.body) if len(response.body) <= BODY_BYTES_MAX else None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
