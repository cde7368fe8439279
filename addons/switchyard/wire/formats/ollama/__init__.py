"""Implements Ollama's own API: `/api/chat`."""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import EndpointPath
from switchyard.wire.format import Format
from switchyard.wire.formats.ollama.embeddings import OllamaEmbeddings
from switchyard.wire.formats.ollama.errors import find_error
from switchyard.wire.formats.ollama.errors import write_error
from switchyard.wire.formats.ollama.final_members import Stopwatch
from switchyard.wire.formats.ollama.losses import LOSSES
from switchyard.wire.formats.ollama.mender import OllamaMender
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import time_of
from switchyard.wire.formats.ollama.options import fit_think
from switchyard.wire.formats.ollama.preload import preloaded
from switchyard.wire.formats.ollama.reply import read_reply
from switchyard.wire.formats.ollama.reply import write_reply
from switchyard.wire.formats.ollama.request_reader import read_request
from switchyard.wire.formats.ollama.request_writer import write_request
from switchyard.wire.formats.ollama.stream_reader import OllamaStreamReader
from switchyard.wire.formats.ollama.stream_writer import OllamaStreamWriter
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.model.model_list import read_models


class Ollama(Format):
    """Implements the format `ollama`; see `format.Format` for each member.

    A request without a stream flag gets a stream. The version segment is `api`, which Ollama's SDKs
    append to their host.
    """

    name = NAME
    title = "Ollama"
    framing = "ndjson"
    content_type = "application/x-ndjson"
    heartbeat = b"\n"
    tagged_thinking = True
    gives_sound = False
    losses = LOSSES
    version = "api"
    sdk_adds_version = True
    call_path = "/chat"
    name_is_model = True
    endpoints = (
        EndpointPath("/api/chat"),
        EndpointPath("/api/embed", "embed"),
        EndpointPath("/api/embeddings", "embed"),
    )
    own_endpoints = (
        EndpointPath("/api/show", "show"),
        EndpointPath("/api/tags", "models", "GET"),
        EndpointPath("/api/ps", "loaded", "GET"),
        EndpointPath("/api/version", "version", "GET"),
    )
    embeddings = OllamaEmbeddings()

    read_request = staticmethod(read_request)
    write_request = staticmethod(write_request)
    read_reply = staticmethod(read_reply)
    write_reply = staticmethod(write_reply)
    stream_reader = OllamaStreamReader
    stream_writer = OllamaStreamWriter
    find_error = staticmethod(find_error)
    write_error = staticmethod(write_error)

    def local_response(self, body: JsonObject, created: int) -> JsonObject | None:
        return preloaded(body, created)

    def asks_stream(self, body: JsonObject, path: str) -> bool | None:
        return body.get("stream") is not False

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """Returns `body` for `model`, with `think` in the form that the model accepts."""
        return fit_think(super().with_model(body, model), model)

    def takes_prefill(self, model: str, thinks: bool) -> bool:
        return True

    def lone_features(self, left: JsonObject) -> Iterator[str]:
        yield from super().lone_features(left)
        if any(left.get(name) for name in ("raw", "template", "context")):
            yield "raw-prompt"

    def completed(self, body: JsonObject, asked: Asked) -> JsonObject:
        return Stopwatch(asked).completed(body)

    def mender(self, asked: Asked) -> OllamaMender:
        return OllamaMender(asked)

    def models_path(self, after: str = "") -> str:
        return "/tags"

    def read_models(self, body: object) -> ModelPage:
        return read_models(body, "models")

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        """Returns the body of `GET /api/tags`."""
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
