"""The API over a WebSocket: the messages of both sides (guide "WebSocket Mode").

A client's `response.create` holds what it would have posted. The answer's events come back as they
are in a stream over HTTP, a message each; an error comes as `error` with the status it would have
had. A `stream_id` names the lane of a request: those of one lane are answered in turn, lanes side
by side, and every event of an answer names its lane.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.encoding.sse import StreamTooLarge
from switchyard.wire.encoding.sse import encode
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses.errors import find_error
from switchyard.wire.formats.openai_responses.errors import write_error
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.stream_writer import ResponsesStreamWriter
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import UsageUpdate

CREATE = "response.create"
_ACKNOWLEDGED = "response.processed"
"""Codex says so of an answer it has dealt with; nothing is to be done."""

_OF_THE_MESSAGE = ("type", "stream_id", "generate")
"""Members of a `response.create` that are none of a request's."""

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_LONGEST_LANE = 256
_LONGEST_ERROR = 2000
"""Characters of an answer that is no JSON, in the error that tells of it."""

_NOT_TOLD = frozenset(
    {"content-type", "content-length", "connection", "date", "server", "transfer-encoding"}
)
"""Headers that say nothing of an error."""


@dataclass(frozen=True, slots=True)
class Create:
    """A client's wish for a response."""

    body: JsonObject
    """What it would have posted, with `stream`."""
    lane: str | None = None
    generates: bool = True
    """False for a warm-up, which only leaves its input for later requests to go on from."""
    size: int = 0
    """Characters of the message."""


class BadMessage(ValueError):
    """What a client said is none of the messages there are; `message` answers it."""

    def __init__(self, reason: str, lane: str | None = None) -> None:
        super().__init__(reason)
        error = ApiError(message=reason, kind="invalid_request")
        self.message = error_message(error, lane)


def read_message(text: str) -> Create | None:
    """What a client said; None for what needs no answer. Raises BadMessage."""
    try:
        message = loads(text)
    except ValueError as e:
        raise BadMessage(f"The message is not valid JSON: {e}.") from None
    if not isinstance(message, dict):
        raise BadMessage("A message must be a JSON object.")
    kind, lane = message.get("type"), message.get("stream_id")
    if kind == _ACKNOWLEDGED:
        return None
    if lane is not None and (not isinstance(lane, str) or len(lane) > _LONGEST_LANE):
        raise BadMessage(f"'stream_id' must be a text of at most {_LONGEST_LANE} characters.")
    if kind != CREATE:
        raise BadMessage(
            f"Unknown message type {str(kind)[:100]!r}. Send "
            f"'{CREATE}' with the members of a POST to /v1/responses.",
            lane,
        )
    body = {key: value for key, value in message.items() if key not in _OF_THE_MESSAGE}
    generates = message.get("generate") is not False
    return Create({**body, "stream": True}, lane, generates, len(text))


def error_message(
    error: ApiError, lane: str | None = None, headers: Mapping[str, str] | None = None
) -> str:
    """An error of our own as a message."""
    status, body = write_error(error)
    return _error(status, object_of(body.get("error")), lane, headers)


def warm_up(asked: Asked) -> bytes:
    """The stream of a response that was not generated: it is complete, and says nothing."""
    writer = ResponsesStreamWriter(asked)
    told = writer.feed(Start(format=NAME, model=asked.model))
    for event in (UsageUpdate(Usage(input=0, output=0)), Finish(Stop(reason="end")), End()):
        told += writer.feed(event)
    return told + writer.close()


