"""Embeds texts: texts in, one vector for each out.

Sources: OpenAI's reference, "Create embeddings"; Google's reference, "Embeddings"
(`models.embedContent`, `models.batchEmbedContents`); Ollama's API documentation, "Generate
Embeddings" (`/api/embed`, and `/api/embeddings` for one prompt, which it supersedes).
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import number_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Format
from switchyard.wire.formats.gemini.paths import method_path
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.operation import OperationReply

type Shape = Literal["openai", "gemini", "ollama"]
type Vector = list[float] | str
"""Numbers, or in base64 little-endian 32-bit floats."""

_SHAPES: dict[str, Shape] = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "openai-completions": "openai",
    "gemini": "gemini",
    "ollama": "ollama",
}
"""What a provider of a format takes embedding requests as; Anthropic's API has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is to be embedded, and how, in no format's words."""

    texts: tuple[str, ...]
    dimensions: int | None
    task: str | None
    title: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What an answer holds."""

    vectors: list[Vector]
    model: str | None
    usage: Usage | None


class Embedding:
    """The client's call; see `aside.Aside`."""

    service = "embeddings"
    needs_provider = True
    formats = frozenset(_SHAPES)

    def __init__(self, client: Format, method: str, body: JsonObject, model: str) -> None:
        """`method` is the last word of the client's path; `model` its name of the model."""
        self._shape = _SHAPES[client.name]
        self._method = method
        self._body = body
        self._model = model

    def path(self, format: str, model: str) -> str:
        match _SHAPES[format]:
            case "openai":
                return "/embeddings"
            case "ollama":
                return (
                    "/embeddings" if self._is_own(format) and self._method != "embed" else "/embed"
                )
            case "gemini":
                own = self._is_own(format)
                return method_path(model, self._method if own else "batchEmbedContents")

    def write(self, format: str, model: str) -> JsonObject:
        if self._is_own(format):
            return self._renamed(model)
        wish = self._wish()
        match _SHAPES[format]:
            case "openai":
                return _openai_request(model, wish)
            case "ollama":
                return _ollama_request(model, wish)
            case "gemini":
                return _gemini_request(model, wish)

    def lost(self, format: str) -> list[str]:
        if self._is_own(format) or _SHAPES[format] == "gemini":
            return []
        wish = self._wish()
        said = {"embedding-task": wish.task, "embedding-title": wish.title}
        return [name for name, value in said.items() if value]

    def read(self, format: str, body: JsonObject) -> OperationReply:
        found = _read(_SHAPES[format], body)
        if not found.vectors or not all(found.vectors):
            raise BadReply("the response holds no embedding")
        if self._is_own(format):
            return OperationReply(self._recoded(body, found.vectors), found.usage)
        vectors = [_numbers(vector) for vector in found.vectors]
        if len(vectors) != len(self._wish().texts):
            raise BadReply(f"the response holds {len(vectors)} embeddings, not one for each text")
        return OperationReply(self._answer(vectors, found), found.usage)

    def estimate(self, model: str) -> None:
        """Nothing: only a provider has vectors."""

    def _is_own(self, format: str) -> bool:
        return _SHAPES[format] == self._shape

    def _renamed(self, model: str) -> JsonObject:
        """The client's own body, asking for another model."""
        body = self._body
        if self._shape != "gemini":
            return body if body.get("model") == model else {**body, "model": model}
        named = {"model": f"models/{model}"}
        if isinstance(inner := body.get("requests"), list):
            return {**body, "requests": [{**one, **named} for one in objects_of(inner)]}
        return {**body, **named} if "model" in body else body

    def _wish(self) -> _Wish:
        """Raises BadRequest."""
        if self._shape == "gemini":
            return _gemini_wish(self._body)
        name = "prompt" if self._method == "embeddings" and self._shape == "ollama" else "input"
        return _Wish(
            texts=_texts(self._body.get(name), name),
            dimensions=int_of(self._body.get("dimensions")),
            task=text_of(self._body.get("input_type")) or None,  # Voyage, Cohere
            title=None,
        )

    def _recoded(self, body: JsonObject, vectors: list[Vector]) -> JsonObject | None:
        """Recode the vectors of a response in the client's own format as it asked.

        None where they are coded so, or where they are not floats.
        """
        if self._shape != "openai":
            return None
        as_text = self._body.get("encoding_format") == "base64"
        if all(isinstance(vector, str) == as_text for vector in vectors):
            return None
        try:
            numbers = [_numbers(vector) for vector in vectors]
            coded = list(map(_coded, numbers)) if as_text else numbers
        except (BadReply, struct.error):
            return None
        data = _in_order(body["data"])
        recoded = [{**old, "embedding": new} for old, new in zip(data, coded, strict=True)]
        return {**body, "data": recoded}

    def _answer(self, vectors: list[list[float]], found: _Found) -> JsonObject:
        tokens = (found.usage.input if found.usage else None) or 0
        if self._shape == "gemini":
            values = [{"values": vector} for vector in vectors]
            one = self._method == "embedContent"
            return {"embedding": values[0]} if one else {"embeddings": values}
        if self._shape == "ollama":
            if self._method == "embeddings":
                return {"embedding": vectors[0]}
            model = found.model or self._model
            return {"model": model, "embeddings": vectors, "prompt_eval_count": tokens}
        as_text = self._body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": i, "embedding": _coded(v) if as_text else v}
            for i, v in enumerate(vectors)
        ]
        return {
            "object": "list",
            "data": data,
            "model": found.model or self._model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _texts(given: Any, name: str) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return tuple(given)
    raise BadRequest(
        f"this model's provider embeds text only: send {name!r} as a string or a list of strings",
        name,
    )


def _gemini_wish(body: JsonObject) -> _Wish:
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
    return _Wish(
        texts=tuple(texts),
        dimensions=int_of(first.get("outputDimensionality", first.get("output_dimensionality"))),
        task=text_of(first.get("taskType", first.get("task_type"))) or None,
        title=text_of(first.get("title")) or None,
    )


def _openai_request(model: str, wish: _Wish) -> JsonObject:
    body: JsonObject = {"model": model, "input": list(wish.texts), "encoding_format": "float"}
    return body if wish.dimensions is None else {**body, "dimensions": wish.dimensions}


def _ollama_request(model: str, wish: _Wish) -> JsonObject:
    body: JsonObject = {"model": model, "input": list(wish.texts)}
    return body if wish.dimensions is None else {**body, "dimensions": wish.dimensions}


_GEMINI_TASKS = {
    "query": "RETRIEVAL_QUERY",
    "search_query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "search_document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


def _gemini_request(model: str, wish: _Wish) -> JsonObject:
    shared: JsonObject = {"model": f"models/{model}"}
    if wish.dimensions is not None:
        shared["outputDimensionality"] = wish.dimensions
    if task := _GEMINI_TASKS.get(wish.task or ""):
        shared["taskType"] = task
    return {"requests": [{**shared, "content": {"parts": [{"text": text}]}} for text in wish.texts]}


def _read(shape: Shape, body: JsonObject) -> _Found:
    match shape:
        case "openai":
            data = _in_order(body.get("data"))
            vectors = [one.get("embedding") for one in data]
            used = object_of(body.get("usage"))
            tokens = int_of(used.get("prompt_tokens"))
            tokens = int_of(used.get("total_tokens")) if tokens is None else tokens
        case "ollama":
            one = body.get("embedding")
            vectors = body.get("embeddings") or ([one] if one else [])
            tokens = int_of(body.get("prompt_eval_count"))
        case "gemini":
            held = objects_of(body.get("embeddings")) or objects_of(body.get("embedding"))
            vectors = [one.get("values") for one in held]
            tokens = int_of(object_of(body.get("usageMetadata")).get("promptTokenCount"))
    kept = [v for v in vectors if isinstance(v, list | str)] if isinstance(vectors, list) else []
    return _Found(
        vectors=kept,
        model=text_of(body.get("model")) or None,
        usage=None if tokens is None else Usage(input=tokens, output=0, total=tokens),
    )


def _in_order(data: Any) -> list[JsonObject]:
    """The entries of an OpenAI answer, in the order of the texts they are for."""
    return sorted(objects_of(data), key=lambda one: int_of(one.get("index")) or 0)


def _numbers(vector: Vector) -> list[float]:
    """Return a vector's floats.

    Raises BadReply on a list of something else, and on base64 without 32-bit floats.
    """
    if isinstance(vector, list):
        if any(number_of(x) is None for x in vector):
            raise BadReply("the embedding is not a list of numbers")
        return vector
    try:
        raw = base64.b64decode(vector, validate=True)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    except (binascii.Error, ValueError, struct.error):
        raise BadReply("the embedding is not base64 of 32-bit floats") from None


def _coded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
