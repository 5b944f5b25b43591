"""A short tour through the front door, over HTTP as any client would take it: each step says what it saw, and the first that
is not as it should be ends the tour."""

import sys
from typing import Any

import httpx
from msgspec import Struct

from gateway.demo.household import Household, document_of
from gateway.demo.wishes import Speaker

MCP_VERSION = "2026-07-28"
TIMEOUT_S = 20.0


class _Astray(Exception):
    """A step did not go as it should."""


class Demo(Struct, frozen=True):
    """A running demo: where it is, a key that may do everything, one that may only look at lights, and one of whoever gives a
    yes to what waits for one; and the password of somebody who may do all of that."""

    url: str
    key: str
    weak_key: str
    owner_key: str
    password: str
    household: Household


async def take_tour(demo: Demo) -> int:
    """0 where every step went as it should, else 1."""
    async with httpx.AsyncClient(base_url=demo.url, timeout=TIMEOUT_S) as client:
        tour = _Tour(client, demo)
        steps = (
            tour.add, tour.search, tour.call, tour.preview, tour.denied, tour.audit, tour.evening, tour.door, tour.dinner,
            tour.morning,
        )  # fmt: skip
        try:
            for number, step in enumerate(steps, 1):
                _say(f"{number}. {await step()}")
        except (_Astray, httpx.HTTPError, LookupError) as error:
            _say(f"The tour went astray: {error}")
            return 1
    _say("The tour is over; everything was as it should be.")
    return 0


