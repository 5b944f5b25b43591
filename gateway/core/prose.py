"""Text from a document made fit to show: plain, on one line, bounded. It is untrusted: a name or a description is a prompt."""

import re

DESCRIPTION_CHARACTERS_MAX = 1_000
HINT_CHARACTERS_MAX = 300

_TAGS = re.compile(r"<(/?[a-zA-Z][^<>]{0,200}|!--.{0,200}?--)>", re.DOTALL)
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
_SPACE = re.compile(r"\s+")


def plain(text: object, characters_max: int) -> str:
    """One line without tags, control characters or invisible ones, cut at a word. What is no text is ""."""
    if not isinstance(text, str):
        return ""
    kept = _INVISIBLE.sub(" ", _TAGS.sub(" ", text[: characters_max * 8]))
    return cut(_SPACE.sub(" ", kept).strip(), characters_max)


def cut(text: str, characters_max: int) -> str:
    """The text, or as many of its words as fit with an ellipsis behind them."""
    if len(text) <= characters_max:
        return text
    head = text[: characters_max - 1]
    at_word = head.rpartition(" ")[0]
    return (at_word if len(at_word) > characters_max // 2 else head).rstrip(" ,;:") + "…"
