"""People who can sign in: added, changed and removed by the operator, known by name and password."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import structs

from gateway.authorization.lines import Lines
from gateway.authorization.token import new_token
from gateway.core.authorization import AuthorizationCode, Consent, DeviceRequest, Login, TokenFamily, User
from gateway.core.principal import Principal
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.stores.base import AuthorizationStore, FactStore

NAME = re.compile(r"[a-z0-9][a-z0-9.@+-]{0,63}")
PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX = 10, 1_000
# Each takes 64 MiB for a moment.
CHECKS_AT_ONCE = 2


class PeopleStore(AuthorizationStore, FactStore, Protocol):
    """Who people are, and what is remembered of them."""


class Users:
    """All people of a gateway."""

    def __init__(self, store: PeopleStore, lines: Lines, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._lines = lines
        self._clock = clock
        self._hasher = PasswordHasher()
        self._nobody = ""
        self._places = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def find(self, name: str) -> User | None:
        """Somebody who may sign in; None where there is nobody, or may not."""
        user = await self._store.find_record(User, name) if NAME.fullmatch(name) else None
        return user if user is not None and not user.disabled else None

    async def knows(self, name: str) -> bool:
        """Whether there is somebody of this name, who may sign in or not."""
        return NAME.fullmatch(name) is not None and await self._store.find_record(User, name) is not None

    async def check(self, name: str, password: str) -> User | None:
        """Whoever has this name and password. It takes as long where there is nobody of the name."""
        user = await self.find(name)
        tried = password[:PASSWORD_CHARACTERS_MAX]
        async with self._places:
            if not self._nobody:
                self._nobody = await asyncio.to_thread(self._hasher.hash, new_token())
            fits = await asyncio.to_thread(self._fits, user.password if user else self._nobody, tried)
        return user if fits else None

    async def add(
        self, by: Principal, name: str, password: str, tenant: str, scopes: frozenset[str], groups: frozenset[str]
    ) -> User:
        """Raises BadRequest, or Conflict where there is one of that name."""
        if not NAME.fullmatch(name):
            raise BadRequest("A name is of small letters, digits and . @ + - and has 64 characters at most.")
        user = User(
            tenant=tenant,
            name=name,
            password=await self._hash(password),
            scopes=scopes,
            groups=groups,
            created_at=self._clock(),
        )
        if not await self._store.swap_record(None, user):
            raise Conflict(f"There is a user {name} already; `factotum users change` changes one.")
        await self._record(by, "users.add", user)
        return user

    async def users(self) -> Sequence[User]:
        """All of them, by name."""
        return await self._store.records(User)

    async def change(
        self,
        by: Principal,
        name: str,
        *,
        scopes: frozenset[str] | None = None,
        groups: frozenset[str] | None = None,
        disabled: bool | None = None,
    ) -> User:
        """What is None stays. Whoever is disabled is signed out everywhere. Raises NotFound."""
        before = await self.known(name)
        after = structs.replace(
            before,
            scopes=before.scopes if scopes is None else scopes,
            groups=before.groups if groups is None else groups,
            disabled=before.disabled if disabled is None else disabled,
        )
        await self._swap(before, after)
        if after.disabled:
            await self.sign_out(name)
        await self._record(by, "users.change", after)
        return after

    async def set_password(self, by: Principal, name: str, password: str) -> None:
        """Signed out everywhere too: whoever knew the old one may be in. Raises NotFound or BadRequest."""
        before = await self.known(name)
        after = structs.replace(before, password=await self._hash(password))
        await self._swap(before, after)
        await self.sign_out(name)
        await self._record(by, "users.password", after)

    async def remove(self, by: Principal, name: str) -> None:
        """And what is remembered of them: the next of that name is somebody else. Raises NotFound."""
        before = await self.known(name)
        await self._swap(before, None)
        await self._store.drop_facts((before.tenant, "", name))
        await self.sign_out(name)
        await self._record(by, "users.remove", before)

    async def sign_out(self, name: str) -> None:
        """End what was begun with this name: at browsers, and of clients; and forget what was agreed to."""
        for login in await self._store.records(Login, name):
            await self._store.swap_record(login, None)
        for code in await self._store.records(AuthorizationCode):
            if code.user == name and not code.used:
                await self._store.swap_record(code, None)
        for device in await self._store.records(DeviceRequest):
            if device.user == name:
                await self._store.swap_record(device, None)
        for consent in await self._store.records(Consent, name):
            await self._store.swap_record(consent, None)
        for family in await self._store.records(TokenFamily, name):
            if family.kind == "user" and family.revoked_at is None:
                await self._store.swap_record(family, structs.replace(family, revoked_at=self._clock()))

    async def known(self, name: str) -> User:
        """Somebody, who may sign in or not. Raises NotFound."""
        user = await self._store.find_record(User, name)
        if user is None:
            raise NotFound(f"There is no user {name[:64]!r}; `factotum users list` lists them.")
        return user

    async def _swap(self, before: User, after: User | None) -> None:
        if not await self._store.swap_record(before, after):
            raise Conflict(f"{before.name} was changed meanwhile; try again.")

    async def _hash(self, password: str) -> str:
        if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
            raise BadRequest(f"A password has at least {PASSWORD_CHARACTERS_MIN} characters.")
        return await asyncio.to_thread(self._hasher.hash, password)

    def _fits(self, known: str, tried: str) -> bool:
        try:
            return self._hasher.verify(known, tried)
        except (VerificationError, InvalidHashError, UnicodeError):
            return False

    async def _record(self, by: Principal, what: str, user: User) -> None:
        state = "disabled" if user.disabled else ""
        await self._lines.write(by, what, user=user.name, scopes=tuple(sorted(user.scopes)), state=state)