def refusal_event(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """A refusal as an event, for a stream of which the client was told nothing but that it is
    there. An `AnswerReader` makes of it what it would make of the refusal itself."""
    reader = AnswerReader()
    reader.start(status, headers)
    reader.feed(body)
    return b"".join(encode(message.encode(), "error") for message in reader.close())


class AnswerReader:
    """The messages of one answer that comes as it does over HTTP: `start`, `feed` for each piece of
    the body, `close`.

    A piece without any event, as is a sign of life, gives no message.
    """

    def __init__(self, lane: str | None = None) -> None:
        self.over = False
        """Whether the client was told the end."""
        self.response: JsonObject | None = None
        """The response as its last event had it, unless it failed."""
        self.items: list[JsonObject] = []
        """The items of the answer, in their order."""
        self._lane = lane
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._events: SseDecoder | None = None
        self._body = bytearray()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """`headers` has names in lower case."""
        self._status, self._headers = status, headers
        if status < 400 and "event-stream" in headers.get("content-type", ""):
            self._events = SseDecoder()

    def feed(self, data: bytes) -> list[str]:
        if self._events is None:
            self._body += data
            return []
        try:
            return self._read(self._events.feed(data))
        except StreamTooLarge as e:
            return self._told(error_message(ApiError(message=f"{e}."), self._lane))

    def close(self) -> list[str]:
        if self._events is None:
            return self._told(self._whole())
        messages = self._read(self._events.close())
        cut = ApiError(
            message="The stream ended before the response was complete.", kind="unavailable"
        )
        return messages + self._told(error_message(cut, self._lane))

    def _read(self, frames: list[Frame]) -> list[str]:
        return [message for frame in frames if (message := self._message(frame)) is not None]

    def _message(self, frame: Frame) -> str | None:
        """One event as a message; None for what is none, and after the end."""
        data = frame.data.strip()
        if self.over or not data.startswith(b"{"):
            return None
        name = frame.event.decode("utf-8", "replace") if frame.event else ""
        if not name or name == "message":
            name = text_of((loads_object(data) or {}).get("type"))
        if name == "response.output_item.done":
            self._keep_item(loads_object(data) or {})
        elif name in _ENDS:
            self.over = True
            event = loads_object(data) or {}
            if name == "error":
                return self._failed(event)
            if name != "response.failed":
                self.response = object_of(event.get("response"))
                self._keep_items(self.response.get("output"))
        text = data.decode("utf-8", "replace")
        if self._lane is None:
            return text
        return f'{{"stream_id":{_text(self._lane)},{text[1:]}'

    def _keep_item(self, event: JsonObject) -> None:
        if isinstance(item := event.get("item"), dict):
            self.items.append(item)

    def _keep_items(self, output: object) -> None:
        """Some providers tell the items at the end only, some not then."""
        if isinstance(output, list) and len(output) >= len(self.items):
            self.items = [item for item in output if isinstance(item, dict)]

    def _failed(self, event: JsonObject) -> str:
        """An `error` event, which has its members in itself and no status, unless it was a refusal
        before."""
        inner = object_of(event.get("error")) or {
            key: event.get(key) for key in ("message", "code", "param")
        }
        error, status = find_error(event), event.get("status")
        if not isinstance(status, int):
            status = error.http_status if error is not None else 500
        headers = object_of(event.get("headers"))
        return _error(status, {"type": "server_error", **inner}, self._lane, headers)

    def _whole(self) -> str:
        """A whole answer, which an error is, as one message."""
        body, status = loads_object(bytes(self._body)), self._status
        if body is not None and status < 400 and body.get("object") == "response":
            self.response = body
            self._keep_items(body.get("output"))
            event: JsonObject = {"type": "response.completed", "response": body}
            lane: JsonObject = {} if self._lane is None else {"stream_id": self._lane}
            return dumps({**lane, **event}).decode()
        error = object_of((body or {}).get("error"))
        if not error:
            words = self._body.decode("utf-8", "replace").strip()[:_LONGEST_ERROR]
            error = {"message": words or "The answer is none.", "type": "server_error"}
        return _error(status if status >= 400 else 502, error, self._lane, self._headers)

    def _told(self, message: str) -> list[str]:
        if self.over:
            return []
        self.over = True
        return [message]


def _error(
    status: int,
    error: JsonObject,
    lane: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    message: JsonObject = {"type": "error", "status": status, "error": error}
    told = {name: value for name, value in (headers or {}).items() if name not in _NOT_TOLD}
    if told:
        message["headers"] = told
    if lane is not None:
        message["stream_id"] = lane
    return dumps(message).decode()


def _text(text: str) -> str:
    return dumps(text).decode()
