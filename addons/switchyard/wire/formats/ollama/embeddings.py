"""Reads and writes Ollama's embeddings.

Source: its API documentation, "Generate Embeddings" (`/api/embed`, and `/api/embeddings` for one
prompt, which it supersedes).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.embedding import Embedded
from switchyard.wire.model.embedding import EmbeddingCall
from switchyard.wire.model.embedding import EmbeddingWish
from switchyard.wire.model.embedding import Vector
from switchyard.wire.shared.vectors import texts_of
from switchyard.wire.shared.vectors import usage_of
from switchyard.wire.shared.vectors import vectors_of

_OLD = "embeddings"


class OllamaEmbeddings:
    """Implements `model.embedding.EmbeddingForm`."""

    def path(self, model: str, method: str | None) -> str:
        return f"/{method or 'embed'}"

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def read_request(self, call: EmbeddingCall) -> EmbeddingWish:
        name = "prompt" if call.method == _OLD else "input"
        return EmbeddingWish(
            texts=texts_of(call.body.get(name), name),
            dimensions=int_of(call.body.get("dimensions")),
            task=text_of(call.body.get("input_type")) or None,
        )

    def write_request(self, model: str, wish: EmbeddingWish) -> JsonObject:
        body: JsonObject = {"model": model, "input": list(wish.texts)}
        return body if wish.dimensions is None else {**body, "dimensions": wish.dimensions}

    def lost(self, wish: EmbeddingWish) -> list[str]:
        said = {"embedding-task": wish.task, "embedding-title": wish.title}
        return [name for name, value in said.items() if value]

    def read_reply(self, body: JsonObject) -> Embedded:
        one = body.get("embedding")
        return Embedded(
            vectors=vectors_of(body.get("embeddings") or ([one] if one else [])),
            model=text_of(body.get("model")) or None,
            usage=usage_of(body.get("prompt_eval_count")),
        )

    def recode(self, call: EmbeddingCall, body: JsonObject, vectors: list[Vector]) -> None:
        """Changes nothing, because Ollama has only one encoding of vectors."""

    def write_reply(
        self, call: EmbeddingCall, vectors: list[list[float]], found: Embedded
    ) -> JsonObject:
        if call.method == _OLD:
            return {"embedding": vectors[0]}
        tokens = (found.usage.input if found.usage else None) or 0
        model = found.model or call.model
        return {"model": model, "embeddings": vectors, "prompt_eval_count": tokens}
