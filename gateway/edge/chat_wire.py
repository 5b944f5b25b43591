"""What OpenAI's chat completions say, as far as it is spoken here: requests, answers whole and in pieces, errors. Knows the wire;
knows no intent.

Source: OpenAI API reference, Chat Completions and Models; what servers that are compatible with it tolerate.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.core.plan import Plan
from gateway.core.planned import NoPlan
from gateway.core.run import Mode, Question, RunState
from gateway.core.tell import Sentence
from gateway.edge.intents import ApprovalAwaited
from gateway.edge.wanted import Locale
from gateway.errors import BadRequest, GatewayError, NotFound, code_of, http_status

MODEL = "factotum"
MESSAGES_MAX = 1_000
# What would change what the answer has to be, and cannot be had here; and the values at which it changes nothing.
REFUSED: dict[str, tuple[Any, ...]] = {
    "tools": (None, []),
    "functions": (None, []),
    "n": (None, 1),
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
    "audio": (None,),
}
DONE = b"data: [DONE]\n\n"

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class ChatPart(Struct, frozen=True):
    """A piece of a content; of other types than text there are none here."""

    type: str
    text: str = ""


class ChatMessage(Struct, frozen=True):
    role: Role
    content: str | tuple[ChatPart, ...] | None = None

    @property
    def text(self) -> str:
        """Its parts as one text, for a line of its own would be a wish of its own. Raises BadRequest where it is not text alone."""
        if not isinstance(self.content, tuple):
            return self.content or ""
        if any(one.type != "text" for one in self.content):
            raise BadRequest("The content of a message here is text.")
        return " ".join(one.text for one in self.content)


class StreamOptions(Struct, frozen=True):
    include_usage: bool = False


class ChatExtension(Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway takes beside what OpenAI has: the time zone and language of the last message, and `preview`, which sends no
    write."""

    zone: str = ""
    locale: Locale = "en"
    mode: Mode = "execute"


class ChatRequest(Struct, frozen=True):
    """Members that are not known are left alone, as such servers do."""

    model: str
    messages: Annotated[tuple[ChatMessage, ...], Meta(min_length=1, max_length=MESSAGES_MAX)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Any = None
    functions: Any = None
    n: Any = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    factotum: ChatExtension = ChatExtension()

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class Turn(Struct, frozen=True):
    """The last words of the user, and what the assistant had said `before` them, "" where it had said nothing."""

    words: str
    before: str


class ChatModel(Struct, frozen=True):
    id: str = MODEL
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "factotum"


class ChatModels(Struct, frozen=True):
    data: tuple[ChatModel, ...] = (ChatModel(),)
    object: Literal["list"] = "list"


class ChatUsage(Struct, frozen=True):
    """No tokens are counted here."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatSources(Struct, frozen=True, omit_defaults=True):
    """What an answer was made of: the intent, its plan and sentences with the rows of its journal; or why no plan came of it."""

    intent: str = ""
    state: RunState | UnsetType = UNSET
    sequence: int = 0
    plan: Plan | UnsetType = UNSET
    sentences: tuple[Sentence, ...] = ()
    questions: tuple[Question, ...] = ()
    approval: ApprovalAwaited | None = None
    planned: NoPlan | UnsetType = UNSET


class AssistantMessage(Struct, frozen=True):
    content: str
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class ChatChoice(Struct, frozen=True):
    message: AssistantMessage
    index: int = 0
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(Struct, frozen=True):
    """A whole answer. `factotum` is what its text was made of."""

    id: str
    created: int
    choices: tuple[ChatChoice, ...]
    factotum: ChatSources
    object: Literal["chat.completion"] = "chat.completion"
    model: str = MODEL
    usage: ChatUsage = ChatUsage()


class Delta(Struct, frozen=True, omit_defaults=True):
    """`reasoning_content` is what goes on meanwhile: it is no part of the answer."""

    role: Literal["", "assistant"] = ""
    content: str | UnsetType = UNSET
    reasoning_content: str = ""


class ChunkChoice(Struct, frozen=True):
    delta: Delta
    finish_reason: Literal["stop"] | None = None
    index: int = 0
    logprobs: None = None


class ChatChunk(Struct, frozen=True):
    """A piece of an answer. Its `usage` is there only where it was asked for: null but in the last."""

    id: str
    created: int
    choices: tuple[ChunkChoice, ...]
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    model: str = MODEL
    usage: ChatUsage | UnsetType | None = UNSET
    factotum: Any = UNSET


class ChatFault(Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str


class ChatError(Struct, frozen=True):
    error: ChatFault


class ModelMissing(NotFound):
    """There is one model alone."""


def read_turn(asked: ChatRequest) -> Turn:
    """Raises BadRequest where nobody said anything, or where what is asked for cannot be had; or ModelMissing."""
    if asked.model != MODEL:
        raise ModelMissing(f"The model here is {MODEL!r}; there is no {asked.model[:100]!r}.")
    for name, harmless in REFUSED.items():
        if getattr(asked, name) not in harmless:
            raise BadRequest(f"`{name}` cannot be had here: the gateway uses its own tools, and answers in one text.")
    at = next((place for place, one in enumerate(reversed(asked.messages), 1) if one.role == "user"), 0)
    said = asked.messages[len(asked.messages) - at] if at else None
    words = said.text.strip() if said is not None else ""
    if not words:
        raise BadRequest("The last message of the user says what is wanted, and there is none.")
    earlier = asked.messages[: len(asked.messages) - at]
    before = next((one.text for one in reversed(earlier) if one.role == "assistant"), "")
    return Turn(words, before)


def whole(answer_id: str, created: int, text: str, sources: ChatSources) -> bytes:
    return msgspec.json.encode(ChatCompletion(answer_id, created, (ChatChoice(AssistantMessage(text)),), sources))


class Stream(Struct, frozen=True):
    """One answer in pieces, each an event as it is on the wire."""

    id: str
    created: int
    includes_usage: bool

    def begin(self) -> bytes:
        return self._chunk(Delta("assistant", ""))

    def progress(self, text: str, source: object) -> bytes:
        return self._chunk(Delta(reasoning_content=text), source=source)

    def answer(self, text: str, sources: object) -> Iterator[bytes]:
        """Line by line, and its end."""
        for line in text.splitlines(keepends=True):
            yield self._chunk(Delta(content=line))
        yield self._chunk(Delta(), finish="stop", source=sources)
        if self.includes_usage:
            yield _event(ChatChunk(self.id, self.created, (), usage=ChatUsage()))
        yield DONE

    def fault(self, error: GatewayError) -> bytes:
        return _event(fault_of(error))

    def _chunk(self, delta: Delta, *, finish: Literal["stop"] | None = None, source: object = UNSET) -> bytes:
        usage = None if self.includes_usage else UNSET
        return _event(ChatChunk(self.id, self.created, (ChunkChoice(delta, finish),), usage=usage, factotum=source))


def _event(told: object) -> bytes:
    return b"data: " + msgspec.json.encode(told) + b"\n\n"


def fault_of(error: GatewayError) -> ChatError:
    """An error in OpenAI's shape; `code` is the gateway's own."""
    status = http_status(error)
    match status:
        case 429:
            kind = "rate_limit_error"
        case 401:
            kind = "authentication_error"
        case 403:
            kind = "permission_error"
        case _:
            kind = "server_error" if status >= 500 else "invalid_request_error"
    missing = isinstance(error, ModelMissing)
    code = "model_not_found" if missing else code_of(error)
    return ChatError(ChatFault(f"{error.title}: {error.detail}", kind, "model" if missing else None, code))
