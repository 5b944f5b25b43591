"""What somebody who means harm cannot do at the gateway's own authorisation server: all of it through the front door."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from gateway.app import asgi_app
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.principal import OPERATOR
from tests.authorization.conftest import ALL_SCOPES, PASSWORD, REDIRECT, Ada, Served, Serves, challenge, read_form

pytestmark = pytest.mark.anyio


async def code_of(served: Served, **more: str | None) -> tuple[str, str]:
    """A client's id and a code for it."""
    client, ada = (await served.register())["client_id"], served.person()
    await ada.open(served.authorize(client, **more))
    return client, ada.came_back["code"]


def refused(answer: httpx.Response, error: str) -> None:
    assert (answer.status_code // 100, answer.json()["error"]) == (4, error), answer.text
    assert answer.headers["cache-control"] == "no-store"


# Where people are sent back to


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/callback",
        "https://app.example/callback/../other",
        "https://app.example/callback?more=1",
        "https://app.example/callback/",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example:444/callback",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://app.example/callback#fragment",
        "http://127.0.0.1:9/other",
        "http://127.0.0.1:9@evil.example/callback",
        "http://localhost:9/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:9/callback?x",
        "javascript:alert(1)",
        'https://app.example/"callback',
        "",
    ],
)
async def test_nobody_is_sent_to_an_address_that_was_not_registered(served: Served, asked: str) -> None:
    client, ada = (await served.register("https://app.example/callback", REDIRECT))["client_id"], served.person()
    await ada.sign_in()
    answer = await ada.http.get(served.authorize(client, redirect_uri=asked))
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_at_loopback_the_port_may_be_another(served: Served) -> None:
    client, ada = (await served.register())["client_id"], served.person()
    await ada.open(served.authorize(client, redirect_uri="http://127.0.0.1:4711/callback"))
    answer = await served.redeem(client, ada.came_back["code"], redirect_uri="http://127.0.0.1:4711/callback")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/#x",
        "https://a@b.example/",
        "//app.example",
        "file:///etc/passwd",
        "https://app.example/\n",
        "",
        "blob:https://x",
    ],
)
async def test_dangerous_redirect_uris_are_not_registered(served: Served, uri: str) -> None:
    answer = await served.http.post("/oauth/register", json={"redirect_uris": [uri]})
    refused(answer, "invalid_redirect_uri")


# Codes and their proof


async def test_a_code_that_comes_twice_ends_what_came_of_it(served: Served) -> None:
    client, code = await code_of(served)
    tokens = (await served.redeem(client, code)).json()
    assert (await served.ask(tokens["access_token"])).status_code == 200
    refused(await served.redeem(client, code), "invalid_grant")
    assert (await served.ask(tokens["access_token"])).status_code == 401
    refused(await served.refresh(client, tokens["refresh_token"]), "invalid_grant")
    assert "a code was used twice" in str(await served.lines())


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_a_request_that_is_not_good_is_answered_before_anybody_is_asked(
    served: Served, more: dict[str, str | None], error: str
) -> None:
    client, ada = (await served.register())["client_id"], served.person()
    await ada.open(served.authorize(client, **more))
    assert (ada.came_back["error"], ada.came_back["state"]) == (error, "some state")
    assert ada.came_back["iss"] == served.url
    assert not any("May " in page for page in ada.seen)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": challenge()}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:2/callback"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"client_id": "client_nobody"}, "invalid_client"),
    ],
)
async def test_a_code_is_good_only_for_who_asked_and_as_it_was_asked(
    served: Served, more: dict[str, str], error: str
) -> None:
    client, code = await code_of(served)
    refused(await served.redeem(**{"client_id": client, "code": code, **more}), error)


async def test_another_client_cannot_redeem_a_code(served: Served) -> None:
    _, code = await code_of(served)
    other = (await served.register())["client_id"]
    refused(await served.redeem(other, code), "invalid_grant")


async def test_a_code_is_good_for_a_short_time(served: Served, serves: Serves) -> None:
    async with serves(code_s=0.0) as short:
        await short.add_user()
        client, code = await code_of(short)
        refused(await short.redeem(client, code), "invalid_grant")


# Refresh tokens


async def test_a_refresh_token_that_comes_twice_ends_the_family(served: Served) -> None:
    client, first = await served.tokens()
    second = (await served.refresh(client, first["refresh_token"])).json()
    assert (await served.ask(second["access_token"])).status_code == 200
    refused(await served.refresh(client, first["refresh_token"]), "invalid_grant")
    refused(await served.refresh(client, second["refresh_token"]), "invalid_grant")
    assert (await served.ask(second["access_token"])).status_code == 401
    assert "a refresh token was used twice" in str(await served.lines())


