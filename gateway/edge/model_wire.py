"""The common wire forms of models that embed and rerank: OpenAI's embeddings, TEI's `/embed` and `/rerank`, and the `/rerank` that
Cohere, Jina, vLLM and Infinity have. Bytes in, Structs out, and back; knows no model."""

from base64 import b64encode
from collections.abc import Sequence
from math import exp
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from gateway.errors import BadRequest, GatewayError, TooLarge, code_of
from gateway.rankers.base import Vector

Wire = TypeVar("Wire", bound=Struct)


class Embeddings(Struct, frozen=True):
    """`POST /v1/embeddings` (OpenAI)."""

    input: str | list[str]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Embed(Struct, frozen=True):
    """`POST /embed` (TEI)."""

    inputs: str | list[str]
    normalize: bool = True


class Document(Struct, frozen=True):
    """A text as Cohere and Jina may have it."""

    text: str


class Rerank(Struct, frozen=True):
    """`POST /rerank`, with `texts` (TEI) or with `documents` (Cohere)."""

    query: str
    texts: list[str] | None = None
    raw_scores: bool = False
    return_text: bool = False
    documents: list[str | Document] | None = None
    model: str = ""
    top_n: int | None = None
    return_documents: bool = False

    @property
    def is_tei(self) -> bool:
        return self.texts is not None

    def read(self) -> list[str]:
        """The texts of either form. Raises BadRequest."""
        if (self.texts is None) == (self.documents is None):
            raise BadRequest("A query needs either `texts` or `documents` beside it.")
        return self.texts or [one if isinstance(one, str) else one.text for one in self.documents or ()]


def decode(body: bytes, kind: type[Wire]) -> Wire:
    """Raises BadRequest, which says what does not fit."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The body does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("The body must be JSON.") from error


def as_list(texts: str | list[str], texts_max: int) -> list[str]:
    """Raises BadRequest where there are none, or TooLarge."""
    told = [texts] if isinstance(texts, str) else texts
    if not told:
        raise BadRequest("There must be at least one text.")
    if len(told) > texts_max:
        raise TooLarge(f"There are {len(told)} texts; send {texts_max} at most in one request.")
    return told


def tell_embeddings(vectors: Sequence[Vector], tokens: int, model: str, form: Literal["float", "base64"]) -> bytes:
    told = [b64encode(one.astype("<f4").tobytes()).decode() if form == "base64" else one.tolist() for one in vectors]
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(told)],
            "model": model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def tell_embed(vectors: Sequence[Vector]) -> bytes:
    return msgspec.json.encode([one.tolist() for one in vectors])


def tell_rerank(asked: Rerank, scores: Sequence[float], tokens: int, model: str) -> bytes:
    """In the form that was asked, best first; between 0 and 1, but for TEI's raw scores."""
    texts = asked.read()
    best = sorted(range(len(texts)), key=lambda at: (-scores[at], at))
    if asked.is_tei:
        ranks = [
            {"index": at, "score": float(scores[at]) if asked.raw_scores else _sigmoid(scores[at])}
            | ({"text": texts[at]} if asked.return_text else {})
            for at in best
        ]
        return msgspec.json.encode(ranks)
    results = [
        {"index": at, "relevance_score": _sigmoid(scores[at])}
        | ({"document": {"text": texts[at]}} if asked.return_documents else {})
        for at in best[: asked.top_n if asked.top_n and asked.top_n > 0 else None]
    ]
    return msgspec.json.encode({"model": model, "results": results, "usage": {"total_tokens": tokens}})


def tell_error(error: GatewayError, path: str) -> dict[str, Any]:
    """As whoever asked there reads an error: OpenAI's, or TEI's, with the `message` that Cohere has."""
    if path.endswith("/embeddings"):
        kind = "server_error" if code_of(error) == "model_busy" else "invalid_request_error"
        return {"error": {"message": error.detail, "type": kind, "param": None, "code": code_of(error)}}
    return {"error": error.detail, "error_type": _TEI_TYPES.get(code_of(error), "Validation"), "message": error.detail}


_TEI_TYPES = {"model_busy": "Overloaded", "sign_in_needed": "Unauthorized", "not_found": "NotFound"}


def _sigmoid(score: float) -> float:
    return float(1 / (1 + exp(-np.clip(score, -500, 500))))
