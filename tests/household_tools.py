"""The tools of the household, compiled from its documents, and what it answers: no server, no gateway."""

from functools import cache
from pathlib import Path

from gateway.core.catalog import Catalog, build_catalog
from gateway.core.compile import compile_document
from gateway.core.document import parse_document
from gateway.core.references import Documents
from gateway.core.tool import Tool
from gateway.demo.household import NAMES, document_of, folder_of
from gateway.ingest import MANIFEST_FILE, read_manifest


@cache
def household_catalog() -> Catalog:
    return build_catalog([_connector(name) for name in NAMES])


def household_tools() -> dict[str, Tool]:
    return dict(household_catalog().tools)


def _connector(name: str):  # type: ignore[no-untyped-def]
    path: Path = document_of(name)
    uri = f"https://documents.example/{path.name}"
    tree = parse_document(path.read_bytes(), uri)
    return compile_document(read_manifest(folder_of(name) / MANIFEST_FILE), Documents(uri, {uri: tree}), "digest")
