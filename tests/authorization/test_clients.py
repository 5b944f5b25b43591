"""Clients that we did not write, beside the MCP one: Authlib's, for every grant; and agents that sign in for themselves."""

import asyncio
from typing import Any

import httpx
import httpx2
import mcp
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from gateway.core.authorization import DEVICE_CODE
from gateway.core.principal import OPERATOR
from gateway.errors import Unauthenticated
from gateway.remote.device import Device
from tests.authorization.conftest import REDIRECT, VERIFIER, Ada, Served, Serves, read_form
from tests.authorization.test_mcp_client import Kept

pytestmark = pytest.mark.anyio


async def added(served: Served, *scopes: str) -> tuple[str, str]:
    """The id and secret of a client of the operator's."""
    assert served.gateway.authorization is not None
    clients = served.gateway.authorization.clients
    client, secret = await clients.add(OPERATOR, "Night watch", "default", frozenset(scopes))
    return client.id, secret


async def test_authlibs_client_gets_a_code_and_tokens_for_it_and_refreshes_them(served: Served) -> None:
    for method in ("none", "client_secret_basic", "client_secret_post"):
        told = await served.register(
            token_endpoint_auth_method=method, grant_types=["authorization_code", "refresh_token"]
        )
        ada = served.person()
        async with AsyncOAuth2Client(
            told["client_id"],
            told.get("client_secret"),
            token_endpoint_auth_method=method,
            scope="lamps:read",
            redirect_uri=REDIRECT,
            code_challenge_method="S256",
        ) as client:
            url, state = client.create_authorization_url(f"{served.url}/oauth/authorize", code_verifier=VERIFIER)
            await ada.open(url)
            assert ada.came_back["state"] == state
            token_url = f"{served.url}/oauth/token"
            token = await client.fetch_token(token_url, code=ada.came_back["code"], code_verifier=VERIFIER)
            assert (token["scope"], token["token_type"]) == ("lamps:read", "Bearer")
            newer = await client.refresh_token(token_url)
            assert newer["refresh_token"] != token["refresh_token"]
            assert (await client.get(f"{served.url}/v1/tools")).status_code == 200
            revoked = await client.revoke_token(f"{served.url}/oauth/revoke", token=newer["refresh_token"])
            assert revoked.status_code == 200, revoked.text
            assert (await served.ask(newer["access_token"])).status_code == 401


async def test_a_device_without_a_browser_is_signed_in_elsewhere(served: Served) -> None:
    told, ada = await served.register(grant_types=[DEVICE_CODE, "refresh_token"]), served.person()
    waiting = await begin(served, told["client_id"], scope="lamps:read lamps:write")
    assert waiting["verification_uri"] == f"{served.url}/device"
    async with AsyncOAuth2Client(told["client_id"], token_endpoint_auth_method="none") as client:
        asked: dict[str, Any] = {"grant_type": DEVICE_CODE, "device_code": waiting["device_code"]}
        for error in ("authorization_pending", "slow_down"):
            with pytest.raises(OAuthError, match=error):
                await client.fetch_token(f"{served.url}/oauth/token", **asked)
        assert (await answer(ada, waiting["user_code"].lower().replace("-", " "))).status_code == 200
        token = await client.fetch_token(f"{served.url}/oauth/token", **asked)
        assert token["scope"] == "lamps:read lamps:write"
        assert (await served.ask(token["access_token"])).status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.fetch_token(f"{served.url}/oauth/token", **asked)


async def begin(served: Served, client: str, **more: str) -> dict[str, Any]:
    answer = await served.http.post("/oauth/device_authorization", data={"client_id": client, **more})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def answer(person: Ada, user_code: str, decision: str = "allow") -> Any:
    """What the person sees in the end."""
    if "Sign in</h1>" in (await person.http.get("/login")).text:
        await person.sign_in()
    _, fields = read_form((await person.http.get("/device")).text)
    shown = await person.post("/device", fields | {"user_code": [user_code]})
    if shown.status_code != 200:
        return shown
    person.seen.append(shown.text)
    return await person.post("/device", read_form(shown.text)[1] | {"decision": [decision]})


