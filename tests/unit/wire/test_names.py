"""What depends on a format's name belongs to the format."""

import re
from collections import Counter
from pathlib import Path

from switchyard.wire.format import Format
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.registry import SHAPES

PACKAGE = Path(__file__).resolve().parents[3] / "addons" / "switchyard"
NAME = re.compile(rf'"(?:{"|".join(map(re.escape, {**CLIENT_FORMATS, **PROVIDER_FORMATS}))})"')
IMPORT = re.compile(r"^\s*(?:from|import) switchyard\.wire\.formats\.(\w+)", re.MULTILINE)

NAMING = {
    "config/fields.py": "CLIProxyAPI's words for formats",
    "attempt/adjustments.py": "Gemini's two members for a schema",
    "wire/shared/instructed.py": "where a body holds the shape of an answer",
    "wire/shared/effort.py": "where a body holds an effort",
    "wire/shared/compaction.py": "what a compacted conversation keeps",
    "wire/shared/placing.py": "turns that Anthropic adds for one request",
    "wire/shared/server_tools.py": "one provider's tools in the words of another",
    "wire/shared/server_tool_results.py": "what such tools did, in the words of another",
    "wire/translate/quirks.py": "where a body holds what an upstream refuses",
    "wire/translate/chat_templates.py": "where a body holds messages",
    "wire/translate/own_types.py": "which types of tools are whose",
    "wire/translate/reasoning_wish.py": "where a body holds what it asks of thinking",
    "wire/operations/count_tokens.py": "a family of models, not the format",
    "wire/shared/readable.py": "whose thinking other formats can read",
    "wire/translate/thinking_back.py": "where a body holds thinking and signatures",
    "routing/profiles.py": "what Gemini demands of a call",
    "config/example_models.py": "presets of that name",
    "config/foreign.py": "presets of that name, and what a file speaks that names nothing",
    "management/trying.py": "a question, before it is written in the provider's format",
    "management/api/cliproxyapi/compatibility_routes.py": "what a list of others' keys is for",
    "management/api/cliproxyapi/account_routes.py": "what others call a login",
    "management/api/cliproxyapi/channels.py": "what a list of others' keys is for",
    "tracing/genai_names.py": "the conventions' words for operations and vendors",
    "usage/windows.py": "a provider of that name",
    "recording/window_notes.py": "a provider of that name",
    "clients/limit_refusals.py": "headers that each vendor has for limits",
    "pipeline/limiting.py": "headers that each vendor has for limits",
    "config/combinations.py": "the format that clouds speak",
    "importers/bifrost.py": "a provider of that name",
    "importers/channel_types.py": "what a type of channel speaks",
    "importers/claude_code_router.py": "what a transformer speaks",
    "importers/claude_code_router_3.py": "what a protocol of that router is",
    "importers/cliproxyapi.py": "what a list of keys is for",
    "importers/draft.py": "what a provider speaks that names nothing",
    "importers/known_providers.py": "what an endpoint's path is for",
    "importers/litellm.py": "a provider of that name",
    "importers/nine_router.py": "what a node speaks",
}
"""Modules that name a format, and what for."""

IMPORTING = {
    "attempt/adjustments.py": "Gemini's two members for a schema",
    "attempt/compaction.py": "the answer of the Responses API's endpoint",
    "attempt/body.py": "calls of Anthropic's toolsets",
    "attempt/heartbeat.py": "errors on the Responses API's WebSocket",
    "exchange/previous_response.py": "the Responses API's stored answers",
    "exchange/websocket_request.py": "the Responses API's WebSocket",
    "exchange/websocket_session.py": "the Responses API's WebSocket",
    "pipeline/management.py": "Ollama's description of a model",
    "wire/operations/compaction.py": "the Responses API's compaction",
    "wire/operations/stored_response.py": "the Responses API's stored answers",
    "wire/registry.py": "all of them",
    "routing/profiles.py": "Google's value in place of a signature",
    "usage/tokens.py": "how Gemini counts its tokens",
    "wire/translate/thinking_back.py": "where a body holds thinking and signatures",
    "wire/translate/merge_turns.py": "answers that a history has in pieces",
    "wire/translate/own_types.py": "which types of tools are whose",
    "wire/translate/quirks.py": "the names of thinking in Chat's dialects",
    "wire/translate/remedies.py": "what Gemini's reader leaves of a call",
    "wire/translate/role_order.py": "roles that Chat alone has",
    "wire/translate/stand_ins.py": "what each format takes in place of a proof",
}
"""Modules that import the inside of a format, and what for."""


def modules(pattern: re.Pattern[str]) -> set[str]:
    """The modules outside of the formats in which the pattern is found."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "wire" / "formats")
        and pattern.search(path.read_text())
    }


def test_no_other_module_names_a_format() -> None:
    assert modules(NAME) == NAMING.keys()


def test_no_other_module_knows_the_inside_of_a_format() -> None:
    assert modules(IMPORT) == IMPORTING.keys()


def test_a_path_belongs_to_one_format() -> None:
    every = (*FORMATS.values(), *SHAPES)
    paths = Counter(one.path for format in every for one in format.endpoints)
    paths.update(one.path for format in FORMATS.values() for one in format.own_endpoints)
    assert [path for path, count in paths.items() if count > 1] == []


def test_a_format_that_lacks_something_is_refused() -> None:
    try:
        type("Half", (Format,), {"name": "half"})
    except TypeError as e:
        assert "Half" in str(e) and "read_request" in str(e) and "with_model" not in str(e)
    else:
        raise AssertionError("half a format was taken")
