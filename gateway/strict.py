"""Answers as openapi-core judges them, against what the document itself says. The only importer of openapi-core, which is
loaded when the first answer is to be judged. Works off the event loop; sends and shapes nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import httpx
import msgspec
import structlog
from msgspec import Struct

from gateway.core.answer_check import AnswerCheck
from gateway.core.catalog import Connector
from gateway.core.contract import BACKEND, Contract, read_contract
from gateway.core.declared import of_status, of_type
from gateway.core.http import HttpResponse
from gateway.core.media import SEQUENTIAL_TYPES, essence, family_of
from gateway.core.prose import plain
from gateway.core.response import whole_text
from gateway.core.response_json import json_of, media_type_of
from gateway.core.tool import Tool

log = structlog.get_logger(__name__)

# Judging takes the interpreter's time, so that one answer is judged at a time, and none that is larger.
JUDGED_BYTES_MAX = 256 << 10
CONTRACTS_KEPT_MAX = 16
JUDGES_KEPT_MAX = 512
PROBLEMS_MAX = 3
EXPECTED_CHARACTERS_MAX = 120


class StrictAnswers:
    """What was built once for a connector and for an operation is kept, the least used going first."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, "strict")
        self._contracts: OrderedDict[str, tuple[Connector, Contract]] = OrderedDict()
        self._judges: OrderedDict[str, tuple[Tool, Any]] = OrderedDict()

    async def problem(self, connector: Connector, tool: Tool, check: AnswerCheck, response: HttpResponse) -> str:
        """What of a success is not what its document says, as the end of a sentence; "" where nothing is amiss. First by our
        own reading, which is never stricter than the document and bounded in time, then by openapi-core's."""
        judging = asyncio.get_running_loop().run_in_executor
        return await judging(self._worker, self._judge, connector, tool, check, response)

    def _judge(self, connector: Connector, tool: Tool, check: AnswerCheck, response: HttpResponse) -> str:
        if response.truncated and media_type_of(response) not in SEQUENTIAL_TYPES:
            return f"no more than its first {len(response.body)} bytes were read (response_bytes_max)"
        if response.coding:
            return f"it is in the content coding {plain(response.coding, 60)}, which is not known here"
        if problem := check.problem(response, bytes_max=len(response.body)):
            return problem
        if not connector.contract or len(response.body) > JUDGED_BYTES_MAX:
            return ""
        try:
            validator = self._judge_of(connector, tool, headers_only=tool.operation.method == "HEAD")
            if validator is None:
                return ""
            errors = list(islice(validator.iter_errors(_REQUEST, _answer(tool, response)), PROBLEMS_MAX))
            return "; ".join(text for error in errors for text in _say(error))
        except Exception as error:
            # What the library cannot do with this document or answer is no fault of the answer; ours has read it.
            log.warning("openapi-core could not judge an answer", tool=tool.name, error=type(error).__name__)
            return ""

    def _judge_of(self, connector: Connector, tool: Tool, *, headers_only: bool) -> Any:
        """None where openapi-core does not judge this operation."""
        known, validator = self._judges.get(tool.name, (None, None))
        if known is not tool:
            contract = self._contract_of(connector)
            validator = (
                _validator(contract, tool, headers_only=headers_only) if tool.name in contract.responses else None
            )
            self._judges[tool.name] = (tool, validator)
        self._judges.move_to_end(tool.name)
        if len(self._judges) > JUDGES_KEPT_MAX:
            self._judges.popitem(last=False)
        return validator

    def _contract_of(self, connector: Connector) -> Contract:
        known, contract = self._contracts.get(connector.name, (None, None))
        if known is not connector or contract is None:
            contract = read_contract(connector.contract)
            self._contracts[connector.name] = (connector, contract)
        self._contracts.move_to_end(connector.name)
        if len(self._contracts) > CONTRACTS_KEPT_MAX:
            self._contracts.popitem(last=False)
        return contract


class _Request(Struct, frozen=True):
    """`GET /`: every contract has that one operation."""

    host_url: str = BACKEND
    path: str = "/"
    method: str = "get"


class _Answer(Struct, frozen=True):
    data: bytes
    status_code: int
    content_type: str
    headers: Mapping[str, str]


_REQUEST = _Request()


class _JsonTypes(dict[str, Any]):
    """How JSON is read, whatever it is called."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and family_of(kind) == "json"

    def __missing__(self, kind: str) -> Any:
        return _load


def _load(data: bytes, **_: str) -> Any:
    return msgspec.json.decode(data)


def _validator(contract: Contract, tool: Tool, *, headers_only: bool) -> Any:
    from jsonschema_path import SchemaPath
    from openapi_core.validation.response import validators

    kind = "ResponseHeadersValidator" if headers_only else "ResponseValidator"
    version = "".join(str(contract.rest["openapi"]).split(".")[:2])
    judge = getattr(validators, f"V{version}{kind}")
    return judge(SchemaPath.from_dict(contract.document_of(tool.name)), extra_media_type_deserializers=_JsonTypes())


def _answer(tool: Tool, response: HttpResponse) -> _Answer:
    """The answer in UTF-8, under the media type as the document writes it where that is the same one."""
    sent = response.header("content-type")
    exact = json_of(response)
    kind = essence(sent) or ("application/json" if exact is not None else "application/octet-stream")
    declared = of_type([one for one in of_status(tool.answers, response.status) if one.media_type], sent or kind)
    if declared is not None and essence(declared.media_type) == kind:
        kind = declared.media_type
    is_json = family_of(kind) == "json" and exact is not None
    text = None if is_json else whole_text(response)
    data = (
        exact if is_json and exact is not None else response.body if text is None else text.encode("utf-8", "replace")
    )
    return _Answer(data, response.status, kind, httpx.Headers(response.headers))


def _say(error: Exception) -> Iterator[str]:
    """In our words: what the library says repeats what came."""
    from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
    from openapi_core.templating.responses.exceptions import ResponseNotFound
    from openapi_core.validation.response import exceptions
    from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

    cause = error.__cause__
    where = f"the header {plain(error.name, 60)}" if isinstance(error, exceptions.HeaderValidationError) else ""
    match error, cause:
        case ResponseNotFound(), _:
            yield "it has a status that is not declared"
        case exceptions.MissingRequiredHeader(name=name), _:
            yield f"the header {plain(name, 60)} is missing"
        case exceptions.MissingData(), _:
            yield "nothing came, where there should be content"
        case _, InvalidSchemaValue(schema_errors=found):
            for one in islice(found, PROBLEMS_MAX):
                yield _say_schema_error(one, where)
        case _, MediaTypeNotFound():
            yield "it has a media type that is not declared"
        case _:
            yield f"{where or 'the whole'}: cannot be read as what it should be"


def _say_schema_error(error: Any, where: str) -> str:
    pointer = "".join(f"/{plain(str(step), 60)}" for step in islice(error.absolute_path, 20))
    place = f"{where} {pointer}".strip() or "the whole"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{place}: required are {', '.join(plain(str(name), 60) for name in missing[:PROBLEMS_MAX])}"
    expected = plain(msgspec.json.encode(error.validator_value).decode(), EXPECTED_CHARACTERS_MAX)
    return f"{place}: expected {plain(str(error.validator), 40)} {expected}"
