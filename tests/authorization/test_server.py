"""When the gateway is its own authorisation server, what it says of itself, and what its tokens mean elsewhere in it."""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import mcp
import pytest
from joserfc.jwk import ECKey
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from gateway.app import asgi_app, open_gateway
from gateway.core.issuer import Issuer
from gateway.core.principal import OPERATOR
from gateway.serve import bind, serving, url_of
from gateway.settings import (
    AuthorizationServerSettings,
    AuthSettings,
    HttpSettings,
    MemoryStore,
    Secrets,
    Settings,
    SettingsBroken,
    load_settings,
)
from tests.authorization.conftest import LAMPS, PASSWORD, REDIRECT, Ada, Served, Serves, read_form
from tests.authorization.test_mcp_client import Kept
from tests.conftest import Backend

pytestmark = pytest.mark.anyio

METADATA = "/.well-known/oauth-authorization-server"
OTHER = Issuer("https://id.example.com")


@pytest.mark.parametrize(
    ("told", "issuers"),
    [
        ({}, ["http://127.0.0.1:8080"]),
        ({"host": "::1", "port": 9000}, ["http://[::1]:9000"]),
        ({"http": HttpSettings(public_url="https://gateway.example.com/")}, ["https://gateway.example.com"]),
        ({"host": "0.0.0.0"}, []),
        ({"port": 0}, []),
        ({"auth": AuthSettings(server=AuthorizationServerSettings(mode="off"))}, []),
        ({"auth": AuthSettings(server=AuthorizationServerSettings(mode=False))}, []),
        ({"auth": AuthSettings(issuers=(OTHER,))}, [OTHER.issuer]),
        (
            {"auth": AuthSettings(issuers=(OTHER,), server=AuthorizationServerSettings(mode=True))},
            ["http://127.0.0.1:8080", OTHER.issuer],
        ),
    ],
)
async def test_it_is_on_where_no_other_is_named_and_its_address_is_known(
    opens: Callable[..., Any], told: dict[str, Any], issuers: list[str]
) -> None:
    async with opens(**told) as door:
        answer = await door.client.get("/.well-known/oauth-protected-resource/mcp")
        assert (answer.json()["authorization_servers"] if answer.status_code == 200 else []) == issuers
        own = bool(issuers) and issuers != [OTHER.issuer]
        assert (await door.client.get(METADATA)).status_code == (200 if own else 404)
        challenge = (await door.client.post("/mcp")).headers["www-authenticate"]
        assert ("resource_metadata" in challenge) == bool(issuers)


async def test_on_and_off_may_be_written_as_yaml_has_it(tmp_path: Path) -> None:
    for written, means in (("on", True), ("off", False), ('"on"', "on"), ("auto", "auto")):
        (tmp_path / "factotum.yaml").write_text(f"auth: {{server: {{mode: {written}}}}}")
        assert load_settings({}, tmp_path).auth.server.mode == means
    assert load_settings({"FACTOTUM_AUTH__SERVER__MODE": "on"}, tmp_path).auth.server.mode == "on"


async def test_it_cannot_be_on_where_nobody_knows_its_address(tmp_path: Path) -> None:
    auth = AuthSettings(server=AuthorizationServerSettings(mode="on"))
    settings = Settings(host="0.0.0.0", data_dir=str(tmp_path), store=MemoryStore(), auth=auth)
    with pytest.raises(SettingsBroken, match="public_url"):
        async with open_gateway(settings, Secrets({})):
            pass


