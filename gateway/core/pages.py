"""Pages of a list: what the next request is, and all of them as one answer. Pure; the bytes of every item stay as they came.

What an answer itself says wins over what the document says: a Link header (RFC 8288), a next URL, a flag that there are
no more. A next URL is only believed on the operation's own origin.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.core.http import HttpRequest, HttpResponse, has_few_values, url_on_origin
from gateway.core.operation import Paging
from gateway.core.paging import MEANINGS, Seen, find_items, outline, point
from gateway.core.pointer import tokens

_LINK = re.compile(r'<([^<>]{0,4000})>((?:\s*;\s*[\w!#$&+.^`|~-]+\*?\s*=\s*(?:"[^"]*"|[^\s";,]*))*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]*))', re.IGNORECASE)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
SHAPE_LEVELS_MAX = 5
SHAPE_MEMBERS_MAX = 200


class NextPage(Struct, frozen=True):
    """Where the next page is: at a `url`, or behind other `arguments` of the same operation."""

    url: str = ""
    arguments: Mapping[str, object] = {}


class Page(Struct, frozen=True):
    """One page: its body, the pointer of its list, the items as they were written and with commas between them, how many
    there are, the last of them, and what stands around the list."""

    body: bytes
    pointer: str
    items: bytes
    count: int
    last: Any
    value: Any


def read_page(paging: Paging, response: HttpResponse) -> Page | None:
    """The page that an answer is; None where it is no success, not whole, no JSON or too many values of it, or has no list
    where one should be."""
    if response.status >= 300 or response.truncated or not has_few_values(response.body):
        return None
    try:
        value = msgspec.json.decode(response.body)
        pointer = paging.items if paging.items is not None else find_items(_shape(value), _nothing)
        if pointer is None:
            return None
        exact = _at(response.body, pointer).strip()
        items, around = _taken_out(value, tokens(pointer))
    except (msgspec.DecodeError, KeyError, RecursionError, UnicodeError):
        return None
    if not isinstance(items, list):
        return None
    return Page(response.body, pointer, exact[1:-1].strip(), len(items), items[-1] if items else None, around)


def next_page(
    paging: Paging, arguments: Mapping[str, object], request: HttpRequest, response: HttpResponse, page: Page
) -> NextPage | None:
    """None on the last page, and where nothing says how to go on."""
    links = _links(response)
    if links:
        return _at_url(links["next"], request) if "next" in links else None
    shape = list(outline(_shape(page.value), _nothing))
    if _value(page.value, point(shape, "more")) is False:
        return None
    match paging.kind:
        case "cursor":
            return _after_cursor(paging, arguments, request, page, shape)
        case "next" | "link":
            return _at_url(_value(page.value, paging.next or point(shape, "url")), request)
        case _:
            told, is_told = _told_url(page, shape)
            return _at_url(told, request) if is_told else _by_number(paging, arguments, page, shape)


def merge_pages(pages: list[Page]) -> bytes:
    """All items in the last page's envelope, so that what it says of the next page still holds."""
    last = pages[-1]
    joined = b"[" + b",".join(page.items for page in pages if page.count) + b"]"
    return _with(last.body, tokens(last.pointer), joined)


def _after_cursor(
    paging: Paging, arguments: Mapping[str, object], request: HttpRequest, page: Page, shape: list[Seen]
) -> NextPage | None:
    for pointer in filter(None, (paging.next, point(shape, "cursor"), point(shape, "url"))):
        cursor = _value(page.value, pointer)
        if isinstance(cursor, str) and cursor.startswith(("http://", "https://", "/", "?")):
            return _at_url(cursor, request)
        if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
            same = str(cursor) == str(arguments.get(paging.argument))
            return None if same else NextPage(arguments={**arguments, paging.argument: cursor})
    is_more = _value(page.value, point(shape, "more")) is True
    # Stripe's way: the cursor is the id of the last item.
    if is_more and isinstance(page.last, dict) and isinstance(page.last.get("id"), str | int):
        return NextPage(arguments={**arguments, paging.argument: page.last["id"]})
    return None


