"""Regular expressions that anybody may write: matched in time linear in the text, without look-around and references
back. The engine is that of Rust, by way of jsonschema-rs."""

from collections.abc import Callable

import jsonschema_rs

COMPILED_BYTES_MAX = 1 << 18
PATTERN_CHARACTERS_MAX = 2_000


def compile_pattern(pattern: str, compiled_bytes_max: int = COMPILED_BYTES_MAX) -> Callable[[str], bool] | None:
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
