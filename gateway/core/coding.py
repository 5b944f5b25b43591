"""Content codings of a body, undone within a bound: those that are stacked, or that the sender of bytes does not know
(RFC 9110 section 8.4). Knows no wire."""

import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

try:
    import brotli
except ImportError:  # it is a package of CPython alone
    brotli = None

CODINGS_MAX = 4
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Uncoded(NamedTuple):
    """A body, whether there was more than the bound, and the codings that it still has, the outermost last."""

    body: bytes
    cut: bool = False
    left: tuple[str, ...] = ()


class Miscoded(Exception):
    """A body is not in the coding that it is said to be in. `coding` names that one."""

    def __init__(self, coding: str) -> None:
        super().__init__(coding)
        self.coding = coding


def codings_of(values: Sequence[str]) -> tuple[str, ...]:
    """The codings that Content-Encoding names, in the order in which they were applied."""
    listed = (one.strip().lower() for value in values for one in value.split(","))
    return tuple(one.removeprefix("x-") for one in listed if one not in ("", "identity"))


def undo_codings(body: bytes, codings: tuple[str, ...], bytes_max: int, *, cut: bool = False) -> Uncoded:
    """The outermost first, each within the bound, until one that is not known here. `cut`: the body is only the first part
    of what was sent. Raises Miscoded."""
    left = codings
    if len(codings) > CODINGS_MAX:
        return Uncoded(body, cut, left)
    while left and (undo := _KNOWN.get(left[-1])) is not None:
        try:
            body, is_short = undo(body, bytes_max)
        except (zlib.error, zstd.ZstdError, EOFError, ValueError, RuntimeError) as error:
            raise Miscoded(left[-1]) from error
        if is_short and not cut and len(body) < bytes_max:
            raise Miscoded(left[-1])
        cut = cut or is_short
        left = left[:-1]
    return Uncoded(body, cut, left)


def _gunzip(data: bytes, bytes_max: int) -> tuple[bytes, bool]:
    """All members of a gzip (RFC 1952 section 2.2); what follows them and is none is let be."""
    told, member = b"", data
    while member[:1] == b"\x1f":
        one = zlib.decompressobj(_GZIP)
        told += one.decompress(member, bytes_max + 1 - len(told))
        if not one.eof or len(told) > bytes_max:
            return told[:bytes_max], True
        member = one.unused_data
    if member is data and data:
        raise ValueError
    return told, False


def _inflate(data: bytes, bytes_max: int) -> tuple[bytes, bool]:
    """`deflate` is zlib (RFC 1950), and what some servers send for it, a raw deflate (RFC 1951)."""
    one = zlib.decompressobj(_ZLIB if data[:1] and data[0] & 0xF == 8 else _RAW)
    told = one.decompress(data, bytes_max + 1)
    return told[:bytes_max], len(told) > bytes_max or (bool(data) and not one.eof)


def _unbrotli(data: bytes, bytes_max: int) -> tuple[bytes, bool]:
    one: Any = brotli.Decompressor()
    try:
        told = one.process(data, output_buffer_limit=bytes_max + 1)
    except brotli.error as error:
        raise ValueError from error
    return told[:bytes_max], len(told) > bytes_max or (bool(data) and not one.is_finished())


def _unzstd(data: bytes, bytes_max: int) -> tuple[bytes, bool]:
    one = zstd.ZstdDecompressor()
    told = one.decompress(data, bytes_max + 1)
    return told[:bytes_max], len(told) > bytes_max or (bool(data) and not one.eof)


_KNOWN: dict[str, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "zstd": _unzstd,
    **({"br": _unbrotli} if brotli else {}),
}
