"""What a call gives back, before any wire: content blocks, structured JSON, and what the caller should do about a failure."""

from typing import Literal

from msgspec import Raw, Struct


class Text(Struct, frozen=True):
    text: str


class Media(Struct, frozen=True):
    """An image or a sound, as received."""

    kind: Literal["image", "audio"]
    media_type: str
    data: bytes


class Blob(Struct, frozen=True):
    """Any other binary, as received, with a URI that names where it came from."""

    uri: str
    media_type: str
    data: bytes


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
    """

    content: tuple[Content, ...]
    structured: Raw = Raw(b"")
    status: int = 0
    is_error: bool = False
    truncated: bool = False
    retry: Retry | None = None