async def test_a_device_that_is_turned_away_or_too_late_gets_nothing(served: Served, serves: Serves) -> None:
    client = (await served.register(grant_types=[DEVICE_CODE]))["client_id"]
    waiting = await begin(served, client)
    await answer(served.person(), waiting["user_code"], "deny")
    told = await served.token(grant_type=DEVICE_CODE, client_id=client, device_code=waiting["device_code"])
    assert told.json()["error"] == "access_denied"
    async with serves(device_s=0.0) as short:
        await short.add_user()
        client = (await short.register(grant_types=[DEVICE_CODE]))["client_id"]
        waiting = await begin(short, client)
        assert (await answer(short.person(), waiting["user_code"])).status_code == 404
        told = await short.token(grant_type=DEVICE_CODE, client_id=client, device_code=waiting["device_code"])
        assert told.json()["error"] == "expired_token"


async def test_a_device_that_asks_for_no_scope_that_could_be_is_told_so_before_anybody_waits(served: Served) -> None:
    client = (await served.register(grant_types=[DEVICE_CODE]))["client_id"]
    for asked in ("nosuch", "nosuch offline_access", "factotum:nosuch", ":", "lamps:"):
        told = await served.http.post("/oauth/device_authorization", data={"client_id": client, "scope": asked})
        assert (told.status_code, told.json()["error"]) == (400, "invalid_scope"), asked
        assert "factotum:audit.read" in told.json()["error_description"]
        assert "lamps" not in told.json()["error_description"], "which connectors there are is nobody's to know yet"
    await begin(served, client, scope="nosuch lamps:read")
    with httpx.Client() as http, pytest.raises(Unauthenticated, match="None of what was asked for is a scope"):
        await asyncio.to_thread(Device(http).sign_in, served.url, "nosuch", "", lambda _: pytest.fail("it waits"))


async def test_whoever_holds_nothing_that_a_device_asks_for_is_told_what_they_hold(served: Served) -> None:
    client = (await served.register(grant_types=[DEVICE_CODE]))["client_id"]
    waiting = await begin(served, client, scope="lamps:reed")
    shown = await answer(served.person(), waiting["user_code"])
    assert shown.status_code == 403
    assert "It asks for lamps:reed" in shown.text
    assert "You hold: factotum:audit.read, lamps:read, lamps:write." in shown.text
    told = await served.token(grant_type=DEVICE_CODE, client_id=client, device_code=waiting["device_code"])
    assert told.json()["error"] == "access_denied"


async def test_codes_of_devices_cannot_be_guessed_for_long(serves: Serves) -> None:
    async with serves(login_attempts_max=3) as served:
        await served.add_user()
        waiting = await begin(served, (await served.register(grant_types=[DEVICE_CODE]))["client_id"])
        mallory = served.person()
        statuses = [(await answer(mallory, f"BCDF-{last}")).status_code for last in ("BCDF", "BCDG", "BCDH", "BCDJ")]
        assert statuses == [404, 404, 404, 429]
        assert (await answer(mallory, waiting["user_code"])).status_code == 429


async def test_a_devices_code_is_of_one_client_and_of_those_that_asked_for_the_grant(served: Served) -> None:
    client, other = [(await served.register(grant_types=[DEVICE_CODE]))["client_id"] for _ in range(2)]
    waiting = await begin(served, client)
    told = await served.token(grant_type=DEVICE_CODE, client_id=other, device_code=waiting["device_code"])
    assert told.json()["error"] == "unauthorized_client"
    plain = (await served.register())["client_id"]
    refused = await served.http.post("/oauth/device_authorization", data={"client_id": plain})
    assert refused.json()["error"] == "unauthorized_client"
    refused = await served.http.post("/oauth/device_authorization", data={"client_id": client, "resource": "https://x"})
    assert refused.json()["error"] == "invalid_target"


async def test_a_devices_yes_is_for_the_code_that_was_shown(served: Served) -> None:
    client = (await served.register(grant_types=[DEVICE_CODE]))["client_id"]
    one, other = await begin(served, client), await begin(served, client)
    ada = served.person()
    await ada.sign_in()
    _, fields = read_form((await ada.http.get("/device")).text)
    shown = await ada.post("/device", fields | {"user_code": [one["user_code"]]})
    moved = read_form(shown.text)[1] | {"decision": ["allow"], "request": [other["user_code"]]}
    assert (await ada.post("/device", moved)).status_code == 403


