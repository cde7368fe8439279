"""Google's Gemini API (`GenerateContent`), of v1 and v1beta."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.format import Asked
from switchyard.wire.format import ModelEntry
from switchyard.wire.formats.gemini.adapt import fit
from switchyard.wire.formats.gemini.errors import find_error
from switchyard.wire.formats.gemini.errors import write_error
from switchyard.wire.formats.gemini.mender import GeminiMender
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.paths import read_path
from switchyard.wire.formats.gemini.paths import write_path
from switchyard.wire.formats.gemini.reply import read_reply
from switchyard.wire.formats.gemini.reply import write_reply
from switchyard.wire.formats.gemini.request_reader import read_request
from switchyard.wire.formats.gemini.request_writer import write_request
from switchyard.wire.formats.gemini.sealed import without_sealed
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.formats.gemini.stream_writer import Framing
from switchyard.wire.formats.gemini.stream_writer import GeminiStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import ApiError


class Gemini:
    """The format `gemini`.

    A request names its model, and whether it wants a stream, in its path and not in its body.
    Whoever takes a client's request in therefore puts the members `model` (a string) and `stream`
    (true or false) into the body, under names that Gemini's own bodies do not have; `read_path`
    tells both. `read_request` reads them and `write_request` writes them, as with every format.
    `with_model` and `with_stream` take them out again, so that a body which went through both can
    be sent to the path that `path` gives.
    """

    name = NAME
    framing: Literal["sse", "ndjson"] = "sse"
    content_type = "text/event-stream"
    version = "v1beta"
    sdk_adds_version = True
    heartbeat = b""

    def path(self, model: str, stream: bool) -> str:
        return write_path(model, stream)

    def headers(self) -> Mapping[str, str]:
        return EMPTY

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        """By the path; by the body's `stream` where the path is none of this format."""
        if (called := read_path(path)) is not None:
            return called.streams
        stream = body.get("stream")
        return stream if isinstance(stream, bool) else None

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """`body` without the member `stream`: the path says it."""
        return rest(body, "stream") if "stream" in body else body

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """`body` without the member `model`, since the path says it, and as that model takes it:
        the generations differ in how thinking is asked for."""
        return fit(rest(body, "model") if "model" in body else body, model)

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

    def stream_reader(self) -> GeminiStreamReader:
        return GeminiStreamReader()

    def stream_writer(self, asked: Asked) -> GeminiStreamWriter:
        """`asked.array` is for clients that ask for a stream without `alt=sse`; its content type is
        `application/json`."""
        framing: Framing = "array" if asked.array else "sse"
        return GeminiStreamWriter(asked, framing)

    def mender(self, asked: Asked) -> GeminiMender:
        return GeminiMender()

    def find_error(self, body: JsonObject) -> ApiError | None:
        return find_error(body)

    def write_error(self, error: ApiError) -> tuple[int, JsonObject]:
        return write_error(error)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """The list of `GET /v1beta/models` (reference, "Models")."""
        return {"models": [write_model(entry) for entry in models]}


def write_model(entry: ModelEntry) -> JsonObject:
    """One model, as `GET /v1beta/models/{model}` gives it."""
    model: JsonObject = {
        "name": f"models/{entry.id}",
        "version": "001",
        "displayName": entry.id,
        "description": entry.owner,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    if entry.context_window is not None:
        model["inputTokenLimit"] = entry.context_window
    return model
