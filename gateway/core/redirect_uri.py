"""Where a client may have people sent back to (RFC 6749 section 3.1.2, RFC 8252, RFC 9700 section 2.1)."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

CHARACTERS_MAX = 2_000
# What a browser runs, or reads off the machine, instead of handing it to a program.
_NEVER = frozenset(
    {
        "about",
        "blob",
        "chrome",
        "data",
        "file",
        "filesystem",
        "ftp",
        "intent",
        "jar",
        "javascript",
        "mailto",
        "res",
        "resource",
    }
    | {"tel", "vbscript", "view-source", "ws", "wss"}
)
# What may stand in a policy: nothing that begins another directive.
_SOURCE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def refuse_redirect_uri(uri: str) -> str:
    """Why a client cannot have it; "" where it can: https, http to loopback, or a scheme of its own."""
    parts = _split(uri)
    if parts is None or not uri.isascii() or not uri.isprintable() or set(uri) & set(' "<>\\^`{|}'):
        return "it is no URI"
    if "#" in uri or "@" in parts.netloc:
        return "it can have neither a fragment nor a user name"
    if parts.scheme == "http":
        return "" if is_loopback(parts) else "http is for loopback addresses alone; use https"
    if parts.scheme == "https":
        return "" if parts.hostname else "it has no host"
    if parts.scheme in _NEVER or not parts.scheme:
        return "its scheme is none that leads back to a program"
    return ""


def redirect_uri_fits(asked: str, registered: Iterable[str]) -> bool:
    """Exactly one that is registered; at a loopback address with any port (RFC 8252 section 7.3)."""
    return any(asked == one or _same_but_port(asked, one) for one in registered) and not refuse_redirect_uri(asked)


def is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def shown_target(uri: str) -> str:
    """What a person is shown of where they will be sent: the host, or the scheme of a program on their machine."""
    parts = _split(uri)
    if parts is None:
        return ""
    if parts.scheme in ("http", "https"):
        return "a program on this computer" if is_loopback(parts) else parts.netloc
    return f"a program on this computer ({parts.scheme})"


def form_target(uri: str) -> str:
    """The source that lets a form be answered by a redirect there (CSP Level 3, `form-action`); "" where there is none."""
    parts = _split(uri)
    if parts is None or refuse_redirect_uri(uri):
        return ""
    whole = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme in ("http", "https") and _SOURCE.fullmatch(whole):
        return whole
    return f"{parts.scheme}:" if _SCHEME.fullmatch(parts.scheme) else ""


def _same_but_port(asked: str, registered: str) -> bool:
    one, other = _split(asked), _split(registered)
    if one is None or other is None or one.scheme != "http" or not is_loopback(one) or "@" in one.netloc:
        return False
    return one._replace(netloc="") == other._replace(netloc="") and one.hostname == other.hostname


def _split(uri: str) -> SplitResult | None:
    if len(uri) > CHARACTERS_MAX:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
