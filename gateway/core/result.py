"""What a call gives back, before any wire: content blocks, structured JSON, and what the caller should do about a failure."""

from typing import Literal

from msgspec import Raw, Struct, structs


class Text(Struct, frozen=True):
    text: str


class Media(Struct, frozen=True):
    """An image or a sound, as received. `filename` is what the backend calls it, "" where it does not."""

    kind: Literal["image", "audio"]
    media_type: str
    data: bytes
    filename: str = ""


class Blob(Struct, frozen=True):
    """Any other binary, as received, with a URI that names where it came from."""

    uri: str
    media_type: str
    data: bytes
    filename: str = ""


Content = Text | Media | Blob


class Retry(Struct, frozen=True):
    """Whether the same call may work later. `after_s` is what the backend asked for, if it did."""

    worthwhile: bool
    after_s: float | None = None


class Result(Struct, frozen=True):
    """The answer to a call.

    `structured` is JSON exactly as the backend sent it (big integers stay exact); empty where the answer is not JSON.
    `status` is the backend's HTTP status, or 0 where nothing was sent.
    `truncated` says that something was left out; the content then says what.
    `notes` are what the gateway itself has to say of the answer: what was left out, how to go on, what does not fit.
    `handle` is where the whole answer is kept for a while, "" where it is not.
    """

    content: tuple[Content, ...]
    structured: Raw = Raw(b"")
    status: int = 0
    is_error: bool = False
    truncated: bool = False
    retry: Retry | None = None
    notes: tuple[str, ...] = ()
    handle: str = ""


def with_notes(result: Result, notes: tuple[str, ...]) -> Result:
    """The same, with these notes before its own."""
    return structs.replace(result, notes=(*notes, *result.notes)) if notes else result


def with_handle(result: Result, handle: str) -> Result:
    """The same, with the place where the whole answer is kept: told where something was left out, and as the URI of a
    file."""
    if not handle:
        return result
    content = tuple(structs.replace(one, uri=handle) if isinstance(one, Blob) else one for one in result.content)
    cut = (
        (f"The whole is kept for a while: read_result gives more of it by uri = {handle}",) if result.truncated else ()
    )
    return structs.replace(result, content=content, handle=handle, notes=(*result.notes, *cut))
