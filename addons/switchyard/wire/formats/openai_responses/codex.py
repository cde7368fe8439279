"""Writes the model list that Codex requests: `GET /models?client_version=`.

Source: openai/codex, `codex-rs/protocol/src/openai_models.rs`, `ModelsResponse`. Codex lets the
list override its own knowledge of a model, so the entries state only what holds for any model.
"""

from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.model.model_list import ModelEntry

_VERSION = "client_version="

_INSTRUCTIONS = """\
You are a coding agent running in the Codex CLI, a terminal-based coding assistant, on the \
user's computer. You receive the user's prompts and other context, such as files of the \
workspace, and work by emitting function calls that run terminal commands and apply patches.

- Keep going until the user's request is completely resolved before you end your turn. Do not \
guess: read files and run commands to find out.
- Before a group of tool calls, say in one short sentence what you are about to do.
- Fix a problem at its root, keep changes minimal and in the style of the code around them, and \
do not mend what is unrelated. Do not commit or create branches unless you are asked to.
- Follow AGENTS.md files: the scope of one is the folder that holds it; deeper ones come first.
- Where tests or a build exist, use them to verify your work.
- End with a concise summary of what you did; refer to files by their paths."""
"""Codex' instructions for a model; without this text it would send none."""

_EFFORTS = (
    ("low", "Fast responses with lighter reasoning"),
    ("medium", "Balances speed and reasoning depth"),
    ("high", "Greater reasoning depth for complex problems"),
)


class Codex(OpenAIResponses):
    """Implements `openai-responses` with the model list of Codex."""

    endpoints = ()
    client_headers = ()
    request_marks = ()
    reply_marks = ()

    def is_client(self, headers: Mapping[str, str], path: str) -> bool:
        query = path.partition("?")[2]
        return any(pair.startswith(_VERSION) for pair in query.split("&"))

    def write_models(self, models: Sequence[ModelEntry]) -> JsonObject:
        return {"models": [_model(entry, place) for place, entry in enumerate(models)]}


def _model(entry: ModelEntry, place: int) -> JsonObject:
    """Returns one entry; Codex' picker follows `place` and defaults to the first."""
    model: JsonObject = {
        "slug": entry.id,
        "display_name": entry.id,
        "description": f"{entry.id} at {entry.owner}",
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": [
            {"effort": effort, "description": said} for effort, said in _EFFORTS
        ],
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": True,
        "priority": place,
        "upgrade": None,
        "base_instructions": _INSTRUCTIONS,
        "supports_reasoning_summaries": True,
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": None,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "supports_parallel_tool_calls": True,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"],
    }
    if entry.context_window is not None:
        model["context_window"] = entry.context_window
    return model
