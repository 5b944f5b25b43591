"""Logins that are kept: for each gateway, what a person signed in with. One file for its owner alone. Asks nobody.

INVARIANT: who changes a login holds the lock of the file from before it is read until after it is written: a refresh token is
good once, and to use it twice would end the login.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.errors import BadRequest, Unauthenticated

FILE_BYTES_MAX = 1 << 20


class Login(Struct, frozen=True, omit_defaults=True):
    """What one gateway is shown. `token` is an access token, good until `expires_at` (seconds since the epoch), or an API key,
    which has no `token_url`. The rest is what another access token is asked for with."""

    token: str
    expires_at: float = float("inf")
    refresh_token: str = ""
    token_url: str = ""
    revocation_url: str = ""
    client_id: str = ""
    resource: str = ""


class Logins:
    """The logins in one file, by the URL of the gateway."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, url: str) -> Login:
        """Raises Unauthenticated where there is none."""
        login = self._read().get(url)
        if login is None:
            raise Unauthenticated(f"Nobody is signed in at {url}: `factotum login {url}` signs in.")
        return login

    def urls(self) -> list[str]:
        return sorted(self._read())

    @contextmanager
    def changing(self) -> Iterator[dict[str, Login]]:
        """All of them, to be changed; written back when it ends well. Waits for whoever else is at it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            logins = dict(self._read())
            yield logins
            self._write(logins)

    def _read(self) -> Mapping[str, Login]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(FILE_BYTES_MAX), type=dict[str, Login])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise BadRequest(f"{self._path} cannot be read; remove it and sign in again.") from error

    def _write(self, logins: Mapping[str, Login]) -> None:
        """Whole or not at all."""
        fresh = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(logins))
        fresh.replace(self._path)


def logins_here(environ: Mapping[str, str]) -> Logins:
    """Those of whoever runs the command (XDG Base Directory Specification)."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", ".")) / ".config")
    return Logins(Path(base, "factotum", "logins.json"))
