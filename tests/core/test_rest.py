"""For how long a backend asks to be left alone."""

from datetime import UTC, datetime

import pytest

from gateway.core.http import HttpResponse
from gateway.core.rest import rest_s

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, 1.0),
        (429, {"retry-after": "-5", "ratelimit-reset": "nan"}, 1.0),
        (429, {"retry-after": "0", "ratelimit-reset": "9"}, 0.0),
        (429, {"retry-after": "Mon, 30 Nov 2026 12:00:07 GMT"}, 7.0),
        (429, {"x-ratelimit-reset": str(NOW.timestamp() + 40)}, 40.0),
        (429, {"x-ratelimit-reset": "inf"}, 1.0),
        (503, {"ratelimit-reset": "9"}, 0.0),
        (200, {"retry-after": "9"}, 0.0),
    ],
)
def test_it_says_so_by_its_status_and_for_how_long_by_its_headers(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    assert rest_s(HttpResponse(status, tuple(headers.items()), b""), NOW) == seconds
