"""People who sign in at the gateway's pages through an issuer that we did not write, `oidc-provider`: from the page of an approval
there and back, and what is refused on the way."""

import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from gateway.authorization.token import bound_to
from gateway.core.issuer import BrowserClient, ClaimNames, Issuer
from gateway.serve import bind, serving, url_of
from gateway.settings import AuthorizationServerSettings, AuthSettings, HttpSettings, MemoryStore, SettingsBroken
from tests.authorization.conftest import read_form
from tests.conftest import Backend, Door, open_door
from tests.test_approvals import POLICIES
from tests.test_call import LAMPS

pytestmark = [pytest.mark.anyio, pytest.mark.node]

WRITE = "/v1/tools/lamps_set_lamp:call"
SWITCH: dict[str, Any] = {"arguments": {"id": "1", "on": True}}


@dataclass
class Clock:
    """Goes as the machine's does, and ahead of it where a test says so."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class House:
    """A gateway that listens at `url`, with a client at the issuer."""

    door: Door
    url: str
    issuer: str
    clock: Clock
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def person(self, name: str) -> "Person":
        browser = httpx.AsyncClient(base_url=self.url)
        self.browsers.append(browser)
        return Person(browser, name)

    async def asked(self, agent: str) -> str:
        """The page of what a call waits for."""
        return str((await self.door.post(WRITE, agent, SWITCH)).json()["approval"]["url"])

    async def lines(self, **wanted: Any) -> list[dict[str, Any]]:
        answer = await self.door.get("/v1/audit?limit=1000", await self.door.key("factotum:audit.read"))
        return [one for one in answer.json()["lines"] if wanted.items() <= one.items()]


@dataclass(frozen=True)
class Person:
    """Somebody at a browser without scripts, who follows where it is sent and signs in at the issuer."""

    http: httpx.AsyncClient
    name: str

    @property
    def origin(self) -> str:
        return str(self.http.base_url).rstrip("/")

    async def leave(self, url: str) -> str:
        """The issuer's URL that they are sent to from one of the gateway's."""
        answer = await self.http.get(url)
        while answer.is_redirect and answer.headers["location"].startswith("/"):
            answer = await self.http.get(answer.headers["location"])
        return str(answer.headers["location"])

    async def sign_in(self, url: str) -> str:
        """The URL at which they would come back from there."""
        answer = await self.http.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = str(answer.next_request.url) if answer.next_request is not None else ""
                if target.startswith(f"{self.origin}/login/callback"):
                    return target
                answer = await self.http.get(target)
            else:
                action = re.search(r'action="([^"]+)"', answer.text)
                prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
                assert action is not None, answer.text
                assert prompt is not None, answer.text
                form = {"prompt": prompt[1], "login": self.name, "password": "whatever"}
                answer = await self.http.post(action[1], data=form)
        raise AssertionError(f"never came back: {answer.status_code} {answer.text[:500]}")

    async def open(self, page: str) -> httpx.Response:
        """A page, signing in on the way to it."""
        back = await self.http.get(await self.sign_in(await self.leave(page)))
        assert back.status_code == 303, back.text
        return await self.http.get(back.headers["location"])

    async def send(self, page: httpx.Response, **fields: str) -> httpx.Response:
        action, known = read_form(page.text)
        answer = await self.http.post(action, data={**known, **fields}, headers={"origin": self.origin})
        return await self.http.get(answer.headers["location"]) if answer.is_redirect else answer


async def client_at(issuer: str, url: str, method: str) -> dict[str, str]:
    told = {
        "redirect_uris": [f"{url}/login/callback"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": method,
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{issuer}/reg", json=told)
    assert answer.status_code == 201, answer.text
    registered: dict[str, str] = answer.json()
    return registered


Houses = Callable[..., Any]


@pytest.fixture
def house(issuer: str, backend: Backend, tmp_path: Path) -> Houses:
    @asynccontextmanager
    async def opened(
        method: str = "client_secret_basic", mode: str = "auto", others: tuple[Issuer, ...] = (), **told: Any
    ) -> AsyncIterator[House]:
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "ours.cedar").write_text(POLICIES % ("", ""))
        clock = Clock()
        with bind("127.0.0.1", 0) as listening:
            url = url_of(listening)
            client = await client_at(issuer, url, method)
            secret = {"web-client": client["client_secret"]} if "client_secret" in client else {}
            browser = BrowserClient(
                client["client_id"],
                secret="web-client" if secret else "",
                scopes=("profile", "groups"),
                **({"method": method} if secret else {}),
            )
            trusted = Issuer(
                issuer,
                browser=browser,
                group_names={"friends-of-owner": ("factotum:approver",)},
                **told,
            )
            auth = AuthSettings(issuers=(trusted, *others), server=AuthorizationServerSettings(mode=mode))  # type: ignore[arg-type]
            settings = {"auth": auth, "http": HttpSettings(public_url=url), "store": MemoryStore()}
            async with open_door(tmp_path, secret, clock, policies_dir=str(tmp_path / "policies"), **settings) as door:
                await door.add("lamps", LAMPS, backend.url)
                async with serving(door.gateway, listening):
                    one = House(door, url, issuer, clock)
                    yield one
                    for browser_of_somebody in one.browsers:
                        await browser_of_somebody.aclose()

    return opened


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_person_signs_in_at_the_issuer_and_says_yes_and_the_call_is_sent_once(
    house: Houses, backend: Backend, method: str
) -> None:
    async with house(method) as one:
        agent, owner = await one.door.key(subject="bob"), one.person("owner")
        page = await one.asked(agent)
        shown = await owner.open(page)
        assert f"signed in as <strong>owner of the house, of {one.issuer}</strong>" in shown.text
        assert "lamps_set_lamp" in shown.text
        assert "approved" in (await owner.send(shown, decision="approve")).text
        answers = [(await one.door.post(WRITE, agent, SWITCH)).status_code for _ in range(2)]
        assert (answers, len(backend.seen)) == ([200, 403], 1)
        for what in ("sign-in", "approvals.approved"):
            lines = await one.lines(tool=what)
            assert [(line["subject"], line["client"], line["issuer"]) for line in lines] == [
                ("owner", "browser", one.issuer)
            ]


async def test_who_signs_in_so_may_do_what_roles_and_policies_say_and_no_more(house: Houses, backend: Backend) -> None:
    async with house() as one:
        page = await one.asked(await one.door.key(subject="bob"))
        for stranger in ("bob", "eve"):  # A name at an issuer is not the name that a key stands for.
            assert (await one.person(stranger).open(page)).status_code == 404


async def test_the_cookie_is_kept_from_scripts_and_other_sites_and_ends(house: Houses) -> None:
    async with house() as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        back = await owner.http.get(await owner.sign_in(await owner.leave(page)))
        cookies = back.headers.get_list("set-cookie")
        assert len(cookies) == 2
        assert all("; Path=/; HttpOnly; SameSite=Lax" in cookie for cookie in cookies)
        assert (await owner.http.get(page)).status_code == 200
        one.clock.ahead = timedelta(seconds=3_601)
        assert (await owner.http.get(page)).status_code == 303
        late = await owner.http.post(page, data={"decision": "approve"}, headers={"origin": one.url})
        assert (late.status_code, "signed in no more" in late.text) == (401, True)
        assert (await one.door.post(WRITE, await one.door.key(subject="bob"), SWITCH)).status_code == 403


async def test_whoever_signs_out_is_out_and_is_not_sent_to_the_issuer_again(house: Houses) -> None:
    async with house() as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        await owner.open(page)
        cookie = next(one for one in owner.http.cookies.jar if "factotum-login" in one.name)
        out = await owner.send(await owner.http.get("/login"))
        assert (out.status_code, "Sign in at" in out.text) == (200, True)
        owner.http.cookies.jar.set_cookie(cookie)
        assert (await owner.http.get(page)).status_code == 303
        assert len(await one.lines(tool="sign-out")) == 1


def changed(url: str, **told: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **told})).geturl()


async def refused(one: House, person: Person, url: str, code: str, status: int = 401) -> None:
    """With a page that says why and how to begin again, nobody signed in, and a line of it."""
    before = len(await one.lines(phase="rejected"))
    answer = await person.http.get(url)
    assert (answer.status_code, f"Code: {code}" in answer.text) == (status, True), answer.text
    assert "Sign in at" in answer.text
    assert not any("login" in cookie and "Max-Age=0" not in cookie for cookie in answer.headers.get_list("set-cookie"))
    lines = await one.lines(phase="rejected")
    assert len(lines) == before + 1
    assert lines[-1]["arguments"]["code"] == code
    assert (await person.http.get("/approvals/0123456789")).status_code == 303


async def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(house: Houses) -> None:
    async with house() as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        back = await owner.sign_in(await owner.leave(page))
        state = dict(parse_qsl(urlsplit(back).query))["state"]
        payload, _, proof = state.partition(".")
        for forged in ("", "a.b", f"{payload}.{'0' * 64}", f"{payload[:-2]}AA.{proof}", f".{proof}"):
            await refused(one, owner, changed(back, state=forged), "invalid_state")
        await refused(one, one.person("eve"), back, "invalid_state")
        one.clock.ahead = timedelta(seconds=601)
        await refused(one, owner, back, "invalid_state")


async def test_an_answer_of_another_issuer_or_for_another_sign_in_is_refused(house: Houses) -> None:
    async with house() as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        back = await owner.sign_in(await owner.leave(page))
        await refused(one, owner, changed(back, iss="https://id.example.com"), "wrong_issuer")
        await refused(one, owner, back.replace("iss=", "was="), "wrong_issuer")
        await refused(one, owner, changed(back, error="access_denied"), "sign_in_refused")
        await refused(one, owner, changed(back, code=""), "invalid_code")
        await refused(one, owner, f"{back}&code=another", "bad_request", 400)
        wrong = await owner.sign_in(changed(await owner.leave(page), nonce="of somebody else"))
        await refused(one, owner, wrong, "invalid_token")


async def test_a_code_is_good_once_and_in_its_own_sign_in_alone(house: Houses) -> None:
    async with house() as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        code = dict(parse_qsl(urlsplit(await owner.sign_in(await owner.leave(page))).query))["code"]
        other = await owner.sign_in(await owner.leave(page))
        await refused(one, owner, changed(other, code=code), "invalid_code")
        assert (await owner.http.get(other)).status_code == 303
        assert (await owner.http.get(other)).status_code == 401  # The browser has no sign-in under way any more.
        eve = one.person("eve")
        await refused(one, eve, changed(await eve.sign_in(await eve.leave(page)), code=code), "invalid_code")


async def test_nobody_is_sent_to_another_site(house: Houses) -> None:
    async with house() as one:
        for target in (
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "/oauth/authorize",
            "/approvals/" + "a" * 999,
        ):
            owner = one.person("owner")
            start = "/login/issuer?" + urlencode({"issuer": one.issuer, "next": target})
            back = await owner.http.get(await owner.sign_in(await owner.leave(start)))
            assert (back.status_code, back.headers["location"]) == (303, "/login")
        answer = await one.person("owner").http.get("/login/issuer?issuer=https://evil.example")
        assert (answer.status_code, "location" in answer.headers) == (404, False)


async def test_an_issuer_that_cannot_be_asked_is_told_as_such(house: Houses) -> None:
    async with house(keys_url="http://127.0.0.1:1/keys") as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        answer = await owner.http.get(await owner.sign_in(await owner.leave(page)))
        assert (answer.status_code, "Code: issuer_unavailable" in answer.text) == (503, True)


async def test_beside_the_own_sign_in_page_there_is_a_link_to_the_issuer(house: Houses) -> None:
    async with house(mode="on") as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        login = await owner.http.get((await owner.http.get(page)).headers["location"])
        link = re.search(r'<a href="(/login/issuer[^"]+)"', login.text)
        assert link is not None
        assert "lamps_set_lamp" in (await owner.open(link[1].replace("&amp;", "&"))).text
        # Who signs in so gives no client anything here.
        asks = await owner.http.get("/device")
        shown = await owner.http.get(asks.headers["location"])
        assert (asks.status_code, 'name="password"' in shown.text, "/login/issuer" in shown.text) == (303, True, False)
        out = await owner.send(await owner.http.get("/login"))
        assert 'name="password"' in out.text
        assert (await owner.http.get(page)).status_code == 303


async def test_of_several_issuers_a_person_chooses_one(house: Houses) -> None:
    other = Issuer("http://127.0.0.1:1", browser=BrowserClient("web"))
    async with house(others=(other,)) as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        login = await owner.http.get((await owner.http.get(page)).headers["location"])
        links = [link.replace("&amp;", "&") for link in re.findall(r'<a href="(/login/issuer[^"]+)"', login.text)]
        assert len(links) == 2
        down = await owner.http.get(links[1])
        assert (down.status_code, "Code: issuer_unavailable" in down.text) == (503, True)
        again = [link.replace("&amp;", "&") for link in re.findall(r'<a href="(/login/issuer[^"]+)"', down.text)]
        assert again == links
        assert "lamps_set_lamp" in (await owner.open(links[0])).text
        assert len(await one.lines(tool="sign-in", subject="owner")) == 1


async def test_whose_tenant_is_none_that_the_issuer_may_speak_for_is_nobody_here(house: Houses) -> None:
    async with house(claims=ClaimNames(tenant="org"), tenants={"acme": "acme"}) as one:
        page, owner = await one.asked(await one.door.key(subject="bob")), one.person("owner")
        await refused(one, owner, await owner.sign_in(await owner.leave(page)), "invalid_token")


async def test_whoever_makes_up_a_sign_in_of_their_own_gets_nowhere(house: Houses) -> None:
    async with house() as one:
        owner, cookie = one.person("owner"), "c" * 43
        name = f"factotum-sign-in-{urlsplit(one.url).port}"
        for made_up in (b"no json", b"{}", b'{"issuer":"https://evil.example","target":"/","until":9e11,"id":""}'):
            payload = urlsafe_b64encode(made_up).decode()
            state = f"{payload}.{bound_to(cookie, f'state {payload}')}"
            owner.http.cookies.set(name, cookie, domain="127.0.0.1")
            await refused(one, owner, "/login/callback?" + urlencode({"code": "1", "state": state}), "invalid_state")


async def test_a_secret_that_is_not_there_stops_the_start(opens: Callable[..., Any]) -> None:
    told = Issuer("https://id.example.com", browser=BrowserClient("web", secret="nowhere"))
    with pytest.raises(SettingsBroken, match="there is no such secret"):
        async with opens(
            auth=AuthSettings(issuers=(told,)), http=HttpSettings(public_url="https://gateway.example.com")
        ):
            pass
