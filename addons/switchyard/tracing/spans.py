"""Makes spans of a request. Imported by the thread that sends them: OpenTelemetry takes 0.3 s."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link
from opentelemetry.trace import SpanContext
from opentelemetry.trace import SpanKind
from opentelemetry.trace import TraceFlags
from opentelemetry.trace import TraceState
from opentelemetry.trace.status import Status
from opentelemetry.trace.status import StatusCode

from switchyard import __version__
from switchyard.config.tracing import Conventions
from switchyard.tracing.genai_names import cache_write_name
from switchyard.tracing.genai_names import operation_name
from switchyard.tracing.genai_names import provider_name
from switchyard.tracing.messages import input_messages
from switchyard.tracing.messages import instructions_of
from switchyard.tracing.messages import output_messages
from switchyard.tracing.messages import reply_of
from switchyard.tracing.scene import AttemptScene
from switchyard.tracing.scene import RequestScene
from switchyard.tracing.scene import SpokenContent
from switchyard.tracing.trace_context import TraceContext
from switchyard.tracing.trace_context import span_id
from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import NANO
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.wire.encoding.jsonio import dumps

type Attributes = dict[str, str | int | float | bool | Sequence[str]]

_SCOPE = InstrumentationScope("switchyard", __version__)
_OK = ("ok", "lost", "client-left")
"""Outcomes of attempts that are no error of the provider."""
_NEW = ("reasoning.level", "previous_response.id")
"""Settings that the conventions have had since 1.41."""
_PORTS = {"http": 80, "https": 443}


def resource_of(service: str) -> Resource:
    """Return what all spans say of this process."""
    return Resource({"service.name": service, "service.version": __version__})


def spans_of(
    record: RequestRecord, scene: RequestScene, conventions: Conventions, resource: Resource
) -> list[ReadableSpan]:
    """Return the span of a request, and those of its attempts."""
    context, own = scene.context, _context(scene.context, span_id(record.id, 0))
    parent = _context(context, context.parent_id, True) if context.parent_id else None
    begun = _ns(record.started)
    end = begun + (record.end_ms or 0) * 1_000_000
    spans = [
        ReadableSpan(
            name=f"{scene.method} {scene.route}".rstrip(),
            context=own,
            parent=parent,
            resource=resource,
            attributes=_request_attributes(record, scene),
            kind=SpanKind.SERVER,
            status=_request_status(record),
            start_time=begun,
            end_time=end,
            instrumentation_scope=_SCOPE,
        )
    ]
    before: AttemptUsage | None = None
    for attempt in record.tries:
        links = [Link(_context(context, span_id(record.id, before.number)))] if (
            before is not None and _overlap(before, attempt)
        ) else []  # fmt: skip
        name, attributes = _attempt_attributes(record, attempt, scene, conventions)
        is_error = attempt.outcome not in _OK
        spans.append(
            ReadableSpan(
                name=name,
                context=_context(context, span_id(record.id, attempt.number)),
                parent=own,
                resource=resource,
                attributes=attributes,
                links=links,
                kind=SpanKind.CLIENT,
                status=Status(StatusCode.ERROR, attempt.outcome) if is_error else Status(),
                start_time=_ns(attempt.started),
                end_time=_end_of(attempt, end),
                instrumentation_scope=_SCOPE,
            )
        )
        before = attempt
    return spans


def _request_attributes(record: RequestRecord, scene: RequestScene) -> Attributes:
    """Source: semantic-conventions v1.41.0, docs/http/http-spans.md, "HTTP server"."""
    found: dict[str, str | int | float | bool | Sequence[str] | None] = {
        "http.request.method": scene.method,
        "url.path": scene.path,
        "url.scheme": scene.scheme,
        "http.route": scene.route,
        "http.response.status_code": record.status,
        "user_agent.original": scene.agent,
        "gen_ai.conversation.id": record.session,
        "switchyard.request.id": record.id.hex(),
        "switchyard.result": record.state,
        "switchyard.operation": record.operation,
        "switchyard.model": record.asked_model,
        "switchyard.combo": record.combo,
        "switchyard.key": record.client_key,
        "switchyard.tool": record.tool,
        "switchyard.project": record.project,
        "switchyard.attempts": record.attempts,
        "switchyard.dropped": record.dropped,
        "switchyard.cache_verdict": record.cache_verdict,
    }
    if record.cost is not None:
        found["switchyard.cost_usd"] = record.cost / NANO
    if _is_failure(record):
        found["error.type"] = record.error or str(record.status or "_OTHER")
    return _present(found)


def _attempt_attributes(
    record: RequestRecord, attempt: AttemptUsage, scene: RequestScene, conventions: Conventions
) -> tuple[str, Attributes]:
    """Return an attempt's name and attributes."""
    shown = scene.attempts.get(attempt.number)
    operation = operation_name(record.operation, attempt.format)
    url = shown.url if shown is not None else ""
    found: dict[str, str | int | float | bool | Sequence[str] | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(url, attempt.provider),
        "gen_ai.request.model": attempt.model,
        "gen_ai.conversation.id": record.session,
        "http.response.status_code": attempt.status,
        "switchyard.provider": attempt.provider,
        "switchyard.credential": attempt.credential,
        "switchyard.attempt": attempt.number,
        "switchyard.outcome": attempt.outcome,
        **_usage(attempt.tokens, conventions),
    }
    if attempt.cost is not None:
        found["switchyard.cost_usd"] = attempt.cost / NANO
    if attempt.outcome not in _OK:
        found["error.type"] = attempt.outcome
    if shown is not None:
        found |= _shown_attributes(attempt, shown, conventions)
    if scene.content is not None and attempt is record.tries[-1]:
        found |= _content(scene.content, conventions)
    return f"{operation} {attempt.model}".rstrip(), _present(found)


