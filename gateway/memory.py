"""What people had the gateway remember: told by them, seen by them, deleted by them. Decides who may; plans nothing.

INVARIANT: `remember` is the one way in, and its words are those of a caller with the scope to write them. No answer of a tool, no
document and no model comes by here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Raw

from gateway.audit import AuditLog
from gateway.core.audit import administered
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE, Fact, Setting, What, sentence, why_unfit
from gateway.core.principal import Principal
from gateway.core.remember import read_asked, read_fact
from gateway.errors import BadRequest, Forbidden, NotFound, ScopeMissing
from gateway.settings import MemorySettings
from gateway.stores.base import FactStore


class Memory:
    """All facts of one store. Facts are the person's, through whichever client; a client needs the scope to see or write them."""

    def __init__(
        self,
        store: FactStore,
        audit: AuditLog,
        settings: MemorySettings,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._audit = audit
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    async def known_to(self, principal: Principal) -> Sequence[Fact]:
        """What may be used for a caller: nothing without the scope to read it, or where somebody acts for the person."""
        is_known = MEMORY_READ in principal.scopes and not principal.actors
        return await self._store.facts(principal.person) if is_known else ()

    async def told(self, principal: Principal, ids: Collection[str]) -> Mapping[str, What]:
        """Those of these facts that are the caller's now, as far as they may be used for them."""
        known = await self.known_to(principal) if ids else ()
        return {one.id: one.what for one in known if one.id in ids}

    async def list(self, principal: Principal) -> Sequence[Fact]:
        """All of the caller's person, oldest first. Raises ScopeMissing."""
        _require(principal, MEMORY_READ)
        return await self._store.facts(principal.person)

    async def remember(self, principal: Principal, what: What, said: str = "") -> Fact:
        """Keep a fact, in place of another about the same; one that is kept already stays as it is. Raises ScopeMissing,
        BadRequest, or Forbidden where there are too many."""
        _require(principal, MEMORY_WRITE)
        if why := why_unfit(what) or _why_no_zone(what):
            raise BadRequest(why)
        held = next((one for one in await self._store.facts(principal.person) if one.what == what), None)
        if held is not None:
            return held
        now, most = self._clock(), self._settings
        fact = Fact(self._new_id(), principal.person, what, said or sentence(what), principal.client, now)
        if not await self._store.put_fact(fact, most.facts_max, most.bytes_max):
            raise Forbidden(
                f"{most.facts_max} facts, or {most.bytes_max} bytes of them (memory.facts_max, memory.bytes_max), are all that is "
                "kept of one person; forget some."
            )
        # The line has neither the words nor the value: it outlives the fact.
        told = {"id": fact.id, "kind": type(what).__struct_config__.tag}
        await self._audit.record(administered(principal, now, "memory.remembered", arguments=_json(told)))
        return fact

    async def forget(self, principal: Principal, fact_id: str) -> None:
        """It is deleted. Raises ScopeMissing or NotFound."""
        _require(principal, MEMORY_WRITE)
        if not await self._store.drop_facts(principal.person, fact_id):
            raise NotFound(f"There is no fact {fact_id[:40]!r} of yours.")
        line = administered(principal, self._clock(), "memory.forgotten", arguments=_json({"id": fact_id}))
        await self._audit.record(line)

    async def forget_all(self, principal: Principal) -> int:
        """All of them are deleted; how many these were. Raises ScopeMissing."""
        _require(principal, MEMORY_WRITE)
        count = await self._store.drop_facts(principal.person)
        line = administered(principal, self._clock(), "memory.forgotten", arguments=_json({"count": count}))
        await self._audit.record(line)
        return count

    async def use(self, principal: Principal, ids: Collection[str]) -> None:
        """Count one use of each: a plan was made with it."""
        if ids:
            await self._store.use_facts(principal.person, ids, self._clock())


def fact_of(words: str) -> What:
    """The fact that a sentence states. Raises BadRequest where it states none."""
    what = read_asked(words) or read_fact(words)
    if what is None:
        raise BadRequest(
            "That is no fact that I can keep; say it like: the den is the living room, my wife is anna@example.com, my city is "
            "Oslo, my default calendar is work, my time zone is Europe/Berlin, my units are metric."
        )
    return what


def _require(principal: Principal, scope: str) -> None:
    if principal.actors:
        raise Forbidden(
            "What is remembered of somebody is seen and changed by themselves, and by nobody who acts for them."
        )
    if scope not in principal.scopes:
        raise ScopeMissing(f"What is remembered of you needs the scope {scope}: ask for a key that has it.", (scope,))


def _why_no_zone(what: What) -> str:
    match what:
        case Setting(name="zone", value=zone):
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                return f"There is no time zone {zone[:40]!r}; one is named like Europe/Berlin."
    return ""


def _json(told: Mapping[str, object]) -> Raw:
    return Raw(msgspec.json.encode(told))