async def test_it_says_of_itself_what_clients_look_for(served: Served) -> None:
    told = (await served.http.get(METADATA)).json()
    assert told["issuer"] == served.url
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["client_id_metadata_document_supported"] is True
    assert "scopes_supported" not in told
    for path in ("", "/mcp", "/v1"):
        answer = await served.http.get(METADATA + path, headers={"origin": "https://inspector.example"})
        assert (answer.json(), answer.headers["access-control-allow-origin"]) == (told, "*")
    keys = (await served.http.get(told["jwks_uri"])).json()["keys"]
    assert [(key["kty"], key["use"], "d" in key) for key in keys] == [("EC", "sig", False)]
    assert (await served.http.get("/oauth/token")).status_code == 405
    preflight = await served.http.request("OPTIONS", "/oauth/token", headers={"origin": "https://evil.example"})
    assert (preflight.status_code, "access-control-allow-origin" in preflight.headers) == (204, False)


async def test_the_key_is_made_once_for_its_owner_alone_and_the_one_before_is_still_good(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    path, before = tmp_path / "token-signing-key.pem", tmp_path / "token-signing-key-previous.pem"

    async def key_ids(secrets: dict[str, str] | None = None) -> list[str]:
        async with opens(secrets) as door:
            return [key["kid"] for key in (await door.client.get("/oauth/jwks")).json()["keys"]]

    first = await key_ids()
    assert (path.stat().st_mode & 0o777, await key_ids()) == (0o600, first)
    path.rename(before)
    second = await key_ids()
    assert (len(second), second[1:]) == (2, first)
    pem = ECKey.generate_key("P-256").as_pem(private=True).decode()
    assert (await key_ids({"token-signing-key": pem}))[1:] == first
    for bad in ("", "no PEM", ECKey.generate_key("P-384").as_pem(private=True).decode()):
        path.write_text(bad)
        with pytest.raises(SettingsBroken, match="token-signing-key"):
            await key_ids()


async def test_a_token_that_the_key_before_signed_is_good_until_it_ends(serves: Serves) -> None:
    old, new = (ECKey.generate_key("P-256").as_pem(private=True).decode() for _ in range(2))
    async with serves(secrets={"token-signing-key": new, "token-signing-key-previous": old}) as served:
        await served.add_user()
        _, tokens = await served.tokens()
        assert served.gateway.authorization is not None
        parts = served.gateway.authorization.parts
        previous = type(parts.signer)(parts.signer.private[::-1])
        claims = json_of(tokens["access_token"])
        assert (await served.ask(previous.sign(claims))).status_code == 200
        stranger = type(parts.signer)((ECKey.generate_key("P-256", {"kid": parts.signer.private[0].kid}),))
        assert (await served.ask(stranger.sign(claims))).status_code == 401
        assert (await served.ask(previous.sign({**claims, "family": "another"}))).status_code == 401


def json_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = httpx.Response(200, content=urlsafe_b64decode(part + "=" * (-len(part) % 4))).json()
    return claims


async def test_over_https_cookies_are_for_this_host_and_never_in_the_clear(opens: Callable[..., Any]) -> None:
    async with opens(http=HttpSettings(public_url="https://gateway.example.com")) as door:
        await door.gateway.authorization.users.add(OPERATOR, "ada", PASSWORD, "default", frozenset(), frozenset())
        transport = httpx.ASGITransport(app=asgi_app(door.gateway))
        async with httpx.AsyncClient(transport=transport, base_url="https://gateway.example.com") as browser:
            ada = Ada(browser)
            answer = await ada.sign_in()
            cookies = answer.headers.get_list("set-cookie")
            login = next(one for one in cookies if one.startswith("__Host-factotum-login="))
            for part in ("Path=/", "HttpOnly", "SameSite=Lax", "Secure"):
                assert part in login.split("; ")
            assert "signed in as ada" in (await browser.get("/login")).text


async def test_a_gateway_on_ones_own_machine_is_found_by_either_of_its_names(
    opens: Callable[..., Any], backend: Backend
) -> None:
    """Whoever writes `localhost` where the gateway says 127.0.0.1 can sign in too."""
    with bind("127.0.0.1", 0) as listening:
        url = url_of(listening)
        port = int(url.rpartition(":")[2])
        async with opens(port=port, store=MemoryStore(), auth=AuthSettings(cache_s=0)) as door:
            await door.add("lamps", LAMPS, backend.url)
            await door.gateway.authorization.users.add(
                OPERATOR, "ada", PASSWORD, "default", frozenset({"lamps:read"}), frozenset()
            )
            async with serving(door.gateway, listening), httpx.AsyncClient(base_url=url) as browser:
                ada, kept = Ada(browser), Kept()

                async def code() -> AuthorizationCodeResult:
                    back = ada.came_back
                    return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back["iss"])

                about = OAuthClientMetadata(redirect_uris=[REDIRECT], grant_types=["authorization_code"])  # type: ignore[list-item]
                there = f"http://localhost:{port}/mcp"
                provider = OAuthClientProvider(there, about, kept, ada.open, code)
                async with (
                    httpx2.AsyncClient(auth=provider) as http,
                    mcp.Client(streamable_http_client(there, http_client=http), mode="auto") as client,
                ):
                    assert not (await client.call_tool("lamps_list_lamps", {})).is_error
                assert kept.tokens is not None
                assert json_of(kept.tokens.access_token)["aud"] == there


