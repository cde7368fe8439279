"""Speaks the API over a WebSocket (guide "WebSocket Mode").

A client's `response.create` holds the body of the request it would have posted. The answer's events
are those of a stream over HTTP, one a message; an error is an `error` event with its HTTP status. A
`stream_id` names the lane of a request: requests of one lane are answered in turn, lanes in
parallel, and every event of an answer names its lane.
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
"""Codex acknowledges an answer with this message, which needs no reaction."""

_OF_THE_MESSAGE = ("type", "stream_id", "generate")
"""Members of a `response.create` that do not belong to the request."""

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_LONGEST_LANE = 256
_LONGEST_ERROR = 2000
"""Most characters quoted of an answer that is no JSON, in the error that reports it."""

_NOT_TOLD = frozenset(
    {"content-type", "content-length", "connection", "date", "server", "transfer-encoding"}
)
"""Headers that do not describe an error, and are left out of its message."""


@dataclass(frozen=True, slots=True)
class Create:
    """A client's request for a response."""

    body: JsonObject
    """The body of the request that it stands for, with `stream`."""
    lane: str | None = None
    generates: bool = True
    """False for a warm-up, which only stores its input for later requests to continue."""
    size: int = 0
    """Characters of the message."""


class BadMessage(ValueError):
    """Reports an invalid message of the client; `message` is the reply to it."""

    def __init__(self, reason: str, lane: str | None = None) -> None:
        super().__init__(reason)
        error = ApiError(message=reason, kind="invalid_request")
        self.message = error_message(error, lane)


def read_message(text: str) -> Create | None:
    """Returns a client's request; None if it needs no reply. Raises BadMessage."""
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
    """Returns one of the router's own errors as a message."""
    status, body = write_error(error)
    return _error(status, object_of(body.get("error")), lane, headers)


def warm_up(asked: Asked) -> bytes:
    """Returns the stream of a warm-up's response: complete, and without content."""
    writer = ResponsesStreamWriter(asked)
    told = writer.feed(Start(format=NAME, model=asked.model))
    for event in (UsageUpdate(Usage(input=0, output=0)), Finish(Stop(reason="end")), End()):
        told += writer.feed(event)
    return told + writer.close()


def refusal_event(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns a refusal as an event, for a stream that has sent only its head.

    `AnswerReader` reads it as it reads the refusal itself.
    """
    reader = AnswerReader()
    reader.start(status, headers)
    reader.feed(body)
    return b"".join(encode(message.encode(), "error") for message in reader.close())


class AnswerReader:
    """Turns one HTTP answer into messages: `start`, `feed` for each piece, `close`.

    A piece of the body without an event, such as a keep-alive, gives no message.
    """

    def __init__(self, lane: str | None = None) -> None:
        self.over = False
        """Whether the client has received the end."""
        self.response: JsonObject | None = None
        """The response as of its last event, unless it failed."""
        self.items: list[JsonObject] = []
        """The items of the answer, in their order."""
        self._lane = lane
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._events: SseDecoder | None = None
        self._body = bytearray()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Takes status and headers of the answer; `headers` has names in lower case."""
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
        """Returns one event as a message; None after the end, or if it is none."""
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
        """Stores the items; some providers send them only at the end, others not then."""
        if isinstance(output, list) and len(output) >= len(self.items):
            self.items = [item for item in output if isinstance(item, dict)]

    def _failed(self, event: JsonObject) -> str:
        """Returns an `error` event as a message.

        The event has its members in itself, and no status unless it was a refusal before.
        """
        inner = object_of(event.get("error")) or {
            key: event.get(key) for key in ("message", "code", "param")
        }
        error, status = find_error(event), event.get("status")
        if not isinstance(status, int):
            status = error.http_status if error is not None else 500
        headers = object_of(event.get("headers"))
        return _error(status, {"type": "server_error", **inner}, self._lane, headers)

    def _whole(self) -> str:
        """Returns a whole answer, which an error is, as one message."""
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
