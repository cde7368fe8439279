"""Prints a request to a model."""

from collections.abc import Iterator

from switchyard.transcript.layout import heading
from switchyard.transcript.layout import joined
from switchyard.transcript.layout import number
from switchyard.transcript.layout import one_line
from switchyard.transcript.parts import part_text
from switchyard.values.counts import counted
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn

_LONGEST_TOOL = 99
_LONGEST_VALUE = 60


def request_text(conversation: Conversation) -> str:
    """Print model and settings, the tools offered, and the turns so far."""
    sections = [
        f"asks {conversation.model or '(the model of the path)'}, in {conversation.format}\n"
        f"{joined(_settings(conversation))}".rstrip()
    ]
    if conversation.tools:
        offered = counted(len(conversation.tools), "tool")
        lines = "\n".join(map(tool_line, conversation.tools))
        sections.append(f"{heading(f'{offered} offered')}\n{lines}")
    calls: dict[str, str] = {}
    for turn in conversation.turns:
        for part in turn.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = part.name
        sections.append(_turn(turn, calls))
    return "\n\n".join(sections) + "\n"


def tool_line(tool: Tool) -> str:
    """Print a tool in one line: name, arguments (`?` marks optional ones), purpose."""
    name = f"{tool.namespace}.{tool.name}" if tool.namespace else tool.name
    if tool.kind == "server":
        return one_line(f"{name}: runs at the provider", _LONGEST_TOOL)
    schema = tool.parameters or {}
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    arguments = ", ".join(
        str(key) if key in needed else f"{key}?"
        for key in (properties if isinstance(properties, dict) else {})
    )
    kind = " (free text)" if tool.kind == "custom" else f"({arguments})"
    told = f": {tool.description}" if tool.description else ""
    return one_line(f"{name}{kind}{told}", _LONGEST_TOOL)


def _turn(turn: Turn, calls: dict[str, str]) -> str:
    only_results = turn.parts and all(isinstance(part, ToolResult) for part in turn.parts)
    who = "tools" if only_results else turn.role
    head = heading(f"{who} ({turn.name})" if turn.name else who)
    return "\n".join([head, "\n\n".join(part_text(part, calls) for part in turn.parts)])


def _settings(c: Conversation) -> Iterator[str]:
    if c.stream:
        yield "streamed"
    if c.max_tokens is not None:
        yield f"at most {number(c.max_tokens)} tokens"
    if c.reasoning is not None:
        yield _reasoning(c.reasoning)
    if c.tool_choice is not None:
        yield _choice(c.tool_choice)
    if c.output is not None:
        yield _output(c.output)
    if c.parallel_tools is not None:
        yield "parallel calls" if c.parallel_tools else "one call at a time"
    if c.stop:
        yield f"stops at {', '.join(repr(word) for word in c.stop)}"
    named = (
        ("temperature", c.temperature),
        ("top_p", c.top_p),
        ("top_k", c.top_k),
        ("seed", c.seed),
        ("presence penalty", c.presence_penalty),
        ("frequency penalty", c.frequency_penalty),
        ("answers", c.candidates),
        ("verbosity", c.verbosity),
        ("service tier", c.service_tier),
        ("store", c.store),
        ("cache key", c.cache_key),
        ("user", c.user),
    )
    for name, value in named:
        if value is not None:
            yield f"{name} {one_line(str(value), _LONGEST_VALUE)}"
    if also := [name for name in _unnamed(c) if not name.startswith("_")]:
        yield f"also set: {one_line(', '.join(also), _LONGEST_VALUE)}"


def _unnamed(c: Conversation) -> Iterator[str]:
    """Yield members without a name in the neutral model; readers may keep some aside."""
    for name, value in c.extra.items():
        if name == c.format and isinstance(value, dict):
            yield from value
        else:
            yield name


def _reasoning(r: Reasoning) -> str:
    if r.budget is not None:
        return f"thinks up to {number(r.budget)} tokens"
    if r.effort is not None:
        return f"thinks with effort {r.effort}"
    if r.adaptive:
        return "thinks as it sees fit"
    if r.enabled is not None:
        return "thinks" if r.enabled else "does not think"
    return ""


def _choice(choice: ToolChoice) -> str:
    match choice.mode:
        case "tool":
            return f"must call {choice.name}"
        case "allowed":
            return f"may call {', '.join(choice.allowed)}"
        case "required":
            return "must call a tool"
        case "none":
            return "must call no tool"
    return ""


def _output(output: Output) -> str:
    match output.kind:
        case "json_schema":
            return f"answers by the schema {output.name}" if output.name else "answers by a schema"
        case "json_object":
            return "answers in JSON"
    return ""
