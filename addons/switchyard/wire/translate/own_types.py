"""Removes tools of a format's own types for providers that do not support them.

Many providers speak Anthropic's or OpenAI's format and support functions alone. A profile in the
configuration records which of them do; this module applies it to a request's body.
"""

from typing import Any
from typing import Protocol

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.anthropic.client_tools import client_tools
from switchyard.wire.formats.anthropic.request_writer import write_tool
from switchyard.wire.formats.openai_responses.client_tools import client_tool
from switchyard.wire.shared.server_tools import Dialect

_ANTHROPIC, _RESPONSES, _GEMINI = "anthropic", "openai-responses", "gemini"
_CALLABLE = ("function", "custom", "namespace")
_DECLARED = ("functionDeclarations", "computerUse")
_CHOICES = ("tool_choice", "toolConfig")


class KnownTypes(Protocol):
    """The types of tools that an upstream supports; None means those of its format."""

    @property
    def typed_tools(self) -> bool | None:
        """False: it knows none of Anthropic's types of tools that a client runs."""

    @property
    def server_tools(self) -> Dialect | None:
        """`none`: no tools run there."""


def with_known_types(body: JsonObject, format: str, known: KnownTypes) -> tuple[JsonObject, bool]:
    """Returns `body`, in `format`, with supported tool types alone.

    Also returns whether some were left out. Returns `body` itself if all are supported; never
    changes it, nor anything in it.
    """
    tools = body.get("tools")
    if not isinstance(tools, list):
        return body, False
    gone = [tool for tool in tools if _is_left_out(tool, format, known)]
    kept: list[Any] = [tool for tool in tools if tool not in gone]
    if known.typed_tools is False and format == _ANTHROPIC:
        kept = [made for tool in kept for made in _functions(tool)]
    if not gone and kept == tools:
        return body, False
    if not kept:
        return rest(body, "tools", *_CHOICES), bool(gone)
    changed = {**body, "tools": kept}
    return rest(changed, "tool_choice") if _is_chosen(body, gone) else changed, bool(gone)


def _is_chosen(body: JsonObject, gone: list[JsonObject]) -> bool:
    """Whether the tool choice names a tool that was left out."""
    choice = body.get("tool_choice")
    said = {choice.get("name"), choice.get("type")} if isinstance(choice, dict) else set()
    return any({tool.get("name"), tool.get("type")} & (said - {None}) for tool in gone)


def _is_left_out(tool: Any, format: str, known: KnownTypes) -> bool:
    if known.server_tools != "none" or not isinstance(tool, dict):
        return False
    if format == _ANTHROPIC:
        return tool.get("type") not in (None, "custom") and not client_tools(tool)
    if format == _RESPONSES:
        return tool.get("type") not in _CALLABLE and client_tool(tool, "") is None
    return format == _GEMINI and tool.keys().isdisjoint(_DECLARED)


def _functions(tool: Any) -> list[Any]:
    """Returns the functions for a tool of Anthropic's types; any other tool unchanged."""
    made = client_tools(tool) if isinstance(tool, dict) else []
    return [write_tool(altered(one, raw=EMPTY)) for one in made] or [tool]
