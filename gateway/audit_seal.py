"""The audit log's seal: checkpoints signed while the gateway runs, and old lines let go. Writes no line, and judges none.

The key is the secret `audit-signing-key` (an Ed25519 private key in PEM), or else a file in `data_dir` that is made at the
first start, for its owner alone. Whoever can write the store but not read the key can forge no checkpoint.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gateway.core.audit_chain import Checkpoint, Finding, Verifier, sign
from gateway.errors import StoreFailed
from gateway.key_file import make_key_file
from gateway.settings import AuditSettings, SettingsBroken
from gateway.stores.base import AuditStore

log = structlog.get_logger(__name__)

SECRET = "audit-signing-key"  # noqa: S105 (the name of a secret)
FILE = "audit-signing-key.pem"
LINKS_READ_AT_ONCE = 2_000


class AuditSeal:
    """Signs the end of the log, whoever wrote it, at the start and every `checkpoint_s` where it has grown, and lets go of
    lines older than `retention_days`."""

    def __init__(
        self, store: AuditStore, key: Ed25519PrivateKey, settings: AuditSettings, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._key = key
        self._settings = settings
        self._clock = clock
        self._signed = 0

    async def keep(self) -> None:
        """Never returns. It begins with what others left unsigned: a command that has no key, a process that was killed. A
        store that fails is asked again the next time."""
        while True:
            try:
                await self.sign()
                await self.let_go()
            except StoreFailed as error:
                log.warning("the audit log could not be sealed", problem=error.detail)
            await asyncio.sleep(self._settings.checkpoint_s)

    async def sign(self) -> Checkpoint | None:
        """A checkpoint of the last line; None where there is one already."""
        tail = await self._store.audit_tail()
        if tail.sequence <= self._signed:
            return None
        checkpoint = sign(self._key, tail.sequence, tail.digest, self._clock())
        await self._store.add_checkpoint(checkpoint)
        self._signed = tail.sequence
        return checkpoint

    async def let_go(self) -> int:
        """How many lines went: those older than `retention_days`, up to a checkpoint."""
        days = self._settings.retention_days
        return await self.drop(days) if days else 0

    async def drop(self, days: int) -> int:
        """The same for lines older than `days`. That the log begins where it then does is signed too: lines that somebody
        else takes out are missing."""
        newest = await self._store.old_checkpoint(self._clock() - timedelta(days=days))
        if newest is None or newest.is_start:
            return 0
        start = sign(self._key, newest.sequence, newest.digest, self._clock(), is_start=True)
        return await self._store.drop_audit(start)


async def verify_log(store: AuditStore, verifier: Verifier) -> AsyncIterator[Finding]:
    """Everything that is wrong with the log of a store."""
    for finding in verifier.unsigned():
        yield finding
    after = 0
    while links := await store.audit_links(after, LINKS_READ_AT_ONCE):
        after = links[-1].sequence
        for link in links:
            for finding in verifier.look(link):
                yield finding
    for finding in verifier.end((await store.audit_tail()).sequence):
        yield finding


def signing_key(secrets: Mapping[str, str], data_dir: Path) -> Ed25519PrivateKey:
    """The key that signs checkpoints, made where there is none. Raises SettingsBroken."""
    path = data_dir / FILE
    try:
        if SECRET not in secrets and not path.exists():
            make_key_file(path, _new_key())
        pem = secrets[SECRET].encode() if SECRET in secrets else path.read_bytes()
        key = load_pem_private_key(pem, None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsBroken(
            f"The key that signs the audit log ({SECRET}, or {path}) cannot be read as PEM."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsBroken(f"The key that signs the audit log ({SECRET}, or {path}) is no Ed25519 private key.")
    return key


def fingerprint_key(key: Ed25519PrivateKey) -> bytes:
    """Another secret made of it, with which the log's fingerprints of credentials are made."""
    return sha256(b"factotum credential fingerprints " + key.private_bytes_raw()).digest()


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
