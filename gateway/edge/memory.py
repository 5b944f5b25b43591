"""REST for what is remembered of a person: tell it, look at it, delete it. Knows the wire; `memory` acts."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta, Struct

from gateway.core.fact import SAID_CHARACTERS_MAX, Alias, Fact, Preset, Setting, sentence
from gateway.core.principal import Principal
from gateway.edge.approvals import read_json
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest, Conflict
from gateway.memory import fact_of

AnyRequest = Request[Any, Any, Any]


class NewFact(Struct, frozen=True, forbid_unknown_fields=True):
    """What to remember: in `words` of the person's own (`the den is the living room`), or as a typed `fact`, and then `words` are
    those in which it was said, if it was."""

    words: Annotated[str, Meta(max_length=SAID_CHARACTERS_MAX)] = ""
    fact: Alias | Preset | Setting | None = None


class FactShown(Struct, frozen=True):
    """One fact, as it is kept and as a `sentence`; who said it: the subject through that client, when and in which words. `uses`
    counts the plans that were made with it."""

    id: str
    fact: Alias | Preset | Setting
    sentence: str
    said: str
    subject: str
    client: str
    at: datetime
    uses: int
    used_at: datetime | None


class FactList(Struct, frozen=True):
    """All that is remembered of the person, oldest first."""

    facts: tuple[FactShown, ...]


class Forgotten(Struct, frozen=True):
    """How many facts were deleted."""

    facts: int


def memory_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, memory = gateway.desk, gateway.memory

    @get("/v1/memory")
    async def list_facts(request: AnyRequest) -> FactList:
        return FactList(tuple(map(show_fact, await memory.list(await desk.principal(request.scope)))))

    @post("/v1/memory", status_code=201)
    async def remember(request: AnyRequest) -> FactShown:
        principal = await desk.principal(request.scope)
        return await keep_fact(gateway, principal, await read_json(gateway, request, NewFact), "rest")

    @delete("/v1/memory/{name:str}", status_code=200)
    async def forget(request: AnyRequest, name: FromPath[str]) -> Forgotten:
        await memory.forget(await desk.principal(request.scope), name)
        return Forgotten(1)

    @delete("/v1/memory", status_code=200)
    async def forget_all(request: AnyRequest) -> Forgotten:
        return Forgotten(await memory.forget_all(await desk.principal(request.scope)))

    return [list_facts, remember, forget, forget_all]


async def keep_fact(gateway: Gateway, principal: Principal, told: NewFact, door: str) -> FactShown:
    """It is remembered. Raises what `Memory.remember` raises, and BadRequest where it says nothing, or Conflict where its words are
    the name of something that is there."""
    if told.fact is None and not told.words.strip():
        raise BadRequest("Say what is to be remembered: `words`, or a typed `fact`.")
    what = told.fact or fact_of(told.words)
    if isinstance(what, Alias) and (taken := await gateway.planning.called(principal, what.words, door)):
        raise Conflict(f"{taken} “{what.words}” cannot mean “{what.means}” beside it; take other words.")
    return show_fact(await gateway.memory.remember(principal, what, told.words))


def show_fact(one: Fact) -> FactShown:
    return FactShown(
        one.id, one.what, sentence(one.what), one.said, one.person[2], one.client, one.at, one.uses, one.used_at
    )
