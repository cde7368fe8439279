"""Finds members of a request that name a model besides `model`.

Gateways know many: OpenRouter's `models`, `route` and `plugins` (its reference, "Model Routing"),
LiteLLM's `fallbacks` and `model_list` ("Reliability"), Vercel's `providerOptions.gateway.models`,
Azure's `deployment_id`, `engine` of the old OpenAI API, the `model` of a tool that asks one
(OpenAI's `image_generation`, Anthropic's advisor). Some servers take names of members in any case
(Go's encoding/json: "preferring exact matches but also accepting case-insensitive matches"), and of
two members of one name the first, the last, or both.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from switchyard.values.remembering import remembering
from switchyard.values.searching import find_rare
from switchyard.values.searching import has_rare
from switchyard.wire.encoding.jsonio import JsonObject

MODEL = "model"
_QUOTED = b'"model"'

_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
_LETTERS_IN_ESCAPES = (rb"\u004", rb"\u006")
"""Prefixes of the escapes of the letters in `model` (ASCII, 4D to 6F)."""
_WORDS = ("model", "fallback", "deployment", "adapter")
"""Parts of members' names that indicate a model's name, or a part of one."""
_NAMES = {"engine", "engineid", "route", "router", "routing", "preset", "apibase", "baseurl",
          "customllmprovider", "assistantid", "agentid", "botid", "endpointid", "lora",
          "lorarequest", "loraid"}  # fmt: skip
_WITHIN = {"extrabody", "provider", "provideroptions", "litellmparams", "options", "request",
           "generatecontentrequest", "gateway", "plugins"}  # fmt: skip
"""Members whose own members gateways merge into the request."""
_DEEPEST = 4
_LONGEST = 1_000_000
"""Maximum number of bytes searched for a second `model`."""


def names_in_other_letters(body: JsonObject) -> str | None:
    """Returns the member that some servers take for `model`, by its case; else None."""
    found = [key for key in body if key != MODEL and is_model(key)]
    return found[0] if found else None


@remembering
def is_model(name: str) -> bool:
    """Whether some server takes a member of that name for `model`."""
    return len(name) < 64 and _folded(name) == MODEL


def names_twice(raw: bytes) -> bool:
    """Whether an object's text has, or may have, the member `model` more than once.

    Servers may take either. A text that is too long to search may have it.
    """
    escaped = any(has_rare(raw, mark) for mark in _LETTERS_IN_ESCAPES)
    if not escaped:
        first = find_rare(raw, _QUOTED)
        if first < 0 or not has_rare(raw, _QUOTED, first + len(_QUOTED)):
            return False
    if len(raw) > _LONGEST:
        return True
    return sum(name == MODEL for name in _top_names(raw)) > 1


def other_names(body: JsonObject, ollama: bool = False) -> Iterator[tuple[str, str]]:
    """Yields the members that may select another model than `model` does.

    Each comes with its path and the model's name, empty if it is not one name. `ollama`: whether
    `name` is one of them (its API documentation: the older word for `model`).
    """
    yield from _named_in(body, "", 0, ollama)
    if isinstance(tools := body.get("tools"), list):
        for number, tool in enumerate(tools):
            if isinstance(tool, dict):
                yield from _named_by_tool(tool, f"tools[{number}]")


def _named_by_tool(tool: JsonObject, where: str) -> Iterator[tuple[str, str]]:
    for key, value in tool.items():
        if _is_named(value) and _folded(key) in ("model", "modelid", "models"):
            yield f"{where}.{key}", value if isinstance(value, str) else ""


def _named_in(
    body: JsonObject, where: str, depth: int, ollama: bool = False
) -> Iterator[tuple[str, str]]:
    for key, value in body.items():
        if not _is_named(value) or len(key) > 256:
            continue
        name = _folded(key).replace("_", "").replace("-", "")
        if depth == 0 and key == MODEL:
            continue
        if _tells(name) or (ollama and name == "name"):
            yield where + key, value if isinstance(value, str) else ""
        elif depth < _DEEPEST and (depth or name in _WITHIN):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from _named_in(one, f"{where}{key}.", depth + 1)


def _tells(name: str) -> bool:
    return name in _NAMES or any(word in name for word in _WORDS)


def _is_named(value: Any) -> bool:
    """Whether a value can be a name, which numbers and booleans cannot."""
    return isinstance(value, str | list | dict) and bool(value)


def _folded(name: str) -> str:
    if name.isascii():
        return name.strip().lower()
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _top_names(raw: bytes) -> Iterator[str]:
    """Returns the names of the outermost object's members, as written."""
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = token.group()[0]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif depth == 1 and len(token.group()) < 64 and _is_name(raw, token.end()):
            try:
                yield json.loads(token.group())
            except ValueError:
                continue


def _is_name(raw: bytes, end: int) -> bool:
    """Whether a colon follows the string that ends there."""
    while end < len(raw) and raw[end] in b" \t\r\n":
        end += 1
    return raw[end : end + 1] == b":"
