"""Reads and writes Gemini's paths, which hold the model and the stream flag."""

import re
from collections import deque
from typing import NamedTuple
from urllib.parse import parse_qs
from urllib.parse import quote
from urllib.parse import unquote

from switchyard.wire.format import EndpointKind
from switchyard.wire.model.errors import BadRequest

METHODS: dict[str, EndpointKind] = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
"""Kinds of requests by method."""

_SPELLINGS = {method.lower(): method for method in METHODS}
_VERSION = re.compile(r"/v\d[a-z0-9]*+(?=/)", re.IGNORECASE)
_METHOD = re.compile(r"\w+")
_COLLECTIONS = ("models/", "tunedmodels/")

_PREFIXES = ("models/", "publishers/google/models/")


class GeminiPath(NamedTuple):
    """The model, method and framing that a path requests."""

    model: str
    """The model's name; tuned models keep the prefix `tunedModels/`."""
    method: str
    """`generateContent`, `streamGenerateContent`, `countTokens`, `embedContent` ..."""
    alt: str | None
    """Framing of a stream: `sse`, or None for one JSON array."""

    @property
    def streams(self) -> bool:
        return self.method.lower() == "streamgeneratecontent"


def read_path(path: str) -> GeminiPath | None:
    """Returns the model, method and framing in a request's path with its query.

    Accepts `/v1beta/models/X:method`, `/v1/...`, any prefix before the version, Vertex AI's
    `projects/.../publishers/google/models/X`, slashes within a model's name, and percent encoding.
    Returns None if the path is no call of a model.
    """
    bare, _, query = path.partition("?")
    return read_plain(unquote(bare), query)


def read_plain(path: str, query: str) -> GeminiPath | None:
    """Like `read_path`, for a decoded path."""
    found = _called(path)
    if found is None:
        return None
    name, method = found
    if name.startswith("projects/"):
        name = name[name.find("/publishers/") + 1 :]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    alt = parse_qs(query).get("alt")
    return GeminiPath(name, method, alt[0] if alt else None) if name else None


def method_named(word: str) -> str | None:
    """Returns a method's canonical spelling, ignoring case; None if it is not served."""
    return _SPELLINGS.get(word.lower())


def _called(path: str) -> tuple[str, str] | None:
    """Splits a path without a query into the method and what precedes it.

    The first item begins after the last version segment. Returns None if there is no model. Scans
    once instead of matching several wildcards, because any client may send a long path.
    """
    target, colon, method = path.rpartition(":")
    if not colon or "\n" in path or not _METHOD.fullmatch(method):
        return None
    # At least one character follows.
    lowered = target.lower()
    last = max(lowered.rfind(one, 0, len(target) - 1) for one in _COLLECTIONS)
    versions = deque(_VERSION.finditer(target, 0, max(last, 0)), maxlen=1)
    return (target[versions[0].end() + 1 :], method) if versions else None


def write_path(model: str, stream: bool) -> str:
    """Returns the path of a generating call, below the version segment.

    Raises BadRequest on a name that changes the path.
    """
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return method_path(model, method)


def method_path(model: str, method: str) -> str:
    """Returns the path of a call of a model, below the version segment.

    Raises BadRequest on a name that changes the path: servers resolve dot segments (RFC 3986,
    5.2.4), and some drop empty ones.
    """
    name = model.removeprefix("models/")
    kind = "models/"
    if name.startswith("tunedModels/"):
        kind, _, name = name.partition("/")
        kind += "/"
    if any(part.strip(" .") == "" for part in name.replace("\\", "/").split("/")):
        raise BadRequest(
            f"the model's name {model[:80]!r} is not the name of a Gemini model", "model"
        )
    return f"/{kind}{quote(name, safe='-._~@', errors='replace')}:{method}"