def _by_number(paging: Paging, arguments: Mapping[str, object], page: Page, shape: list[Seen]) -> NextPage | None:
    now, size = arguments.get(paging.argument, paging.first), arguments.get(paging.size)
    if not isinstance(now, int | float) or not page.count:
        return None
    if isinstance(size, int | float) and page.count < size:
        return None
    if paging.kind == "offset":
        following = int(now) + page.count
        total = _value(page.value, point(shape, "total"))
        return None if _reached(following - paging.first, total) else _asking(paging, arguments, following)
    pages = _value(page.value, point(shape, "last"))
    return None if _reached(int(now) + 1 - paging.first, pages) else _asking(paging, arguments, int(now) + 1)


def _told_url(page: Page, shape: list[Seen]) -> tuple[str, bool]:
    """The next URL of an answer that has a field for one, and whether it has: null there means that this is the end."""
    told = _value(page.value, point(shape, "url"))
    if isinstance(told, str) and told.startswith(("http://", "https://", "/", "?")):
        return told, True
    return "", any(one.kinds == {"null"} and one.words in MEANINGS["url"][0] for one in shape)


def _asking(paging: Paging, arguments: Mapping[str, object], number: int) -> NextPage:
    return NextPage(arguments={**arguments, paging.argument: number})


def _reached(count: int, total: Any) -> bool:
    return isinstance(total, int | float) and not isinstance(total, bool) and count >= total


def _at_url(told: Any, request: HttpRequest) -> NextPage | None:
    """A next URL; None where there is none on the origin of the request, or it is the page that was just read."""
    url = url_on_origin(told, request) if isinstance(told, str) and told else ""
    return NextPage(url=url) if url and url != request.url else None


def _links(response: HttpResponse) -> dict[str, str]:
    """The targets of the Link headers by their relation (RFC 8288 section 3), those that are about pages."""
    found: dict[str, str] = {}
    for name, value in response.headers:
        for target, parameters in _LINK.findall(value) if name == "link" else ():
            relations = (one for rel in _REL.finditer(parameters) for one in (rel[1] or rel[2] or "").lower().split())
            for relation in relations:
                found.setdefault(relation, target)
    return {relation: found[relation] for relation in ("next", "prev", "first", "last") if relation in found}


def _shape(value: Any, levels: int = SHAPE_LEVELS_MAX) -> dict[str, Any]:
    """A value as the schema that it would have, as deep as paging looks."""
    match value:
        case dict():
            if not levels:
                return {"type": "object"}
            named = list(value.items())[:SHAPE_MEMBERS_MAX]
            return {"type": "object", "properties": {name: _shape(member, levels - 1) for name, member in named}}
        case list():
            return {"type": "array"}
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case str():
            return {"type": "string"}
        case _:
            return {"type": "integer"}


def _nothing(_: str) -> None:
    return None


def _value(value: Any, pointer: str) -> Any:
    """What is there, or None; "" means nowhere."""
    for step in tokens(pointer):
        value = value.get(step) if isinstance(value, dict) else None
    return value if pointer else None


def _taken_out(value: Any, steps: Sequence[str]) -> tuple[Any, Any]:
    """What is at a place, and the value with an empty list there. Raises KeyError."""
    if not steps:
        return value, []
    if not isinstance(value, dict):
        raise KeyError(steps[0])
    taken, value[steps[0]] = _taken_out(value[steps[0]], steps[1:])
    return taken, value


def _at(body: bytes, pointer: str) -> bytes:
    """The encoded value at a pointer through objects. Raises KeyError or DecodeError."""
    for step in tokens(pointer):
        body = bytes(_MEMBERS.decode(body)[step])
    return body


def _with(body: bytes, steps: list[str], replacement: bytes) -> bytes:
    if not steps:
        return replacement
    members = _MEMBERS.decode(body)
    members[steps[0]] = Raw(_with(bytes(members[steps[0]]), steps[1:], replacement))
    return msgspec.json.encode(members)