async def test_a_persons_tenant_and_groups_come_with_the_token_and_roles_do_not(served: Served) -> None:
    await served.add_user("bob", tenant="acme", groups=("staff", "factotum:owner"))
    bob = served.person(name="bob")
    _, tokens = await served.tokens(bob)
    me = (await served.ask(tokens["access_token"], "/v1/me")).json()
    assert (me["tenant"], me["subject"], me["groups"], me["scopes"]) == ("acme", "bob", ["staff"], ["lamps:read"])
    assert me["roles"] == []
    assert served.gateway.authorization is not None
    cookie = next(value for name, value in bob.http.cookies.items() if "login" in name)
    at_a_browser = await served.gateway.authorization.logins.find(cookie)
    assert at_a_browser is not None
    assert at_a_browser.principal.groups == {"staff", "factotum:owner"}


async def test_somebody_else_of_the_same_name_gets_nothing_of_who_had_it_before(served: Served) -> None:
    assert served.gateway.authorization is not None
    users = served.gateway.authorization.users
    client, tokens = await served.tokens()
    again = (await served.register())["client_id"]
    ada = served.person()
    await ada.open(served.authorize(again))
    await users.remove(OPERATOR, "ada")
    await served.add_user()
    assert (await served.ask(tokens["access_token"])).status_code == 401
    assert (await served.refresh(client, tokens["refresh_token"])).status_code == 400
    assert (await served.redeem(again, ada.came_back["code"])).status_code == 400
    assert "Sign in</h1>" in (await ada.http.get("/login")).text


async def test_what_was_done_about_people_and_clients_is_in_the_audit_log(served: Served) -> None:
    client, tokens = await served.tokens()
    await served.http.post("/oauth/revoke", data={"client_id": client, "token": tokens["refresh_token"]})
    told = {line["tool"]: line for line in await served.lines() if line["phase"] == "administered"}
    assert {
        "users.add",
        "clients.register",
        "sign-in",
        "consent.given",
        "tokens.begun",
        "tokens.revoked",
    } <= told.keys()
    assert (told["consent.given"]["subject"], told["consent.given"]["client"]) == ("ada", "browser")
    assert (told["tokens.begun"]["subject"], told["tokens.begun"]["client"]) == ("ada", client)
    assert told["consent.given"]["arguments"]["scopes"] == ["lamps:read"]


async def test_a_path_that_a_person_was_at_is_where_signing_in_leads(served: Served) -> None:
    ada = served.person()
    away = await ada.http.get("/device?user_code=BCDF-GHJK")
    back = await ada.fill_in(await ada.http.get(away.headers["location"]))
    assert back.headers["location"] == "/device?user_code=BCDF-GHJK"
    assert read_form((await ada.http.get(back.headers["location"])).text)[1]["user_code"] == ["BCDF-GHJK"]
