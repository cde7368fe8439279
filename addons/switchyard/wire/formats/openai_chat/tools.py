"""Reads and writes tools, tool choice and tool calls.

Source: OpenAI's reference, "Chat Completions", `tools`, `tool_choice`, `functions`,
`function_call`; `"any"` is Mistral's word for `"required"`, other tool types than `function` and
`custom` run at the provider (OpenRouter's server tools).
"""

from collections.abc import Iterable
from typing import Any

from switchyard.values.digests import hex_of
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import text_or_none
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import rest
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.custom_tools import unwrap_input
from switchyard.wire.shared.custom_tools import wrap_input
from switchyard.wire.shared.parameters import parameters
from switchyard.wire.shared.tool_names import Names

LEGACY = "function_call"
"""`form` of tools, choices and calls in the deprecated `functions` and `function_call`."""

UNTYPED = "untyped"
"""`form` of a tool or tool call without a `type` (Mistral)."""

_TOOL = frozenset({"type", "function", "custom", "cache_control"})
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"name", "description", "format"})
_MODES: dict[str, Any] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def read_tools(body: JsonObject) -> tuple[Tool, ...]:
    """Returns the tools of a request, `functions` after `tools`."""
    tools: list[Tool] = []
    for name in ("tools", "functions"):
        given = body.get(name)
        if given is None:
            continue
        if not isinstance(given, list):
            raise BadRequest(f"{name} must be a list", name)
        for i, raw in enumerate(given):
            if not isinstance(raw, dict):
                raise BadRequest("a tool must be an object", f"{name}.{i}")
            param = f"{name}.{i}"
            tools.append(_read_tool(raw, param) if name == "tools" else _legacy(raw, param))
    return tuple(tools)


def write_tool(tool: Tool) -> JsonObject:
    """Returns the entry of `tools` or `functions` that `tool` was read from."""
    if tool.kind == "server":
        return tool.raw
    if tool.form == LEGACY:
        return _write_function(tool) | tool.extra.get("function", EMPTY)
    extra = dict(tool.extra)
    if tool.kind == "custom":
        custom = _write_custom(tool) | extra.pop("custom", EMPTY)
        written: JsonObject = {"type": "custom", "custom": custom}
    else:
        function = _write_function(tool) | extra.pop("function", EMPTY)
        written = {"type": "function", "function": function}
        if tool.form == UNTYPED:
            del written["type"]
    if tool.cache is not None:
        written["cache_control"] = tool.cache
    return written | extra


def write_foreign_tool(tool: Tool, names: Names) -> JsonObject | None:
    """Returns an entry of `tools` for another format's tool.

    Returns None for a tool that runs at a provider. A custom tool becomes a function, since only
    OpenAI accepts custom tools.
    """
    if tool.kind == "server":
        return tool.raw if tool.format == NAME else None
    function = _write_function(as_function(tool))
    function["name"] = names.flat(tool.name, tool.namespace)
    if not tool.strict:  # a strict schema already follows narrower rules
        function["parameters"] = parameters(function.get("parameters"))
    return {"type": "function", "function": function}


def read_choice(body: JsonObject) -> ToolChoice | None:
    """Reads `tool_choice`, or else the deprecated `function_call`.

    Returns None for an unknown choice.
    """
    value = body.get("tool_choice")
    if value is None:
        value, legacy = body.get("function_call"), True
    else:
        legacy = False
    choice = _read_choice(value)
    if choice is None:
        return None
    return ToolChoice(
        mode=choice.mode,
        name=choice.name,
        allowed=choice.allowed,
        required=choice.required,
        extra={"raw": value},
        form=LEGACY if legacy else "",
    )


def write_choice(choice: ToolChoice) -> Any:
    """Returns the value that a choice was read from."""
    return choice.extra.get("raw", choice.mode)


def write_foreign_choice(choice: ToolChoice, names: Names) -> Any:
    """Returns the value of `tool_choice` for another format's choice."""

    def named(name: str | None) -> JsonObject:
        return {"type": "function", "function": {"name": names.flat(name or "")}}

    match choice.mode:
        case "tool":
            return named(choice.name)
        case "allowed":
            mode = "required" if choice.required else "auto"
            allowed = {"mode": mode, "tools": [named(name) for name in choice.allowed]}
            return {"type": "allowed_tools", "allowed_tools": allowed}
    return choice.mode


def read_calls(calls: Iterable[Any], seed: str) -> list[ToolCall]:
    """Returns the `tool_calls` of a whole message; `seed` makes missing ids."""
    return [_read_call(raw, i, seed) for i, raw in enumerate(calls) if isinstance(raw, dict)]


