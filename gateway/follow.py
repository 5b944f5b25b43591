"""What comes after the first answer of a call: the other pages of a list, or the end of work that was only accepted.

Reads alone are sent here, over the same guarded way and with the same credential, and what they may take is bounded. An
answer that came is never lost because a later one failed. Decides nothing about who may call.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct, structs

from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.operation import Operation
from gateway.core.pages import NextPage, Page, merge_pages, next_page, read_page
from gateway.core.polling import is_accepted, is_away, is_running, look_at
from gateway.core.request import Unbuildable, build_request
from gateway.core.response import retry_seconds
from gateway.errors import GatewayError

Send = Callable[[HttpRequest], Awaitable[HttpResponse]]

LOOKS_MAX = 300
FIRST_LOOK_S, LOOK_EVERY_S_MAX = 0.5, 10.0


class Followed(Struct, frozen=True):
    """The answer that stands for all of them, what to say of it, and how many requests were sent for it."""

    response: HttpResponse
    notes: tuple[str, ...] = ()
    requests: int = 0


class PageBounds(Struct, frozen=True):
    pages_max: int
    bytes_max: int
    timeout_s: float


async def gather_pages(
    send: Send,
    operation: Operation,
    arguments: Mapping[str, object],
    request: HttpRequest,
    response: HttpResponse,
    bounds: PageBounds,
) -> Followed:
    """The first answer, with the items of the pages that follow it. One page alone is told how to go on."""
    assert operation.paging is not None
    page = read_page(operation.paging, response)
    if page is None:
        return Followed(response)
    pages, ends_at = [page], time.monotonic() + bounds.timeout_s
    following = next_page(operation.paging, arguments, request, response, page)
    latest, sent, stopped = response, {request}, ""
    while following is not None and len(pages) < bounds.pages_max and not stopped:
        arguments = following.arguments or arguments
        stopped = _over(pages, bounds, ends_at)
        if stopped:
            break
        try:
            request = _request_of(following, operation, request)
            if request in sent:
                following, stopped = None, f"page {len(pages) + 1} would be one that was read before"
                break
            sent.add(request)
            async with asyncio.timeout(ends_at - time.monotonic()):
                response = await send(request)
        except (GatewayError, Unbuildable):
            stopped = f"page {len(pages) + 1} could not be had"
            break
        except TimeoutError:
            stopped = _say_over(bounds)
            break
        page = read_page(operation.paging, response)
        if page is None:
            stopped = f"page {len(pages) + 1} was answered {response.status}"
        elif page.items and page.items == pages[-1].items:
            following = None
        else:
            pages.append(page)
            latest = response
            following = next_page(operation.paging, arguments, request, response, page)
    whole = pages[0].body if len(pages) == 1 else merge_pages(pages)
    told = _say_pages(pages, following, operation, stopped)
    return Followed(structs.replace(latest, status=200, body=whole, headers=_as_json(latest)), told, len(pages) - 1)


class Look(Struct, frozen=True):
    """The request that tells how far accepted work is, whether what it is answered says that the work goes on, and what a
    policy wants redacted of that."""

    request: HttpRequest
    goes_on: Callable[[HttpResponse], bool] = is_running
    redact: tuple[str, ...] = ()


def find_look(request: HttpRequest, response: HttpResponse) -> Look | None:
    """Where the answer itself says to look; None where it accepts nothing, or says nothing."""
    url = look_at(request, response) if is_accepted(response) else ""
    accept = tuple(one for one in request.headers if one[0] == "Accept")
    return Look(HttpRequest("GET", url, accept)) if url else None


async def wait_until_done(send: Send, look: Look, response: HttpResponse, wait_s: float) -> Followed:
    """The end of accepted work, looked for until `wait_s` are over; the last answer that told of it where it does not come
    by then."""
    url = look.request.url
    started, pause, looks, seen = time.monotonic(), FIRST_LOOK_S, 0, response
    latest = response
    for _ in range(LOOKS_MAX):
        asked_s = retry_seconds(seen.header("retry-after"))
        left_s = wait_s - (time.monotonic() - started)
        pause = asked_s if asked_s is not None else pause
        if left_s <= 0 or pause > left_s:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LOOK_EVERY_S_MAX)
        try:
            async with asyncio.timeout(wait_s - (time.monotonic() - started)):
                seen = await send(look.request)
        except TimeoutError:
            break
        except GatewayError:
            return Followed(latest, (f"It was accepted; looking at {url} failed after {looks} looks.",), looks)
        looks += 1
        if is_away(seen):
            continue
        latest = seen
        if not look.goes_on(latest):
            return Followed(latest, (f"Done after {time.monotonic() - started:.1f} s, as {url} says.",), looks)
    return Followed(latest, (f"It still runs after {time.monotonic() - started:.1f} s; look at {url}.",), looks)


def _request_of(following: NextPage, operation: Operation, request: HttpRequest) -> HttpRequest:
    if following.url:
        return structs.replace(request, url=following.url)
    return build_request(operation, following.arguments)


def _over(pages: list[Page], bounds: PageBounds, ends_at: float) -> str:
    if sum(len(page.body) for page in pages) >= bounds.bytes_max:
        return f"{bounds.bytes_max} bytes were reached (response_bytes_max)"
    return _say_over(bounds) if time.monotonic() >= ends_at else ""


def _say_over(bounds: PageBounds) -> str:
    return f"{bounds.timeout_s:g} s were over (pages_timeout_s)"


def _say_pages(pages: list[Page], following: NextPage | None, operation: Operation, stopped: str) -> tuple[str, ...]:
    """How many there are here, and how to go on."""
    count = sum(page.count for page in pages)
    full = sum(1 for page in pages if page.count)
    told = [f"{full} pages, {count} items."] if len(pages) > 1 else []
    if stopped:
        told.append(f"Reading on was stopped: {stopped}.")
    if following is not None:
        paging = operation.paging
        again = following.arguments.get(paging.argument) if paging and following.arguments else None
        told.append(f"There are more{_say_argument(paging.argument, again) if paging and again is not None else ''}.")
    return tuple(told)


def _say_argument(argument: str, value: object) -> str:
    return f": go on with {argument} = {str(value)[:500]!r}"


def _as_json(response: HttpResponse) -> tuple[tuple[str, str], ...]:
    """What was put together is JSON in UTF-8, whatever the pages said of their length."""
    kept = tuple(
        one for one in response.headers if one[0] not in ("content-length", "content-type", "content-encoding")
    )
    return (("content-type", "application/json"), *kept)
