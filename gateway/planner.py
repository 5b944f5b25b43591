"""What plans words: settings to a planner. Names implementations, as app.py does.

Whoever opens a planner closes it: `async with open_planner(...) as planner`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlsplit

from gateway.core.egress import may_be_asked
from gateway.planners.again import Repeating
from gateway.planners.base import Planner
from gateway.planners.graph import GraphPlanner
from gateway.planners.llm import Limits, LlmPlanner
from gateway.planners.model_client import Bounds, ModelClient
from gateway.planners.recall import Recalling
from gateway.planners.wire import Wire
from gateway.planners.wire_anthropic import AnthropicWire
from gateway.planners.wire_openai import OpenAiWire
from gateway.settings import GraphPlannerSettings, LlmPlannerSettings, PlannerSettings, SettingsBroken

ANTHROPIC, OPENAI = "api.anthropic.com", "api.openai.com"


@asynccontextmanager
async def open_planner(
    told: PlannerSettings, secrets: Mapping[str, str], *, clock: Callable[[], datetime]
) -> AsyncIterator[Planner]:
    """`clock` gives the time in UTC. Asks no model yet. Raises SettingsBroken."""
    match told:
        case GraphPlannerSettings():
            yield Repeating(Recalling(GraphPlanner()))
        case LlmPlannerSettings():
            client = _client_of(told, secrets, clock)
            try:
                yield Repeating(LlmPlanner(client, _limits_of(told)))
            finally:
                await client.close()


def _client_of(told: LlmPlannerSettings, secrets: Mapping[str, str], clock: Callable[[], datetime]) -> ModelClient:
    if not may_be_asked(told.url):
        raise SettingsBroken(
            "planner.url must be http or https with a host, and without a password, query or fragment."
        )
    if told.secret and not secrets.get(told.secret):
        raise SettingsBroken(f"planner.secret names {told.secret!r}, and there is no such secret.")
    parts = urlsplit(told.url)
    url = told.url if parts.path.strip("/") else f"{told.url.rstrip('/')}/v1"
    token = secrets[told.secret] if told.secret else ""
    bounds = Bounds(told.answer_bytes_max, told.tries_max)
    return ModelClient(_wire_of(told, parts.hostname or ""), url, told.model, token, bounds, clock=clock)


def _wire_of(told: LlmPlannerSettings, host: str) -> Wire:
    if told.dialect == "anthropic" or (told.dialect == "auto" and host == ANTHROPIC):
        return AnthropicWire()
    # OpenAI's own models refuse the older name, which is the one that all other servers know.
    return OpenAiWire("max_completion_tokens" if host == OPENAI else "max_tokens")


def _limits_of(told: LlmPlannerSettings) -> Limits:
    prices = (told.read_price, told.written_price)
    if told.money_max is not None and not any(prices):
        raise SettingsBroken("planner.money_max needs planner.read_price and planner.written_price.")
    return Limits(
        tools_max=told.tools_max,
        tools_bytes_max=told.tools_bytes_max,
        rounds_max=told.rounds_max,
        deadline_s=told.deadline_s,
        answer_tokens_max=told.answer_tokens_max,
        read_tokens_max=told.read_tokens_max,
        written_tokens_max=told.written_tokens_max,
        money_max=told.money_max,
        prices=prices,
        by_steps=told.tool_by_tool,
    )
