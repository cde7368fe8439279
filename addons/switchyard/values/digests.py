"""Digests that stand for texts of any content."""

from hashlib import sha256


def hex_of(text: str, length: int = 64) -> str:
    """Return the first digits of a text's SHA-256.

    JSON may hold half of a character (a lone surrogate), which UTF-8 has no bytes for: it counts
    like any other.
    """
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