async def test_refresh_tokens_end_so_long_after_the_sign_in_however_often_they_are_used(serves: Serves) -> None:
    begun = now = datetime.now(UTC)
    async with serves(clock=lambda: now, refresh_token_s=86_400, refresh_s_max=3 * 86_400) as served:
        await served.add_user()
        client, tokens = await served.tokens()
        for hours in (23, 46, 69, 71.99):
            now = begun + timedelta(hours=hours)
            answer = await served.refresh(client, tokens["refresh_token"])
            assert answer.status_code == 200, (hours, answer.text)
            tokens = answer.json()
        assert tokens["expires_in"] <= 36, "nor is an access token good for longer"
        now = begun + timedelta(hours=72.01)
        refused(await served.refresh(client, tokens["refresh_token"]), "invalid_grant")


async def test_a_refresh_token_is_of_one_client_and_gives_no_more_than_it_was_given_for(served: Served) -> None:
    client, tokens = await served.tokens()
    other = (await served.register(grant_types=["authorization_code", "refresh_token"]))["client_id"]
    refused(await served.refresh(other, tokens["refresh_token"]), "invalid_grant")
    refused(await served.refresh(client, tokens["refresh_token"], scope="lamps:read lamps:write"), "invalid_scope")
    refused(
        await served.refresh(client, tokens["refresh_token"], resource="https://elsewhere.example"), "invalid_target"
    )
    assert (await served.refresh(client, tokens["refresh_token"])).status_code == 200


async def test_a_client_ends_its_own_tokens_and_nobody_elses(served: Served) -> None:
    client, tokens = await served.tokens()
    other = (await served.register())["client_id"]
    for token in (tokens["access_token"], tokens["refresh_token"]):
        answer = await served.http.post("/oauth/revoke", data={"client_id": other, "token": token})
        assert answer.status_code == 400
    assert (await served.ask(tokens["access_token"])).status_code == 200
    assert (await served.http.post("/oauth/revoke", data={"client_id": client, "token": "?"})).status_code == 200
    answer = await served.http.post("/oauth/revoke", data={"client_id": client, "token": tokens["access_token"]})
    assert answer.status_code == 200
    assert (await served.ask(tokens["access_token"])).status_code == 401
    refused(await served.refresh(client, tokens["refresh_token"]), "invalid_grant")


# What is given


async def test_nobody_gives_more_than_they_hold(served: Served) -> None:
    await served.add_user("bob", frozenset({"lamps:read"}))
    _, tokens = await served.tokens(served.person(name="bob"), scope="lamps:read lamps:write factotum:audit.read")
    assert tokens["scope"] == "lamps:read"
    bob = served.person(name="bob")
    client = (await served.register())["client_id"]
    await bob.open(served.authorize(client, scope="lamps:write"))
    assert bob.came_back["error"] == "access_denied"


async def test_ticking_what_was_not_offered_gives_nothing(served: Served) -> None:
    ada = served.person()
    ada.ticks = ALL_SCOPES
    _, tokens = await served.tokens(ada, scope="lamps:read")
    assert tokens["scope"] == "lamps:read"


async def test_where_nothing_is_asked_for_a_person_chooses_and_writing_is_not_ticked(served: Served) -> None:
    ada = served.person()
    _, tokens = await served.tokens(ada, scope=None)
    assert tokens["scope"] == "factotum:audit.read lamps:read"
    assert "lamps:write" in ada.seen[-1]


async def test_a_no_is_told_to_the_client(served: Served) -> None:
    client, ada = (await served.register())["client_id"], served.person()
    ada.says = "deny"
    await ada.open(served.authorize(client))
    assert (ada.came_back["error"], "code" in ada.came_back) == ("access_denied", False)


@pytest.mark.parametrize("act", ["remove", "disable", "password", "scopes"])
async def test_who_is_removed_or_changed_loses_what_their_tokens_could_do(served: Served, act: str) -> None:
    assert served.gateway.authorization is not None
    users, ada = served.gateway.authorization.users, served.person()
    client, tokens = await served.tokens(ada)
    assert len((await served.ask(tokens["access_token"])).json()["tools"]) == 1
    match act:
        case "remove":
            await users.remove(OPERATOR, "ada")
        case "disable":
            await users.change(OPERATOR, "ada", disabled=True)
        case "password":
            await users.set_password(OPERATOR, "ada", "another password")
        case _:
            await users.change(OPERATOR, "ada", scopes=frozenset())
    answer = await served.ask(tokens["access_token"])
    if act == "scopes":
        assert (answer.status_code, answer.json()["tools"]) == (200, [])
        return
    assert answer.status_code == 401
    refused(await served.refresh(client, tokens["refresh_token"]), "invalid_grant")
    assert "Sign in" in (await ada.http.get("/login")).text


