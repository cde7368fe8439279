"""Writes and reads the tools of a request (API reference, "ToolConfiguration")."""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.converse.caches import cache_point
from switchyard.wire.formats.converse.families import Family
from switchyard.wire.formats.converse.families import can_be_made_to_call
from switchyard.wire.formats.converse.families import can_be_made_to_call_one
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.parameters import parameters
from switchyard.wire.shared.tool_names import Names

_ROOT = ("type", "properties", "required", "$defs", "definitions")
"""What the schema of a tool may have at its root for Nova (its guide, "Defining a tool")."""


def offered_tools(c: Conversation, family: Family) -> list[Tool]:
    """Returns the tools that may be called: the API has no word against calls or for some.

    A model that cannot be made to call a certain tool is offered that one alone.
    """
    choice = c.tool_choice
    allowed: Sequence[str] | None = None
    if choice is not None and choice.mode in ("none", "allowed"):
        allowed = choice.allowed if choice.mode == "allowed" else ()
    elif choice is not None and choice.mode == "tool" and not can_be_made_to_call_one(family):
        allowed = (choice.name or "",)
    return [
        as_function(tool)
        for tool in c.tools
        if tool.kind != "server" and (allowed is None or tool.name in allowed)
    ]


def settled_choice(choice: ToolChoice | None, family: Family) -> ToolChoice | None:
    """Returns the choice as a model of the family takes it; None where it chooses itself."""
    if choice is None:
        return None
    if choice.mode == "tool" and can_be_made_to_call_one(family):
        return ToolChoice(mode="tool", name=choice.name)
    demands = choice.mode in ("required", "tool") or (choice.mode == "allowed" and choice.required)
    return ToolChoice(mode="required") if demands and can_be_made_to_call(family) else None


def write_tools(
    tools: Sequence[Tool], choice: ToolChoice | None, names: Names, family: Family
) -> JsonObject:
    """Returns `toolConfig` for the tools that are offered and the settled choice."""
    config: JsonObject = {"tools": [block for t in tools for block in _tool(t, names, family)]}
    if choice is not None and choice.mode == "required":
        config["toolChoice"] = {"any": {}}
    elif choice is not None and choice.mode == "tool":
        config["toolChoice"] = {"tool": {"name": names.flat(choice.name or "")}}
    return config


def _tool(tool: Tool, names: Names, family: Family) -> Iterator[JsonObject]:
    schema = parameters(tool.parameters)
    if family == "nova":
        schema = {word: value for word, value in schema.items() if word in _ROOT}
    said: JsonObject = {
        "name": names.flat(tool.name, tool.namespace),
        "inputSchema": {"json": schema},
    }
    if description := (tool.description or "").strip():
        said["description"] = description
    yield {"toolSpec": said}
    if family == "claude":  # Nova refuses marks among tools
        yield from cache_point(tool.cache, family)


def read_tools(config: JsonObject) -> tuple[Tool, ...]:
    """Returns the functions that a request offers."""
    said = (object_of(tool.get("toolSpec")) for tool in objects_of(config.get("tools")))
    return tuple(
        Tool(
            name=text_of(one.get("name")),
            description=text_of(one.get("description")) or None,
            parameters=object_of(object_of(one.get("inputSchema")).get("json")) or None,
        )
        for one in said
        if one
    )


def read_choice(config: JsonObject) -> ToolChoice | None:
    """Returns the choice among tools that a request makes."""
    choice = object_of(config.get("toolChoice"))
    if "tool" in choice:
        return ToolChoice(mode="tool", name=text_of(object_of(choice["tool"]).get("name")))
    if "any" in choice:
        return ToolChoice(mode="required")
    return ToolChoice(mode="auto") if "auto" in choice else None