def write_call(call: ToolCall, own: bool) -> JsonObject:
    """Returns one entry of a whole message's `tool_calls`.

    `own` is set if the call was read from this format.
    """
    inner = {"name": call.name, "input" if call.kind == "custom" else "arguments": call.arguments}
    if call.kind == "function" and not own:
        inner["arguments"] = settled(call.arguments)  # clients parse them
    written: JsonObject = {"id": call.id, "type": call.kind, call.kind: inner}
    if own:
        if call.form == UNTYPED:
            del written["type"]
        extra = dict(call.extra)
        inner |= extra.pop(call.kind, EMPTY)
        return written | extra
    if call.signature and call.signer == "gemini":
        written["extra_content"] = signature_content(call.signature)
    return written


def write_foreign_call(call: ToolCall, names: Names, signed: bool = False) -> JsonObject:
    """Returns an entry of `tool_calls` for a call in another format's history.

    `signed` is set if the provider must receive Google's proof of the call.
    """
    arguments = wrap_input(call.arguments) if call.kind == "custom" else settled(call.arguments)
    function = {"name": names.flat(call.name, call.namespace), "arguments": arguments}
    written: JsonObject = {"id": call.id, "type": "function", "function": function}
    if signed and call.signature:
        written["extra_content"] = signature_content(call.signature)
    return written


def custom_names(conversation: Conversation | None) -> frozenset[str]:
    """Returns the names of the client's custom tools.

    An upstream may have received functions in their place, whose calls must become calls of those
    tools.
    """
    tools = conversation.tools if conversation is not None else ()
    return frozenset(tool.name for tool in tools if tool.kind == "custom")


def as_custom(call: ToolCall) -> ToolCall:
    """Returns a call of the function in a custom tool's place as a call of that tool."""
    return altered(call, kind="custom", arguments=unwrap_input(call.arguments))


def is_custom(raw: JsonObject) -> bool:
    """Whether an entry of `tool_calls` calls a custom tool.

    Snowflake writes both kinds into each entry, with empty texts in the one that does not apply.
    """
    custom, function = raw.get("custom"), raw.get("function")
    if not isinstance(custom, dict):
        return False
    if not isinstance(function, dict):
        return True
    says = text_of(function.get("name")) or arguments_text(function.get("arguments"))
    return not says and bool(text_of(custom.get("name")) or text_of(custom.get("input")))


def read_legacy_call(raw: Any, seed: str) -> ToolCall | None:
    """Returns a deprecated `function_call`; `seed` makes its id, which it lacks.

    Returns None for an empty one, which some providers put into every message.
    """
    if not isinstance(raw, dict):
        return None
    name, arguments = text_of(raw.get("name")), arguments_text(raw.get("arguments"))
    if not name and not arguments:
        return None
    return ToolCall(id=made_up_id(seed, 0), name=name, arguments=arguments, form=LEGACY)


def is_legacy(conversation: Conversation | None) -> bool:
    """Whether the client asked with `functions`, and so knows only `function_call`."""
    return (
        conversation is not None
        and conversation.format == NAME
        and bool(conversation.tools)
        and all(tool.form == LEGACY for tool in conversation.tools)
    )


def arguments_text(value: Any) -> str:
    """Returns arguments as text; some providers and clients write an object or null."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value).decode()


def made_up_id(seed: str, number: int) -> str:
    """Returns an id for a call that has none.

    It is the same each time the same answer is read, and differs from those of other answers.
    """
    digest = hex_of(f"{seed}:{number}", 24)
    return f"call_{digest}"


def answer_seed(answer: JsonObject) -> str:
    """Returns the seed of made-up ids for an answer, or for a stream's first chunk."""
    return text_of(answer.get("id")) or str(answer.get("created"))


def choice_seed(seed: str, index: int) -> str:
    """Returns the seed of made-up ids for one choice of an answer."""
    return f"{seed}:{index}" if index else seed


def gemini_signature(raw: JsonObject) -> str | None:
    """Returns Google's proof of a call or message.

    Source: Gemini API, "OpenAI compatibility", thought signatures.
    """
    content = raw.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    return text_of(google.get("thought_signature")) or None if isinstance(google, dict) else None


def signature_content(signature: str) -> JsonObject:
    """Returns the `extra_content` that holds Google's proof."""
    return {"google": {"thought_signature": signature}}


