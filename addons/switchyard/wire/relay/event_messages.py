"""Turns AWS' event stream into server-sent events, which the formats' readers read.

Amazon Bedrock (API reference, "InvokeModelWithResponseStream") sends each event of a model's own
stream within the member `bytes` of a `chunk`, in base64. Other services send the event itself,
named by the header `:event-type`. Errors are messages of the type `exception`, or `error`.
"""

import base64
import binascii

from switchyard.wire.encoding.event_stream import CorruptEventStream
from switchyard.wire.encoding.event_stream import EventMessage
from switchyard.wire.encoding.event_stream import EventMessageDecoder
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.sse import encode

_METRICS = "amazon-bedrock-invocationMetrics"
"""A member that Bedrock adds to the last event of a model's stream."""

_ERRORS = {
    "throttlingException": "rate_limit_error",
    "serviceQuotaExceededException": "rate_limit_error",
    "serviceUnavailableException": "overloaded_error",
    "modelNotReadyException": "overloaded_error",
    "modelTimeoutException": "timeout_error",
    "validationException": "invalid_request_error",
    "accessDeniedException": "permission_error",
    "resourceNotFoundException": "not_found_error",
}
"""Exceptions of the service, and the types that Anthropic's format has for them. All others
(`internalServerException`, `modelStreamErrorException`) are `api_error`."""


class MessagesAsEvents:
    """Bytes of an event stream in, bytes of server-sent events out. One per response."""

    def __init__(self) -> None:
        self._messages = EventMessageDecoder()

    @property
    def is_cut(self) -> bool:
        """Whether the bytes so far end within a message."""
        return self._messages.is_within_message

    def __call__(self, data: bytes) -> bytes:
        """Returns the events that `data` completes. Raises CorruptEventStream."""
        return b"".join(map(_event, self._messages.feed(data)))


def _event(message: EventMessage) -> bytes:
    kind = message.text(":message-type") or "event"
    if kind != "event":
        return _error(message, kind)
    name, payload = message.text(":event-type"), message.payload
    body = loads_object(payload)
    if body is None:
        raise CorruptEventStream("the payload of a message is no JSON object")
    if name != "chunk" or not isinstance(given := body.get("bytes"), str):
        return encode(dumps(body), name or None)
    try:
        event = loads_object(base64.b64decode(given, validate=True))
    except binascii.Error:
        event = None
    if event is None:
        raise CorruptEventStream("a chunk has no event in base64")
    event.pop(_METRICS, None)
    said = event.get("type")
    return encode(dumps(event), said if isinstance(said, str) and said.isidentifier() else None)


def _error(message: EventMessage, kind: str) -> bytes:
    body = loads_object(message.payload) or {}
    name = message.text(":exception-type") or message.text(":error-code") or kind
    text = body.get("message") or body.get("Message") or message.text(":error-message") or name
    # Services differ in the case of the first letter.
    kind = _ERRORS.get(name[:1].lower() + name[1:], "api_error")
    error: JsonObject = {"type": kind, "message": str(text)}
    if isinstance(reason := body.get("reason"), str):
        error["code"] = reason
    return encode(dumps({"type": "error", "error": error}), "error")
