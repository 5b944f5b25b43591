"""Pages for people: HTML without a script, that nobody may frame and no cache keeps. Knows no request and no policy."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from gateway.edge.asgi import Reply

HTML = b"text/html; charset=utf-8"

_FOLDER = files("gateway.edge") / "pages"
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
_STYLE_SOURCE = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"


def _load(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_TEMPLATES = Environment(loader=FunctionLoader(_load), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def page(
    template: str, status: int = 200, *, sends_to: str = "", cookies: tuple[str, ...] = (), **values: Any
) -> Reply:
    """A page from the template of that name. Its forms go here and nowhere else, but for `sends_to`, a source of CSP, where
    the answer to one may be a redirect to there."""
    html = _TEMPLATES.get_template(f"{template}.html").render(style=Markup(_STYLE), **values)  # noqa: S704 (our own file)
    return Reply(status, html.encode(), (*_headers(sends_to), *map(_set_cookie, cookies)), HTML)


def message(title: str, text: str, status: int = 400, cookies: tuple[str, ...] = ()) -> Reply:
    """A page that says something; a problem, where its status is one."""
    return page("message", status, title=title, text=text, is_problem=status >= 400, cookies=cookies)


def see_other(path: str, cookies: tuple[str, ...] = (), status: int = 303) -> Reply:
    """The browser is sent elsewhere (RFC 9110 section 15.4.4)."""
    return Reply(
        status, b"", ((b"location", path.encode()), (b"referrer-policy", b"no-referrer"), *map(_set_cookie, cookies))
    )


def _headers(sends_to: str) -> tuple[tuple[bytes, bytes], ...]:
    policy = (
        f"default-src 'none'; style-src {_STYLE_SOURCE}; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {sends_to}"
    )
    return (
        (b"content-security-policy", policy.strip().encode()),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        # Not no-referrer: forms would then come with `Origin: null`.
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
    )


def _set_cookie(cookie: str) -> tuple[bytes, bytes]:
    return b"set-cookie", cookie.encode()
