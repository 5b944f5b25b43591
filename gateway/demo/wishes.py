"""What a person says in the tour, in their own words, and how it goes on: what is asked is answered, what waits for a yes gets
one from the owner."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

WAIT_S = 20
ROUNDS_MAX = 200
PAUSE_S = 0.1


class Speaker:
    """Somebody with a key, before a gateway at which somebody else, the owner, may give a yes."""

    def __init__(self, client: httpx.AsyncClient, key: str, owner_key: str) -> None:
        self._client = client
        self._key = key
        self._owner_key = owner_key
        self.asked: list[str] = []
        self.approved: dict[str, str] = {}

    async def say(self, words: str, answers: Mapping[str, Any]) -> dict[str, Any]:
        """The run that these words became, at rest. `answers` are by a word of the question. Raises httpx.HTTPStatusError."""
        self.asked, self.approved = [], {}
        run = await self._begin({"intent": words})
        for _ in range(ROUNDS_MAX):
            match run["state"]:
                case "needs_input":
                    self.asked += [one["question"] for one in run["questions"]]
                    values = {one["key"]: _answer(one, answers) for one in run["questions"]}
                    body = {"values": values, "wait_s": WAIT_S}
                    run = await self._send("POST", f"/v1/intents/{run['id']}/inputs", self._key, body)
                case "needs_approval" if run["approval"]["id"] not in self.approved:
                    await self._approve(run["approval"]["id"])
                case "needs_approval" | "running" | "verifying":
                    await asyncio.sleep(PAUSE_S)
                    run = await self._send("GET", f"/v1/intents/{run['id']}", self._key)
                case _:
                    break
        return run

    async def carry_out(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """The run of a plan that asks nothing, at rest. Raises httpx.HTTPStatusError."""
        self.asked, self.approved = [], {}
        return await self._begin({"plan": plan})

    async def _begin(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return await self._send("POST", "/v1/intents", self._key, {**wanted, "wait_s": WAIT_S})

    async def _approve(self, approval: str) -> None:
        """The owner's yes: to the whole plan where that is what is asked, and else to the call."""
        waiting = await self._send("GET", f"/v1/approvals/{approval}", self._owner_key)
        plan = waiting["plan"] if waiting["plan"] and waiting["plan"]["writes"] else None
        self.approved[approval] = f"a plan of {len(plan['writes'])} changes" if plan else waiting["tool"]
        await self._send("POST", f"/v1/approvals/{approval}/approve", self._owner_key, {"whole_plan": plan is not None})

    async def _send(self, method: str, path: str, key: str, body: Any = None) -> dict[str, Any]:
        answer = await self._client.request(method, path, json=body, headers={"authorization": f"Bearer {key}"})
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


def _answer(question: Mapping[str, Any], answers: Mapping[str, Any]) -> Any:
    """The answer that is meant for it; of choices the one that is called so."""
    meant = next(answer for word, answer in answers.items() if word in question["question"])
    choices = question["schema"].get("anyOf", ())
    return next((one["const"] for one in choices if str(meant) in one["title"]), meant)