async def test_what_was_remembered_of_somebody_who_is_removed_is_not_the_next_ones_of_that_name(
    served: Served,
) -> None:
    assert served.gateway.authorization is not None
    users, scopes = served.gateway.authorization.users, frozenset({MEMORY_READ, MEMORY_WRITE})
    await users.change(OPERATOR, "ada", scopes=scopes)

    async def signed_in() -> dict[str, str]:
        ada = served.person()
        ada.ticks = tuple(scopes)
        _, tokens = await served.tokens(ada, scope=" ".join(scopes))
        return {"authorization": f"Bearer {tokens['access_token']}"}

    kept = await served.http.post("/v1/memory", json={"words": "my city is Oslo"}, headers=await signed_in())
    assert kept.status_code == 201, kept.text
    assert len((await served.http.get("/v1/memory", headers=await signed_in())).json()["facts"]) == 1
    await users.remove(OPERATOR, "ada")
    await users.add(OPERATOR, "ada", PASSWORD, "default", scopes, frozenset())
    assert (await served.http.get("/v1/memory", headers=await signed_in())).json() == {"facts": []}


# Signing in


async def test_a_wrong_name_gets_the_answer_of_a_wrong_password(served: Served) -> None:
    pages = []
    for who in (served.person(password="wrong password"), served.person(name="nobody", password=PASSWORD)):
        answer = await who.post(
            "/login", (await form_at(who, "/login")) | {"name": [who.name], "password": [who.password]}
        )
        plain = re.sub(r'value="[0-9a-f]{64}"', "", answer.text).replace(f'value="{who.name}"', "")
        pages.append((answer.status_code, plain))
        assert "factotum-login" not in str(answer.headers.get_list("set-cookie"))
    assert pages[0] == pages[1]
    assert pages[0][0] == 401


async def test_what_was_typed_for_a_name_is_on_record_only_where_it_is_one(served: Served) -> None:
    assert served.gateway.authorization is not None
    await served.gateway.authorization.users.change(OPERATOR, "ada", disabled=True)
    who = served.person()
    for typed in (" Ada", PASSWORD, PASSWORD, "ada2"):
        await who.post("/login", await form_at(who, "/login") | {"name": [typed], "password": ["wrong password"]})
    lines = [line for line in await served.lines() if line["tool"] == "sign-in"]
    told = [line["arguments"] for line in lines]
    assert {(line["phase"], line["door"], line["subject"], line["status"]) for line in lines} == {
        ("rejected", "oauth", "", 401)
    }
    assert told[0] == {"code": "invalid_login", "address": "127.0.0.1", "method": "POST", "name": "ada"}
    assert told[1]["credential"] == told[2]["credential"] != told[3]["credential"]
    assert PASSWORD not in str(lines)
    assert "ada2" not in str(lines)


async def form_at(who: Ada, path: str) -> dict[str, Any]:
    return read_form((await who.http.get(path)).text)[1]


async def test_passwords_cannot_be_guessed_for_long(serves: Serves) -> None:
    async with serves(login_attempts_max=2) as served:
        await served.add_user()
        mallory, statuses = served.person(password="wrong password"), []
        for _ in range(3):
            fields = await form_at(mallory, "/login") | {"name": ["ada"], "password": ["wrong password"]}
            statuses.append((await mallory.post("/login", fields)).status_code)
        assert statuses == [401, 401, 429]
        fields = await form_at(mallory, "/login") | {"name": ["ada"], "password": [PASSWORD]}
        answer = await mallory.post("/login", fields)
        assert (answer.status_code, 290 <= int(answer.headers["retry-after"]) <= 300) == (429, True)
        told = [line["arguments"] for line in await served.lines() if line["tool"] == "sign-in"]
        assert [(one["code"], one["name"]) for one in told[2:]] == [("quota_reached", "ada")] * 2


async def test_what_somebody_tries_elsewhere_keeps_nobody_out_until_it_is_tried_from_many_places(
    serves: Serves,
) -> None:
    async with serves(login_attempts_max=2) as served:
        await served.add_user()

        async def try_in(at: str, password: str) -> int:
            who = served.person(at=at)
            fields = await form_at(who, "/login") | {"name": ["ada"], "password": [password]}
            return (await who.post("/login", fields)).status_code

        assert [await try_in("127.0.0.2", "wrong password") for _ in range(4)] == [401, 401, 429, 429]
        assert await try_in("127.0.0.1", PASSWORD) == 303
        for last in range(3, 12):
            assert [await try_in(f"127.0.0.{last}", "wrong password") for _ in range(2)] == [401, 401]
        assert await try_in("127.0.0.1", PASSWORD) == 429, "twenty from ten places"


