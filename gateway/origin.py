"""Where the gateway is reached, as its settings say: the origin that tokens are made for and people are sent to. Asks nobody."""

from urllib.parse import urlsplit

from gateway.auth.issuer_http import may_ask
from gateway.settings import Settings, SettingsBroken


def require_origin(settings: Settings) -> str:
    """What tokens have to be made for. Raises SettingsBroken."""
    url = settings.http.public_url.rstrip("/") or (_loopback_url(settings) if settings.port else "")
    if not may_ask(url) or urlsplit(url).path or urlsplit(url).query:
        raise SettingsBroken(
            "auth.issuers and auth.server need http.public_url, an https origin such as https://gateway.example.com."
        )
    for one in (*settings.auth.issuers, *settings.auth.server.assertion_issuers):
        if not may_ask(one.issuer):
            raise SettingsBroken(f"The issuer {one.issuer!r} of auth is no https URL.")
    return url


def knows_origin(settings: Settings) -> bool:
    """Whether it is told, or is that of somebody's own machine."""
    return bool(settings.http.public_url) or (settings.port != 0 and may_ask(_loopback_url(settings)))


def find_origin(settings: Settings) -> str:
    """Where people find its pages; "" where nobody knows."""
    return settings.http.public_url.rstrip("/") or (_loopback_url(settings) if knows_origin(settings) else "")


def other_origins(settings: Settings) -> tuple[str, ...]:
    """The other names of a gateway on somebody's own machine, who may write any of them."""
    named = settings.http.public_url or not settings.port
    every = () if named else (f"http://{host}:{settings.port}" for host in ("127.0.0.1", "localhost", "[::1]"))
    return tuple(one for one in every if one != _loopback_url(settings))


def _loopback_url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
