"""Reads and writes tools and the choice among them.

Source: API reference, "Responses", `tools` and `tool_choice`.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_or_none
from switchyard.wire.formats.openai_responses.client_tools import chosen_tool
from switchyard.wire.formats.openai_responses.client_tools import client_tool
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import restored
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.parameters import parameters

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_NAMESPACE = frozenset({"type", "name", "tools"})
_MODES = ("auto", "none", "required")

IN_INPUT = "input"
"""`form` of a tool that an item of the input declares, rather than `tools`."""


def read_tools(value: Any, param: str, form: str = "") -> list[Tool]:
    """Returns the tools of a list, with namespaces flattened. Raises BadRequest."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"{param} must be a list of tools", param)
    tools: list[Tool] = []
    for index, raw in enumerate(value):
        where = f"{param}[{index}]"
        if not isinstance(raw, dict):
            raise BadRequest(f"{where} must be an object with a type", where)
        tools += _read_tool(raw, where, form)
    return tools


def write_tools(tools: Iterable[Tool]) -> list[JsonObject]:
    """Returns the list for `tools`, with adjacent tools of one namespace grouped."""
    written: list[JsonObject] = []
    space: JsonObject | None = None
    for tool in tools:
        if (one := write_tool(tool)) is None:
            continue
        if tool.namespace is None:
            space = None
            written.append(one)
            continue
        said = own(tool.extra)
        if space is None or "namespace" in said or space["name"] != tool.namespace:
            members = said.get("namespace", {"description": tool.namespace})
            space = {"type": "namespace", "name": tool.namespace, **members, "tools": []}
            written.append(space)
        space["tools"].append(one)
    return written


def write_tool(tool: Tool) -> JsonObject | None:
    """Returns one declaration without its namespace; None if the tool runs elsewhere."""
    if tool.kind == "server":
        return tool.raw if tool.format == NAME else None
    if tool.raw and tool.format == NAME:
        return tool.raw
    said = own(tool.extra)
    written: JsonObject = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            written["format"] = tool.grammar
    else:
        if not said:
            # A strict schema already follows narrower rules.
            written["parameters"] = tool.parameters if tool.strict else parameters(tool.parameters)
        elif tool.parameters is not None:
            written["parameters"] = tool.parameters
        if tool.strict is not None or not said:
            # An absent `strict` means true here, unlike in every other format.
            written["strict"] = bool(tool.strict)
    return restored(written, said.get("tool"))


def echo_tools(tools: Iterable[Tool]) -> list[JsonObject]:
    """Returns the list as a response repeats it, with the members its types require."""
    written = write_tools(tool for tool in tools if tool.form != IN_INPUT)
    return [
        {"parameters": None, "strict": True, **tool} if tool.get("type") == "function" else tool
        for tool in written
    ]


def read_choice(value: Any) -> ToolChoice | None:
    """Reads `tool_choice`. Raises BadRequest."""
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _MODES:
            raise BadRequest(
                f"tool_choice {value!r} is unknown: use auto, none, required or an object",
                "tool_choice",
            )
        return ToolChoice(mode=value)
    if not isinstance(value, dict):
        raise BadRequest("tool_choice must be a string or an object", "tool_choice")
    kind = value.get("type")
    inner = value.get("function")
    name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    extra = {"raw": value}
    if kind in ("function", "custom") and isinstance(name, str):
        return ToolChoice(mode="tool", name=name, extra=extra)
    if kind == "allowed_tools":
        tools = value.get("tools")
        names = (text_of(tool.get("name")) or chosen_tool(tool) for tool in objects_of(tools))
        allowed = tuple(name for name in names if name)
        required = value.get("mode") == "required"
        return ToolChoice(mode="allowed", allowed=allowed, required=required, extra=extra)
    if (chosen := chosen_tool(value)) is not None:
        return ToolChoice(mode="tool", name=chosen, extra=extra)
    # The value names a hosted tool by its type, which no other format can call unless it has the
    # same tool (see `served`).
    return ToolChoice(mode="auto", extra=extra)


def write_choice(
    choice: ToolChoice, custom: Collection[str], is_own: bool, hosted: Collection[str] = ()
) -> str | JsonObject:
    """Returns `tool_choice`.

    `custom` are the names of the custom tools, `hosted` the types of those that run at the
    provider.
    """
    if is_own and "raw" in choice.extra:
        return choice.extra["raw"]
    if choice.mode == "tool":
        return _named(choice.name or "", custom, hosted)
    if choice.mode == "allowed":
        return {
            "type": "allowed_tools",
            "mode": "required" if choice.required else "auto",
            "tools": [_named(name, custom, hosted) for name in choice.allowed],
        }
    return choice.mode


def _named(name: str, custom: Collection[str], hosted: Collection[str]) -> JsonObject:
    if name in hosted:
        return {"type": name}
    return {"type": "custom" if name in custom else "function", "name": name}


def _read_tool(raw: JsonObject, where: str, form: str) -> Iterator[Tool]:
    kind = raw.get("type")
    if kind == "namespace" and isinstance(raw.get("tools"), list) and raw["tools"]:
        yield from _read_namespace(raw, where, form)
    elif kind in ("function", "custom"):
        yield _read_callable(raw, where, form)
    elif (tool := client_tool(raw, form)) is not None:
        yield tool
    else:
        name = text_of(raw.get("name")) or text_of(kind) or "unknown"
        yield Tool(kind="server", name=name, format=NAME, raw=raw, form=form)


def _read_namespace(raw: JsonObject, where: str, form: str) -> Iterator[Tool]:
    name = text_of(raw.get("name"))
    members: JsonObject | None = rest(raw, _NAMESPACE)
    for index, inner in enumerate(raw["tools"]):
        at = f"{where}.tools[{index}]"
        if not isinstance(inner, dict):
            raise BadRequest(f"{at} must be an object with a type", at)
        for tool in _read_tool(inner, at, form):
            said = own(tool.extra)
            if members is not None:
                said = {**said, "namespace": members}
                members = None
            yield altered(tool, namespace=name, extra=owned(said))


def _read_callable(raw: JsonObject, where: str, form: str) -> Tool:
    name = raw.get("name")
    inner = raw.get(raw["type"])
    if not isinstance(name, str) and isinstance(inner, dict):
        raise BadRequest(
            f"{where} is nested as in Chat Completions: put name and parameters beside type",
            f"{where}.name",
        )
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{where} has no name", f"{where}.name")
    description = text_or_none(raw.get("description"))
    if raw["type"] == "custom":
        return Tool(
            kind="custom",
            name=name,
            description=description,
            grammar=object_of(raw.get("format")) or None,
            format=NAME,
            extra=owned({"tool": rest(raw, _CUSTOM)}),
            form=form,
        )
    parameters = raw.get("parameters")
    if not isinstance(parameters, dict | None):
        raise BadRequest(f"{where}.parameters must be a JSON schema", f"{where}.parameters")
    return Tool(
        kind="function",
        name=name,
        description=description,
        parameters=parameters,
        strict=raw.get("strict"),
        format=NAME,
        extra=owned({"tool": rest(raw, _FUNCTION)}),
        form=form,
    )
