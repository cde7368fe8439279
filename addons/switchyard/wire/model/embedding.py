"""Embeddings in the neutral model, and the protocol of a format that has them."""

from dataclasses import dataclass
from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Usage

type Vector = list[float] | str
"""Numbers, or in base64 little-endian 32-bit floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingWish:
    """What is to be embedded, and how."""

    texts: tuple[str, ...]
    dimensions: int | None = None
    task: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCall:
    """A client's call, as it came."""

    body: JsonObject
    method: str
    """The last word of its path, which distinguishes a format's several calls."""
    model: str
    """The client's name of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What an answer holds."""

    vectors: list[Vector]
    model: str | None = None
    usage: Usage | None = None


class EmbeddingForm(Protocol):
    """How a family of formats asks for embeddings; the family shares one."""

    def path(self, model: str, method: str | None) -> str:
        """Return the path of the call, below the version segment.

        `method` is that of a client's call in the same form, else None.
        """
        ...

    def with_model(self, body: JsonObject, model: str) -> JsonObject:
        """A client's own body, asking for `model`. A shallow copy if it has to change."""
        ...

    def read_request(self, call: EmbeddingCall) -> EmbeddingWish:
        """Raises BadRequest where something else than texts is to be embedded."""
        ...

    def write_request(self, model: str, wish: EmbeddingWish) -> JsonObject:
        """A body that asks for `wish`."""
        ...

    def lost(self, wish: EmbeddingWish) -> list[str]:
        """What of a wish no request can say; see `translate.losses.lost`."""
        ...

    def read_reply(self, body: JsonObject) -> Embedded:
        """What an answer holds, without what is no vector."""
        ...

    def recode(
        self, call: EmbeddingCall, body: JsonObject, vectors: list[Vector]
    ) -> JsonObject | None:
        """Recode the vectors of a response in the client's form as it asked.

        None where they are coded so, or where they are not floats.
        """
        ...

    def write_reply(
        self, call: EmbeddingCall, vectors: list[list[float]], found: Embedded
    ) -> JsonObject:
        """Return the response with these vectors; `found` has the model and the usage."""
        ...
