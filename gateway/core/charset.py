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
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def charset_of(media_type: str, data: bytes = b"") -> str:
    """The codec of a byte order mark at the start of `data`, that which the media type names, or UTF-8. `data` is what
    is to be read: without a mark, its UTF-16 is little-endian, as the Encoding Standard has it."""
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), "")
    if marked or ";" not in media_type:
        return marked or UTF_8
    named = _NAMED.search(media_type)
    if named is None or not _KNOWN.fullmatch(named[1]):
        return UTF_8
    try:
        codec = codecs.lookup(named[1]).name
    except LookupError:
        return UTF_8
    if data and codec in ("utf-16", "utf-32"):
        return f"{codec}-le"
    return UTF_8 if codec == "ascii" else codec
