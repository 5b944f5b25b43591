"""What we send is what real documents ask for: a sample, read back by openapi-core. All of it: benchmarks/faithfulness.py.

The documents are read where they lie, in ../shared/specs beside the project; without that folder this is skipped.
"""

import json
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from benchmarks.corpus import CORPUS, read_corpus, read_documents
from benchmarks.faithfulness import ACCEPTED, NOTHING, REFUSED, Outcome, judge_document
from benchmarks.faithfulness_judge import Judge
from benchmarks.faithfulness_reasons import RULES, UNEXPLAINED
from benchmarks.faithfulness_values import KEPT, Value, explain_value
from benchmarks.generate import propose
from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import build_request

DOCUMENT_BYTES_MAX = 150_000
OPERATIONS_A_DOCUMENT = 6
SHARES = (0.0, 0.6)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"there is no folder {CORPUS} of real documents")
def test_real_documents_accept_what_we_send_and_every_rejection_has_its_cause() -> None:
    outcomes: list[Outcome] = []
    for name, files in read_corpus(CORPUS):
        if sum(map(len, files.values())) <= DOCUMENT_BYTES_MAX:
            outcomes += judge_document(name, read_documents(files), SHARES, OPERATIONS_A_DOCUMENT)
    counts = Counter(one.became for one in outcomes)
    print(counts)
    assert counts[UNEXPLAINED] == 0, [one for one in outcomes if one.became == UNEXPLAINED]
    assert counts.keys() <= {ACCEPTED, NOTHING, REFUSED, KEPT, *RULES}
    assert sum(one.values for one in outcomes) > 1_000
    assert len({one.document for one in outcomes}) > 80
    assert counts[ACCEPTED] / len(outcomes) > 0.9
    assert counts[NOTHING] < 10


DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.4",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "https://api.example/v1"}],
    "paths": {
        "/lamps/{id}": {
            "post": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "X-N", "in": "header", "required": True, "schema": {"type": "string", "enum": ["a"]}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"type": "object", "required": ["on"], "properties": {"on": {"type": "boolean"}}}
                        }
                    },
                },
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"url": "https://api.example/v1/lamps/x?tags=1"}, False),
        ({"url": "https://api.example/v1/lamps/7?tags=x"}, False),
        ({"url": "https://api.example/v2/lamps/7"}, False),
        ({"method": "PUT"}, False),
        ({"content": b'{"on":1}'}, False),
        ({"content": b"{}"}, False),
        ({"content": b""}, False),
        ({"headers": (("Content-Type", "application/json"), ("X-N", "b"))}, False),
        ({"headers": (("Content-Type", "application/json"),)}, False),
        ({"headers": (("Content-Type", "text/plain"), ("X-N", "a"))}, False),
    ],
)
def test_the_judge_turns_down_a_request_with_one_thing_wrong(change: dict[str, Any], accepted: bool) -> None:
    documents = Documents("https://d.example/", {"https://d.example/": DOCUMENT})
    [tool] = compile_document(Manifest(name="x"), documents, "d").tools
    request = structs.replace(build_request(tool.operation, {"id": 7, "tags": [1, 2], "on": True}), **change)
    assert (Judge(documents.trees).judge(tool.operation, request).errors == ()) == accepted


@pytest.mark.parametrize(
    ("given", "read", "why"),
    [
        (5, 5, ""),
        (5, "5", ""),
        ([1, "a"], [1, "a"], ""),
        ({"a": 1, "b": None, "c": {}}, {"a": 1}, ""),
        ({"a": 1, "b": None, "c": {}}, {"a": 1, "b": 2}, UNEXPLAINED),
        ({"data": "YQ=="}, b"a", ""),
        ("a b", "a+b", UNEXPLAINED),
        ("1+1", "1 1", UNEXPLAINED),
        (["a", "b"], ["a,b"], UNEXPLAINED),
        ({"a": 1}, {}, UNEXPLAINED),
        (True, "True", UNEXPLAINED),
        ("%41", "A", UNEXPLAINED),
    ],
)
def test_a_value_that_was_read_as_another_one_is_noticed(given: Any, read: Any, why: str) -> None:
    assert explain_value(Value("x", given, read)) == why


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_proposed_fits_its_schema_and_is_the_same_every_time(share: float) -> None:
    schema = {
        "type": "object",
        "properties": {
            "date": {"type": "string", "format": "date"},
            "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d{3}(x|y)?$", "maxLength": 7},
            "some": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "minItems": 2, "uniqueItems": True},
            "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "multipleOf": 0.25},
        },
        "required": ["code", "some"],
        "additionalProperties": False,
        "$defs": {
            "Node": {
                "anyOf": [
                    {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]},
                    {"type": "integer", "minimum": 5, "maximum": 50},
                ]
            }
        },
    }
    made = [propose(schema, lambda one: True, random.Random(7), share) for _ in range(2)]
    assert made[0] == made[1] is not None
    assert json.dumps(made[0])
    assert set(made[0]) >= {"code", "some"}
    assert (set(made[0]) == set(schema["properties"])) == (share == 1.0)
