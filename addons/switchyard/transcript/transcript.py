"""Turns bytes on the wire into a transcript. Nothing here raises on any bytes."""

from collections.abc import Callable
from typing import Any

from switchyard.transcript.layout import number
from switchyard.transcript.layout import pretty
from switchyard.transcript.layout import size
from switchyard.transcript.requests import request_text
from switchyard.transcript.responses import error_text
from switchyard.transcript.responses import reply_text
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import Event
from switchyard.wire.model.fold import Fold
from switchyard.wire.relay.framing import frame_decoder
from switchyard.wire.relay.framing import is_array

type CostOf = Callable[[Reply], str]
"""Returns the cost of a response as text; empty where it is not known."""

_WRAPPED = "request", "response"
"""Members in which Google's Code Assist API wraps Gemini's bodies."""


def read_request(
    format: Format, data: bytes, model: str | None = None, stream: bool | None = None
) -> str:
    """Return a request's transcript. `model` and `stream` come from the path."""
    return _shown(lambda body: _request(format, body, model, stream), data)


def read_answer(
    format: Format,
    data: bytes,
    status: int = 200,
    running: bool = False,
    cost_of: CostOf | None = None,
) -> str:
    """Return the transcript of a response: stream, JSON or error, as far as it goes.

    `running` means that more may come.
    """
    cost_of = cost_of or _unknown
    head = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    if status < 400 and (head[:1] not in b"{[<" or is_array(format, head)):
        return _guarded(lambda: _stream(format, data, running, cost_of), data)
    whole = loads_object(data)
    if whole is None and status < 400 and format.framing == "ndjson" and head[:1] == b"{":
        return _guarded(lambda: _stream(format, data, running, cost_of), data)
    return _shown(lambda body: _answer(format, body, cost_of), data)


def _request(format: Format, body: JsonObject, model: str | None, stream: bool | None) -> str:
    body = _unwrapped(body)
    if model is not None:
        body = {**body, "model": model}
    if stream is not None:
        body = {**body, "stream": stream}
    try:
        return request_text(format.read_request(body))
    except BadRequest as e:
        where = f" (at {e.param})" if e.param else ""
        return f"no valid {format.name} request: {e}{where}\n\n{pretty(body)}\n"


def _answer(format: Format, body: JsonObject, cost_of: CostOf) -> str:
    body = _unwrapped(body)
    if (error := format.find_error(body)) is not None:
        return f"{error_text(error)}\n\n{pretty(body)}\n"
    try:
        reply = format.read_reply(body)
    except BadReply as e:
        return f"no {format.name} answer: {e}\n\n{pretty(body)}\n"
    return reply_text(reply, cost=cost_of(reply))


def _stream(format: Format, data: bytes, running: bool, cost_of: CostOf) -> str:
    head = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    frames, reader = frame_decoder(format, head), format.stream_reader()
    folded = Fold(format.name)
    wrapped = b'"response"' in head[:64]
    count = 0
    for frame in [*frames.feed(data), *frames.close()]:
        count += 1
        _add(folded, reader.feed(_plain(frame) if wrapped else frame))
    if count == 0:
        return _as_it_is(data)
    _add(folded, reader.close())
    facts = [f"streamed in {number(count)} events, {size(len(data))}"]
    if not folded.ended and folded.failure is None:
        facts.append("so far; it is still running" if running else "cut off before its end")
    reply = folded.reply()
    return reply_text(reply, facts, folded.failure, cost_of(reply))


def _unknown(reply: Reply) -> str:
    return ""


def _add(folded: Fold, events: list[Event]) -> None:
    for event in events:
        try:
            folded.add(event)
        except KeyError:
            continue  # a delta of a part that never began


def _plain(frame: Frame) -> Frame:
    body = loads_object(frame.data)
    if body is None or not isinstance(inner := body.get("response"), dict):
        return frame
    return Frame(dumps(inner), frame.event)


def _unwrapped(body: JsonObject) -> JsonObject:
    for member in _WRAPPED:
        inner = body.get(member)
        if isinstance(inner, dict) and ("contents" in inner or "candidates" in inner):
            model = body.get("model")
            return {**inner, "model": model} if isinstance(model, str) else inner
    return body


def _shown(show: Callable[[JsonObject], str], data: bytes) -> str:
    """Apply `show` to a body, which may be wrapped in a list, as Gemini's errors are."""
    try:
        value: Any = loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return _as_it_is(data)
    body = value[0] if isinstance(value, list) and value else value
    if not isinstance(body, dict):
        return _as_it_is(data)
    return _guarded(lambda: show(body), data)


def _guarded(make: Callable[[], str], data: bytes) -> str:
    try:
        return make()
    except Exception as e:
        problem = ApiError(message=f"This body cannot be shown as a conversation: {e!r}.")
        return f"{error_text(problem)}\n\n{_as_it_is(data)}"


def _as_it_is(data: bytes) -> str:
    return data.decode("utf-8", "replace")
