"""Signing in from a terminal, as a person does: `factotum login` in a process of its own, the yes in a browser."""

import asyncio
import json
import os
import re
import stat
import sys
from pathlib import Path

import httpx
import pytest

from gateway.errors import BadRequest, Unauthenticated
from gateway.remote.device import Device
from gateway.remote.gateway import token_of, url_of_gateway
from gateway.remote.logins import Login, Logins
from tests.auth.conftest import issuer
from tests.auth.test_oidc_provider import Served, served

__all__ = ["issuer", "served"]  # Fixtures.

pytestmark = pytest.mark.anyio

SCOPES = ("--scope", "openid", "--scope", "offline_access", "--scope", "lamps:read")


class Terminal:
    """A directory and a home of one person."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logins = home / ".config" / "factotum" / "logins.json"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACTOTUM_", "XDG_"))}
        self._environ = {**kept, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}

    async def start(
        self, *args: str, streams: int = asyncio.subprocess.PIPE, **more: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-m", "gateway", *args),
            cwd=self.home,
            env={**self._environ, **more},
            stdin=streams,
            stdout=streams,
            stderr=streams,
        )

    async def run(self, *args: str, said: str = "", **more: str) -> tuple[int | None, str, str]:
        process = await self.start(*args, **more)
        async with asyncio.timeout(60):
            told, wrong = await process.communicate(said.encode())
        return process.returncode, told.decode(), wrong.decode()


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


async def say_yes(url: str) -> None:
    """Ada in her browser: sees the code, signs in, consents."""
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        page = await browser.get(url)
        for _ in range(8):
            action = re.search(r'action="([^"]+)"', page.text)
            if action is None:
                return
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
            page = await browser.post(action[1], data={**fields, "login": "ada", "password": "whatever"})
    raise AssertionError(page.text[:500])


@pytest.mark.node
async def test_a_person_signs_in_through_a_browser_calls_and_signs_out(served: Served, terminal: Terminal) -> None:
    """At an authorisation server that we did not write: discovery, registration, device flow, refresh, revocation."""
    process = await terminal.start("login", served.url, *SCOPES)
    assert process.stderr is not None
    async with asyncio.timeout(60):
        place = re.search(r"Open (\S+)", (await process.stderr.readline()).decode())
        assert place is not None
        await say_yes(place[1])
        _, told = await process.communicate()
    assert (process.returncode, "Signed in" in told.decode()) == (0, True), told
    assert stat.S_IMODE(terminal.logins.stat().st_mode) == 0o600

    there = {"FACTOTUM_GATEWAY": served.url}
    assert "lamps_list_lamps" in (await terminal.run("tools", **there))[1]
    assert "lamps_list_lamps" in (await terminal.run("search", "list the lamps", **there))[1]
    assert "lamps_list" not in (await terminal.run("search", "list the lamps", "--effect", "write", **there))[1]
    code, _, wrong = await terminal.run("index", **there)
    assert (code, "factotum:connectors.read" in wrong) == (1, True), "that is for whoever looks after the gateway"
    assert "lamps:read" in (await terminal.run("show", "lamps_list_lamps", **there))[1]
    code, told, wrong = await terminal.run("call", "lamps_list_lamps", **there)
    assert (code, json.loads(told or "0")) == (0, {"ok": True}), wrong
    assert "ada" in (await terminal.run("whoami", **there))[1]

    first = json.loads(terminal.logins.read_bytes())[served.url]
    end_token(terminal.logins, served.url)
    renewed = await asyncio.gather(*(terminal.run("token", served.url) for _ in range(3)))
    assert {code for code, _, _ in renewed} == {0}, renewed
    assert len({token for _, token, _ in renewed}) == 1, "one renews it, and the others take what it got"
    assert first["token"] not in renewed[0][1]

    assert (await terminal.run("logout", served.url))[0] == 0
    code, _, wrong = await terminal.run("tools", **there)
    assert (code, "factotum login" in wrong) == (1, True)
    kept = json.loads(terminal.logins.read_bytes())
    assert kept == {}


def end_token(path: Path, url: str) -> None:
    kept = json.loads(path.read_bytes())
    kept[url]["expires_at"] = 0
    path.write_text(json.dumps(kept))


@pytest.mark.node
async def test_an_api_key_signs_in_too_and_a_bad_one_changes_nothing(served: Served, terminal: Terminal) -> None:
    key = await served.door.key("lamps:read", "lamps:write")
    code, _, wrong = await terminal.run("login", served.url, "--key", said=key + "\n")
    assert (code, "as ada" in wrong) == (0, True), wrong
    kept = terminal.logins.read_bytes()
    code, told, wrong = await terminal.run("login", served.url, "--key", said="fct_no_key\n")
    assert (code, told) == (1, "")
    assert terminal.logins.read_bytes() == kept
    assert key not in told + wrong
    code, _, wrong = await terminal.run("--gateway", served.url, "keys", "list")
    assert (code, "works on the store of its own directory" in wrong) == (1, True)


# What cannot be


@pytest.mark.parametrize("url", ["http://gateway.example.com", "ftp://x", "gateway.example.com", "", "https://"])
def test_a_gateway_is_asked_over_tls_or_on_loopback_alone(url: str) -> None:
    with pytest.raises(BadRequest):
        url_of_gateway(url)


GATEWAY, ISSUER = "https://gateway.example.com", "https://id.example.com"
METADATA = {
    "issuer": ISSUER,
    "token_endpoint": f"{ISSUER}/token",
    "device_authorization_endpoint": f"{ISSUER}/device",
    "registration_endpoint": f"{ISSUER}/clients",
}
INVITATION = {
    "device_code": "d",
    "user_code": "AB-CD",
    "verification_uri": f"{ISSUER}/go",
    "expires_in": 60,
    "interval": 5,
}


def device(answers: dict[str, list[tuple[int, object]]], slept: list[float]) -> Device:
    """The flow against a server that answers so, one after the other at each place."""
    usual: dict[str, list[tuple[int, object]]] = {
        f"{GATEWAY}/.well-known/oauth-protected-resource": [
            (200, {"resource": GATEWAY, "authorization_servers": [ISSUER]})
        ],
        f"{ISSUER}/.well-known/oauth-authorization-server": [(200, METADATA)],
        f"{ISSUER}/clients": [(201, {"client_id": "c"})],
        f"{ISSUER}/device": [(200, INVITATION)],
    }
    told = {**usual, **answers}

    def answer(request: httpx.Request) -> httpx.Response:
        left = told.get(str(request.url), [(404, {})])
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return (
            httpx.Response(status, json=body) if not isinstance(body, bytes) else httpx.Response(status, content=body)
        )

    return Device(httpx.Client(transport=httpx.MockTransport(answer)), sleep=slept.append, clock=lambda: 1_000.0)


def sign_in(answers: dict[str, list[tuple[int, object]]], slept: list[float] | None = None) -> Login:
    return device(answers, slept if slept is not None else []).sign_in(GATEWAY, "", "", lambda _: None)


def test_it_waits_as_long_as_it_is_told_to_and_longer_where_it_is_too_fast() -> None:
    slept: list[float] = []
    waits = [(400, {"error": "authorization_pending"}), (400, {"error": "slow_down"})]
    login = sign_in({f"{ISSUER}/token": [*waits, (200, {"access_token": "t", "expires_in": 60})]}, slept)
    assert (slept, login.token, login.expires_at) == ([5, 5, 10], "t", 1_060.0)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({f"{ISSUER}/token": [(400, {"error": "access_denied"})]}, "access_denied"),
        ({f"{ISSUER}/token": [(400, {"error": "expired_token"})]}, "expired_token"),
        ({f"{ISSUER}/token": [(400, {"error": "authorization_pending"})]}, "in time"),
        ({f"{ISSUER}/token": [(200, b"<html>")]}, "not what it should"),
        ({f"{ISSUER}/token": [(302, b"")]}, "not what it should"),
        ({f"{ISSUER}/device": [(400, {"error": "invalid_scope", "error_description": "No such scope."})]}, "No such scope"),
        ({f"{ISSUER}/device": [(200, {"device_code": 7})]}, "not what it should"),
        ({f"{ISSUER}/clients": [(403, {"error": "access_denied"})]}, "did not register"),
        ({f"{ISSUER}/.well-known/oauth-authorization-server": [(200, {**METADATA, "issuer": "https://e.example"})]}, "speaks for"),
        ({f"{ISSUER}/.well-known/oauth-authorization-server": [(404, {})]}, "does not say how"),
        (
            {f"{ISSUER}/.well-known/oauth-authorization-server": [(200, {**METADATA, "token_endpoint": "http://10.0.0.1/"})],
             "http://10.0.0.1/": [(200, {"access_token": "t"})]},
            "is not https",
        ),
        ({f"{GATEWAY}/.well-known/oauth-protected-resource": [(404, {})]}, "--key"),
        ({f"{GATEWAY}/.well-known/oauth-protected-resource": [(200, {"resource": GATEWAY})]}, "--key"),
    ],
)  # fmt: skip
def test_what_a_server_does_wrong_is_said_and_nobody_is_signed_in(
    answers: dict[str, list[tuple[int, object]]], said: str
) -> None:
    with pytest.raises((BadRequest, Unauthenticated), match=said):
        sign_in(answers)


def test_a_login_that_cannot_be_renewed_stays_as_it_was(tmp_path: Path) -> None:
    logins, over = Logins(tmp_path / "logins.json"), Login("t", 0.0, "r", f"{ISSUER}/token", client_id="c")
    with logins.changing() as kept:
        kept[GATEWAY] = over
    refused = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(400, json={"error": "invalid_grant"}))
    )
    with pytest.raises(Unauthenticated, match="Sign in again"):
        token_of(GATEWAY, logins, refused)
    assert logins.find(GATEWAY) == over


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b"\xff" * 100])
def test_a_file_of_logins_that_is_broken_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "logins.json").write_bytes(content)
    with pytest.raises(BadRequest, match=r"logins\.json"):
        Logins(tmp_path / "logins.json").find(GATEWAY)
