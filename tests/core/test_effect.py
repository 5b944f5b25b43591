"""What a method does to the world."""

import pytest

from gateway.core.effect import annotations_of, effect_of
from gateway.core.tool import Effect


@pytest.mark.parametrize(
    ("method", "effect", "idempotent"),
    [
        ("GET", "read", True),
        ("HEAD", "read", True),
        ("OPTIONS", "read", True),
        ("TRACE", "read", True),
        ("QUERY", "read", True),
        ("PUT", "write", True),
        ("POST", "write", False),
        ("PATCH", "write", False),
        ("DELETE", "destructive", True),
        ("PURGE", "write", False),
    ],
)
def test_the_method_says_what_a_call_may_do(method: str, effect: Effect, idempotent: bool) -> None:
    told = annotations_of(method)
    assert effect_of(method) == effect
    assert told.read_only_hint is (effect == "read")
    assert told.destructive_hint is (effect == "destructive")
    assert told.idempotent_hint is idempotent
    assert told.open_world_hint
