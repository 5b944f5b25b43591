"""A tiny PNG made in memory (RFC 2083): one colour a row. For the doorbell and the weather map."""

import struct
import zlib
from collections.abc import Sequence

WIDTH = 32


def draw_rows(colours: Sequence[tuple[int, int, int]]) -> bytes:
    """A picture WIDTH pixels wide with one row for each colour (red, green, blue)."""
    rows = b"".join(b"\0" + bytes(colour) * WIDTH for colour in colours)
    head = struct.pack(">IIBBBBB", WIDTH, len(colours), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