async def test_a_flood_of_wrong_passwords_has_few_lines_and_waits_for_none(served: Served) -> None:
    mallory = served.person()
    fields = await form_at(mallory, "/login") | {"name": ["ada"], "password": ["wrong password"]}
    append, going = served.gateway.store.append_audit, asyncio.Event()

    async def slow(entries: Any) -> None:
        await going.wait()
        await append(entries)

    served.gateway.audit._store = Slow(slow)  # type: ignore[assignment]
    async with asyncio.timeout(30):
        answers = [await mallory.post("/login", fields) for _ in range(40)]
    going.set()
    assert {answer.status_code for answer in answers} == {401, 429}
    assert len([line for line in await served.lines() if line["tool"] == "sign-in"]) == 10


class Slow(NamedTuple):
    """A store whose audit log is as slow as `append_audit`."""

    append_audit: Any


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:x"]
)
async def test_after_signing_in_nobody_is_led_elsewhere(served: Served, target: str) -> None:
    ada = served.person()
    answer = await ada.fill_in(await ada.http.get("/login?" + urlencode({"next": target})))
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await ada.http.get("/login?" + urlencode({"next": target}))).status_code == 200


async def test_another_sites_form_signs_nobody_in_or_out_and_says_yes_to_nothing(served: Served) -> None:
    ada, mallory = served.person(), served.person()
    theirs = await form_at(mallory, "/login") | {"name": ["ada"], "password": [PASSWORD]}
    assert (await ada.post("/login", theirs)).status_code == 403
    await ada.sign_in()
    await mallory.sign_in()
    client = (await served.register())["client_id"]
    for token in ("", "0" * 64, (await form_at(mallory, served.authorize(client)))["form_token"][0]):
        fields = await form_at(ada, served.authorize(client)) | {"form_token": [token], "decision": ["allow"]}
        assert (await ada.post("/oauth/authorize", fields)).status_code == 403
        assert (await ada.post("/logout", {"form_token": token})).status_code == 403
    fields = await form_at(ada, served.authorize(client)) | {"decision": ["allow"]}
    answer = await ada.http.post("/oauth/authorize", data=fields, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


async def test_a_yes_for_one_client_is_none_for_another(served: Served) -> None:
    ada = served.person()
    await ada.sign_in()
    one, other = [(await served.register())["client_id"] for _ in range(2)]
    fields = await form_at(ada, served.authorize(one))
    fields |= {"request": [fields["request"][0].replace(one, other)], "decision": ["allow"]}
    assert (await ada.post("/oauth/authorize", fields)).status_code == 403


async def test_a_forged_cookie_is_nobodys(served: Served) -> None:
    ada = served.person()
    await ada.sign_in()
    name = next(one for one in ada.http.cookies if "login" in one)
    for forged in ("", "x", "ada", ada.http.cookies[name][:-1], ada.http.cookies[name] + "x"):
        other = served.person()
        other.http.cookies.set(name, forged)
        assert "Sign in</h1>" in (await other.http.get("/login")).text


async def test_who_signs_out_is_out_whatever_became_of_the_cookie(served: Served) -> None:
    ada, thief = served.person(), served.person()
    await ada.sign_in()
    thief.http.cookies.update(ada.http.cookies)
    assert "signed in as ada" in (await thief.http.get("/login")).text
    await ada.fill_in(await ada.http.get("/login"))
    assert "Sign in</h1>" in (await thief.http.get("/login")).text


async def test_pages_run_nothing_are_framed_by_nobody_and_are_kept_nowhere(served: Served) -> None:
    ada = served.person()
    client = (await served.register(client_name="<script>alert(1)</script>"))["client_id"]
    pages = [await ada.http.get("/login")]
    await ada.sign_in()
    pages += [await ada.http.get("/login"), await ada.http.get(served.authorize(client))]
    for answer in pages:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert (answer.headers["x-frame-options"], answer.headers["cache-control"]) == ("DENY", "no-store")
        assert "<script" not in answer.text
    assert "&lt;script&gt;" in pages[-1].text


async def test_the_address_of_a_request_cannot_write_a_pages_policy(served: Served) -> None:
    ada = served.person()
    for uri in ("https://a.example;script-src%20*/", "https://a.example; script-src */", "x:;script-src *"):
        target = "/oauth/authorize?" + urlencode({"redirect_uri": uri})
        policy = (await ada.http.get("/login?" + urlencode({"next": target}))).headers["content-security-policy"]
        assert "script-src" not in policy


async def test_a_page_asked_for_under_another_hosts_name_is_refused(served: Served) -> None:
    for path in ("/login", "/oauth/authorize"):
        assert (await served.http.get(path, headers={"host": "evil.example"})).status_code == 403
    answer = await served.http.post("/oauth/token", data={}, headers={"host": "evil.example"})
    assert answer.status_code == 403
    answer = await served.http.post("/oauth/register", json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


# Floods and noise


async def test_registrations_are_bounded_and_what_nobody_uses_is_forgotten(serves: Serves) -> None:
    async with serves(registrations_per_hour_max=3) as served:
        for _ in range(3):
            await served.register()
        answer = await served.http.post("/oauth/register", json={"redirect_uris": [REDIRECT]})
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    async with serves(clients_max=2, client_unused_s=0.001) as served:
        for _ in range(4):
            await served.register()
    async with serves(clients_max=2) as served:
        for _ in range(2):
            await served.register()
        assert (await served.http.post("/oauth/register", json={"redirect_uris": [REDIRECT]})).status_code == 429


async def test_whoever_floods_registrations_keeps_nobody_else_from_registering(serves: Serves) -> None:
    async with serves(registrations_per_hour_max=2) as served:
        app = asgi_app(served.door.gateway)

        async def register(address: str) -> int:
            transport = httpx.ASGITransport(app=app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=served.url) as http:
                return (await http.post("/oauth/register", json={"redirect_uris": [REDIRECT]})).status_code

        flood = [await register(f"2001:db8::{number}") for number in range(4)]
        assert flood == [201, 201, 429, 429]
        assert await register("203.0.113.7") == 201
        everybody = [await register(f"198.51.100.{number}") for number in range(30)]
        assert (everybody.count(201), everybody[-1]) == (17, 429)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"redirect_uris": 1}',
        b"\xff",
        b'{"redirect_uris":[]}',
        b"[" * 100000,
        b'{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"private_key_jwt"}',
        b'{"redirect_uris":["https://a.example/"],"grant_types":["client_credentials"]}',
    ],
)
async def test_what_is_no_registration_is_told_so(served: Served, body: bytes) -> None:
    answer = await served.http.post("/oauth/register", content=body)
    assert answer.status_code in (400, 413)
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"grant_type=authorization_code",
        b"grant_type=x&grant_type=y",
        b"grant_type=%00",
        b"a=1&" * 1000,
        b"grant_type=password&username=ada",
        b"grant_type=%22%5C",
        b"grant_type=refresh_token&client_id=x",
    ],
)
async def test_what_is_no_token_request_is_told_so(served: Served, body: bytes) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await served.http.post("/oauth/token", content=body, headers=form)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_request", "invalid_client", "unsupported_grant_type")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /////w==", "Bearer x", "Basic eDp5"])
async def test_a_clients_proof_that_is_none_is_refused(served: Served, header: str) -> None:
    answer = await served.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"authorization": header}
    )
    assert answer.json()["error"] in ("invalid_request", "invalid_client")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "client_id=x",
        "client_id=x&client_id=y",
        "client_id=%00",
        "client_id=https://",
        "response_type=%22",
        "scope=" + "x" * 30_000,
    ],
)
async def test_an_authorization_request_that_cannot_be_read_is_told_so_at_a_page(served: Served, query: str) -> None:
    ada = served.person()
    await ada.sign_in()
    answer = await ada.http.get(f"/oauth/authorize?{query}")
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert answer.headers["content-type"].startswith("text/html")


async def test_nothing_is_answered_to_a_client_before_somebody_signed_in(served: Served) -> None:
    answer = await served.http.get(served.authorize("https://client.example/metadata.json"))
    assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/login")
    target = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert target.startswith("/oauth/authorize?")


async def test_secrets_are_kept_as_hashes_alone(served: Served) -> None:
    ada = served.person()
    _, tokens = await served.tokens(ada)
    kept = str(await served.lines())
    store = served.gateway.store
    from gateway.core.authorization import AuthorizationCode, Login, RefreshToken, TokenFamily, User

    for kind in (AuthorizationCode, Login, RefreshToken, TokenFamily, User):
        kept += str(await store.records(kind))
    cookie = next(value for name, value in ada.http.cookies.items() if "login" in name)
    for secret in (PASSWORD, cookie, tokens["refresh_token"], tokens["access_token"], ada.came_back["code"]):
        assert secret not in kept
