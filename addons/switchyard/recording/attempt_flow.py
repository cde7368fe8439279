"""Makes a flow of a recorded attempt, for mitmproxy to show."""

import time

from mitmproxy import connection
from mitmproxy import flow as mflow
from mitmproxy import http

from switchyard.exchange.exchange import Exchange
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import FACTS
from switchyard.recording.metadata import REQUEST
from switchyard.recording.recording import REQUEST_KEPT
from switchyard.recording.recording import Recording
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.headers import mask_credentials
from switchyard.redaction.headers import mask_headers
from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decode_whole

INDENT = "↳ "
"""How comments of attempts begin: below the call that they belong to."""
FAILED = ":small_red_triangle:"
DONE = ":small_blue_diamond:"
"""Marks of attempts; those of calls are circles."""

_BROKE = ("connect", "timeout", "reset", "cut")
"""Kinds of failure that mitmproxy shows as an error of the flow."""


def attempt_flow(recording: Recording, secrets: Concealer, next_step: str) -> http.HTTPFlow:
    """Return the attempt as a flow that mitmproxy can show and save, without secrets."""
    exchange, sent = recording.exchange, recording.request
    server = recording.server or connection.Server(address=(sent.host, sent.port))
    flow = http.HTTPFlow(exchange.call.flow.client_conn, server)
    flow.request = _request(recording, secrets)
    # What became of it comes first: lists of flows show the beginning of a comment alone.
    step = f" -> {next_step}" if next_step else ""
    which = f"attempt {recording.number} of {_name(exchange)} for {short_id(exchange.call.flow)}"
    notes = [f"{INDENT}{recording.outcome}{step}, {which}"]
    flow.marked = DONE
    if recording.response is not None:
        flow.response = _response(recording, recording.response, secrets)
        notes.append(recording.body.note)
    if (failed := recording.failed) is not None:
        flow.marked = FAILED
        message = secrets.text(failed.error.message)
        if failed.kind in _BROKE:
            flow.error = mflow.Error(message, recording.ended_at or time.time())
        notes.append(failed.record.reason)
    elif not recording.over or recording.lost:
        flow.error = mflow.Error("abandoned", recording.ended_at or time.time())
    content = sent.raw_content or b""
    if len(content) > REQUEST_KEPT:
        notes.append(f"the first {REQUEST_KEPT:,} of {len(content):,} bytes of the request")
    flow.comment = "; ".join(note for note in notes if note)
    flow.metadata[REQUEST] = exchange.call.flow.id
    flow.metadata[ATTEMPT] = recording.number
    flow.metadata[FACTS] = {
        "provider": recording.provider,
        "model": recording.model,
        "format": recording.format,
        "outcome": recording.outcome,
        "class": failed.record.cls if failed is not None else None,
    }
    return flow


def short_id(flow: http.HTTPFlow) -> str:
    """Return the short id by which people distinguish flows."""
    return flow.id[:8]


def _name(exchange: Exchange) -> str:
    return exchange.plan.name if exchange.plan is not None else exchange.call.model


def _request(recording: Recording, secrets: Concealer) -> http.Request:
    sent = recording.request
    request = http.Request(
        host=sent.host,
        port=sent.port,
        method=sent.data.method,
        scheme=sent.data.scheme,
        authority=sent.data.authority,
        path=secrets.data(sent.data.path),
        http_version=sent.data.http_version,
        headers=mask_headers(sent.headers, secrets),
        content=(sent.raw_content or b"")[:REQUEST_KEPT],
        trailers=None,
        timestamp_start=recording.begun,
        timestamp_end=recording.begun,
    )
    mask_credentials(request)
    return request


def _response(recording: Recording, response: http.Response, secrets: Concealer) -> http.Response:
    headers, content = mask_headers(response.headers, secrets), recording.body.kept
    if (encoding := headers.get("content-encoding")) and not recording.body.note:
        try:
            # Within an encoding nothing could be found and taken out.
            content = decode_whole(content, encoding)
            del headers["content-encoding"]
        except (CorruptEncoding, UnknownEncoding):
            pass
    return http.Response(
        http_version=response.data.http_version,
        status_code=response.status_code,
        reason=secrets.data(response.data.reason),
        headers=headers,
        content=secrets.data(content),
        trailers=None,
        timestamp_start=recording.answered_at,
        timestamp_end=recording.ended_at or time.time(),
    )
