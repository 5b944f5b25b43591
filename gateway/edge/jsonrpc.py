"""JSON-RPC 2.0 as MCP and A2A use it: one message in, one answer out. Knows no method."""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

ID_CHARACTERS_MAX = 1_024

Id = Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] | int
Kind = Literal["request", "notification", "response", "none"]

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")

_T = TypeVar("_T")


class Fault(Exception):
    """A JSON-RPC error on its way out. `text` is ours, and says what to do. `data` is anything that can be encoded."""

    def __init__(self, code: int, text: str, data: object = UNSET) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.data = data


class Message(Struct, frozen=True):
    """A request, a notification or a posted response. An id is a string or an integer, never null."""

    jsonrpc: Literal["2.0"]
    method: str | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def kind(self) -> Kind:
        if self.method is not UNSET:
            return "notification" if self.id is UNSET else "request"
        return "response" if self.result is not UNSET or self.error is not UNSET else "none"


class _Identified(Struct, frozen=True):
    id: Id


class _Result(Struct, frozen=True):
    id: Id
    result: Any
    jsonrpc: Literal["2.0"] = "2.0"


class _ErrorBody(Struct, frozen=True):
    code: int
    message: str
    data: Any = UNSET


class _Error(Struct, frozen=True):
    id: Id | None
    error: _ErrorBody
    jsonrpc: Literal["2.0"] = "2.0"


_messages = msgspec.json.Decoder(Message)
_batches = msgspec.json.Decoder(list[Raw])
_identified = msgspec.json.Decoder(_Identified)


def check_body(body: bytes, depth_max: int) -> None:
    """Raises Fault where a body is not UTF-8 or nests deeper than `depth_max`, before anything recurses into it."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Fault(PARSE_ERROR, "The body is not UTF-8.") from error
    if nests_deeper(body, depth_max):
        raise Fault(INVALID_REQUEST, f"The body nests deeper than {depth_max} levels; send flatter arguments.")


def nests_deeper(body: bytes, depth_max: int) -> bool:
    """Whether JSON text holds arrays and objects within each other deeper than `depth_max`.

    Each round takes away the innermost pairs of brackets, in C: 4 MiB of brackets take milliseconds, where a walk in
    Python takes seconds. What is left when no pair is left is malformed, and the decoder says so.
    """
    if body.count(b"[") + body.count(b"{") <= depth_max:
        return False
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(depth_max):
        brackets = brackets.replace(b"[]", b"")
    return b"[" in brackets


def decode_message(body: bytes | Raw) -> Message:
    """Raises Fault: a parse error, or what is no JSON-RPC message."""
    try:
        message = _messages.decode(body)
    except msgspec.ValidationError as error:
        raise Fault(INVALID_REQUEST, "This is not a JSON-RPC 2.0 request or notification.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Fault(PARSE_ERROR, "The body is not JSON.") from error
    if message.kind == "none":
        raise Fault(INVALID_REQUEST, "This JSON-RPC message has no method.")
    return message


def decode_batch(body: bytes) -> list[Raw]:
    """The members of a JSON array, each still to be decoded. Raises Fault."""
    try:
        return _batches.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Fault(PARSE_ERROR, "The body is not JSON.") from error


def decode_params(decoder: msgspec.json.Decoder[_T], params: Raw, expected: str) -> _T:
    """The params of one method. Raises Fault, saying what was expected."""
    try:
        return decoder.decode(params)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Fault(INVALID_PARAMS, f"The params do not fit: {expected}.") from error


def find_id(body: bytes | Raw) -> Id | None:
    """The id of a message that could not be decoded, if it has one that can be given back."""
    try:
        return _identified.decode(body).id
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def encode_result(message_id: Id, result: object) -> bytes:
    return msgspec.json.encode(_Result(message_id, result))


def encode_fault(message_id: Id | None, fault: Fault) -> bytes:
    """An error. A message whose id could not be read has a null one (JSON-RPC 2.0 section 5)."""
    return msgspec.json.encode(_Error(message_id, _ErrorBody(fault.code, fault.text, fault.data)))
