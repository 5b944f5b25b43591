"""The page of an approval, at a browser without scripts: it shows exactly what is asked for, to those whom it concerns, and takes
a yes or a no from whoever may say it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.authorization.logins import form_token
from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR
from gateway.demo.household import open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.serve import bind, serving, url_of
from gateway.settings import AuthorizationServerSettings, AuthSettings, HttpSettings, MemoryStore
from tests.authorization.conftest import Ada, Served, read_form
from tests.conftest import Backend, open_door
from tests.test_approvals import POLICIES
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

WRITE = "/v1/tools/lamps_set_lamp:call"
SWITCH: dict[str, Any] = {"id": "1", "on": True}
SECURITY_TOO = """
permit (principal, action in Action::"write", resource) when { context.in_scope };
@id("two")
@needs_approval("security")"""
DECIDES = frozenset({"factotum:approvals.decide"})


@pytest.fixture
def house(backend: Backend, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(who: str = "", more: str = "", mode: str = "auto") -> AsyncIterator[Served]:
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "ours.cedar").write_text(POLICIES % (who, more))
        with bind("127.0.0.1", 0) as listening:
            url = url_of(listening)
            auth = AuthSettings(server=AuthorizationServerSettings(mode=mode), cache_s=0.0)  # type: ignore[arg-type]
            told = {
                "auth": auth,
                "http": HttpSettings(public_url=url, allowed_origins=("https://app.example",)),
                "store": MemoryStore(),
            }
            async with open_door(tmp_path, policies_dir=str(tmp_path / "policies"), **told) as door:
                await door.add("lamps", LAMPS, backend.url)
                async with serving(door.gateway, listening), httpx.AsyncClient(base_url=url) as http:
                    served = Served(door, url, http)
                    yield served
                    for browser in served.browsers:
                        await browser.aclose()

    return opened


async def asked(served: Served, token: str, **arguments: Any) -> str:
    """The page of what a call waits for."""
    answer = await served.door.post(WRITE, token, {"arguments": {**SWITCH, **arguments}})
    url = str(answer.json()["approval"]["url"])
    assert url.startswith(f"{served.url}/approvals/")
    return url.removeprefix(served.url)


async def person(served: Served, name: str, scopes: frozenset[str] = DECIDES, **told: Any) -> Ada:
    await served.add_user(name, scopes, **told)
    one = served.person(name=name)
    await one.sign_in()
    return one


async def fields_of(one: Ada, page: str) -> dict[str, list[str]]:
    answer = await one.http.get(page)
    assert answer.status_code == 200, answer.text
    return read_form(answer.text)[1]


async def decide(one: Ada, page: str, decision: str, **more: str) -> httpx.Response:
    fields = await fields_of(one, page) | {"decision": [decision]} | {name: [value] for name, value in more.items()}
    answer = await one.post(page, fields)
    return await one.http.get(page) if answer.is_redirect else answer


async def test_whoever_decides_sees_what_is_asked_for_and_says_yes_once(
    house: Callable[..., Any], backend: Backend
) -> None:
    async with house() as served:
        agent = await served.door.key(subject="bob")
        page = await asked(served, agent)
        owner = await person(served, "owner")
        shown = await owner.http.get(page)
        for text in ("lamps_set_lamp", "bob", "the key test", '"on": true', "A lamp is switched only with a yes."):
            assert text in unescape(shown.text), text
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in shown.text
        assert shown.headers["cache-control"] == "no-store"
        done = await decide(owner, page, "approve")
        assert (done.status_code, "approved" in done.text, "<form" in done.text) == (200, True, False)
        answers = [(await served.door.post(WRITE, agent, {"arguments": SWITCH})).status_code for _ in range(2)]
        assert (answers, len(backend.seen)) == ([200, 403], 1)
        lines = [one for one in await served.lines() if one["tool"] == "approvals.approved"]
        assert [(one["subject"], one["client"]) for one in lines] == [("owner", "browser")]


async def test_a_no_at_the_page_is_told_with_its_reason(house: Callable[..., Any]) -> None:
    async with house() as served:
        agent = await served.door.key(subject="bob")
        page = await asked(served, agent)
        done = await decide(await person(served, "owner"), page, "deny", reason="<b>It is day.</b>")
        assert "<b>It is day." not in done.text
        assert "<b>It is day.</b>" in unescape(done.text)
        told = (await served.door.post(WRITE, agent, {"arguments": SWITCH})).json()["detail"]
        assert "denied by owner: <b>It is day.</b>" in told


async def test_a_yes_at_the_page_can_be_to_such_calls_too(house: Callable[..., Any], backend: Backend) -> None:
    async with house() as served:
        agent = await served.door.key(subject="bob")
        owner = await person(served, "owner")
        for arguments, fits in (("", "1"), ('{"properties": {"id": {"enum": ["7", "8"]}}, "required": ["id"]}', "8")):
            page = await asked(served, agent, id=fits)
            until = (await fields_of(owner, page))["until"][0]
            for wrong in (
                {"uses": "0"},
                {"uses": "²"},
                {"until": "soon"},
                {"arguments": '{"maxmum": 1}'},
                {"arguments": "["},
            ):
                told = {"uses": "1", "until": until, "arguments": "", **wrong}
                answer = await decide(owner, page, "grant", **told)
                assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), wrong
            done = await decide(owner, page, "grant", uses="1", until=until, arguments=arguments)
            assert "g-" in done.text
            calls = [await served.door.post(WRITE, agent, {"arguments": {**SWITCH, "id": fits}}) for _ in range(3)]
            assert [one.status_code for one in calls] == [200, 200, 403]


async def test_nobody_who_is_not_signed_in_sees_anything(house: Callable[..., Any]) -> None:
    async with house() as served:
        page = await asked(served, await served.door.key(subject="bob"))
        answer = await served.http.get(page)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={page.replace('/', '%2F')}")
        assert (await served.http.post(page, data={"decision": "approve"})).status_code == 303
        await served.add_user("owner", DECIDES)
        owner = served.person(name="owner")
        signed_in = await owner.fill_in(await owner.http.get(answer.headers["location"]))
        assert signed_in.headers["location"] == page
        assert (await decide(owner, page, "approve")).status_code == 200


async def test_those_whom_it_does_not_concern_do_not_learn_that_it_is_there(
    house: Callable[..., Any], backend: Backend
) -> None:
    async with house() as served:
        agent = await served.door.key(subject="bob")
        page = await asked(served, agent)
        nobody = await person(served, "nobody", frozenset({"lamps:lamps.write"}))
        stranger = await person(served, "stranger", tenant="other")
        for one in (nobody, stranger):
            answers = [await one.http.get(page), await one.http.get("/approvals/0123456789"), await one.post(page, {})]
            assert [answer.status_code for answer in answers] == [404, 404, 404]
            assert "lamps_set_lamp" not in answers[0].text
        viewer = await person(served, "viewer", frozenset({"factotum:approvals.read"}))
        seen = await viewer.http.get(page)
        assert ("lamps_set_lamp" in seen.text, "<form" in seen.text) == (True, False)
        assert (await served.door.post(WRITE, agent, {"arguments": SWITCH})).status_code == 403
        for path in ("/approvals/", "/approvals/a/b", "/approvals/" + "a" * 65, "/approvals/%00", "/approvals/é"):
            assert (await viewer.http.get(path)).status_code == 404


async def test_the_one_for_whom_it_is_asked_decides_unless_four_eyes_have_to(
    house: Callable[..., Any], backend: Backend
) -> None:
    async with house() as served:
        bob = await person(served, "bob", frozenset({"lamps:lamps.write"}))
        agent = await served.door.key(subject="bob")
        assert "approved" in (await decide(bob, await asked(served, agent), "approve")).text
        assert (await served.door.post(WRITE, agent, {"arguments": SWITCH})).status_code == 200


async def test_with_four_eyes_nobody_says_yes_to_their_own_by_key_or_by_token(house: Callable[..., Any]) -> None:
    async with house("", '\n@four_eyes("")') as served:
        bob = await person(served, "bob", DECIDES | {"lamps:lamps.write"})
        _, tokens = await served.tokens(bob, scope="lamps:lamps.write")
        for agent in (await served.door.key(subject="bob"), tokens["access_token"]):
            page = await asked(served, agent)
            shown = (await bob.http.get(page)).text
            assert ("lamps_set_lamp" in shown, "<form" in shown) == (True, False)
            assert "Somebody else has to decide it than the one for whom it is asked." in shown
            other = await served.door.key("factotum:approvals.decide", subject="other")
            forged = await forged_token(served, bob, page, other)
            for decision, more in (("approve", {}), ("grant", {"uses": "3", "until": "2099-01-01"}), ("deny", {})):
                answer = await bob.post(page, {"form_token": forged, "decision": decision, **more})
                assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
            state = (await served.door.get(f"/v1{page}", other)).json()["state"]
            assert state == "pending"


async def forged_token(served: Served, one: Ada, page: str, key: str) -> str:
    """What a form would carry, were one shown."""
    approval = (await served.door.get(f"/v1{page}", key)).json()
    cookie = next(value for name, value in one.http.cookies.items() if "factotum-login" in name)
    return form_token(cookie, f"approval {approval['id']} {approval['digest']}")


async def test_whoever_may_not_decide_is_told_who_may_and_shown_no_form(house: Callable[..., Any]) -> None:
    async with house("finance", SECURITY_TOO) as served:
        page = await asked(served, await served.door.key(subject="bob"))
        outsider = await person(served, "outsider", groups=("sales",))
        viewer = await person(served, "viewer", frozenset({"factotum:approvals.read"}), groups=("finance",))
        for one, who in (
            (outsider, "It is for security and finance"),
            (viewer, "the scope factotum:approvals.decide or the role"),
        ):
            shown = (await one.http.get(page)).text
            assert ('"on": true' in unescape(shown), "<form" in shown, who in shown) == (True, False, True), shown
        forged = await forged_token(served, outsider, page, await served.door.key("factotum:approvals.read"))
        answer = await outsider.post(page, {"form_token": forged, "decision": "deny"})
        assert (answer.status_code, "It is for security and finance" in answer.text) == (400, True)
        finance = await person(served, "finance", groups=("finance",))
        assert "Yes, once" in (await finance.http.get(page)).text
        said = (await decide(finance, page, "approve")).text
        assert ("It is for security to decide." in said, "Yes, once" in said, ">No</button>" in said) == (
            True,
            False,
            True,
        )


async def test_a_form_of_another_page_another_person_or_another_site_decides_nothing(
    house: Callable[..., Any], backend: Backend
) -> None:
    async with house() as served:
        agent = await served.door.key(subject="bob")
        one, two = await asked(served, agent), await asked(served, agent, id="2")
        owner, other = await person(served, "owner"), await person(served, "other")
        token = {"decision": ["approve"]}
        for fields in (token, token | {"form_token": ["0" * 64]}, await fields_of(owner, two) | token):
            assert (await owner.post(one, fields)).status_code == 403
        assert (await owner.post(one, await fields_of(other, one) | token)).status_code == 403
        good = await fields_of(owner, one) | token
        for headers in ({"origin": one} for one in ("https://evil.example", "https://app.example", "null")):
            assert (await owner.http.post(one, data=good, headers=headers)).status_code == 403
        assert (await owner.http.post(one, data=good, headers={"host": "evil.example"})).status_code in (403, 421)
        assert (await owner.http.get(f"{one}?decision=approve")).status_code == 200
        assert (await owner.http.put(one)).status_code == 405
        assert (await decide(owner, one, "maybe")).status_code == 400
        assert (await served.door.post(WRITE, agent, {"arguments": SWITCH})).status_code == 403
        assert backend.seen == []
        turned_away = [line for line in await served.lines() if line["door"] == "page"]
        assert {(line["subject"], line["phase"], line["arguments"]["code"]) for line in turned_away} >= {
            ("owner", "denied", "not_allowed"),
            ("owner", "rejected", "bad_request"),
        }


async def test_of_two_decisions_at_once_one_counts(house: Callable[..., Any]) -> None:
    async with house() as served:
        page = await asked(served, await served.door.key(subject="bob"))
        owner = await person(served, "owner")
        fields = await fields_of(owner, page)
        answers = await asyncio.gather(
            *(owner.post(page, fields | {"decision": [one]}) for one in ("approve", "deny") * 4)
        )
        assert sorted(answer.status_code for answer in answers) == [303, *[400] * 7]


async def test_what_an_agent_writes_cannot_dress_the_page_up(house: Callable[..., Any]) -> None:
    async with house() as served:
        name = "1</pre><form action=//evil.example>\u202egnihton\u200b\u0007"
        page = await asked(served, await served.door.key(subject="<i>bob"), id=name)
        shown = (await (await person(served, "owner")).http.get(page)).text
        assert "evil.example>" not in shown
        assert "<i>bob" not in shown
        assert not any(one in shown for one in ("\u202e", "\u0007"))
        assert "\\u202e" in shown


async def test_the_page_says_where_something_is_left_out(house: Callable[..., Any]) -> None:
    async with house() as served:
        agent, owner = await served.door.key(subject="bob"), await person(served, "owner")
        for name, is_said in (("1", False), ("x" * 2_000, True)):
            shown = await owner.http.get(await asked(served, agent, id=name))
            assert ("is left out" in shown.text) is is_said


async def test_where_nobody_can_sign_in_the_page_says_how_else_to_decide(house: Callable[..., Any]) -> None:
    async with house(mode="off") as served:
        page = await asked(served, await served.door.key(subject="bob"))
        shown = await served.http.get(page)
        assert shown.status_code == 200
        assert f"factotum approvals approve {page.rpartition('/')[2]}" in shown.text
        assert "lamps_set_lamp" not in shown.text
        assert json.dumps(SWITCH) not in shown.text


async def test_a_yes_at_the_page_can_be_to_all_that_words_write(tmp_path: Path) -> None:
    words = {"intent": "Turn off the reading lamp and lock the back door", "wait_s": 20}
    with bind("127.0.0.1", 0) as listening:
        url = url_of(listening)
        told: dict[str, Any] = {
            "auth": AuthSettings(server=AuthorizationServerSettings(), cache_s=0.0),
            "http": HttpSettings(public_url=url),
            "secrets": {SECRET_NAME: "s"},
        }
        async with open_household(date(2026, 3, 4), "s") as household, open_door(tmp_path, **told) as door:
            await door.gateway.ingestion.add(OPERATOR, offer("home", household.urls["home"]))
            async with serving(door.gateway, listening), httpx.AsyncClient(base_url=url) as http:
                served = Served(door, url, http)
                agent = await door.key(*all_scopes(door.gateway.published.current.catalog), subject="bob")
                run = (await door.post("/v1/intents", agent, words)).json()
                owner = await person(served, "owner")
                page = run["approval"]["url"].removeprefix(url)
                shown = unescape((await owner.http.get(page)).text)
                assert re.search(r'home_set_light\((on = false|light_id = "light-2"), ', shown)
                assert 'home_lock_door(lock_id = "back-door")' in shown
                assert "approved" in (await decide(owner, page, "plan")).text
                done = await door.post(f"/v1/intents/{run['id']}/inputs", agent, {"wait_s": 20})
                assert (done.json()["state"], household.state.home.locks["back-door"].locked) == ("done", True)
                for browser in served.browsers:
                    await browser.aclose()
