"""STORY 1  One tool call: find, scope, check, allow, connect, build, count, approve, send, blot, follow, read, keep, record.

Every call of every door comes through `Calls.call`; nothing else sends to a backend on a caller's behalf.
Scopes are looked at before the arguments, so that a caller learns nothing of a tool it may not call except which
scopes would do; policies after them, because they may depend on the arguments.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import msgspec
from msgspec import Raw, Struct, structs

from gateway.approvals import Approvals, Used
from gateway.audit import AuditLog
from gateway.core.accept import accept_only, is_declared
from gateway.core.answer_check import AnswerCheck
from gateway.core.arguments import ArgumentProblem, Validator, check_arguments, compile_arguments
from gateway.core.audit import AuditEntry, Phase, claims_of
from gateway.core.blot import blot_response
from gateway.core.catalog import Catalog, Connector
from gateway.core.decision import Decision
from gateway.core.default import with_defaults
from gateway.core.disposition import filename_of
from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.manifest import Manifest
from gateway.core.media import essence
from gateway.core.operation import Operation
from gateway.core.option import ACCEPT, RESERVED, SELECT, Options, take_options
from gateway.core.payload_parts import file_arguments
from gateway.core.policy import Facts
from gateway.core.policy_context import Source
from gateway.core.polling import is_done, look_arguments
from gateway.core.principal import Principal
from gateway.core.project import Selection, Unselectable
from gateway.core.redact import conceal, conceal_text, redact_arguments, redact_request, secret_names
from gateway.core.request import Unbuildable, build_request
from gateway.core.response import Reading, read_response
from gateway.core.result import Blob, Media, Result, Text, with_handle, with_notes
from gateway.core.scope import missing_scopes
from gateway.core.tool import Tool
from gateway.core.toolset import EVERYTHING, Filter
from gateway.credentials.base import Credential, Credentials, OneStep
from gateway.errors import (
    AnswerInvalid,
    ArgumentsInvalid,
    BadRequest,
    Forbidden,
    GatewayError,
    NotFound,
    PolicyDenied,
    QuotaReached,
    TooLarge,
    ToolNotFound,
    UpstreamFailed,
)
from gateway.follow import Followed, Look, PageBounds, Send, find_look, gather_pages, wait_until_done
from gateway.judge import allow, require_scopes
from gateway.published import Edition, Published
from gateway.quotas import Quotas, Use
from gateway.results import Called, KeptResults
from gateway.strict import StrictAnswers
from gateway.upstream import Upstream

PREPARED_TOOLS_MAX = 4_096
BLOTTED_INLINE_BYTES_MAX = 64 << 10
TOOL_NAME_CHARACTERS_MAX = 128

BeforeWrite = Callable[[], Awaitable[None]]


async def nothing_before() -> None:
    """Nobody has to know that a write is about to leave."""


class Asked(Struct, frozen=True):
    """One call as a door understood it; options of the call may be among the arguments (core.option). `dry_run` shows
    the exact request, secrets redacted, and sends nothing. `source`, `intent` and `labels` are what policies are told of
    where it comes from (core.policy_context); `flow` is a decision beside theirs (core.flow). A tool that `toolset` does not
    take is not there."""

    tool: str
    arguments: Mapping[str, object]
    door: str
    dry_run: bool = False
    source: Source = "call"
    intent: str = ""
    labels: frozenset[str] = frozenset()
    toolset: Filter = EVERYTHING
    flow: Decision | None = None


class Calls:
    """The call path, with all that it needs in hand."""

    def __init__(
        self,
        published: Published,
        credentials: Credentials,
        upstream: Upstream,
        audit: AuditLog,
        results: KeptResults,
        quotas: Quotas,
        approvals: Approvals,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._published = published
        self._credentials = credentials
        self._upstream = upstream
        self._audit = audit
        self._results = results
        self._quotas = quotas
        self._approvals = approvals
        self._clock = clock
        self._new_id = new_id
        self._strict = StrictAnswers()
        self._prepared: dict[tuple[str, str], _Prepared] = {}

    async def call(self, principal: Principal, asked: Asked, before_write: BeforeWrite = nothing_before) -> Result:
        """The answer of the backend, an error of its own among them (`Result.is_error`). `before_write` is awaited once a
        write is let through, just before it leaves; where that raises, nothing is sent.

        Raises NotFound, ScopeMissing, ArgumentsInvalid, PolicyDenied, QuotaReached, ApprovalNeeded, CredentialMissing,
        TooLarge, UpstreamFailed or StoreFailed, and AnswerInvalid where answers are strict. Whichever it is, its line is
        committed to the audit log first.
        """
        record = _Record(self._new_id(), self._clock(), time.perf_counter(), principal, asked, before_write)
        try:
            result = await self._perform(record)
        except GatewayError as error:
            await self._audit.record(record.entry(_phase_of(error, record), error))
            error.on_record = True
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._audit.record(record.entry(record.cut_off("cancelled"))))
            raise
        except Exception:
            # A defect of ours: the door tells it, and what became of the call is in the log all the same.
            await self._audit.record(record.entry(record.cut_off("failed")))
            raise
        await self._audit.record(record.entry("previewed" if asked.dry_run else "done"))
        return result

    async def _perform(self, record: "_Record") -> Result:
        ready = await self._make_ready(record)
        tool, options = ready.prepared.tool, ready.options
        if record.asked.dry_run:
            return preview(ready.request, ready.credential)
        with self._quotas.use(record.principal, tool) as use:
            await self._approve(record, ready)
            record.request_bytes = len(ready.request.content)
            if tool.effect != "read":
                await self._announce(record)
                await self._audit.record(record.entry("sending"))
                record.write_has_left = True
            send = partial(self._send, ready.connector.manifest, ready.credential, use)
            first = partial(send, ready.request, safe=tool.effect == "read")
            received = record.response = await self._send_first(record, first)
            judge = partial(self._judge, ready)
            response = await blot(await judge(received), ready.decision.redact)
            look = look_further(ready, record, response) if options.wait_s else None
            redact = tuple(dict.fromkeys((*ready.decision.redact, *(look.redact if look else ()))))

            async def send_again(request: HttpRequest) -> HttpResponse:
                answer = await send(request, safe=True)
                return await blot(answer if look is not None else await judge(answer), redact)

            followed = await follow(send_again, ready, record, response, look)
            # What a look at accepted work gave is the answer of another operation.
            is_own = look is None or not followed.requests
            return self._read(record, ready, followed, redact, is_own=is_own)

    async def _make_ready(self, record: "_Record") -> "_Ready":
        """Everything up to the request: find, scope, check, allow, connect, build. Sends nothing."""
        edition, asked = self._published.of(record.principal.tenant), record.asked
        record.policy_version = edition.policies.version
        tool = record.tool = find(edition.catalog, asked.tool, asked.door, asked.toolset)
        connector = edition.catalog.connectors[tool.connector]
        manifest = connector.manifest
        prepared = self._prepare(tool)
        secrets = prepared.secret_names | set(manifest.secrets)
        record.logged = redact_arguments(with_defaults(tool.operation, asked.arguments), secrets)
        require_scopes(record.principal, tool)
        options, selection, record.arguments = read_options(asked.arguments)
        check(prepared.validator, record.arguments)
        record.arguments = with_defaults(tool.operation, record.arguments)
        decision = record.decision = allow(
            edition.policies, record.principal, tool, record.arguments, facts_of(record), asked.flow
        )
        credential = await self._credentials.connect(record.principal, manifest)
        record.identity = credential.identity
        operation = asking_for(tool, options.accept)
        request = build(operation, self._with_files(record, tool.operation))
        return _Ready(edition, connector, prepared, decision, credential, operation, request, options, selection)

    async def _approve(self, record: "_Record", ready: "_Ready") -> None:
        """Use the yes for exactly this call, or a use of a grant that covers it, where policies want one. Raises
        ApprovalNeeded."""
        if not ready.decision.allowed:
            tool = ready.prepared.tool
            record.used = await self._approvals.use(
                record.principal, tool, record.arguments, record.logged, ready.decision
            )

    async def _announce(self, record: "_Record") -> None:
        """Let whoever has to know it know that a write is about to leave."""
        try:
            await record.before_write()
        except GatewayError:
            if record.used is not None:
                await self._approvals.give_back(record.used)
            raise

    async def _send_first(self, record: "_Record", send: Callable[[], Awaitable[HttpResponse]]) -> HttpResponse:
        """The request of the call itself. A write that cannot have left gives back what it was counted as: it was sent
        again, if at all, only where no connection came about. A read may have been carried out by then."""
        assert record.tool is not None
        try:
            return await send()
        except (UpstreamFailed, TooLarge) as error:
            has_left = isinstance(error, UpstreamFailed) and error.may_have_happened
            if record.used is not None and record.tool.effect != "read" and not has_left:
                await self._approvals.give_back(record.used)
            raise

    def _read(
        self,
        record: "_Record",
        ready: "_Ready",
        followed: Followed,
        redact: tuple[str, ...],
        *,
        is_own: bool,
    ) -> Result:
        """What the caller is given of the answer, with what there is to say of it, and where the rest is kept. `is_own`: it is
        of the operation that was called, so that its document says what it should be; and so it is, but for what was redacted."""
        prepared, secrets, limits = ready.prepared, ready.credential.secrets, ready.connector.manifest.limits
        reading = Reading(limits.result_bytes_max, limits.media_bytes_max, self._clock(), ready.selection)
        shown = conceal(followed.response, secrets)
        doubts = prepared.answers.notes(shown) if is_own and not redact else ()
        blotted = (f"A policy wants these fields redacted: {', '.join(redact)}.",) if redact else ()
        told = tuple(conceal_text(note, secrets) for note in followed.notes)
        result = with_notes(read_response(prepared.tool, shown, reading), (*told, *doubts, *blotted))
        # What could not be given whole, and every file, is kept for a while for whoever got it.
        is_whole = not result.truncated and not any(isinstance(one, Media | Blob) for one in result.content)
        if is_whole or not shown.body:
            return result
        called = Called(record.arguments, facts_of(record), record.request_bytes, redact)
        return with_handle(result, self._results.keep(record.principal, prepared.tool, called, shown, reading))

    async def _judge(self, ready: "_Ready", response: HttpResponse) -> HttpResponse:
        """The answer. Raises AnswerInvalid where it is not what its document says, and the connector is strict."""
        connector, prepared = ready.connector, ready.prepared
        if connector.manifest.answers == "strict" and response.status < 300:
            problem = await self._strict.problem(connector, prepared.tool, prepared.answers, response)
            if problem:
                told = conceal_text(problem, ready.credential.secrets)
                raise AnswerInvalid(f"The answer of {connector.name} is not what its document says: {told}.")
        return response

    def _with_files(self, record: "_Record", operation: Operation) -> Mapping[str, object]:
        """The arguments, with the bytes of kept results where files are named by their handles. Raises NotFound, ScopeMissing
        or PolicyDenied."""
        arguments = record.arguments

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(item) for item in value]
            if not isinstance(value, dict) or "data" in value or not isinstance(value.get("resource"), str):
                return value
            asked = record.asked
            kept = self._results.find(record.principal, value["resource"], asked.door, asked.toolset).response
            name = filename_of(kept.header("content-disposition"), kept.header("content-type"))
            told = {"filename": name} if name else {}
            return {"media_type": essence(kept.header("content-type")), **told, **value, "data": kept.body}

        named = file_arguments(operation)
        return (
            {name: filled(value) if name in named else value for name, value in arguments.items()}
            if named
            else arguments
        )

    async def _send(
        self, manifest: Manifest, credential: Credential, use: Use, request: HttpRequest, *, safe: bool
    ) -> HttpResponse:
        use.bytes += len(request.content)
        response = await self._upstream.send(
            request,
            connector=manifest.name,
            limits=manifest.limits,
            allow_addresses=manifest.allow_addresses,
            auth=credential.auth,
            safe=safe,
        )
        use.bytes += len(response.body)
        return response

    def _prepare(self, tool: Tool) -> "_Prepared":
        """What is worked out once for a tool, on its first call."""
        key = tool.connector, tool.name
        known = self._prepared.get(key)
        if known is not None and known.tool is tool:
            return known
        if len(self._prepared) >= PREPARED_TOOLS_MAX:
            self._prepared.clear()
        fresh = _Prepared(
            tool, compile_arguments(tool.input_schema), AnswerCheck(tool), secret_names(tool.input_schema)
        )
        self._prepared[key] = fresh
        return fresh


def find(catalog: Catalog, name: str, door: str, toolset: Filter = EVERYTHING) -> Tool:
    tool = catalog.tools.get(name)
    if tool is None or not toolset.takes(tool):
        raise ToolNotFound(name, door)
    return tool


def read_options(arguments: Mapping[str, object]) -> tuple[Options, Selection | None, Mapping[str, object]]:
    """What the caller asks of the answer, and the arguments that are left. Raises ArgumentsInvalid."""
    try:
        options, rest = take_options(arguments)
        return options, Selection(options.select) if options.select else None, rest
    except Unselectable as error:
        raise ArgumentsInvalid((ArgumentProblem(SELECT, f"/{SELECT}", error.detail),)) from error
    except msgspec.ValidationError as error:
        # msgspec's text names the option's place and the type that was expected, and no value.
        name = next((one for one in RESERVED if one in str(error)), SELECT)
        raise ArgumentsInvalid((ArgumentProblem(name, f"/{name}", str(error)[:200]),)) from error


def asking_for(tool: Tool, media_type: str) -> Operation:
    """The operation, asked for this media type where one is chosen. Raises ArgumentsInvalid where it is not declared."""
    if not media_type:
        return tool.operation
    if not is_declared(media_type, tool.answers):
        choices = ", ".join(tool.operation.choices) or "none: there is no choice"
        raise ArgumentsInvalid((ArgumentProblem(ACCEPT, f"/{ACCEPT}", f"expected a declared media type: {choices}"),))
    return structs.replace(tool.operation, accept=accept_only(media_type))


def check(validator: Validator, arguments: Mapping[str, object]) -> None:
    problems = check_arguments(validator, arguments)
    if problems:
        raise ArgumentsInvalid(problems)


def facts_of(record: "_Record") -> Facts:
    asked = record.asked
    return Facts(record.started_at, asked.door, True, asked.source, asked.intent, asked.labels)


async def blot(response: HttpResponse, fields: Collection[str]) -> HttpResponse:
    """The answer without the fields that policies want redacted; a large one off the loop."""
    if fields and len(response.body) > BLOTTED_INLINE_BYTES_MAX:
        return await asyncio.to_thread(blot_response, response, fields)
    return blot_response(response, fields)


def build(operation: Operation, arguments: Mapping[str, object]) -> HttpRequest:
    try:
        return build_request(operation, arguments)
    except Unbuildable as error:
        problem = ArgumentProblem(error.argument, "/" + error.argument, error.expected)
        raise ArgumentsInvalid((problem,)) from error


def look_further(ready: "_Ready", record: "_Record", response: HttpResponse) -> Look | None:
    """How to look how far accepted work is, where the answer says so, or the document."""
    return find_look(ready.request, response) or look_by_operation(ready, record, response)


def look_by_operation(ready: "_Ready", record: "_Record", response: HttpResponse) -> Look | None:
    """How to look by the operation that `x-factotum.poll` names, where the caller may call it."""
    extension = ready.prepared.tool.extension
    poll = extension.poll if extension else None
    named = (
        tool
        for tool in ready.connector.tools
        if poll is not None and poll.operation in (tool.operation.operation_id, tool.operation.key)
    )
    tool = next((one for one in named if one.effect == "read"), None)
    if poll is None or tool is None or response.status >= 300 or missing_scopes(tool.scopes, record.principal.scopes):
        return None
    arguments = look_arguments(poll, record.arguments, response)
    if arguments is None:
        return None
    decision = ready.edition.policies.decide(record.principal, tool, arguments, facts_of(record))
    if not decision.allowed:
        return None
    try:
        return Look(build_request(tool.operation, arguments), lambda seen: not is_done(poll, seen), decision.redact)
    except Unbuildable:
        # What the backend answered cannot be asked for. The call has happened, and its answer stands.
        return None


async def follow(send: Send, ready: "_Ready", record: "_Record", response: HttpResponse, look: Look | None) -> Followed:
    """The other pages, or the end of what was only accepted, where there are any and they were asked for."""
    limits = ready.connector.manifest.limits
    if ready.operation.paging is not None and response.status < 300:
        bounds = PageBounds(ready.options.pages_max, limits.response_bytes_max, limits.pages_timeout_s)
        return await gather_pages(send, ready.operation, record.arguments, ready.request, response, bounds)
    if look is not None:
        return await wait_until_done(send, look, response, ready.options.wait_s)
    return Followed(response)


def preview(request: HttpRequest, credential: Credential) -> Result:
    """The request as it would leave, as text and as JSON, without what must stay secret."""
    shown = redact_request(_sign(request, credential.auth), credential.secrets)
    body = shown.content.decode("utf-8", "replace")
    told = {"method": shown.method, "url": shown.url, "headers": dict(shown.headers), "body": body}
    lines = [f"{shown.method} {shown.url}", *(f"{name}: {value}" for name, value in shown.headers), "", body]
    return Result(content=(Text("\n".join(lines).rstrip()),), structured=Raw(msgspec.json.encode(told)))


def _sign(request: HttpRequest, auth: httpx.Auth | None) -> HttpRequest:
    """As the first request of the scheme; what one of several steps would add later cannot be known without sending."""
    return auth.sign(request) if isinstance(auth, OneStep) else request


def _phase_of(error: GatewayError, record: "_Record") -> Phase:
    match error:
        case Forbidden() | QuotaReached():
            return "denied"
        case BadRequest() | NotFound():
            return "rejected"
        case AnswerInvalid():
            return "done"
        case UpstreamFailed(may_have_happened=True) if record.write_has_left:
            return "uncertain"
        case _:
            return "failed"


class _Prepared(Struct, frozen=True):
    tool: Tool
    validator: Validator
    answers: AnswerCheck
    secret_names: frozenset[str]


class _Ready(Struct, frozen=True):
    """A call that may be sent, with all that sending and reading it takes."""

    edition: Edition
    connector: Connector
    prepared: _Prepared
    decision: Decision
    credential: Credential
    operation: Operation
    request: HttpRequest
    options: Options
    selection: Selection | None


class _Record:
    """What the audit log will say, filled in as the story goes on."""

    def __init__(
        self,
        call_id: str,
        started_at: datetime,
        started: float,
        principal: Principal,
        asked: Asked,
        before_write: BeforeWrite,
    ) -> None:
        self.before_write = before_write
        self.call_id = call_id
        self.started_at = started_at
        self.started = started
        self.principal = principal
        self.asked = asked
        self.tool: Tool | None = None
        self.arguments: Mapping[str, object] = {}
        self.logged = Raw(b"{}")
        self.policy_version = ""
        self.decision: Decision | None = None
        self.identity = ""
        self.used: Used | None = None
        self.request_bytes = 0
        self.write_has_left = False
        self.response: HttpResponse | None = None

    def cut_off(self, otherwise: Phase) -> Phase:
        """The end of a call that was cut off: a write whose answer had come is done."""
        if not self.write_has_left:
            return otherwise
        return "done" if self.response is not None else "uncertain"

    def entry(self, phase: Phase, error: GatewayError | None = None) -> AuditEntry:
        decision = error.decision if isinstance(error, PolicyDenied) else self.decision
        return AuditEntry(
            at=self.started_at,
            call_id=self.call_id,
            phase=phase,
            door=self.asked.door,
            tenant=self.principal.tenant,
            subject=self.principal.subject,
            client=self.principal.client,
            issuer=self.principal.issuer,
            actors=self.principal.actors,
            tool=self.asked.tool[:TOOL_NAME_CHARACTERS_MAX],
            connector=self.tool.connector if self.tool else "",
            effect=self.tool.effect if self.tool else "",
            arguments=self.logged,
            verdict=_verdict(decision, error),
            reasons=_reasons(decision, error),
            policies=decision.policies if decision else (),
            status=self.response.status if self.response else 0,
            error=error.title if error else "",
            latency_ms=round((time.perf_counter() - self.started) * 1000, 3),
            request_bytes=self.request_bytes,
            response_bytes=len(self.response.body) if self.response else 0,
            identity=self.identity,
            approval=self.used.id if self.used else "",
            policy_version=self.policy_version,
            source=self.asked.source if self.asked.source != "call" else "",
            intent=self.asked.intent,
            labels=tuple(sorted(self.asked.labels)),
            redact=decision.redact if decision else (),
            **claims_of(self.principal),
        )


def _verdict(decision: Decision | None, error: GatewayError | None) -> str:
    if decision is not None:
        return decision.verdict
    return "deny" if isinstance(error, Forbidden) else ""


def _reasons(decision: Decision | None, error: GatewayError | None) -> tuple[str, ...]:
    if error is not None and not isinstance(error, PolicyDenied):
        return (error.detail,)
    return decision.reasons if decision is not None else ()
