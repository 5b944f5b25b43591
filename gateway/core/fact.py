"""What a person had the gateway remember: typed facts, each with who said it, when and in which words. Values only; what a plan
makes of them is `core.recall`.

INVARIANT: a fact is what a person wrote or said yes to. Nothing here takes a tool's answer, a document or a model's words.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from gateway.core import english
from gateway.core.english import words_of
from gateway.core.noun import named, split
from gateway.core.principal import Person
from gateway.core.prose import plain

WORDS_CHARACTERS_MAX = 60
MEANS_CHARACTERS_MAX = 200
SAID_CHARACTERS_MAX = 500
ORIGIN = "fact:"
MEMORY_READ, MEMORY_WRITE = "factotum:memory.read", "factotum:memory.write"
LOCALE = "^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$"

SettingName = Literal["zone", "locale", "units"]
Text = Annotated[str, Meta(min_length=1, max_length=MEANS_CHARACTERS_MAX)]
# Words of which commands are made: no alias is made of them alone.
_OF_COMMANDS = (
    english.ACTS | english.LOOKS | english.EMPTY | english.STATES | english.NEGATIONS | english.CONDITIONS
    | english.EXCEPTIONS | english.MODALS | english.ASKING | english.COPULAS | english.PARTICLES
)  # fmt: skip
_ARTICLES = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)
_IDENTIFIES = named("id ids uuid key slug")
_UNITS = {
    "metric": named("metric si c celsius km kg"),
    "imperial": named("imperial us f fahrenheit mi lb"),
}
# The arguments that settings are for, by their words.
_OF_SETTINGS: Mapping[tuple[str, ...], SettingName] = {
    ("time", "zone"): "zone", ("timezone",): "zone", ("tz",): "zone", ("zone",): "zone",
    ("locale",): "locale", ("language",): "locale", ("lang",): "locale",
    ("units",): "units", ("unit",): "units", ("unit", "system"): "units", ("units", "system"): "units",
}  # fmt: skip


class _What(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What is remembered."""


class Alias(_What, frozen=True, tag="alias"):
    """Where the person says `words`, they mean `means`: the den is the living room, my wife is anna@example.com."""

    words: Annotated[str, Meta(min_length=1, max_length=WORDS_CHARACTERS_MAX)]
    means: Text


class Preset(_What, frozen=True, tag="default"):
    """An argument of that name that nobody said has this value: of the tools of one connector, or of any ("")."""

    argument: Annotated[str, Meta(min_length=1, max_length=WORDS_CHARACTERS_MAX)]
    value: Text | int | float | bool
    connector: Annotated[str, Meta(max_length=100)] = ""


class Setting(_What, frozen=True, tag="setting"):
    """How the person speaks and counts: a time zone (`Europe/Berlin`), a locale (`en-GB`), or units (`metric`, `imperial`)."""

    name: SettingName
    value: Text


What: TypeAlias = Alias | Preset | Setting


class Fact(Struct, frozen=True):
    """One fact of one person, whichever client it was said through. `said` are the words in which it was. `uses` counts the plans
    that were made with it, the last at `used_at`."""

    id: str
    person: Person
    what: What
    said: str
    client: str
    at: datetime
    uses: int = 0
    used_at: datetime | None = None

    @property
    def origin(self) -> str:
        """As a Default of a plan names it."""
        return f"{ORIGIN}{self.id}"


def about(what: What) -> str:
    """What there is one fact about at most."""
    match what:
        case Alias(words=words):
            return f"alias {key_words(words)}"
        case Preset(argument=argument, connector=connector):
            return f"default {' '.join(name_words(argument))} {connector}"
        case Setting(name=name):
            return f"setting {name}"


def sentence(what: What) -> str:
    """It in words."""
    match what:
        case Alias(words=words, means=means):
            return f"“{words}” is “{means}”"
        case Preset(argument=argument, value=value, connector=connector):
            return f"the default {argument}{f' of {connector}' if connector else ''} is “{value}”"
        case Setting(name=name, value=value):
            return f"the {'time zone' if name == 'zone' else name} is {value}"


def recalled(what: What) -> str:
    """What is told wherever something was made with it."""
    if isinstance(what, Alias):
        return f"By “{what.words}” you mean “{what.means}” (remembered)."
    told = sentence(what)
    return f"{told[:1].upper()}{told[1:]} (remembered)."


def why_unfit(what: What) -> str:
    """Why it cannot be remembered, as a sentence; "" where it can. Whether there is such a time zone is not looked at."""
    match what:
        case Alias(words=words, means=means):
            if len(words) > WORDS_CHARACTERS_MAX or len(means) > MEANS_CHARACTERS_MAX:
                return (
                    f"An alias has {WORDS_CHARACTERS_MAX} characters at most, and what it means {MEANS_CHARACTERS_MAX}."
                )
            if not (_is_line(words) and _is_line(means)) or re.search(r"[\"“”«»]", words + means):
                return "An alias and what it means are plain words on one line, without quotation marks."
            told = {one.text for one in words_of(words)}
            if not told - _OF_COMMANDS:
                return f"“{words}” is made of words that commands are made of; take another name."
            if key_words(words) == key_words(means):
                return f"“{words}” means itself."
        case Preset(argument=argument, value=value):
            is_value = isinstance(value, int | float) or _is_line(value)
            if not (is_value and name_words(argument) and _is_line(argument)) or len(argument) > WORDS_CHARACTERS_MAX:
                return "A default is the name of an argument and a value on one line."
        case Setting(name="locale", value=value) if not re.match(LOCALE, value):
            return "A locale is a language, and a country where it matters: en-GB."
        case Setting(name="units", value=value) if value not in _UNITS:
            return f"Units are {' or '.join(_UNITS)}."
    return ""


def value_of(what: What) -> Any:
    """What a plan has where the fact stands in for a value."""
    return what.means if isinstance(what, Alias) else what.value


def gives(what: What, value: Any) -> bool:
    """Whether the fact says this very value: `celsius` is what `metric` is called by some."""
    match what:
        case Setting(name="units", value=system):
            return isinstance(value, str) and value.lower() in _UNITS[system]
        case Setting(name="locale", value=locale):
            return value in (locale, locale.replace("-", "_"), locale.partition("-")[0])
    told = value_of(what)
    return type(told) is type(value) and bool(told == value)


def setting_for(argument: str) -> SettingName | None:
    """The setting that an argument of that name is for."""
    return _OF_SETTINGS.get(split(argument))


def setting(facts: Iterable[Fact], name: SettingName) -> Fact | None:
    return next((one for one in facts if isinstance(one.what, Setting) and one.what.name == name), None)


def name_words(argument: str) -> tuple[str, ...]:
    """The words of an argument's name but for those that say that it is an id: `calendarId` is of the `calendar`."""
    words = split(argument)
    return tuple(word for word in words if word not in _IDENTIFIES) or words


def key_words(words: str) -> str:
    """Words as they are compared: lower case, without an article before them."""
    return _ARTICLES.sub("", " ".join(words.lower().replace("’", "'").split()), count=1)


def _is_line(text: str) -> bool:
    """Plain, with nothing hidden in it, and not too long."""
    return bool(text) and plain(text, MEANS_CHARACTERS_MAX) == text
