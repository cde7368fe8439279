"""Reads and writes Gemini's embeddings.

Source: Google's reference, "Embeddings" (`models.embedContent`, `models.batchEmbedContents`).
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.paths import method_path
from switchyard.wire.formats.gemini.spelling import service_in_camel_case
from switchyard.wire.model.embedding import Embedded
from switchyard.wire.model.embedding import EmbeddingCall
from switchyard.wire.model.embedding import EmbeddingWish
from switchyard.wire.model.embedding import Vector
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.vectors import usage_of
from switchyard.wire.shared.vectors import vectors_of

_TASKS = {
    "query": "RETRIEVAL_QUERY",
    "search_query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "search_document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


class GeminiEmbeddings:
    """Implements `model.embedding.EmbeddingForm`."""

    def path(self, model: str, method: str | None) -> str:
        return method_path(model, method or "batchEmbedContents")

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        named = {"model": f"models/{model}"}
        if isinstance(inner := body.get("requests"), list):
            return {**body, "requests": [{**one, **named} for one in objects_of(inner)]}
        return {**body, **named} if "model" in body else body

    def read_request(self, call: EmbeddingCall) -> EmbeddingWish:
        body = service_in_camel_case(call.body)
        batch = "requests" in body
        asked = objects_of(body["requests"]) if batch else [body]
        texts: list[str] = []
        for number, one in enumerate(asked):
            where = f"requests[{number}].content" if batch else "content"
            parts = objects_of(object_of(one.get("content")).get("parts"))
            if not parts or not all(isinstance(part.get("text"), str) for part in parts):
                raise BadRequest(f"'{where}' must hold parts of text for this model", where)
            texts.append("".join(part["text"] for part in parts))
        if not texts:
            raise BadRequest("'requests' must hold at least one request", "requests")
        first = {**object_of(asked[0].get("embedContentConfig")), **asked[0]}
        return EmbeddingWish(
            texts=tuple(texts),
            dimensions=int_of(first.get("outputDimensionality")),
            task=text_of(first.get("taskType")) or None,
            title=text_of(first.get("title")) or None,
        )

    def write_request(self, model: str, wish: EmbeddingWish) -> JsonObject:
        shared: JsonObject = {"model": f"models/{model}"}
        if wish.dimensions is not None:
            shared["outputDimensionality"] = wish.dimensions
        if task := _TASKS.get(wish.task or ""):
            shared["taskType"] = task
        asked = [{**shared, "content": {"parts": [{"text": text}]}} for text in wish.texts]
        return {"requests": asked}

    def lost(self, wish: EmbeddingWish) -> list[str]:
        return []

    def read_reply(self, body: JsonObject) -> Embedded:
        held = objects_of(body.get("embeddings")) or objects_of(body.get("embedding"))
        # The vectors are long, and have no names of members.
        said = service_in_camel_case({k: v for k, v in body.items() if not k.startswith("emb")})
        return Embedded(
            vectors=vectors_of([one.get("values") for one in held]),
            model=text_of(body.get("model")) or None,
            usage=usage_of(object_of(said.get("usageMetadata")).get("promptTokenCount")),
        )

    def recode(self, call: EmbeddingCall, body: JsonObject, vectors: list[Vector]) -> None:
        """Changes nothing, because Gemini has only one encoding of vectors."""

    def write_reply(
        self, call: EmbeddingCall, vectors: list[list[float]], found: Embedded
    ) -> JsonObject:
        values = [{"values": vector} for vector in vectors]
        if call.method == "embedContent":
            return {"embedding": values[0]}
        return {"embeddings": values}
