"""Regular expressions that anybody may write. The engines are those of Rust, by way of jsonschema-rs: one that matches in
time linear in the text, without look-around and references back, and one that knows these and goes back a bounded number
of times. Neither compiles a pattern that becomes too large."""

from collections.abc import Callable
from functools import lru_cache

import jsonschema_rs

# A pattern of a document, and one that somebody writes into a filter, once it is compiled.
COMPILED_BYTES_MAX = 1 << 20
FILTER_BYTES_MAX = 1 << 18
LIGHT_BYTES_MAX = 1 << 15
PATTERN_CHARACTERS_MAX = 2_000
KNOWN_PATTERNS_MAX = 4_096


def compile_pattern(pattern: str, compiled_bytes_max: int = FILTER_BYTES_MAX) -> Callable[[str], bool] | None:
    """Whether the pattern is found in a text; None where it is no pattern, or too large a one."""
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        return None
    bounded = jsonschema_rs.RegexOptions(size_limit=compiled_bytes_max, dfa_size_limit=compiled_bytes_max)
    try:
        validator = jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=bounded)
    except (jsonschema_rs.ValidationError, ValueError):
        return None

    def found(text: str) -> bool:
        try:
            return validator.is_valid(text)
        except UnicodeEncodeError:  # a lone surrogate
            return False

    return found


@lru_cache(maxsize=KNOWN_PATTERNS_MAX)
def is_linear(pattern: str) -> bool:
    """Whether it can be matched without trying way by way."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


@lru_cache(maxsize=KNOWN_PATTERNS_MAX)
def weigh_pattern(pattern: str) -> int:
    """How many bytes it takes once it is compiled, LIGHT_BYTES_MAX or COMPILED_BYTES_MAX at most; 0 where the checker of
    arguments cannot compile it within that."""
    for bytes_max in (LIGHT_BYTES_MAX, COMPILED_BYTES_MAX):
        bounded = jsonschema_rs.FancyRegexOptions(size_limit=bytes_max, dfa_size_limit=bytes_max)
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=bounded)
        except (jsonschema_rs.ValidationError, ValueError):
            continue
        return bytes_max
    return 0
