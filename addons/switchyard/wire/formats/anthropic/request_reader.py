"""Reads a request body as a conversation.

Source: API reference, "Messages": create a message.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import read_blocks
from switchyard.wire.formats.anthropic.client_tools import client_tools
from switchyard.wire.formats.anthropic.members import Members
from switchyard.wire.formats.anthropic.toolsets import MEMBER
from switchyard.wire.formats.anthropic.words import SYSTEM_BLOCK
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.placing import reminder
from switchyard.wire.shared.tool_choice import REMOVED

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_NUMBERS = ("max_tokens", "temperature", "top_p", "top_k")

SYSTEM = "system"
SYSTEM_TEXT = "system-text"
"""Forms of the turn that holds `system`: a list of blocks, or one text. System messages among
`messages` have the forms of other messages."""

TEXT = "text"
"""Form of a turn whose content is one text instead of a list of blocks."""

ADDED = "added"
"""Form of a tool that a message declares, rather than `tools`."""

_CHANGES = ("tool_addition", "tool_removal")

OUTPUT_FORMAT = "output_format"
"""Form of a schema requested by the older top-level member."""


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation.

    Raises BadRequest if the body certainly breaks the API's rules.
    """
    members = Members(body)
    model = members.take("model", str)
    if not model:
        raise BadRequest("model: a model name is required", "model")
    messages = members.take("messages", list)
    if messages is None:
        raise BadRequest("messages: a list of messages is required", "messages")
    for name in _NUMBERS:
        _check_number(body, name)
    choice, parallel = _read_tool_choice(members, body)
    output, reasoning, config = _read_output(members, body)
    user, metadata = _read_metadata(members, body)
    turns = [*_read_system(members, body), *map(_read_message, range(len(messages)), messages)]
    tools = with_changes(_read_tools(members, body), turns)
    return Conversation(
        format=NAME,
        model=model,
        turns=tuple(turns),
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=members.take("max_tokens", int),
        temperature=members.take("temperature", int, float),
        top_p=members.take("top_p", int, float),
        top_k=members.take("top_k", int),
        stop=_read_stop_sequences(members, body),
        output=output,
        reasoning=reasoning,
        user=user,
        service_tier=members.take("service_tier", str),
        stream=members.take("stream", bool),
        extra={**members.rest(), **config, **metadata},
    )


def _check_number(body: JsonObject, name: str) -> None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadRequest(f"{name}: a number is required, not {value!r}", name)


def _read_system(members: Members, body: JsonObject) -> list[Turn]:
    system = members.take("system", str, list)
    if isinstance(system, str):
        return [Turn(role="system", parts=(Text(text=system),), form=SYSTEM_TEXT)]
    if system is not None:
        return [Turn(role="system", parts=_read_content(system, "system"), form=SYSTEM)]
    if body.get("system") is not None:
        raise BadRequest("system: text or a list of text blocks is required", "system")
    return []


def _read_message(index: int, message: Any) -> Turn:
    at = f"messages.{index}"
    if not isinstance(message, dict):
        raise BadRequest(f"{at}: an object with role and content is required", at)
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        said = message.get("role")
        raise BadRequest(
            f"{at}.role: must be user, assistant or system, not {said!r}", f"{at}.role"
        )
    members = Members(message, "role")
    content = members.take("content", str, list)
    if isinstance(content, str):
        parts: tuple[Part, ...] = (Text(text=content),)
        return Turn(role=role, parts=parts, extra=members.rest(), form=TEXT)
    if content is None and message.get("content") is not None:
        raise BadRequest(f"{at}.content: text or a list of blocks is required", f"{at}.content")
    parts = _read_content(content or [], f"{at}.content")
    if role != "system":
        parts = tuple(map(_as_instruction, parts))
    return Turn(
        role=role,
        parts=parts,
        extra=members.rest(),
        form="" if content is not None else "absent",
    )


def _as_instruction(part: Part) -> Part:
    """Returns a part of a turn, marked as an instruction if its block holds one."""
    if not isinstance(part, Opaque) or part.kind != SYSTEM_BLOCK or part.text is None:
        return part
    return altered(part, text=reminder(part.text))


def _read_content(blocks: list[Any], at: str) -> tuple[Part, ...]:
    for index, block in enumerate(blocks):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise BadRequest(
                f"{at}.{index}: a content block with a type is required", f"{at}.{index}"
            )
    return read_blocks(blocks, history=True)


def _read_tools(members: Members, body: JsonObject) -> tuple[Tool, ...]:
    if body.get("tools") and not isinstance(body["tools"], list):
        raise BadRequest("tools: a list is required", "tools")
    tools = members.take_filled("tools", list) or []
    return tuple(one for i, tool in enumerate(tools) for one in read_tool(tool, f"tools.{i}"))


def with_changes(tools: tuple[Tool, ...], turns: list[Turn]) -> tuple[Tool, ...]:
    """Returns the tools after all changes that system messages make.

    Added tools are of form `ADDED`, removed ones of form `REMOVED`; the request's `tools` stay
    unchanged. Source: guide "Mid-conversation tool changes".
    """
    blocks = [p.raw for t in turns for p in t.parts if isinstance(p, Opaque)]
    changes = [change for block in blocks for change in _changes(block)]
    if not changes:
        return tools
    gone: dict[str, bool] = {}
    added: dict[str, Tool] = {}
    for change in changes:
        said = change.get("tool")
        said = said if isinstance(said, dict) else {}
        if said.get("type") == "tool_definition":
            for tool in read_tool(said.get("definition"), "messages"):
                added[tool.name] = altered(tool, form=ADDED)
                gone.pop(tool.name, None)
        else:
            gone[str(said.get("name"))] = change["type"] == "tool_removal"
    # A later definition replaces an earlier one.
    left = [
        altered(tool, form=REMOVED)
        if tool.form != MEMBER and (gone.get(tool.name) or tool.name in added)
        else tool
        for tool in tools
    ]
    return (*left, *(tool for name, tool in added.items() if not gone.get(name)))


