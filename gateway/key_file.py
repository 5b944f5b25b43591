"""A file with a key that the gateway made for itself. Knows nothing of what the key is for."""

import os
from pathlib import Path


def make_key_file(path: Path, content: bytes) -> None:
    """For its owner alone; whole or not at all, and never in place of another process's. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(begun, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    try:
        os.link(begun, path)
    except FileExistsError:
        return
    finally:
        begun.unlink()