class _Tour:
    def __init__(self, client: httpx.AsyncClient, demo: Demo) -> None:
        self._client = client
        self._key = demo.key
        self._weak_key = demo.weak_key
        self._household = demo.household
        self._person = Speaker(client, demo.key, demo.owner_key)

    async def add(self) -> str:
        """A document, sent as text, becomes tools."""
        told = {
            "name": "weather",
            "content": document_of("weather").read_text(encoding="utf-8"),
            "base_url": self._household.urls["weather"],
            "auth": {"kind": "header", "header": "X-Api-Key", "secret": "demo-household"},
            "allow_addresses": ["127.0.0.0/8"],
        }
        report = self._expect(await self._post("/v1/connectors", told), 201).json()
        return (
            f"Added the weather's OpenAPI document: {len(report['tools'])} tools, {len(report['refusals'])} refusals."
        )

    async def search(self) -> str:
        result = await self._mcp("search_tools", {"query": "turn off a light", "limit": 3})
        names = [tool["name"] for tool in result["structuredContent"]["tools"]]
        self._check("home_set_light" in names, f"a search found {names}")
        return f"Searched over MCP for 'turn off a light': {', '.join(names)}."

    async def call(self) -> str:
        before = self._household.state.home.lights["light-1"].on
        await self._mcp("home_set_light", {"light_id": "light-1", "on": False})
        after = self._household.state.home.lights["light-1"].on
        self._check(before and not after, "the lamp did not go out")
        weather = await self._mcp("weather_get_current_weather", {"place": "home"})
        sky = weather["structuredContent"]["sky"]
        return f"Called home_set_light over MCP, and the lamp went out. The weather that was just added says: {sky}."

    async def preview(self) -> str:
        body = {"arguments": {"lock_id": "front-door"}, "dry_run": True}
        answer = self._expect(await self._post("/v1/tools/home_unlock_door:call", body), 200).json()["structured"]
        self._check(self._household.state.home.locks["front-door"].locked, "a dry run unlocked the door")
        return f"Previewed {answer['method']} {answer['url']}, credentials redacted; the front door is still locked."

    async def denied(self) -> str:
        body = {"arguments": {"light_id": "light-1", "on": True}}
        answer = self._expect(await self._post("/v1/tools/home_set_light:call", body, key=self._weak_key), 403).json()
        self._check(not self._household.state.home.lights["light-1"].on, "the lamp went on")
        return f"Denied, with a key that may only look: {answer['detail']}"

    async def audit(self) -> str:
        headers = {"authorization": f"Bearer {self._key}"}
        answer = self._expect(await self._client.get("/v1/audit", headers=headers), 200).json()
        shown = [f"{line['phase']} {line['tool']} by {line['subject']}" for line in answer["lines"]]
        for wanted in ("done home_set_light by demo", "denied home_set_light by demo-lights"):
            self._check(wanted in shown, f"the audit log has no line '{wanted}'")
        return "The audit log says:\n" + "\n".join(f"     {line}" for line in shown)

    async def evening(self) -> str:
        """Two commands in one sentence; which heating is meant was not said, so that it is asked."""
        words = "turn off every light in the living room and set the heating to 19"
        run = await self._person.say(words, {"thermostat": "living-room"})
        home = self._household.state.home
        lit = [one.name for one in home.lights.values() if one.room == "living-room" and one.on]
        self._check(run["state"] == "done", f"“{words}” ended as {run['state']}: {run['detail']}")
        self._check(not lit and home.thermostats["thermostat-1"].target_c == 19, f"these lights are on: {lit}")
        return self._told(words)

    async def door(self) -> str:
        words = "is the front door locked?"
        run = await self._person.say(words, {})
        self._check(
            run["answers"][0]["text"] == "The front door is locked.", f"“{words}” was answered {run['answers']}"
        )
        return self._told(words) + _answers(run)

    async def dinner(self) -> str:
        """What to order stands in the calendar; the day and the way to pay are asked, and paying waits for the owner."""
        words = "order the ingredients for Saturday's dinner from the calendar"
        run = await self._person.say(words, {"day": self._household.state.calendar.today.isoformat(), "pay": "card"})
        self._check(run["state"] == "done", f"“{words}” ended as {run['state']}: {run['detail']}")
        self._check(bool(self._person.approved), "it was paid without anybody's yes")
        (order,) = self._household.state.groceries.orders.values()
        self._check(order.state == "paid", f"the order is {order.state}")
        bought = ", ".join(f"{one.quantity} {one.sku}" for one in order.items)
        return f"{self._told(words)}\n     Ordered and paid: {bought}; {order.total.cents / 100:.2f} {order.total.currency}."

    async def morning(self) -> str:
        """What comes again and again; what it will tell is looked at once now."""
        words = "every weekday at 7 tell me the weather and my first meeting"
        planned = self._expect(await self._post("/v1/intents:plan", {"intent": words}), 200).json()["planned"]
        self._check(planned["kind"] == "standing", f"“{words}” became {planned}")
        standing = self._expect(await self._post("/v1/standing-intents", planned["standing"]), 201).json()
        self._check(standing["state"] == "active", f"it is {standing['state']}, though it only reads")
        run = await self._person.carry_out(planned["standing"]["plan"])
        told = _answers(run)
        self._check(run["state"] == "done" and len(run["answers"]) == 2, f"it ended as {run['state']} and told:{told}")
        return f"{self._told(words)}\n     It comes {planned['when']}, next at {standing['next_at']}. Now it would tell:{told}"

    def _told(self, words: str) -> str:
        person = self._person
        asked = "".join(f"\n     It asked: {one}" for one in person.asked)
        yes = "".join(f"\n     It waited for a yes to {what}." for what in person.approved.values())
        return f"Said: “{words}”.{asked}{yes}"

    async def _mcp(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": MCP_VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        answer = await self._client.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={
                "authorization": f"Bearer {self._key}",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": MCP_VERSION,
                "mcp-method": "tools/call",
                "mcp-name": tool,
            },
        )
        result: dict[str, Any] = self._expect(answer, 200).json()["result"]
        self._check(not result.get("isError"), f"{tool} answered {result['content']}")
        return result

    async def _post(self, path: str, body: Any, *, key: str = "") -> httpx.Response:
        return await self._client.post(path, json=body, headers={"authorization": f"Bearer {key or self._key}"})

    def _expect(self, answer: httpx.Response, status: int) -> httpx.Response:
        self._check(
            answer.status_code == status,
            f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:300]}",
        )
        return answer

    def _check(self, held: bool, otherwise: str) -> None:
        if not held:
            raise _Astray(otherwise)


def _answers(run: dict[str, Any]) -> str:
    """What it tells, a line each, with the tools that it was read with."""
    return "".join(f"\n     {one['text']} ({', '.join(one['tools'])})" for one in run["answers"])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
