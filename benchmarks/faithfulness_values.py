"""Whether a judge read the values that were given: what it did not read at all is not looked at."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from benchmarks.faithfulness_judge import Judged
from benchmarks.faithfulness_reasons import UNEXPLAINED
from gateway.core.default import with_defaults
from gateway.core.operation import Operation
from gateway.core.serialize import is_undefined

KEPT = "RFC 6570: what is percent-encoded already stays so in reserved expansion"


class Value(NamedTuple):
    """One argument, as it was given and as the judge has it. `reserved`: it is expanded by RFC 6570 section 3.2.3."""

    argument: str
    given: Any
    read: Any
    reserved: bool = False


def read_values(operation: Operation, arguments: Mapping[str, Any], judged: Judged) -> Iterator[Value]:
    """Every argument that the judge read. Null, and lists and objects with nothing in them, have no form to be read."""
    given = with_defaults(operation, arguments)
    for one in operation.parameters:
        key = (one.location, one.name.lstrip("+"))
        if one.argument in given and key in judged.parameters and not is_undefined(given[one.argument]):
            reserved = one.allow_reserved or one.name.startswith("+")
            yield Value(one.argument, given[one.argument], judged.parameters[key], reserved)
    body = operation.body
    if body is None or judged.body is None:
        return
    if body.argument:
        yield Value(body.argument, given.get(body.argument), judged.body)
    elif isinstance(judged.body, Mapping):
        for field in body.fields:
            value = given.get(field.argument)
            if field.name in judged.body and not is_undefined(value):
                yield Value(field.argument, value, judged.body[field.name], field.allow_reserved)


def explain_value(value: Value) -> str:
    """ "" where it is the one that was given; else why it is not, which may be `unexplained`."""
    if is_same(value.given, value.read):
        return ""
    return KEPT if value.reserved and is_same(unquote(str(value.given)), value.read) else UNEXPLAINED


def is_same(given: Any, read: Any) -> bool:
    """The same value, or the same as text: what a schema gives no type for is read as it stands on the wire. A file is
    its bytes, and a member that has no form on the wire may be missing."""
    if isinstance(read, bytes):
        read = read.decode("utf-8", "surrogateescape")
    if isinstance(given, dict) and "data" in given and isinstance(read, str):
        return b64decode(given["data"]).decode("utf-8", "surrogateescape") == read
    if isinstance(given, dict) and isinstance(read, Mapping):
        missing = {name for name, one in given.items() if name not in read and is_undefined(one)}
        return all(is_same(one, read.get(name)) for name, one in given.items() if name not in missing)
    if isinstance(given, list) and isinstance(read, list):
        return len(given) == len(read) and all(map(is_same, given, read))
    return given == read or _text(given) == _text(read)


def _text(value: Any) -> str:
    """As it stands on the wire, without the white space that ends a header."""
    if isinstance(value, str):
        return value.strip(" \t")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