async def test_an_agent_signs_in_for_itself_with_what_the_operator_gave_it(served: Served) -> None:
    client_id, secret = await added(served, "lamps:read")
    provider = ClientCredentialsOAuthProvider(f"{served.url}/mcp", Kept(), client_id, secret, issuer=served.url)
    async with (
        httpx2.AsyncClient(auth=provider) as http,
        mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
    ):
        assert not (await client.call_tool("lamps_list_lamps", {})).is_error
    line = next(line for line in await served.lines() if line["tool"] == "lamps_list_lamps")
    assert (line["subject"], line["client"]) == (client_id, client_id)
    async with AsyncOAuth2Client(client_id, secret) as plain:
        token = await plain.fetch_token(f"{served.url}/oauth/token", grant_type="client_credentials")
        assert (token["scope"], "refresh_token" in token) == ("lamps:read", False)
        with pytest.raises(OAuthError, match="invalid_scope"):
            await plain.fetch_token(f"{served.url}/oauth/token", grant_type="client_credentials", scope="lamps:write")


async def test_an_agent_that_is_removed_or_tells_a_wrong_secret_is_refused(served: Served) -> None:
    client_id, secret = await added(served, "lamps:read")
    form = {"grant_type": "client_credentials"}
    token = (await served.http.post("/oauth/token", data=form, auth=(client_id, secret))).json()["access_token"]
    assert (await served.ask(token)).status_code == 200
    wrong = await served.http.post("/oauth/token", data=form, auth=(client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert "client_secret are right" in wrong.json()["error_description"]
    unknown = await served.http.post("/oauth/token", data=form, auth=("client_nobody", "wrong"))
    assert (unknown.status_code, unknown.json(), unknown.headers["www-authenticate"]) == (
        wrong.status_code,
        wrong.json(),
        wrong.headers["www-authenticate"],
    )
    public = (await served.register())["client_id"]
    for told in (
        {"client_id": client_id},
        {"client_id": public},
        {"client_id": "x"},
        {"client_id": client_id, "client_secret": "wrong"},
    ):
        assert (await served.http.post("/oauth/token", data=form | told)).json() == wrong.json()
    assert served.gateway.authorization is not None
    await served.gateway.authorization.clients.remove(OPERATOR, client_id)
    assert (await served.ask(token)).status_code == 401


async def test_a_secret_that_is_wrong_is_on_record_and_tells_neither_secret_nor_mistyped_id(served: Served) -> None:
    client_id, _ = await added(served, "lamps:read")
    form = {"grant_type": "client_credentials"}
    for told in ((client_id, "hunter2"), ("hunter2", "hunter3"), ("hunter3", "")):
        for path in ("/oauth/token", "/oauth/revoke"):
            await served.http.post(path, data=form, auth=told)
            await served.http.post(path, data=form | {"client_id": told[0], "client_secret": told[1]})
    lines = [line for line in await served.lines() if line["tool"] == "sign-in"]
    seen = [
        (line["arguments"]["code"], line["arguments"].get("name"), line["arguments"]["credential"]) for line in lines
    ]
    assert len(lines) == 10  # a minute
    assert {(line["phase"], line["door"], line["status"], line["subject"]) for line in lines} == {
        ("rejected", "oauth", 401, "")
    }
    assert len(set(seen[:4])) == 1
    assert seen[0][:2] == ("invalid_client", client_id)
    assert len(set(seen[4:8])) == 1
    assert seen[4][:2] == ("invalid_client", None)
    assert len({one[2] for one in seen}) == 2  # hunter2 and hunter3, whether they stood for an id or a secret
    assert "hunter" not in str(lines)


async def test_a_yes_is_remembered_for_a_client_that_can_be_told_from_others(served: Served) -> None:
    away, here = "https://app.example/callback", REDIRECT
    client = (await served.register(away, here))["client_id"]
    ada = served.person()
    await ada.open(served.authorize(client, redirect_uri=away))
    assert len(ada.seen) == 2
    await ada.open(served.authorize(client, redirect_uri=away))
    assert ("code" in ada.came_back, len(ada.seen)) == (True, 2)
    for more in ({"redirect_uri": here}, {"scope": "lamps:read lamps:write"}, {"prompt": "consent"}, {"scope": None}):
        before = len(ada.seen)
        await ada.open(served.authorize(client, **{"redirect_uri": away, **more}))
        assert len(ada.seen) == before + 1
