"""Paths of Gemini's API, which hold the model and whether to stream."""

import re
from typing import NamedTuple
from urllib.parse import parse_qs
from urllib.parse import quote
from urllib.parse import unquote

_PATH = re.compile(
    r"^/(?:.*/)?v\d+[a-z0-9]*/(?P<name>.*(?:models|tunedModels)/.+):(?P<method>\w+)$"
)

_PREFIXES = ("models/", "publishers/google/models/")


class GeminiPath(NamedTuple):
    """What a path asks for."""

    model: str
    """The model's name; tuned models keep `tunedModels/` in front."""
    method: str
    """`generateContent`, `streamGenerateContent`, `countTokens`, `embedContent` ..."""
    alt: str | None
    """How a stream is framed: `sse`, or None for one JSON array."""

    @property
    def streams(self) -> bool:
        return self.method == "streamGenerateContent"


def read_path(path: str) -> GeminiPath | None:
    """The model, method and framing that a request's path (with its query) names; None if it is
    no call of a model.

    Takes `/v1beta/models/X:method`, `/v1/...`, whatever stands before the version, Vertex AI's
    `projects/.../publishers/google/models/X`, slashes within a model's name, and percent encoding.
    """
    bare, _, query = path.partition("?")
    found = _PATH.match(unquote(bare))
    if found is None:
        return None
    name = found["name"]
    if name.startswith("projects/"):
        name = name[name.find("/publishers/") + 1 :]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    alt = parse_qs(query).get("alt")
    return GeminiPath(name, found["method"], alt[0] if alt else None) if name else None


def write_path(model: str, stream: bool) -> str:
    """The path of a generating call, below the version segment."""
    name = model.removeprefix("models/")
    if not name.startswith("tunedModels/"):
        name = f"models/{name}"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/{quote(name, safe='/-._~@', errors='replace')}:{method}"
