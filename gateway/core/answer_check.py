"""Whether a success is what its document says, by the answer that it declares for such a status and media type. What does
not fit is told; it never costs the answer."""

from http import HTTPStatus

from msgspec import Raw

from gateway.core.arguments import Validator, check_answer, compile_arguments
from gateway.core.declared import Answer, of_status, of_type
from gateway.core.http import HttpResponse
from gateway.core.media import EVENT_STREAM, essence, family_of
from gateway.core.prose import plain
from gateway.core.response_json import is_generic, json_of
from gateway.core.sequence import leading, read_events
from gateway.core.shelf import SCHEMA_BYTES_MAX, bundle
from gateway.core.tool import Tool

ANSWER_BYTES_MAX = 256 << 10
TYPES_TOLD_MAX, STATUSES_TOLD_MAX = 5, 10
# There may be no content whatever is declared (RFC 9110 sections 9.3.2, 15.3.5, 15.3.6).
BARE = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT})


class AnswerCheck:
    """The answers of one tool; a schema is compiled when an answer first has need of it."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._compiled: dict[bytes, Validator] = {}

    def notes(self, response: HttpResponse) -> tuple[str, ...]:
        """One note where something does not fit, else none. What is too large to be looked at in passing is let be."""
        problem = self.problem(response, bytes_max=ANSWER_BYTES_MAX)
        return (f"The answer is not what its document says: {problem}.",) if problem else ()

    def problem(self, response: HttpResponse, *, bytes_max: int) -> str:
        """What does not fit of a success, as the end of a sentence; "" where nothing is amiss."""
        declared = self._tool.answers
        if not declared or response.status >= 300:
            return ""
        answers = of_status(declared, response.status)
        if not answers:
            statuses = " or ".join(dict.fromkeys(one.status for one in declared[:STATUSES_TOLD_MAX]))
            return f"the status {response.status} came, where it declares {statuses}"
        found = self._problem(answers, response, bytes_max)
        under = "" if answers[0].status.isdigit() else f" (by {answers[0].status})"
        return f"{found}{under}" if found else ""

    def _problem(self, answers: tuple[Answer, ...], response: HttpResponse, bytes_max: int) -> str:
        contents = [one for one in answers if one.media_type]
        if not response.body:
            is_missing = any(bytes(one.root) for one in contents) and response.status not in BARE
            return _say_missing(contents) if is_missing and self._tool.operation.method != "HEAD" else ""
        exact = json_of(response)
        kind = response.header("content-type")
        if exact is not None and is_generic(kind):
            kind = "application/json"
        answer = of_type(contents, kind)
        if answer is None:
            return _say_undeclared(kind, contents) if contents and essence(kind) else ""
        if exact is None or not bytes(answer.root):
            is_broken = bytes(answer.root) and not (response.truncated or response.coding)
            return "the whole: expected JSON" if is_broken and family_of(kind) == "json" else ""
        if family_of(kind) != "json":
            exact = leading(exact, bytes_max)
        elif len(exact) > bytes_max:
            return ""
        return self._fit(answer.root, exact, response if essence(kind) == EVENT_STREAM else None)

    def _fit(self, root: Raw, exact: bytes, events: HttpResponse | None) -> str:
        """What does not fit. An event may be described with its fields (OAS 3.2 section 4.14.4.4), or by its data alone."""
        key = bytes(root)
        if key not in self._compiled:
            self._compiled[key] = compile_arguments(bundle(root, self._tool.shelves.output, SCHEMA_BYTES_MAX))
        problems = check_answer(self._compiled[key], exact)
        if problems and events is not None:
            told = read_events(events.body, events.header("content-type"), cut=events.truncated)
            problems = problems if told is None or check_answer(self._compiled[key], told) else ()
        return "; ".join(f"{problem.pointer or 'the whole'}: {problem.expected}" for problem in problems)


def _say_missing(contents: list[Answer]) -> str:
    return f"nothing came, where it declares {_types(contents)}"


def _say_undeclared(kind: str, contents: list[Answer]) -> str:
    return f"{plain(essence(kind), 100)} came, where it declares {_types(contents)}"


def _types(contents: list[Answer]) -> str:
    return " or ".join(dict.fromkeys(plain(one.media_type, 100) for one in contents[:TYPES_TOLD_MAX]))
