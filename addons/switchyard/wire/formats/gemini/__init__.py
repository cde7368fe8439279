"""Implements Google's Gemini API (`GenerateContent`) of v1 and v1beta."""

from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Endpoint
from switchyard.wire.format import Format
from switchyard.wire.formats.gemini.adapt import fit
from switchyard.wire.formats.gemini.counting import GeminiCount
from switchyard.wire.formats.gemini.embeddings import GeminiEmbeddings
from switchyard.wire.formats.gemini.errors import find_error
from switchyard.wire.formats.gemini.errors import write_error
from switchyard.wire.formats.gemini.losses import LOSSES
from switchyard.wire.formats.gemini.mender import GeminiMender
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.paths import METHODS
from switchyard.wire.formats.gemini.paths import method_named
from switchyard.wire.formats.gemini.paths import read_path
from switchyard.wire.formats.gemini.paths import read_plain
from switchyard.wire.formats.gemini.paths import write_path
from switchyard.wire.formats.gemini.proofs import MARKS
from switchyard.wire.formats.gemini.proofs import proofs_of
from switchyard.wire.formats.gemini.proofs import with_proofs
from switchyard.wire.formats.gemini.reply import read_reply
from switchyard.wire.formats.gemini.reply import write_reply
from switchyard.wire.formats.gemini.request_reader import read_request
from switchyard.wire.formats.gemini.request_writer import write_request
from switchyard.wire.formats.gemini.sealed import without_sealed
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.formats.gemini.stream_writer import Framing
from switchyard.wire.formats.gemini.stream_writer import GeminiStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.model_list import PER_PAGE
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.model.model_list import page_path
from switchyard.wire.model.model_list import read_models


class Gemini(Format):
    """Implements the format `gemini`.

    A Gemini request names its model and its stream flag in the path, not in the body. So the caller
    that reads a client's request adds the members `model` (a string) and `stream` (a boolean) to
    the body, names that Gemini's own bodies do not have; `read_endpoint` returns both.
    `read_request` reads them and `write_request` writes them, as in every format. `with_model` and
    `with_stream` remove them again, so that a body which passed through both fits the path that
    `path` returns.
    """

    name = NAME
    title = "Gemini"
    array_streams = True
    gives_sound = "asked"
    document_types = frozenset({"application/pdf", "text/*"})
    losses = LOSSES
    version = "v1beta"
    sdk_adds_version = True
    auth = "x-goog-api-key"
    model_in_path = True
    slash_in_model = False
    client_headers = ("x-goog-*", "x-gemini-*", "x-server-timeout")
    request_marks = ((b'"contents"', b'"parts"'),)
    reply_marks = (b'"candidates"',)
    counting = GeminiCount()
    embeddings = GeminiEmbeddings()

    without_sealed = staticmethod(without_sealed)
    with_proofs = staticmethod(with_proofs)
    proof_marks = MARKS
    proofs_of = staticmethod(proofs_of)
    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    stream_reader = GeminiStreamReader
    find_error = staticmethod(find_error)
    write_error = staticmethod(write_error)

    def path(self, model: str, stream: bool) -> str:
        return write_path(model, stream)

    def read_endpoint(self, path: str, query: str) -> Endpoint | None:
        called = read_plain(path, query)
        method = method_named(called.method) if called else None
        if called is None or method is None:
            return None
        streams = method == "streamGenerateContent"
        return Endpoint(
            METHODS[method],
            self,
            model=called.model,
            stream=streams,
            array=streams and called.alt != "sse",
            method=method,
        )

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        return "x-goog-api-key" in headers or path.startswith("/v1beta")

    def kept_prompt(self, body: JsonObject) -> str | None:
        """See `format.Format.kept_prompt` (Gemini API, "Context caching")."""
        kept = body.get("cachedContent") or body.get("cached_content")
        return "cachedContent" if kept else None

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        """Reads the flag from the path; from the body's `stream` if the path is another's."""
        called = read_path(path)
        return super().asks_stream(body, path) if called is None else called.streams

    def with_stream(self, body: JsonObject, stream: bool) -> JsonObject:
        """Returns `body` without the member `stream`, because the path has the flag."""
        return rest(body, "stream") if "stream" in body else body

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """Returns `body` without the member `model`, in the form that the model accepts.

        The path names the model; the generations of models differ in their thinking settings.
        """
        return fit(rest(body, "model") if "model" in body else body, model)

    def extra_members(self, conversation: Conversation) -> JsonObject:
        left = super().extra_members(conversation)
        return {**left.get("generationConfig", EMPTY), **left.get("body", EMPTY)}

    def stream_writer(self, asked: Asked) -> GeminiStreamWriter:
        """Returns a stream writer; `asked.array` selects a JSON array.

        Clients that request a stream without `alt=sse` expect an array, with content type
        `application/json`.
        """
        framing: Framing = "array" if asked.array else "sse"
        return GeminiStreamWriter(asked, framing)

    def mender(self, asked: Asked) -> GeminiMender:
        return GeminiMender()

    def models_path(self, after: str = "") -> str:
        return page_path("/models", pageSize=PER_PAGE, pageToken=after)

    def read_models(self, body: object) -> ModelPage:
        page = read_models(body, "models")
        following = text_of(body.get("nextPageToken")) if isinstance(body, dict) else ""
        return ModelPage(page.models, following)

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """Returns the body of `GET /v1beta/models` (reference, "Models")."""
        return {"models": [write_model(entry) for entry in models]}


def write_model(entry: ModelEntry) -> JsonObject:
    """Returns one model, as in `GET /v1beta/models/{model}`."""
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
