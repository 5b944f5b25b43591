"""The name of a file, as Content-Disposition tells it (RFC 6266, RFC 8187), made fit to show and to hand on."""

import re
from urllib.parse import unquote_to_bytes

from gateway.core.charset import charset_of
from gateway.core.prose import plain

FILENAME_CHARACTERS_MAX = 200
_PARAMETER = re.compile(r';\s*([\w!#$&+.^`|~-]+\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_ENCODED = re.compile(r"([\w.:-]{1,40})'[^']{0,40}'(.*)", re.DOTALL)


def filename_of(disposition: str, content_type: str = "") -> str:
    """The last part of the name that it gives, in whatever charset; else `name` of the media type, else ""."""
    told = _parameters(disposition)
    if (encoded := _ENCODED.fullmatch(told.get("filename*", ""))) is not None:
        codec = charset_of(f"x;charset={encoded[1]}")
        if name := _safe(unquote_to_bytes(encoded[2]).decode(codec, "replace")):
            return name
    return _safe(told.get("filename", "")) or _safe(_parameters(content_type).get("name", ""))


def _parameters(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(f";{header.partition(';')[2]}"):
        quoted = value.startswith('"') and len(value) > 1
        text = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value.strip()
        found.setdefault(name.lower(), text)
    return found


def _safe(name: str) -> str:
    """Without folders, control characters and what hides text; bytes that a header should not have had are read as UTF-8
    or Latin-1."""
    if not name.isascii():
        raw = name.encode("utf-8", "surrogateescape")
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            name = raw.decode("latin-1")
    last = re.split(r"[/\\]", name)[-1]
    shown = plain(last.replace("<", "_"), FILENAME_CHARACTERS_MAX)
    return "" if shown.strip(". ") == "" else shown
