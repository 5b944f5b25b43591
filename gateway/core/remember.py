"""A fact in a person's own words: `remember that the den is the living room`. Only a text that is nothing else; it is proposed, and
remembered once the person says yes. English."""

import re

from gateway.core.fact import SAID_CHARACTERS_MAX, Alias, Preset, Setting, SettingName, What, key_words, why_unfit
from gateway.core.noun import named

_ASKED = re.compile(r"(?:please\s+)?remember(?:\s*[:,]\s*|\s+that\s+|\s+)", re.IGNORECASE)
_MEANS = (
    re.compile(
        r"(?:by|when i say|if i say)\s+(?P<words>.+?),?\s+i(?:\s+always)?\s+mean\s+(?P<means>.+)", re.IGNORECASE
    ),
    re.compile(r"(?P<words>.+?)\s+(?:is|are|means)\s+(?P<means>.+)", re.IGNORECASE),
)
# There is more in it than one fact.
_MORE = re.compile(r"\s(?:is|are|means|mean)\s|[,;:]\s", re.IGNORECASE)
_SETTINGS: dict[str, SettingName] = {
    "time zone": "zone", "timezone": "zone", "locale": "locale", "language": "locale", "units": "units",
}  # fmt: skip
_DEFAULT = re.compile(r"(?:my|the|our)\s+(?:default|preferred|home|standard)\s+(?P<name>.+)", re.IGNORECASE)
_MINE = re.compile(r"(?:my|our)\s+(?P<name>.+)", re.IGNORECASE)
# What one has one of, so that it stands for an argument of that name.
_OWN = named("city country currency calendar")
_LANGUAGES = {"english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "dutch": "nl"}


def read_asked(text: str) -> What | None:
    """The fact that a wish asks to remember; None where it is another wish, or more than one. `By the den I mean ...` asks it by
    itself."""
    asked = _ASKED.match(text.strip())
    told = text.strip()[asked.end() :] if asked is not None else text.strip()
    if asked is None and _MEANS[0].fullmatch(told.rstrip(".!")) is None:
        return None
    return read_fact(told)


def read_fact(text: str) -> What | None:
    """The fact that a sentence states; None where it states none, or one that cannot be remembered."""
    told = " ".join(text.split()).rstrip(".!")
    told = re.sub(r"^that\s+", "", told, flags=re.IGNORECASE)
    if len(told) > SAID_CHARACTERS_MAX or "?" in told:
        return None
    for form in _MEANS:
        if (found := form.fullmatch(told)) is not None and not _MORE.search(found["means"]):
            what = _what(_unquoted(found["words"]), _unquoted(found["means"]))
            return what if what is not None and not why_unfit(what) else None
    return None


def _what(words: str, means: str) -> What | None:
    own = _MINE.fullmatch(words)
    name = key_words(own["name"] if own is not None else words)
    if name in _SETTINGS:
        return _setting(_SETTINGS[name], means)
    preset = _DEFAULT.fullmatch(words)
    if preset is not None:
        return Preset(key_words(preset["name"]), means)
    if own is not None and name in _OWN:
        return Preset(name, means)
    return Alias(key_words(words), _bare(means))


def _setting(name: SettingName, value: str) -> Setting:
    if name == "locale":
        value = _LANGUAGES.get(value.lower(), value)
    return Setting(name, value.lower() if name == "units" else value)


def _bare(means: str) -> str:
    """Without an article, so that it stands where the alias stood: `in the den`, `in the living room`."""
    return re.sub(r"^(?:the|an?)\s+", "", means, flags=re.IGNORECASE)


def _unquoted(text: str) -> str:
    return text.strip().strip("\"“”'‘’").strip()
