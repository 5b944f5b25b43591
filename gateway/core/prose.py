"""Text from a document made fit to show: plain, on one line, bounded. It is untrusted: a description is a prompt."""

import re
from functools import lru_cache

DESCRIPTION_CHARACTERS_MAX = 1_000
HINT_CHARACTERS_MAX = 300
TEXTS_KEPT = 1_000

# Elements of HTML; `<token>` and `List<String>` are none, and stay.
_NAMES = (
    "a|abbr|address|article|aside|audio|b|base|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del|details|"
    "dfn|div|dl|dt|em|embed|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|"
    "li|link|main|mark|math|menu|meta|nav|noscript|object|ol|p|picture|pre|q|s|samp|script|section|select|small|source|span|"
    "strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|tt|u|ul|var|video"
)
_TAGS = re.compile(rf"<(/?(?:{_NAMES})(?:[\s/][^<>]{{0,300}})?|!--.{{0,200}}?--)>", re.DOTALL | re.IGNORECASE)
# What is left of a tag that was never closed.
_OPENINGS = re.compile(rf"<(?=[/!]|(?:{_NAMES})\b)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Zero-width, bidirectional and tag characters, variation selectors: they hide text from a reader, not from a model.
_INVISIBLE = re.compile(
    r"[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    r"\U000e0000-\U000e01ef]"
)
# Control characters, lone surrogates, and what embeds, overrides or isolates a direction.
_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object, characters_max: int) -> str:
    """One line without tags, control characters or invisible ones, cut at a word. What is no text is ""."""
    return _plain(text[: characters_max * 4], characters_max) if isinstance(text, str) else ""


@lru_cache(TEXTS_KEPT)
def _plain(text: str, characters_max: int) -> str:
    """Documents say the same again and again: what a parameter is, what a status means."""
    kept = text
    if not (kept.isascii() and kept.isprintable()):
        kept = _INVISIBLE.sub("", _CONTROLS.sub(" ", kept))
    if "<" in kept:
        kept = _OPENINGS.sub("", _TAGS.sub(" ", kept))
    return cut(" ".join(kept.split()), characters_max)


def visible(text: str) -> str:
    """The text with what would act on a terminal, or turn its own order around, as the escapes of JSON: a line stays a
    line, a tab a tab, and a JSON text means the same."""
    return _ACTING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shown(text: str, characters_max: int) -> str:
    """A name or a place as it is written, on one line and bounded: its end is left out where it is longer."""
    told = visible(text[:characters_max]).replace("\n", "\\n")
    return told if len(told) <= characters_max and len(text) <= characters_max else told[: characters_max - 1] + "…"


def cut(text: str, characters_max: int) -> str:
    """The text, or as many of its words as fit with an ellipsis behind them."""
    if len(text) <= characters_max:
        return text
    head = text[: characters_max - 1]
    at_word = head.rpartition(" ")[0]
    return (at_word if len(at_word) > characters_max // 2 else head).rstrip(" ,;:") + "…"
