"""The media types of a request body or a parameter, each with its Media Type Object (OAS 3.1 section 4.8.14): followed to
where they are kept, and read as what they plainly mean where they are something else."""

from typing import Any

from gateway.core.media import is_media_type
from gateway.core.mend import content_meant
from gateway.core.references import At, is_reference
from gateway.core.source import Source

JSON_TYPE = "application/json"
_OF_MEDIA = frozenset({"schema", "itemSchema", "example", "examples", "encoding", "prefixEncoding", "itemEncoding"})
_OF_SCHEMAS = frozenset({"type", "properties", "items", "allOf", "oneOf", "anyOf", "enum", "$ref"})


def contents_of(source: Source, at: At) -> dict[str, At]:
    """Media Type Objects by media type; none where there is none that can be sent. A schema where one of them belongs, or
    the whole `content`, is taken for that of JSON."""
    whole = source.followed(at.get("content"))
    if whole is None:
        return _without_types(source, at)
    if isinstance(whole.value, dict) and "schema" in whole.value and not any(map(is_media_type, whole.value)):
        return _without_types(source, whole)
    meant = content_meant(whole.value)
    if meant is None:
        source.note("wrong-type-repaired", whole, "`content` is no map of media types, and is left aside.")
        return {}
    if meant is not whole.value:
        source.note("wrong-type-repaired", whole, "`content` is a map of media types; these have no schema here.")
        return {kind: whole._replace(value=one) for kind, one in meant.items() if is_media_type(kind)}
    found = {kind: one for kind in meant if (one := _media(source, whole.child(kind))) is not None}
    offered = {kind: one for kind, one in found.items() if is_media_type(kind)}
    if not offered and "" in found:
        source.note("media-type-repaired", at, f"its media type has no name; {JSON_TYPE} is taken.")
        return {JSON_TYPE: found[""]}
    return offered


def _without_types(source: Source, at: At) -> dict[str, At]:
    """Where a schema stands, and no media type."""
    media = _as_media(at.value)
    if media is None:
        return {}
    source.note("media-type-repaired", at, f"it has a schema and no media type; {JSON_TYPE} is taken.")
    return {JSON_TYPE: at._replace(value=media)}


def _media(source: Source, at: At) -> At | None:
    """A Media Type Object, as of OAS 3.2 by reference too; a reference that leads nowhere is one that says nothing."""
    if at.value is None:
        return at._replace(value={})
    found = source.followed(at) if is_reference(at.value) else at
    if found is None:
        return at._replace(value={})
    if not isinstance(found.value, dict):
        return None
    if _OF_MEDIA.isdisjoint(found.value) and (media := _as_media(found.value)) is not None:
        source.note("wrong-type-repaired", at, "a schema stands where a media type belongs.")
        return found._replace(value=media)
    return found


def _as_media(value: dict[str, Any]) -> dict[str, Any] | None:
    """A schema as that of a media type, or what already has one; None where there is no schema."""
    if "schema" in value:
        return {key: one for key, one in value.items() if key in _OF_MEDIA}
    return {"schema": value} if not _OF_SCHEMAS.isdisjoint(value) else None
