"""The text that an answer is: whether it is one, in which charset, and as much of it as fits."""

import codecs

from gateway.core.charset import UTF_8, charset_of
from gateway.core.http import HttpResponse
from gateway.core.media import family_of
from gateway.core.response_json import media_type_of

# A later piece of a text has no mark of its own.
_WITHOUT_MARK = {"utf-8-sig": UTF_8}
_BY_MARK = {b"\xff\xfe": "-le", b"\xfe\xff": "-be", b"\x00\x00": "-be"}


def is_text(response: HttpResponse) -> bool:
    """By its type; where there is none, by the body: UTF-8 without NUL is taken for text."""
    if response.coding:
        return False
    if kind := media_type_of(response):
        return family_of(kind) in ("json", "text", "xml", "form")
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(response.body)
    except UnicodeDecodeError:
        return False
    return b"\0" not in response.body


def text_of(response: HttpResponse, bytes_max: int | None = None) -> str:
    """The text, or that of its first bytes; where bytes had to be replaced, it says so first. Half a character at the end
    of what is not whole is left out."""
    piece = response.body[:bytes_max]
    charset = charset_of(response.header("content-type"), response.body)
    is_end = not response.truncated and len(piece) == len(response.body)
    return _decoded(piece, charset, is_end=is_end)


def piece_of(response: HttpResponse, offset: int, bytes_max: int) -> tuple[str, int]:
    """The text of at most so many of its bytes from one on, and the byte at which it ends."""
    charset = charset_of(response.header("content-type"), response.body)
    codec = _codec_of_piece(charset, response.body) if offset else charset
    piece = response.body[offset : offset + bytes_max]
    try:
        text = cut_text(codecs.getincrementaldecoder(codec)().decode(piece, False), bytes_max)
    except UnicodeDecodeError:
        return _decoded(piece, codec, is_end=False), offset + len(piece)
    # What is shown may be shorter than what was decoded, and takes as many bytes in the charset of the body.
    return text, offset + len(text.encode(codec, "replace"))


def _decoded(data: bytes, codec: str, *, is_end: bool) -> str:
    decoder = codecs.getincrementaldecoder(codec)
    try:
        return decoder().decode(data, is_end)
    except UnicodeDecodeError:
        text = decoder("replace").decode(data, is_end)
    return f"[not all of this is valid {codec}: what is not is shown as \N{REPLACEMENT CHARACTER}]\n{text}"


def cut_text(text: str, bytes_max: int) -> str:
    """As much of a text as fits, ending at a line, a member or a word where there is one near."""
    head = text.encode("utf-8", "replace")[:bytes_max].decode(errors="ignore")
    near = len(head) * 3 // 4
    at = next((at for mark in ("\n", "},", ",", " ") if (at := head.rfind(mark, near)) >= 0), len(head))
    return head[: at + 1]


def _codec_of_piece(charset: str, body: bytes) -> str:
    if charset in ("utf-16", "utf-32"):
        return charset + _BY_MARK.get(body[:2], "-le")
    return _WITHOUT_MARK.get(charset, charset)
