"""Reads and writes embeddings (OpenAI's reference, "Create embeddings")."""

import struct
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.model.embedding import Embedded
from switchyard.wire.model.embedding import EmbeddingCall
from switchyard.wire.model.embedding import EmbeddingWish
from switchyard.wire.model.embedding import Vector
from switchyard.wire.model.errors import BadReply
from switchyard.wire.shared.vectors import in_base64
from switchyard.wire.shared.vectors import numbers_of
from switchyard.wire.shared.vectors import texts_of
from switchyard.wire.shared.vectors import usage_of
from switchyard.wire.shared.vectors import vectors_of


class OpenAIEmbeddings:
    """Implements `model.embedding.EmbeddingForm` for OpenAI's API."""

    def path(self, model: str, method: str | None) -> str:
        return "/embeddings"

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        return body if body.get("model") == model else {**body, "model": model}

    def read_request(self, call: EmbeddingCall) -> EmbeddingWish:
        return EmbeddingWish(
            texts=texts_of(call.body.get("input"), "input"),
            dimensions=int_of(call.body.get("dimensions")),
            task=text_of(call.body.get("input_type")) or None,  # Voyage, Cohere
        )

    def write_request(self, model: str, wish: EmbeddingWish) -> JsonObject:
        body: JsonObject = {"model": model, "input": list(wish.texts), "encoding_format": "float"}
        return body if wish.dimensions is None else {**body, "dimensions": wish.dimensions}

    def lost(self, wish: EmbeddingWish) -> list[str]:
        said = {"embedding-task": wish.task, "embedding-title": wish.title}
        return [name for name, value in said.items() if value]

    def read_reply(self, body: JsonObject) -> Embedded:
        used = object_of(body.get("usage"))
        tokens = int_of(used.get("prompt_tokens"))
        return Embedded(
            vectors=vectors_of([one.get("embedding") for one in _in_order(body.get("data"))]),
            model=text_of(body.get("model")) or None,
            usage=usage_of(used.get("total_tokens") if tokens is None else tokens),
        )

    def recode(
        self, call: EmbeddingCall, body: JsonObject, vectors: list[Vector]
    ) -> JsonObject | None:
        as_text = call.body.get("encoding_format") == "base64"
        if all(isinstance(vector, str) == as_text for vector in vectors):
            return None
        try:
            numbers = [numbers_of(vector) for vector in vectors]
            coded = list(map(in_base64, numbers)) if as_text else numbers
        except (BadReply, struct.error):
            return None
        data = _in_order(body["data"])
        recoded = [{**old, "embedding": new} for old, new in zip(data, coded, strict=True)]
        return {**body, "data": recoded}

    def write_reply(
        self, call: EmbeddingCall, vectors: list[list[float]], found: Embedded
    ) -> JsonObject:
        tokens = (found.usage.input if found.usage else None) or 0
        as_text = call.body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": i, "embedding": in_base64(v) if as_text else v}
            for i, v in enumerate(vectors)
        ]
        return {
            "object": "list",
            "data": data,
            "model": found.model or call.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _in_order(data: Any) -> list[JsonObject]:
    """Returns the entries of a response in the order of their input texts."""
    return sorted(objects_of(data), key=lambda one: int_of(one.get("index")) or 0)


EMBEDDINGS = OpenAIEmbeddings()
"""The form of embeddings that all of OpenAI's formats share."""
