"""What may be used in a time, and when more may be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.principal import Principal
from gateway.core.quota import Bucket, Quota, is_empty, key_of, leak, wait_s
from gateway.core.tool import Tool
from tests.core.test_compile import tool_of

TOOL: Tool = tool_of({"operationId": "listThings", "responses": {}}, method="get")
ADA = Principal("red", "ada", "phone", groups=frozenset({"interns"}))


def test_so_many_calls_may_come_at_once_and_then_as_time_goes_by() -> None:
    quota, bucket = Quota("x", calls=10, seconds=10, burst=3), Bucket()
    for _ in range(3):
        assert wait_s(quota, bucket, 0.0) == 0
        bucket.calls += 1
    assert wait_s(quota, bucket, 0.0) == pytest.approx(1.0)
    assert wait_s(quota, bucket, 0.5) == pytest.approx(0.5)
    assert wait_s(quota, bucket, 1.0) == pytest.approx(0.0)


def test_bytes_are_counted_when_they_have_come() -> None:
    quota, bucket = Quota("x", bytes=100, seconds=10), Bucket()
    assert wait_s(quota, bucket, 0.0) == 0
    bucket.bytes += 150
    assert wait_s(quota, bucket, 0.0) == pytest.approx(5.0)
    assert wait_s(quota, bucket, 5.0) == pytest.approx(0.0)


def test_calls_under_way_have_no_time_at_which_they_end() -> None:
    quota = Quota("x", in_flight=1)
    assert wait_s(quota, Bucket(under_way=1), 0.0) == float("inf")
    assert wait_s(quota, Bucket(), 0.0) == 0


@pytest.mark.parametrize(
    ("about", "fits"),
    [
        ({}, True),
        ({"tenant": "red", "connector": TOOL.connector, "tool": TOOL.name, "effect": "read", "group": "interns"}, True),
        ({"tenant": "blue"}, False),
        ({"connector": "other"}, False),
        ({"tool": "other"}, False),
        ({"effect": "write"}, False),
        ({"group": "staff"}, False),
    ],
)
def test_a_quota_is_about_the_calls_that_it_names(about: dict[str, str], fits: bool) -> None:
    assert (key_of(Quota("x", **about), ADA, TOOL) is not None) is fits  # type: ignore[arg-type]


def test_each_of_those_it_is_per_has_a_bucket() -> None:
    quota = Quota("x", per=("principal", "connector"))
    others = [
        Principal("blue", "ada", "phone"),
        Principal("red", "bob", "phone"),
        Principal("red", "ada", "phone", issuer="https://id.example"),
    ]
    keys = {key_of(quota, one, TOOL) for one in (ADA, *others)}
    assert len(keys) == 4
    assert key_of(quota, Principal("red", "ada", "laptop"), TOOL) in keys
    assert key_of(Quota("x"), ADA, TOOL) == ()


@given(
    st.integers(1, 20),
    st.integers(0, 20),
    st.lists(st.floats(0, 5), max_size=60),
)
@settings(deadline=None)
def test_never_more_than_the_burst_and_what_leaked_goes_through(calls: int, burst: int, gaps: list[float]) -> None:
    quota, bucket, now, made = Quota("x", calls=calls, seconds=10, burst=burst), Bucket(), 0.0, 0
    for gap in gaps:
        now += gap
        if wait_s(quota, bucket, now) <= 0:
            bucket.calls += 1
            made += 1
        assert made <= (burst or calls) + now * calls / 10 + 1e-6
    leak(quota, bucket, now + 1_000)
    assert is_empty(bucket)
