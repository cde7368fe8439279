"""Reads and writes a request's settings: options, format, thinking, tools."""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import own
from switchyard.wire.formats.ollama.names import owned
from switchyard.wire.formats.ollama.schema import readable
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Tool
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.effort import LEVELS
from switchyard.wire.shared.effort import OLLAMA_WITH_LEVELS
from switchyard.wire.shared.tool_names import Names

_NUMBERS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Fields of the conversation by option."""

_LEVELS = {"minimal": "low", "low": "low", "medium": "medium"}
"""Levels of `think` by effort; every other effort is high. Models without levels take true."""

_READ = ("options", "format", "think", "logprobs", "top_logprobs", "stream", "model")


def read_settings(body: JsonObject) -> tuple[dict[str, Any], JsonObject]:
    """Returns the conversation's fields in a request, and its unnamed members.

    The latter are those the model has no name for, including empty and null ones.
    """
    fields: dict[str, Any] = {}
    left = rest(body, *_READ)
    options = body.get("options")
    if isinstance(options, dict):
        said, others = _read_options(options)
        fields |= said
        if others or not options:
            left = {**left, "options": others}
    elif "options" in body:
        left = {**left, "options": options}
    for key in ("logprobs", "top_logprobs"):
        if body.get(key) is not None:
            fields[key] = body[key]
    output, reasoning = _read_format(body.get("format")), _read_think(body.get("think"))
    fields |= {"output": output, "reasoning": reasoning}
    for key, value in (("format", output), ("think", reasoning)):
        if key in body and value is None:
            left = {**left, key: body[key]}
    return fields, left


def write_settings(c: Conversation, left: JsonObject) -> JsonObject:
    """Returns the members that hold a request's settings.

    `left` is what the reader left.
    """
    written = dict(left)
    options: JsonObject = {
        key: value for key, name in _NUMBERS.items() if (value := getattr(c, name)) is not None
    }
    if c.stop:
        options["stop"] = list(c.stop)
    if options:
        written["options"] = {**options, **object_of(left.get("options"))}
    if c.output is not None and (form := _write_format(c.output)) is not None:
        written["format"] = form
    if c.reasoning is not None and (think := _write_think(c.reasoning)) is not None:
        written["think"] = think
    if c.logprobs is not None:
        written["logprobs"] = c.logprobs
    if c.top_logprobs is not None and (c.logprobs or c.format == NAME):
        written["top_logprobs"] = c.top_logprobs
    return written


def read_tools(tools: Any) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for raw in objects_of(tools):
        function = object_of(raw.get("function"))
        parameters = function.get("parameters")
        said: JsonObject = {}
        if left := rest(raw, "function"):
            said["tool"] = left
        if left := _unsaid(function):
            said["function"] = left
        found.append(
            Tool(
                name=text_of(function.get("name")),
                description=text_of(function.get("description")) or None,
                parameters=parameters if isinstance(parameters, dict) else None,
                extra=owned(said),
            )
        )
    return tuple(found)


def write_tools(c: Conversation, names: Names, home: bool) -> list[JsonObject]:
    """Returns the tools that the model may call.

    Ollama has no tool choice, so tools outside the choice are left out.
    """
    choice = c.tool_choice
    allowed: tuple[str, ...] | None = None
    if choice is not None and not home:
        match choice.mode:
            case "none":
                allowed = ()
            case "tool":
                allowed = (choice.name or "",)
            case "allowed":
                allowed = choice.allowed
    return [
        _write_tool(tool, names, home)
        for tool in c.tools
        if tool.kind != "server" and (allowed is None or tool.name in allowed)
    ]


def _write_tool(tool: Tool, names: Names, home: bool) -> JsonObject:
    said = own(tool.extra)
    tool = as_function(tool)
    function: JsonObject = {"name": names.flat(tool.name, tool.namespace)}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters if home else readable(tool.parameters)
    elif not said:
        function["parameters"] = {"type": "object", "properties": {}}
    function |= said.get("function", EMPTY)
    return {**said.get("tool", {"type": "function"}), "function": function}


def _unsaid(function: JsonObject) -> JsonObject:
    """Returns the members of a function that the model does not hold unchanged."""
    left = dict(rest(function, "name", "description", "parameters"))
    for key, kind in (("description", str), ("parameters", dict)):
        if key in function and not (isinstance(function[key], kind) and function[key] != ""):
            left[key] = function[key]
    return left


def _read_options(options: JsonObject) -> tuple[dict[str, Any], JsonObject]:
    fields: dict[str, Any] = {}
    taken: list[str] = []
    for key, name in _NUMBERS.items():
        value = options.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        # -1 and -2 mean no limit.
        if key != "num_predict" or value >= 0:
            fields[name] = value
            taken.append(key)
    stop = options.get("stop")
    if isinstance(stop, list) and stop and all(isinstance(x, str) for x in stop):
        fields["stop"] = tuple(stop)
        taken.append("stop")
    elif isinstance(stop, str) and stop:
        fields["stop"] = (stop,)
    return fields, rest(options, *taken)


def _read_format(form: Any) -> Output | None:
    if form == "json":
        return Output(kind="json_object")
    if isinstance(form, dict) and form:
        return Output(kind="json_schema", schema=form)
    return None


def _write_format(output: Output) -> str | JsonObject | None:
    if output.kind == "text":
        return None
    return output.schema if output.schema is not None else "json"


def _read_think(think: Any) -> Reasoning | None:
    if isinstance(think, bool):
        return Reasoning(enabled=think)
    if isinstance(think, str) and think:
        return Reasoning(enabled=True, effort=think)
    return None


def fit_think(body: JsonObject, model: str) -> JsonObject:
    """Returns `body` with `think` in the form that `model` accepts.

    Only gpt-oss is known to accept levels; other models refuse a request with one ("think value is
    not supported for this model"). Returns `body` itself if it fits; never changes it.
    """
    if not isinstance(body.get("think"), str) or OLLAMA_WITH_LEVELS in model:
        return body
    return {**body, "think": True}


def _write_think(reasoning: Reasoning) -> bool | str | None:
    if reasoning.enabled is False or reasoning.effort == "none":
        return False
    if reasoning.effort in LEVELS:
        return _LEVELS.get(reasoning.effort, "high")
    if reasoning.enabled or reasoning.adaptive or reasoning.budget:
        return True
    return None
