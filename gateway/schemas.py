"""The JSON Schemas of what a user writes, generated from the Structs. `schemas/` holds them; a test keeps them true."""

from pathlib import Path
from typing import Any

import msgspec

from gateway.core.event import ApprovalEvent, GrantEvent
from gateway.core.extension import Extension
from gateway.core.manifest import Manifest
from gateway.core.plan import Plan
from gateway.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED: dict[str, Any] = {
    "connector.json": Manifest,
    "plan.json": Plan,
    "settings.json": Settings,
    "webhook-approval.json": ApprovalEvent,
    "webhook-grant.json": GrantEvent,
    "x-factotum.json": Extension,
}


def write_schemas(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in _render().items():
        (folder / name).write_text(text, encoding="utf-8")


def stale_schemas(folder: Path) -> list[str]:
    """The files that are missing or are not what the Structs say."""
    return [
        name
        for name, text in _render().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _render() -> dict[str, str]:
    return {
        name: msgspec.json.format(
            msgspec.json.encode({"$schema": DIALECT, **msgspec.json.schema(kind)}), indent=2
        ).decode()
        + "\n"
        for name, kind in PUBLISHED.items()
    }
