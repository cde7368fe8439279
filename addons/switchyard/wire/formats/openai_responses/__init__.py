"""OpenAI's Responses API (API reference, "Responses"), and what other providers made of it."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import ModelEntry
from switchyard.wire.formats.openai_responses.errors import find_error
from switchyard.wire.formats.openai_responses.errors import write_error
from switchyard.wire.formats.openai_responses.history import without_foreign
from switchyard.wire.formats.openai_responses.mender import ResponsesMender
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.reply import read_reply
from switchyard.wire.formats.openai_responses.request_reader import read_request
from switchyard.wire.formats.openai_responses.request_writer import write_request
from switchyard.wire.formats.openai_responses.stream_reader import ResponsesStreamReader
from switchyard.wire.formats.openai_responses.stream_writer import ResponsesStreamWriter
from switchyard.wire.formats.openai_responses.stream_writer import write_reply
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError


class OpenAIResponses:
    """The format `openai-responses`; see `switchyard.wire.format.Format`."""

    name = NAME
    framing: Literal["sse", "ndjson"] = "sse"
    content_type = "text/event-stream"
    version = "v1"
    sdk_adds_version = False
    heartbeat = b": keepalive\n\n"

    def path(self, model: str, stream: bool) -> str:
        return "/responses"

    def headers(self) -> Mapping[str, str]:
        return {}

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        stream = body.get("stream")
        return stream if isinstance(stream, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        if body.get("stream") is stream or (not stream and body.get("stream") is None):
            return body
        # The API takes options of a stream only with a stream.
        kept = {k: v for k, v in body.items() if stream or k != "stream_options"}
        return {**kept, "stream": stream}

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def without_sealed(self, body: JsonObject) -> JsonObject:
        return without_foreign(body)

    def read_request(self, body: JsonObject) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> JsonObject:
        return write_request(conversation)

    def read_reply(self, body: JsonObject) -> Reply:
        return read_reply(body)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream_reader(self) -> ResponsesStreamReader:
        return ResponsesStreamReader()

    def stream_writer(self, asked: Asked) -> ResponsesStreamWriter:
        return ResponsesStreamWriter(asked)

    def mender(self, asked: Asked) -> ResponsesMender:
        return ResponsesMender(asked)

    def find_error(self, body: JsonObject) -> ApiError | None:
        return find_error(body)

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        return write_error(error)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """API reference, "List models"."""
        data = [
            {"id": m.id, "object": "model", "created": m.created, "owned_by": m.owner}
            for m in models
        ]
        return {"object": "list", "data": data}