def _shown_attributes(
    attempt: AttemptUsage, shown: AttemptScene, conventions: Conventions
) -> dict[str, str | int | float | bool | Sequence[str] | None]:
    found: dict[str, str | int | float | bool | Sequence[str] | None] = {}
    parts = urlsplit(shown.url)
    if parts.hostname:
        found["server.address"] = parts.hostname
        found["server.port"] = parts.port or _PORTS.get(parts.scheme, 443)
    if shown.streams:
        found["gen_ai.request.stream"] = True
        if attempt.first_output_ms is not None:
            found["gen_ai.response.time_to_first_chunk"] = attempt.first_output_ms / 1000
    for name, value in shown.settings.items():
        if conventions == "1.41" and name in _NEW:
            continue
        if conventions == "1.41" and name == "top_k" and isinstance(value, int):
            value = float(value)
        found[f"gen_ai.request.{name}"] = value
    if shown.finish:
        found["gen_ai.response.finish_reasons"] = (shown.finish,)
    return found


def _usage(tokens: Tokens, conventions: Conventions) -> dict[str, int | None]:
    """Tokens as the conventions count them: what was read from a cache is input too."""
    written = _sum(tokens.cache_write_5m, tokens.cache_write_1h)
    return {
        "gen_ai.usage.input_tokens": _sum(tokens.input, tokens.cache_read, written),
        "gen_ai.usage.output_tokens": tokens.output,
        "gen_ai.usage.cache_read.input_tokens": tokens.cache_read,
        cache_write_name(conventions): written,
        "gen_ai.usage.reasoning.output_tokens": tokens.reasoning,
        "gen_ai.usage.audio.input_tokens": tokens.input_audio,
        "gen_ai.usage.audio.output_tokens": tokens.output_audio,
    }


def _content(
    content: SpokenContent, conventions: Conventions
) -> dict[str, str | int | float | bool | Sequence[str] | None]:
    """Messages as JSON: not every collector takes structured attributes of spans."""
    found: dict[str, str | int | float | bool | Sequence[str] | None] = {}
    if content.asked is not None:
        if instructions := instructions_of(content.asked):
            found["gen_ai.system_instructions"] = dumps(instructions).decode()
        found["gen_ai.input.messages"] = dumps(input_messages(content.asked)).decode()
    reply = reply_of(content.format, content.answer) if content.answer else None
    if reply is not None and reply.choices:
        messages = output_messages(reply)
        if conventions != "1.41":
            for message in messages:
                del message["finish_reason"]  # deprecated: it is an attribute of the span
        found["gen_ai.output.messages"] = dumps(messages).decode()
    return found


def _request_status(record: RequestRecord) -> Status:
    """A server's span is an error where the server failed, not where it refused (http-spans.md)."""
    return Status(StatusCode.ERROR, record.error) if _is_failure(record) else Status()


def _is_failure(record: RequestRecord) -> bool:
    return (record.state in FAILED_STATES and record.state != "refused") or (
        (record.status or 0) >= 500
    )


def _context(context: TraceContext, span: int | None, is_remote: bool = False) -> SpanContext:
    assert span is not None
    flags = TraceFlags(TraceFlags.SAMPLED if context.is_sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([context.state]) if context.state else TraceState()
    return SpanContext(context.trace_id, span, is_remote, flags, state)


def _present(
    found: dict[str, str | int | float | bool | Sequence[str] | None],
) -> Attributes:
    return {name: value for name, value in found.items() if value is not None and value != ""}


def _end_of(attempt: AttemptUsage, end: int) -> int:
    begun = _ns(attempt.started)
    if attempt.end_ms is None:
        return max(begun, end)
    return begun + attempt.end_ms * 1_000_000


def _overlap(before: AttemptUsage, attempt: AttemptUsage) -> bool:
    """Whether an attempt began while the one before it ran: it is a hedge."""
    return before.end_ms is None or before.started + before.end_ms / 1000 > attempt.started + 0.001


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
