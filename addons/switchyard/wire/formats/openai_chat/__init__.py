"""OpenAI's Chat Completions API, and the dialects of it that most providers speak.

Source: OpenAI's API reference, "Chat Completions"; for the dialects the documentation of
OpenRouter, Azure OpenAI, Groq, Mistral, DeepSeek, xAI, vLLM, Perplexity, Z.ai and Google's
compatible endpoint.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Mender
from switchyard.wire.format import ModelEntry
from switchyard.wire.format import StreamReader
from switchyard.wire.format import StreamWriter
from switchyard.wire.formats.openai_chat import errors
from switchyard.wire.formats.openai_chat import reply as replies
from switchyard.wire.formats.openai_chat import request_writer as requests
from switchyard.wire.formats.openai_chat.mender import ChatMender
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.request_reader import read_request
from switchyard.wire.formats.openai_chat.stream_reader import ChatReader
from switchyard.wire.formats.openai_chat.stream_writer import ChatWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError


class OpenAIChat:
    """See `format.Format`."""

    name = NAME
    framing: Literal["sse", "ndjson"] = "sse"
    content_type = "text/event-stream"
    version = "v1"
    sdk_adds_version = False
    heartbeat = b": keepalive\n\n"

    def path(self, model: str, stream: bool) -> str:
        return "/chat/completions"

    def headers(self) -> Mapping[str, str]:
        return EMPTY

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        asked = body.get("stream")
        return asked if isinstance(asked, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """`stream_options` goes with a stream: a client that did not ask for one could not ask
        for the usage in it either, so that is asked for here; a client's own is left alone."""
        if body.get("stream") is stream:
            return body
        if stream:
            return {"stream_options": {"include_usage": True}, **body, "stream": True}
        return {k: v for k, v in body.items() if k != "stream_options"} | {"stream": False}

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def without_sealed(self, body: JsonObject) -> JsonObject:
        return body

    def read_request(self, body: JsonObject) -> Conversation:
        return read_request(body)

    def write_request(self, conversation: Conversation) -> JsonObject:
        return requests.write_request(conversation)

    def read_reply(self, body: JsonObject) -> Reply:
        return replies.read_reply(body)

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return replies.write_reply(reply, asked)

    def stream_reader(self) -> StreamReader:
        return ChatReader()

    def stream_writer(self, asked: Asked) -> StreamWriter:
        return ChatWriter(asked)

    def mender(self, asked: Asked) -> Mender:
        return ChatMender(asked)

    def find_error(self, body: JsonObject) -> ApiError | None:
        return errors.find_error(body)

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        return errors.write_error(error)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """OpenAI's reference, "Models", with OpenRouter's `context_length` where it is known."""
        return {"object": "list", "data": [_model(entry) for entry in models]}


def _model(entry: ModelEntry) -> JsonObject:
    model: JsonObject = {
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.owner,
    }
    if entry.context_window is not None:
        model["context_length"] = entry.context_window
    return model
