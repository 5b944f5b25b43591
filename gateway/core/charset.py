"""The charset of a text on the wire, as a codec that is safe to use. Reads and writes no text itself."""

import codecs
import re

# Charsets of the WHATWG Encoding Standard by their common labels. Python has codecs beside these that are no charsets
# (`idna`, `unicode_escape`) or take quadratic time.
_NAMED = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_KNOWN = re.compile(
    r"utf[-_]?8|utf[-_]?16([-_]?[lb]e)?|utf[-_]?32([-_]?[lb]e)?|(us[-_])?ascii|iso[-_]?8859[-_]\d{1,2}|latin[-_]?[1-9]|"
    r"windows[-_]?\d{3,4}|cp\d{3,4}|koi8[-_][ru]|shift[-_]?jis|sjis|euc[-_](jp|kr)|iso[-_]2022[-_]jp|big5|gbk|gb2312|gb18030",
    re.IGNORECASE,
)
UTF_8 = "utf-8"
# What XML and HTML say of themselves (XML 1.0 section 4.3.3; HTML section 13.2.3.2).
_DECLARED = {
    "xml": re.compile(rb"""\s*<\?xml\s[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{1,40})"""),
    "html": re.compile(rb"""(?s:.{0,1000}?)<meta\s[^>]{0,200}?\bcharset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE),
}
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def charset_of(media_type: str, data: bytes = b"") -> str:
    """The codec of a byte order mark at the start of `data`, that which the media type names, that which XML or HTML names
    itself, or UTF-8. `data` is what is to be read: without a mark, its UTF-16 is little-endian, as the Encoding Standard
    has it."""
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), "")
    if marked:
        return marked
    named = _NAMED.search(media_type) if ";" in media_type else None
    label = named[1] if named else _declared(media_type, data)
    if not label or not _KNOWN.fullmatch(label):
        return UTF_8
    try:
        codec = codecs.lookup(label).name
    except LookupError:
        return UTF_8
    if data and codec in ("utf-16", "utf-32"):
        return f"{codec}-le"
    return UTF_8 if codec == "ascii" else codec


def _declared(media_type: str, data: bytes) -> str:
    """What a text says of itself at its start. It can be read, so it is in no UTF-16."""
    kind = media_type.partition(";")[0].lower()
    found = next(
        (found for name, pattern in _DECLARED.items() if name in kind and (found := pattern.match(data))), None
    )
    label = found[1].decode("ascii", "replace") if found else ""
    return "" if "16" in label or "32" in label else label
