"""`x-factotum` as it stands in a document: read key by key, so that a bad one costs that key only."""

from itertools import islice
from typing import Any, TypeAlias

import msgspec

from gateway.core.extension import ArgumentExtension, Extension
from gateway.core.prose import plain
from gateway.core.references import At
from gateway.core.source import Source

KEY = "x-factotum"
UNKNOWN_KEYS_SHOWN_MAX = 10
DETAIL_CHARACTERS_MAX = 300

_NOTHING = ArgumentExtension()

Kind: TypeAlias = type[Extension] | type[ArgumentExtension]


def read_extension(source: Source, item: At, operation: At) -> Extension:
    """What is said of an operation: by itself, or else by its path item, or else by the document; nearest wins, key by
    key. What cannot be read is noted as `extension-broken`, and then what is farther away holds."""
    levels = (source.root, item, operation)
    return Extension(**{key: value for level in levels for key, value in _read(source, level, Extension).items()})


def read_argument(source: Source, at: At, *, required: bool) -> ArgumentExtension:
    """What is said of a parameter or a property. One that is required cannot be hidden; that is noted."""
    said = _read(source, at, ArgumentExtension)
    told = ArgumentExtension(**said) if said else _NOTHING
    if told.hide and required:
        source.note("extension-broken", at.child(KEY), "what is required cannot be hidden; it stays.")
        return msgspec.structs.replace(told, hide=False)
    return told


def _read(source: Source, at: At, kind: Kind) -> dict[str, Any]:
    """The keys that are said and good. An object's is read once, for all that inherit it."""
    said = at.value.get(KEY) if isinstance(at.value, dict) else None
    if said is None:
        return {}
    key = (id(said), kind)
    if key not in source.extensions:
        source.extensions[key] = _read_keys(source, at.child(KEY), kind)
    return source.extensions[key]


def _read_keys(source: Source, at: At, kind: Kind) -> dict[str, Any]:
    if not isinstance(at.value, dict):
        source.note("extension-broken", at, "an object belongs here.")
        return {}
    known = [key for key in kind.__struct_fields__ if key in at.value]
    unknown = islice(at.value.keys() - set(known), UNKNOWN_KEYS_SHOWN_MAX)
    told: dict[str, Any] = {}
    for key in [*known, *unknown]:
        try:
            told[key] = getattr(msgspec.convert({key: at.value[key]}, kind), key)
        except msgspec.ValidationError as error:
            # The text names the place and the type that was expected; of values, an unknown word at most.
            source.note("extension-broken", at.child(key), f"{plain(str(error), DETAIL_CHARACTERS_MAX)}; left aside.")
    return told
