"""Numbers in words and digits, with their units and currencies. English words; digits as a locale writes them.

A number that is part of something else (`light-1`, `19:30`, `A4`, `2026-03-05`) is none.
"""

import re
from collections.abc import Iterator

from gateway.core.entity import Entity
from gateway.core.plan import Span

_ONES = {
    word: value
    for value, word in enumerate(
        [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
        ]
    )
}  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10,
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_SMALL = "|".join([*_TENS, *sorted(_ONES, key=len, reverse=True)])
_WORDS = rf"(?:(?:{_SMALL})(?:[ -](?:{'|'.join(list(_ONES)[1:10])}))?)"
SPELLED = rf"\b{_WORDS}(?:\s+(?:hundred|thousand|million)(?:(?:\s+and)?\s+{_WORDS})?)*\b"
_DOZEN = rf"\b(?:(?P<count>half\s+a|a|{_WORDS}|\d+)\s+)dozen\b"
# How locales write what stands behind the point, and between thousands.
_COMMA_LANGUAGES = frozenset(
    ["cs", "da", "de", "es", "fi", "fr", "hu", "it", "nb", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr", "uk"]
)

UNITS = {
    "percent": r"%|percent|per\s+cent",
    "celsius": r"°\s?C|℃|degrees?\s+celsius|degrees?\s+centigrade|celsius",
    "fahrenheit": r"°\s?F|℉|degrees?\s+fahrenheit|fahrenheit",
    "degree": r"°|degrees?",
    "kelvin": r"K|kelvins?",
    "kilogram": r"kg|kilos?|kilograms?|kilogrammes?",
    "gram": r"g|grams?|grammes?",
    "litre": r"l|liters?|litres?",
    "millilitre": r"ml|milliliters?|millilitres?",
    "kilometre": r"km|kilometers?|kilometres?",
    "metre": r"m|meters?|metres?",
    "centimetre": r"cm|centimeters?|centimetres?",
    "millimetre": r"mm|millimeters?|millimetres?",
    "mile": r"miles?|mi",
    "foot": r"feet|foot|ft",
    "inch": r"inch|inches",
    "megabyte": r"MB|megabytes?",
    "gigabyte": r"GB|gigabytes?",
    "second": r"s|secs?|seconds?",
    "minute": r"min|mins|minutes?",
    "hour": r"h|hrs?|hours?",
    "day": r"days?",
    "week": r"weeks?",
}
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_SIGNS = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY"}
_CURRENCIES = {
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "sek": "SEK", "nok": "NOK",
    "dkk": "DKK", "pln": "PLN", "jpy": "JPY", "yen": "JPY", "dollar": "USD", "dollars": "USD", "cad": "CAD", "aud": "AUD",
}  # fmt: skip
# What a dollar or a yen is called in more countries than one.
_SHARED = frozenset(["$", "¥", "dollar", "dollars"])
_UNIT = re.compile(
    r"\s?(?:" + "|".join(f"(?P<{name}>{told})" for name, told in UNITS.items()) + r")(?![\w])",
)
_MONEY_AFTER = re.compile(rf"\s?(?P<name>{'|'.join(_CURRENCIES)})\b|\s?(?P<sign>[€£¥])", re.IGNORECASE)
# `that one`, `the red one`, `which one`: no number.
_PRONOUN_BEFORE = re.compile(r"\b(?:that|this|which|each|every|another|any|no|the|the\s+\w+|some)\s+$", re.IGNORECASE)
_PART_BEFORE = re.compile(r"[\w\-.,:/#@&=?^]$")


def read_numbers(text: str, locale: str) -> Iterator[Entity]:
    """Numbers, ordinals, quantities and money; of two that share characters the longer."""
    point = "," if locale.partition("-")[0].lower() in _COMMA_LANGUAGES else "."
    taken = 0
    for value, start, end in sorted(_plain(text, point), key=lambda one: (one[1], -one[2])):
        if start < taken:
            continue
        found = _dressed(text, value, start, end, locale)
        taken = found.span.end
        yield found
    for one in re.finditer(rf"\b(?:{'|'.join(_ORDINALS)}|(\d+)(?:st|nd|rd|th))\b", text, re.IGNORECASE):
        value = int(one[1]) if one[1] else _ORDINALS[one[0].lower()]
        yield Entity("ordinal", value, Span(one.start(), one.end()))


def spelled(words: str) -> int:
    """The number that words of SPELLED say."""
    whole, part = 0, 0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _SCALES:
            part = max(part, 1) * _SCALES[word]
            if _SCALES[word] > 100:
                whole, part = whole + part, 0
        elif word != "and":
            part += _ONES.get(word, _TENS.get(word, 0))
    return whole + part


def _plain(text: str, point: str) -> Iterator[tuple[float | int, int, int]]:
    comma = "." if point == "," else ","
    digits = re.compile(
        rf"[-−+]?(?:\d{{1,3}}(?:{re.escape(comma)}\d{{3}})+|\d+)(?:{re.escape(point)}\d+)?(?![\d])(?![,.:/]\d)"
    )
    for one in digits.finditer(text):
        start = one.start()
        if _PART_BEFORE.search(text[:start]) or len(one[0]) > 30:
            continue
        if re.match(r"[^\W\d_]|[-_]\w", text[one.end() :]) and not _follows(text, one.end()):
            continue
        written = one[0].replace("−", "-").replace(comma, "").replace(point, ".")
        value: float | int = float(written) if "." in written else int(written)
        yield value, start, one.end()
    for one in re.finditer(_DOZEN, text, re.IGNORECASE):
        count = re.sub(r"\s+", " ", one["count"].lower())
        times = {"a": 1.0, "half a": 0.5}.get(count) or (int(count) if count.isdigit() else spelled(count))
        yield int(times * 12), one.start(), one.end()
    for one in re.finditer(SPELLED, text, re.IGNORECASE):
        value = spelled(one[0])
        if half := re.match(r"\s+and\s+a\s+half\b", text[one.end() :], re.IGNORECASE):
            yield value + 0.5, one.start(), one.end() + half.end()
            continue
        is_pronoun = value == 1 and (
            _PRONOUN_BEFORE.search(text[: one.start()]) or not re.match(r"\s+\w", text[one.end() :])
        )
        if not is_pronoun and not re.match(r"-\w", text[one.end() :]):
            yield value, one.start(), one.end()
    for one in re.finditer(r"\b(?:a\s+)?half(?!\s+(?:past|an?\s+(?:hour|dozen)|hour))\b", text, re.IGNORECASE):
        yield 0.5, one.start(), one.end()


def _follows(text: str, end: int) -> bool:
    return bool(_UNIT.match(text, end) or _MONEY_AFTER.match(text, end))


def _dressed(text: str, value: float | int, start: int, end: int, locale: str) -> Entity:
    """A number with what stands around it: a currency, or a unit."""
    sign = text[start - 1] if start and text[start - 1] in _SIGNS else ""
    after = _MONEY_AFTER.match(text, end)
    if sign or after:
        told = sign or (after["name"] or after["sign"] if after else "")
        known = told not in _SHARED or locale.upper().endswith("-US")
        unit = (_SIGNS.get(told) or _CURRENCIES[told.lower()]) if known else ""
        return Entity("money", value, Span(start - len(sign), after.end() if after else end), unit)
    if (unit_match := _UNIT.match(text, end)) and unit_match.lastgroup:
        return Entity("quantity", value, Span(start, unit_match.end()), unit_match.lastgroup)
    return Entity("number", value, Span(start, end))
