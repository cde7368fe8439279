"""Embeds texts: texts in, one vector for each out.

Sources: OpenAI's reference, "Create embeddings"; Google's reference, "Embeddings"
(`models.embedContent`, `models.batchEmbedContents`); Ollama's API documentation, "Generate
Embeddings" (`/api/embed`, and `/api/embeddings` for one prompt, which it supersedes).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.embedding import EmbeddingCall
from switchyard.wire.model.embedding import EmbeddingForm
from switchyard.wire.model.errors import BadReply
from switchyard.wire.operations.operation import OperationReply
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.vectors import numbers_of


class Embedding:
    """The client's call; see `operation.Operation`."""

    service = "embeddings"
    needs_provider = True

    def __init__(self, client: Format, method: str, body: JsonObject, model: str) -> None:
        """`method` is the last word of the client's path; `model` its name of the model."""
        assert client.embeddings is not None, "endpoints name formats that have embeddings"
        self.formats = frozenset(name for name, one in FORMATS.items() if one.embeddings)
        self._form = client.embeddings
        self._call = EmbeddingCall(body=body, method=method, model=model)

    def path(self, format: str, model: str) -> str:
        form = _form_of(format)
        return form.path(model, self._call.method if form is self._form else None)

    def write(self, format: str, model: str) -> JsonObject:
        form = _form_of(format)
        if form is self._form:
            return form.with_model(self._call.body, model)
        return form.write_request(model, self._form.read_request(self._call))

    def lost(self, format: str) -> list[str]:
        form = _form_of(format)
        return [] if form is self._form else form.lost(self._form.read_request(self._call))

    def read(self, format: str, body: JsonObject) -> OperationReply:
        form = _form_of(format)
        found = form.read_reply(body)
        if not found.vectors or not all(found.vectors):
            raise BadReply("the response holds no embedding")
        if form is self._form:
            return OperationReply(form.recode(self._call, body, found.vectors), found.usage)
        vectors = [numbers_of(vector) for vector in found.vectors]
        if len(vectors) != len(self._form.read_request(self._call).texts):
            raise BadReply(f"the response holds {len(vectors)} embeddings, not one for each text")
        return OperationReply(self._form.write_reply(self._call, vectors, found), found.usage)

    def estimate(self, model: str) -> None:
        """Nothing: only a provider has vectors."""


def _form_of(format: str) -> EmbeddingForm:
    form = FORMATS[format].embeddings
    assert form is not None, "only providers of `formats` are asked"
    return form
