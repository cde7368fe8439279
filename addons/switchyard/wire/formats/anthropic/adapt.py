"""Adapts a conversation of another format to what the Messages API accepts.

Each rule follows from a request that the API refuses (API reference: "Messages", "Errors"; guides:
"Extended thinking", "Adaptive thinking", "Tool use", "Structured outputs"). The result is a
conversation of this format, so that the ordinary writer writes it.
"""

from switchyard.wire.formats.anthropic import effort
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.history import adapt_turns
from switchyard.wire.formats.anthropic.request_reader import SYSTEM
from switchyard.wire.formats.anthropic.schema import enforceable
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.instructed import instruction
from switchyard.wire.shared.parameters import parameters
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.placing import opening
from switchyard.wire.shared.server_tools import declare_search
from switchyard.wire.shared.tool_names import Names

_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only"}

_MAX_USER_ID = 256


def adapt(c: Conversation) -> Conversation:
    """Returns `c` as a conversation of this format.

    - System and developer messages at the beginning become the system prompt; for later ones see
      `placing`.
    - A JSON object without a schema, or with a schema that the API cannot enforce for the model,
      becomes an instruction at the end of the system prompt.
    - Custom tools become functions with one text argument (see `custom_tools`); tools in namespaces
      get a flat name (see `tool_names`).
    - A choice among some of the tools offers only these.
    - Stop sequences without a visible character are left out, because the API refuses them.
    - `effort` sets thinking, sampling and `max_tokens`; `history` adapts the turns.
    """
    names = Names(c.tools)
    tools, choice = _tools(c, names)
    output, words = _output(c.output, c.model)
    turns = adapt_turns(c, names)
    fitted = effort.fit(c, choice, turns)
    return Conversation(
        format=NAME,
        model=c.model,
        turns=(*_system(c, words), *turns),
        tools=tools,
        tool_choice=choice,
        parallel_tools=False if choice and choice.mode != "none" and _serial(c) else None,
        max_tokens=fitted.max_tokens,
        temperature=fitted.temperature,
        top_p=fitted.top_p,
        top_k=fitted.top_k,
        stop=tuple(s for s in c.stop if s.strip()),
        output=output,
        reasoning=fitted.reasoning,
        user=_user(c.user),
        service_tier=_TIERS.get(c.service_tier) if c.service_tier else None,
        stream=c.stream,
    )


def _system(c: Conversation, words: str) -> list[Turn]:
    parts: list[Part] = [
        part for turn in opening(c.turns) for part in instructions(turn) if isinstance(part, Text)
    ]
    if words:
        parts.append(Text(text=words))
    return [Turn(role="system", parts=tuple(parts), form=SYSTEM)] if parts else []


def _output(output: Output | None, model: str) -> tuple[Output | None, str]:
    """Returns the output shape that the API enforces, and the one left to the prompt."""
    if output is None or output.kind == "text":
        return None, ""
    schema = enforceable(output, model)
    if schema is None:
        return None, instruction(output.schema if output.kind == "json_schema" else None)
    return Output(kind="json_schema", schema=schema), ""


def _serial(c: Conversation) -> bool:
    return c.parallel_tools is False


def _tools(c: Conversation, names: Names) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    choice = c.tool_choice
    offered = [tool for tool in c.tools if tool.kind != "server" or tool.format == NAME]
    if c.web_search is not None and (search := declare_search(c.web_search, NAME)) is not None:
        offered.append(search)
    if choice is not None and choice.mode == "allowed":
        offered = [tool for tool in offered if tool.name in choice.allowed]
        one = choice.allowed[0] if choice.required and len(choice.allowed) == 1 else None
        mode = "tool" if one else "required" if choice.required else "auto"
        choice = ToolChoice(mode=mode, name=one)
    elif choice is not None:
        choice = ToolChoice(mode=choice.mode, name=choice.name)
    elif _serial(c):
        choice = ToolChoice(mode="auto")
    # The API refuses a tool choice without tools.
    return tuple(_tool(tool, names) for tool in offered), choice if offered else None


def _tool(tool: Tool, names: Names) -> Tool:
    if tool.kind == "server":
        return tool
    function = as_function(tool)
    return Tool(
        name=names.flat(tool.name, tool.namespace),
        description=function.description,
        parameters=parameters(function.parameters),
        cache=tool.cache,
    )


def _user(user: str | None) -> str | None:
    """Returns a user id that the API accepts: within its length, no e-mail address."""
    return user if user and len(user) <= _MAX_USER_ID and "@" not in user else None
