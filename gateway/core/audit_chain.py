"""The audit log as a chain: each line carries a digest of itself and of all before it, and now and then a signature over one.

Whoever changes, takes out or moves a line breaks the chain there; whoever makes a whole new chain lacks the key of the
checkpoints. Lines after the newest checkpoint are held by the chain alone.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct, structs

START = bytes(32)
_CONTEXT = b"factotum audit checkpoint v1\n"

Damage = Literal["changed", "missing", "another history", "not signed by us"]


class Link(Struct, frozen=True):
    """One line as it is kept: its number, its bytes, and the digest of the chain up to it."""

    sequence: int
    line: bytes
    digest: bytes


class AuditTail(Struct, frozen=True):
    """The end of the log: the number of the last line that was given out, and the digest of the chain up to it."""

    sequence: int
    digest: bytes


class Checkpoint(Struct, frozen=True):
    """At `at`, the chain up to line `sequence` had this digest: signed with the Ed25519 key whose public half is `key`.
    `is_start`: the lines up to it were let go, and the log begins after it."""

    sequence: int
    digest: bytes
    at: datetime
    key: bytes
    signature: bytes = b""
    is_start: bool = False


class Finding(Struct, frozen=True):
    """One thing that is wrong, at a line."""

    sequence: int
    damage: Damage
    detail: str


def next_digest(before: bytes, sequence: int, line: bytes) -> bytes:
    """The chain's digest up to a line: SHA-256 over the digest before it, its number (8 bytes, big-endian) and its bytes."""
    return sha256(before + sequence.to_bytes(8, "big") + line).digest()


def link_lines(tail: AuditTail, lines: Iterable[bytes]) -> Iterator[Link]:
    """The lines that come after the end of a log, each linked to the one before it."""
    sequence, digest = tail.sequence, tail.digest
    for line in lines:
        sequence, digest = sequence + 1, next_digest(digest, sequence + 1, line)
        yield Link(sequence, line, digest)


def sign(
    private: Ed25519PrivateKey, sequence: int, digest: bytes, at: datetime, *, is_start: bool = False
) -> Checkpoint:
    """A signed checkpoint of the chain up to a line."""
    unsigned = Checkpoint(sequence, digest, at, private.public_key().public_bytes_raw(), is_start=is_start)
    return structs.replace(unsigned, signature=private.sign(_message(unsigned)))


def _message(checkpoint: Checkpoint) -> bytes:
    at = int(checkpoint.at.timestamp() * 1_000_000).to_bytes(8, "big", signed=True)
    kind = b"start" if checkpoint.is_start else b"point"
    return _CONTEXT + kind + checkpoint.sequence.to_bytes(8, "big") + checkpoint.digest + at


def is_signed(checkpoint: Checkpoint, keys: Collection[bytes]) -> bool:
    """Whether one of these public keys signed it."""
    if checkpoint.key not in keys:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(checkpoint.key).verify(checkpoint.signature, _message(checkpoint))
    except (InvalidSignature, ValueError):
        return False
    return True


class Verifier:
    """Looks at a log line by line: its checkpoints, and the public keys that may sign, are known before. Where lines were let
    go (retention), a signed checkpoint says that the log begins after it."""

    def __init__(self, checkpoints: Iterable[Checkpoint], keys: Collection[bytes]) -> None:
        told = list(checkpoints)
        self._good = {one.sequence: one for one in told if is_signed(one, keys)}
        self._bad = [one for one in told if one.sequence not in self._good]
        self._sequence, self._digest = 0, START
        self.lines = 0

    @property
    def signed(self) -> Checkpoint | None:
        """The newest checkpoint that a known key signed."""
        return self._good[max(self._good)] if self._good else None

    def unsigned(self) -> Iterator[Finding]:
        """The checkpoints that no known key signed."""
        return (Finding(one.sequence, "not signed by us", "no known key signed this checkpoint.") for one in self._bad)

    def look(self, link: Link) -> Iterator[Finding]:
        """What is wrong with the next line."""
        before = self._good.get(link.sequence - 1)
        if self.lines == 0 and before is not None and before.is_start:
            self._sequence, self._digest = before.sequence, before.digest
        if link.sequence != self._sequence + 1:
            # Past a gap nothing can be said of the line itself: the gap is.
            yield Finding(
                self._sequence + 1, "missing", f"lines {self._sequence + 1} to {link.sequence - 1} are not there."
            )
        elif link.digest != next_digest(self._digest, link.sequence, link.line):
            yield Finding(link.sequence, "changed", "it is not the line that was written.")
        signed = self._good.get(link.sequence)
        if signed is not None and signed.digest != link.digest:
            yield Finding(link.sequence, "another history", f"it is not what was signed on {signed.at:%Y-%m-%d %H:%M}.")
        self._sequence, self._digest = link.sequence, link.digest
        self.lines += 1

    def end(self, last: int) -> Iterator[Finding]:
        """What is wrong with the end, `last` being the number of the last line that was given out."""
        signed = self.signed
        if self.lines == 0 and signed is not None and signed.is_start:
            self._sequence = signed.sequence
        had = max(last, signed.sequence if signed else 0)
        if self._sequence < had:
            yield Finding(self._sequence + 1, "missing", f"the log ends after line {self._sequence}, and had {had}.")