def _changes(block: JsonObject) -> list[JsonObject]:
    """Returns the changes of tools that a block is, or holds."""
    inner: Any = [block]
    if block.get("type") == SYSTEM_BLOCK:
        inner = block.get("content")
    elif block.get("type") == "compaction":
        inner = block.get("tool_changes")  # of all that the summary stands for
    found = inner if isinstance(inner, list) else []
    return [one for one in found if isinstance(one, dict) and one.get("type") in _CHANGES]


def read_tool(tool: Any, at: str) -> list[Tool]:
    """Returns the tools that one entry of `tools` declares, several for a toolset.

    Raises BadRequest.
    """
    if not isinstance(tool, dict):
        raise BadRequest(f"{at}: an object is required", at)
    return client_tools(tool) or [_read_tool(tool, at)]


def _read_tool(tool: JsonObject, at: str) -> Tool:
    kind = tool.get("type")
    if kind not in (None, "custom"):
        name = tool.get("name") or tool.get("mcp_server_name") or kind
        return Tool(kind="server", name=str(name), format=NAME, raw=tool)
    members = Members(tool)
    name = members.take("name", str)
    if name is None:
        raise BadRequest(f"{at}.name: a name is required", f"{at}.name")
    return Tool(
        name=name,
        description=members.take("description", str),
        parameters=members.take("input_schema", dict),
        strict=members.take("strict", bool),
        cache=members.take("cache_control", dict),
        extra=members.rest(),
    )


def _read_tool_choice(members: Members, body: JsonObject) -> tuple[ToolChoice | None, bool | None]:
    """Returns the choice, and whether it allows parallel calls.

    The API has one member for both.
    """
    raw = members.take("tool_choice", dict)
    if raw is None:
        if body.get("tool_choice") is not None:
            raise BadRequest("tool_choice: an object with a type is required", "tool_choice")
        return None, None
    inner = Members(raw, "type")
    disabled = inner.take("disable_parallel_tool_use", bool)
    parallel = None if disabled is None else not disabled
    match raw.get("type"):
        case "auto":
            return ToolChoice(mode="auto", extra=inner.rest()), parallel
        case "any":
            return ToolChoice(mode="required", extra=inner.rest()), parallel
        case "none":
            return ToolChoice(mode="none", extra=inner.rest()), parallel
        case "tool":
            name = inner.take("name", str)
            return ToolChoice(mode="tool", name=name, extra=inner.rest()), parallel
        case kind:
            message = f"tool_choice.type: must be auto, any, tool or none, not {kind!r}"
            raise BadRequest(message, "tool_choice.type")


def _read_output(
    members: Members, body: JsonObject
) -> tuple[Output | None, Reasoning | None, JsonObject]:
    """Returns output shape, requested reasoning, and the rest of `output_config`."""
    output: Output | None = None
    effort: str | None = None
    left: JsonObject = {}
    config = members.take("output_config", dict)
    if config is not None:
        inner = Members(config)
        effort = inner.take("effort", str)
        if (shape := config.get("format")) and _is_schema(shape):
            output = _read_schema(inner.take("format", dict), "")
        if (rest := inner.rest()) or not config:
            left = {"output_config": rest}
    if output is None and _is_schema(body.get("output_format")):
        output = _read_schema(members.take("output_format", dict), OUTPUT_FORMAT)
    return output, _read_reasoning(members, effort), left


def _is_schema(shape: Any) -> bool:
    return (
        isinstance(shape, dict)
        and shape.get("type") == "json_schema"
        and isinstance(shape.get("schema"), dict)
    )


def _read_schema(shape: JsonObject, form: str) -> Output:
    members = Members(shape, "type")
    schema = members.take("schema", dict)
    return Output(kind="json_schema", schema=schema, extra=members.rest(), form=form)


def _read_reasoning(members: Members, effort: str | None) -> Reasoning | None:
    thinking = members.take_filled("thinking", dict)
    if thinking is None:
        return Reasoning(effort=effort) if effort is not None else None
    inner = Members(thinking)
    summary = inner.take("display", str)
    match thinking.get("type"):
        case "enabled":
            inner.take("type", str)
            budget = inner.take("budget_tokens", int)
            return Reasoning(
                effort=effort, budget=budget, enabled=True, summary=summary, extra=inner.rest()
            )
        case "adaptive":
            inner.take("type", str)
            return Reasoning(effort=effort, adaptive=True, summary=summary, extra=inner.rest())
        case "disabled":
            inner.take("type", str)
            return Reasoning(effort=effort, enabled=False, summary=summary, extra=inner.rest())
    return Reasoning(effort=effort, summary=summary, extra=inner.rest())


def _read_metadata(members: Members, body: JsonObject) -> tuple[str | None, JsonObject]:
    metadata = members.take("metadata", dict)
    if metadata is None:
        return None, {}
    inner = Members(metadata)
    user = inner.take("user_id", str)
    rest = inner.rest()
    return user, {"metadata": rest} if rest or not metadata else {}


def _read_stop_sequences(members: Members, body: JsonObject) -> tuple[str, ...]:
    sequences = body.get("stop_sequences")
    if not sequences:
        return ()
    if not isinstance(sequences, list) or not all(isinstance(s, str) for s in sequences):
        raise BadRequest("stop_sequences: a list of texts is required", "stop_sequences")
    return tuple(members.take("stop_sequences", list))
