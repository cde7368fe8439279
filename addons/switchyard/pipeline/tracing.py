"""Traces requests: a span for each, and one for each of its attempts."""

from uuid import UUID

from mitmproxy import http

from switchyard.config.tracing import TracingSettings
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.exchange import state_of
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.runtime.runtime import Runtime
from switchyard.tracing.pairing import Pairing
from switchyard.tracing.scene import RequestScene
from switchyard.tracing.scene import SpokenContent
from switchyard.tracing.scene import scene_of
from switchyard.tracing.scene import scene_of_refusal
from switchyard.tracing.span_sender import SpanSender
from switchyard.tracing.trace_context import TRACEPARENT
from switchyard.tracing.trace_context import TRACESTATE
from switchyard.tracing.trace_context import context_of
from switchyard.tracing.trace_context import span_id
from switchyard.tracing.trace_context import traceparent
from switchyard.usage.ids import REQUEST_ID
from switchyard.usage.records import RequestRecord
from switchyard.wire.model.errors import BadRequest

MOST_CONTENT = 1024 * 1024
"""Bytes of an answer that a span has."""


class _AnswerTape:
    """Keeps what a client is sent, and hands it to who listened before."""

    def __init__(self, attempt: Attempt) -> None:
        self.kept = bytearray()
        self._before = attempt.listener
        attempt.listener = self._hear

    def _hear(self, data: bytes) -> None:
        if len(self.kept) < MOST_CONTENT:
            self.kept += data
        if self._before is not None:
            self._before(data)


class Tracing:
    """Hands what ended to the thread that sends spans. Without `tracing:` it does nothing."""

    def __init__(self, runtime: Runtime, exchanges: Exchanges) -> None:
        self._runtime = runtime
        self._exchanges = exchanges
        self._settings: TracingSettings | None = None
        self._sender: SpanSender | None = None
        self._pairing = Pairing(self._put)
        self._tapes: dict[str, _AnswerTape] = {}
        """Of calls that stream, by their flows."""

    def configure(self, updated: set[str]) -> None:
        self._runtime.follow(self._follow)

    def attempt(self, attempt: Attempt) -> None:
        settings, state = self._settings, state_of(attempt)
        if settings is None or state is None or attempt.request is None:
            return
        headers, call = attempt.request.headers, state.call
        # The client's span is not the provider's parent: the attempt's is.
        headers.pop(TRACEPARENT, None)
        headers.pop(TRACESTATE, None)
        if settings.propagate:
            id = bytes.fromhex(call.asked.id)
            context = context_of(call.head.headers, id, settings.sample)
            headers[TRACEPARENT] = traceparent(context, span_id(id, state.number))
            if context.state:
                headers[TRACESTATE] = context.state
        if settings.content and call.streams:
            self._tapes[call.flow.id] = _AnswerTape(attempt)

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def done(self) -> None:
        self._runtime.ledger.counters.pop("tracing", None)
        if self._sender is not None:
            self._sender.close()

    def _follow(self) -> None:
        settings = self._runtime.snapshot.config.tracing
        if settings == self._settings:
            return
        self._settings = settings
        if self._sender is not None:
            self._sender.close(wait=False)
            self._sender = None
        self._runtime.ledger.counters.pop("tracing", None)
        if settings is not None:
            self._sender = SpanSender(settings)
            self._runtime.ledger.counters["tracing"] = self._pairing.take_record

    def _put(self, record: RequestRecord, scene: RequestScene) -> None:
        if self._sender is not None:
            self._sender.put(record, scene)

    def _end(self, flow: http.HTTPFlow) -> None:
        tape = self._tapes.pop(flow.id, None) if self._tapes else None
        if (settings := self._settings) is None:
            return
        if (exchange := self._exchanges.get(flow)) is not None:
            self._end_call(exchange, settings, tape)
        elif flow.response is not None and (named := flow.response.headers.get(REQUEST_ID)):
            id = UUID(named).bytes
            headers = self._exchanges.head_of(flow).headers
            context = context_of(headers, id, settings.sample)
            if context.is_sampled:
                scene = scene_of_refusal(flow.request, headers, context)
                self._pairing.take_scene(id, scene)

    def _end_call(
        self, exchange: Exchange, settings: TracingSettings, tape: _AnswerTape | None
    ) -> None:
        call = exchange.call
        id = bytes.fromhex(call.asked.id)
        context = context_of(call.head.headers, id, settings.sample)
        if not context.is_sampled:
            return
        content = _content(exchange, tape) if settings.content else None
        url_of = self._runtime.snapshot.base_url
        self._pairing.take_scene(id, scene_of(exchange, context, url_of, content))


def _content(exchange: Exchange, tape: _AnswerTape | None) -> SpokenContent:
    call, response = exchange.call, exchange.call.flow.response
    try:
        asked = call.conversation if call.operation is None else None
    except BadRequest:
        asked = None
    answer = bytes(tape.kept) if tape is not None else b""
    if not answer and response is not None and response.raw_content:
        answer = response.raw_content[:MOST_CONTENT]
    return SpokenContent(asked=asked, format=call.format, answer=answer)