def _read_tool(raw: JsonObject, param: str) -> Tool:
    kind = raw.get("type")
    function = raw.get("function")
    if isinstance(function, dict) and kind in (None, "function"):
        return _read_function(raw, function, param, "" if kind else UNTYPED)
    custom = raw.get("custom")
    if kind == "custom" and isinstance(custom, dict):
        return Tool(
            kind="custom",
            name=_name(custom, param),
            description=text_or_none(custom.get("description")),
            grammar=_flat(custom.get("format")),
            cache=raw.get("cache_control"),
            format=NAME,
            extra=rest(raw, _TOOL) | {"custom": rest(custom, _CUSTOM)},
        )
    if isinstance(kind, str) and kind not in ("function", "custom"):
        return Tool(kind="server", name=text_of(raw.get("name")) or kind, format=NAME, raw=raw)
    raise BadRequest("a tool must be {type: function, function: {name, parameters}}", param)


def _read_function(raw: JsonObject, function: JsonObject, param: str, form: str) -> Tool:
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise BadRequest("parameters must be a JSON schema", f"{param}.function.parameters")
    return Tool(
        name=_name(function, param),
        description=text_or_none(function.get("description")),
        parameters=parameters,
        strict=function.get("strict"),
        cache=raw.get("cache_control"),
        format=NAME,
        extra=rest(raw, _TOOL) | {"function": rest(function, _FUNCTION)},
        form=form,
    )


def _legacy(raw: JsonObject, param: str) -> Tool:
    return _read_function({}, raw, param, LEGACY)


def _name(holder: JsonObject, param: str) -> str:
    name = holder.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("a tool needs a name", f"{param}.name")
    return name


def _write_function(tool: Tool) -> JsonObject:
    said = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {k: v for k, v in said.items() if v is not None}


def _write_custom(tool: Tool) -> JsonObject:
    grammar = tool.grammar and _nested(tool.grammar)
    said = {"name": tool.name, "description": tool.description, "format": grammar}
    return {k: v for k, v in said.items() if v is not None}


def _flat(grammar: Any) -> JsonObject | None:
    """Returns a custom tool's format in the neutral shape, that of the Responses API.

    Chat has one more object around syntax and definition.
    """
    if isinstance(grammar, dict) and isinstance(inner := grammar.get("grammar"), dict):
        return {k: v for k, v in grammar.items() if k != "grammar"} | inner
    return grammar if isinstance(grammar, dict) else None


def _nested(grammar: JsonObject) -> JsonObject:
    if grammar.get("type") != "grammar":
        return grammar
    return {"type": "grammar", "grammar": {k: v for k, v in grammar.items() if k != "type"}}


def _read_choice(value: Any) -> ToolChoice | None:
    if isinstance(value, str):
        return ToolChoice(mode=_MODES[value]) if value in _MODES else None
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if kind == "allowed_tools":
        allowed = value.get("allowed_tools")
        allowed = allowed if isinstance(allowed, dict) else value
        tools = allowed.get("tools")
        names = tuple(filter(None, map(_named, tools if isinstance(tools, list) else ())))
        return ToolChoice(mode="allowed", allowed=names, required=allowed.get("mode") == "required")
    if name := _named(value):
        return ToolChoice(mode="tool", name=name)
    mode = _MODES.get(text_of(kind))
    return ToolChoice(mode=mode) if mode is not None else None


def _named(value: Any) -> str | None:
    """Returns the tool that an object like `{type: function, function: {name}}` names."""
    if not isinstance(value, dict):
        return None
    for holder in (value.get("function"), value.get("custom"), value):
        if isinstance(holder, dict) and isinstance(name := holder.get("name"), str):
            return name
    return None


def _read_call(raw: JsonObject, number: int, seed: str) -> ToolCall:
    function = raw.get("function")
    custom = is_custom(raw)
    inner = raw["custom"] if custom else function if isinstance(function, dict) else {}
    text = inner.get("input") if custom else inner.get("arguments")
    kind = "custom" if custom else "function"
    extra = {k: v for k, v in raw.items() if k not in ("id", "type", kind)}
    if more := {k: v for k, v in inner.items() if k not in ("name", "input", "arguments")}:
        extra[kind] = more
    signature = gemini_signature(raw)
    return ToolCall(
        id=text_of(raw.get("id")) or made_up_id(seed, number),
        name=text_of(inner.get("name")),
        arguments=arguments_text(text),
        kind="custom" if custom else "function",
        signature=signature,
        signer="gemini" if signature else None,
        extra=extra,
        form="" if raw.get("type") else UNTYPED,
    )
