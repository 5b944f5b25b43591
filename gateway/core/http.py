"""An HTTP request to a backend and the response to it, as plain values. Sends nothing."""

from urllib.parse import urljoin, urlsplit

from msgspec import Struct

URL_CHARACTERS_MAX = 8_000

# So many values of JSON take some hundred bytes each once they are read.
VALUES_READ_MAX = 1_000_000

Headers = tuple[tuple[str, str], ...]


class HttpRequest(Struct, frozen=True):
    """One exact request.

    `url` is absolute and already percent-encoded: the sender puts it on the wire as it is.
    `headers` keep their order; names are as written here, matched without regard to case.
    """

    method: str
    url: str
    headers: Headers = ()
    content: bytes = b""


class HttpResponse(Struct, frozen=True):
    """One response, read up to a bound.

    Header names are lower-case. `body` is decoded from its content coding (gzip, br, ...).
    `truncated` says that the body was longer than the bound and only its first bytes are here.
    `coding` names the content codings that the body still has, because they are not known here.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    coding: str = ""

    def header(self, name: str) -> str:
        """The first value of a header (name in lower case), or ""."""
        return next((value for key, value in self.headers if key == name), "")


def has_few_values(exact: bytes) -> bool:
    """Whether JSON has at most VALUES_READ_MAX values, by what begins or parts them: what stands in texts counts too."""
    return exact.count(b",") + exact.count(b"[") + exact.count(b"{") <= VALUES_READ_MAX


def url_on_origin(told: str, request: HttpRequest) -> str:
    """The URL that an answer to this request names, absolute and without a fragment, where it is on the request's own
    origin and no longer than URL_CHARACTERS_MAX; "" where it leads elsewhere or is none."""
    if len(told) > URL_CHARACTERS_MAX:
        return ""
    try:
        url = urljoin(request.url, told).partition("#")[0]
        here, there = urlsplit(request.url), urlsplit(url)
        is_same = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
    except ValueError:
        return ""
    is_plain = there.username is None and url.isascii() and url.isprintable() and " " not in url
    return url if is_same and is_plain and len(url) <= URL_CHARACTERS_MAX else ""
