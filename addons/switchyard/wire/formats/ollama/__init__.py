"""Ollama's own API: `/api/chat`."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import ModelEntry
from switchyard.wire.formats.ollama.errors import find_error
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.formats.ollama.mender import OllamaMender
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import time_of
from switchyard.wire.formats.ollama.options import fit_think
from switchyard.wire.formats.ollama.reply import read_reply
from switchyard.wire.formats.ollama.reply import write_reply
from switchyard.wire.formats.ollama.request_reader import read_request
from switchyard.wire.formats.ollama.request_writer import write_request
from switchyard.wire.formats.ollama.stream_reader import OllamaStreamReader
from switchyard.wire.formats.ollama.stream_writer import OllamaStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError


class Ollama:
    """The format `ollama`; see `format.Format` for what each method does.

    A client that does not say whether it wants a stream gets one. The version segment is `api`,
    which Ollama's SDKs add to the host they are given.
    """

    name = NAME
    framing: Literal["sse", "ndjson"] = "ndjson"
    content_type = "application/x-ndjson"
    version = "api"
    sdk_adds_version = True
    heartbeat = b"\n"

    def path(self, model: str, stream: bool) -> str:
        return "/chat"

    def headers(self) -> Mapping[str, str]:
        return EMPTY

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        return body.get("stream") is not False

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        return body if body.get("stream") is stream else {**body, "stream": stream}

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """`body` asking for `model`, and for thinking as that model takes it."""
        body = body if body.get("model") == model else {**body, "model": model}
        return fit_think(body, model)

    def without_sealed(self, body: JsonObject) -> JsonObject:
        return body

    def read_request(self, body: JsonObject) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> JsonObject:
        return write_request(conversation)

    def read_reply(self, body: JsonObject) -> Reply:
        return read_reply(body)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return write_reply(reply, asked)

    def stream_reader(self) -> OllamaStreamReader:
        return OllamaStreamReader()

    def stream_writer(self, asked: Asked) -> OllamaStreamWriter:
        return OllamaStreamWriter(asked)

    def mender(self, asked: Asked) -> OllamaMender:
        return OllamaMender()

    def find_error(self, body: JsonObject) -> ApiError | None:
        return find_error(body)

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        return write_error(error)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """The list of `GET /api/tags`."""
        return {"models": [_model(entry) for entry in models]}


def _model(entry: ModelEntry) -> JsonObject:
    return {
        "name": entry.id,
        "model": entry.id,
        "modified_at": time_of(entry.created),
        "size": 0,
        "digest": "",
        "details": {
            "parent_model": "",
            "format": "",
            "family": entry.owner,
            "families": [entry.owner],
            "parameter_size": "",
            "quantization_level": "",
        },
    }
