"""Paths of Gemini's API, which hold the model and whether to stream."""

import re
from typing import NamedTuple
from urllib.parse import parse_qs
from urllib.parse import quote
from urllib.parse import unquote

from addons.wire.errors import BadRequest

_PATH = re.compile(
    r"^/(?:.*/)?v\d+[a-z0-9]*/(?P<name>.*(?:models|tunedModels)/.+):(?P<method>\w+)$", re.IGNORECASE
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
        return self.method.lower() == "streamgeneratecontent"


def read_path(path: str) -> GeminiPath | None:
    """The model, method and framing that a request's path (with its query) names; None if it is
    no call of a model.

    Takes `/v1beta/models/X:method`, `/v1/...`, whatever stands before the version, Vertex AI's
    `projects/.../publishers/google/models/X`, slashes within a model's name, and percent encoding.
    """
    bare, _, query = path.partition("?")
    return read_plain(unquote(bare), query)


def read_plain(path: str, query: str) -> GeminiPath | None:
    """As `read_path`, for a path whose encoding is undone."""
    found = _PATH.match(path)
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
    """The path of a generating call, below the version segment. Raises BadRequest on a name that
    would lead elsewhere."""
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return method_path(model, method)


def method_path(model: str, method: str) -> str:
    """The path of a call of a model, below the version segment. Raises BadRequest on a name that
    would lead elsewhere: servers resolve dot segments (RFC 3986, 5.2.4), some drop empty ones."""
    name = model.removeprefix("models/")
    kind = "models/"
    if name.startswith("tunedModels/"):
        kind, _, name = name.partition("/")
        kind += "/"
    if any(part.strip(" .") == "" for part in name.replace("\\", "/").split("/")):
        raise BadRequest(f"the model's name {model[:80]!r} is no name of a Gemini model", "model")
    return f"/{kind}{quote(name, safe='-._~@', errors='replace')}:{method}"
