"""Anthropic's Messages API, and the providers that imitate it (API reference, "Messages")."""

from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import ModelEntry
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.errors import find_error
from switchyard.wire.formats.anthropic.errors import write_error
from switchyard.wire.formats.anthropic.mender import AnthropicMender
from switchyard.wire.formats.anthropic.reply import read_reply
from switchyard.wire.formats.anthropic.reply import write_reply
from switchyard.wire.formats.anthropic.request_reader import read_request
from switchyard.wire.formats.anthropic.request_writer import write_request
from switchyard.wire.formats.anthropic.sealed import without_sealed
from switchyard.wire.formats.anthropic.stream_reader import AnthropicStreamReader
from switchyard.wire.formats.anthropic.stream_writer import AnthropicStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError


class Anthropic:
    """The format `anthropic`; see `format.Format` for what each method does."""

    name = NAME
    framing: Literal["sse", "ndjson"] = "sse"
    content_type = "text/event-stream; charset=utf-8"
    version = "v1"
    sdk_adds_version = True
    heartbeat = b'event: ping\ndata: {"type":"ping"}\n\n'

    def path(self, model: str, stream: bool) -> str:
        return "/messages"

    def headers(self) -> Mapping[str, str]:
        return {"anthropic-version": "2023-06-01"}

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        stream = body.get("stream")
        return stream if isinstance(stream, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        return body if body.get("stream") is stream else {**body, "stream": stream}

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def without_sealed(self, body: JsonObject) -> JsonObject:
        """`body` as a provider of this format takes it, where a client of this format had other
        formats' answers in the same conversation. `body` itself if nothing has to change."""
        return without_sealed(body)

    def read_request(self, body: JsonObject) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> JsonObject:
        return write_request(conversation)

    def read_reply(self, body: JsonObject) -> Reply:
        return read_reply(body)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream_reader(self) -> AnthropicStreamReader:
        return AnthropicStreamReader()

    def stream_writer(self, asked: Asked) -> AnthropicStreamWriter:
        return AnthropicStreamWriter(asked)

    def mender(self, asked: Asked) -> AnthropicMender:
        return AnthropicMender(asked)

    def find_error(self, body: JsonObject) -> ApiError | None:
        return find_error(body)

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        return write_error(error)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """The list as `GET /v1/models` gives it (API reference, "List models")."""
        data = [_model(entry) for entry in models]
        return {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }


def _model(entry: ModelEntry) -> JsonObject:
    created = datetime.fromtimestamp(entry.created, UTC)
    model: JsonObject = {
        "type": "model",
        "id": entry.id,
        "display_name": entry.id,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if entry.context_window is not None:
        model["max_input_tokens"] = entry.context_window
    return model
