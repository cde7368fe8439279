"""Reads and writes embeddings' vectors and texts."""

import base64
import binascii
import struct
from typing import Any

from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import number_of
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.embedding import Vector
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest


def texts_of(given: Any, name: str) -> tuple[str, ...]:
    """Returns the texts in a request's member `name`; raises BadRequest if invalid."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return tuple(given)
    raise BadRequest(
        f"this model's provider embeds text only: send {name!r} as a string or a list of strings",
        name,
    )


def vectors_of(given: Any) -> list[Vector]:
    """Returns the vectors of a response's items."""
    return [one for one in given if isinstance(one, list | str)] if isinstance(given, list) else []


def usage_of(tokens: Any) -> Usage | None:
    """Returns the usage of a response with so many tokens of the prompt."""
    said = int_of(tokens)
    return None if said is None else Usage(input=said, output=0, total=said)


def numbers_of(vector: Vector) -> list[float]:
    """Returns a vector's numbers.

    Raises BadReply on a list of something else, and on base64 that holds no 32-bit floats.
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


def in_base64(vector: list[float]) -> str:
    """Returns numbers in base64; raises struct.error on one beyond 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
