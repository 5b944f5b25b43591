"""Edits of policy files, put in force while the gateway runs, whole or not at all. Reads them and judges no call.

A file that somebody is still writing is let be: what two looks in a row find the same is taken. What is broken, does not fit the
catalog, or fails its own case table is refused, and what was in force stays.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import structlog
from msgspec import Raw, Struct

from gateway.audit import AuditLog
from gateway.core.audit import administered
from gateway.core.principal import SCHEDULE
from gateway.errors import BadRequest, GatewayError, StoreFailed
from gateway.ingest import Ingestion
from gateway.policy_files import Look, PolicyFiles, look_at, read_in_force
from gateway.published import Edition, Published
from gateway.settings import Settings, SettingsBroken
from gateway.stores.base import PolicyStore, PolicyVersion

log = structlog.get_logger(__name__)

CHANGED = "policies.changed"
Catalogs = tuple[str, ...]


class PolicyProblem(Struct, frozen=True):
    """Why the files, as they have been since `at`, are not in force."""

    detail: str
    at: datetime


class PolicyWatch:
    """What is in force, since when, and why the newest edit is not."""

    def __init__(
        self,
        settings: Settings,
        published: Published,
        ingestion: Ingestion,
        store: PolicyStore,
        audit: AuditLog,
        files: PolicyFiles,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._published = published
        self._ingestion = ingestion
        self._store = store
        self._audit = audit
        self._clock = clock
        self.files = files
        self.since = clock()
        self.problem: PolicyProblem | None = None
        self._seen: Look | None = None
        # What was put in force or refused last, and over which catalogs: what did not fit may fit others.
        self._settled: tuple[Look, Catalogs] | None = None

    async def begin(self) -> None:
        """Write down what is in force at the start, where it is not what was in force last. Raises StoreFailed."""
        newest = next(iter(await self._store.policy_versions(1)), None)
        edition = self._published.editions.shared
        if newest is not None and (newest.version, newest.roles) == _versions(edition):
            self.since = newest.at
        else:
            await self._write_down(self.files, edition, newest.files if newest is not None else None)

    async def follow(self, every_s: float) -> None:
        """Notice edits within that time, for ever. Cancel it to end it."""
        while True:
            await asyncio.sleep(every_s / 2)
            await self.look()

    async def look(self) -> None:
        """One look. What it finds for the second time, and has not settled yet, is put in force or refused."""
        try:
            found = await asyncio.to_thread(look_at, self._settings, self._seen)
            catalogs = tuple(one.catalog.version for one in self._published.editions.every())
            if found == self._seen and (found, catalogs) != self._settled:
                await self._take(found, catalogs)
            self._seen = found
        except StoreFailed as error:
            log.warning("policies could not be put in force yet", reason=error.detail)
        except (GatewayError, SettingsBroken) as error:
            # Perhaps it is only being replaced: the next look says.
            self._seen = self._settled = None
            self._refuse(str(error))

    async def _take(self, found: Look, catalogs: Catalogs) -> None:
        try:
            files = await asyncio.to_thread(read_in_force, self._settings)
            if await asyncio.to_thread(look_at, self._settings) != found:
                return
            await self._put(files)
            self.problem = None
        except (BadRequest, SettingsBroken) as error:
            self._refuse(str(error))
        self._settled = (found, catalogs)

    async def _put(self, files: PolicyFiles) -> None:
        if files.all_texts == self.files.all_texts:
            return
        before = self.files.all_texts

        async def write_down(edition: Edition) -> None:
            await self._write_down(files, edition, before)

        await self._ingestion.put_policies(files, write_down)
        self.files = files
        log.info("policies changed", version=self._published.current.policies.version)

    async def _write_down(self, files: PolicyFiles, edition: Edition, before: Mapping[str, str] | None) -> None:
        """Among the versions and in the audit log, before it is in force; of several processes that put the same in force, one
        does. Where nothing ever was, it is no change."""
        now, texts = self._clock(), files.all_texts
        version, roles = _versions(edition)
        is_new = await self._store.add_policy_version(PolicyVersion(version, roles, now, texts))
        if is_new and before is not None:
            names = sorted(name for name in before.keys() | texts.keys() if before.get(name) != texts.get(name))
            told = Raw(msgspec.json.encode({"version": version, "roles": roles, "files": names}))
            await self._audit.record(administered(SCHEDULE, now, CHANGED, arguments=told, policy_version=version))
        self.since = now

    def _refuse(self, detail: str) -> None:
        if self.problem is None or self.problem.detail != detail:
            self.problem = PolicyProblem(detail, self._clock())
            log.warning("policies not changed: those in force stay", reason=detail)


def _versions(edition: Edition) -> tuple[str, str]:
    return edition.policies.version, edition.roles.version
