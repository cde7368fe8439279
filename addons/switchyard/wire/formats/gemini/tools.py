"""Reads and writes tools and the tool choice.

Source: reference, `Tool`, `FunctionDeclaration`, `ToolConfig`.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.computer_use import KEY
from switchyard.wire.formats.gemini.computer_use import is_predefined
from switchyard.wire.formats.gemini.computer_use import predefined
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.formats.gemini.schema import to_gemini
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.json_schema import from_gemini
from switchyard.wire.shared.json_schema import mend_refs
from switchyard.wire.shared.json_schema import plain
from switchyard.wire.shared.tool_names import Names

_DECLARATIONS = "functionDeclarations"


def read_tools(tools: Any) -> tuple[Tool, ...]:
    """Returns the tools of a request.

    One object of the list may declare both functions and tools that run at Google; `form` records
    the object of each tool.
    """
    found: list[Tool] = []
    for number, entry in enumerate(objects_of(tools)):
        form = str(number)
        for key, value in entry.items():
            if key == _DECLARATIONS:
                found.extend(_read_function(raw, form) for raw in objects_of(value))
            elif key == KEY and isinstance(value, dict) and (made := predefined(value, form)):
                found.extend(made)
            else:
                found.append(
                    Tool(kind="server", name=key, format=NAME, raw={key: value}, form=form)
                )
    return tuple(found)


def _read_function(raw: JsonObject, form: str) -> Tool:
    """Reads a function; its schema is JSON schema, or a `Schema` converted to one.

    `extra` keeps the original `Schema`.
    """
    key, convert = "parameters", from_gemini
    if "parametersJsonSchema" in raw:
        key, convert = "parametersJsonSchema", plain
    schema = raw.get(key)
    parameters = convert(schema) if isinstance(schema, dict) else None
    said = rest(raw, "name", "description", "parametersJsonSchema")
    if key in raw and parameters is not schema:
        said = {**said, key: schema}
    description = raw.get("description")
    if description == "":
        said = {**said, "description": ""}
    return Tool(
        name=text_of(raw.get("name")),
        description=text_of(description) or None,
        parameters=parameters,
        format=NAME,
        extra=owned(said),
        form=form,
    )


def write_tools(c: Conversation, names: Names) -> list[JsonObject]:
    """Returns the tools of a request.

    Tools of this format keep their groups; otherwise one object holds all functions. Leaves out
    tools that run at another provider.
    """
    home = c.format == NAME
    groups: dict[str, JsonObject] = {}
    for tool in c.tools:
        group = groups.setdefault(tool.form if home else "", {})
        if home and is_predefined(tool):
            group.update(tool.raw)
        elif tool.kind != "server":
            group.setdefault(_DECLARATIONS, []).append(_write_function(tool, names))
        elif tool.format == NAME:
            group.update(tool.raw)
    written = [group for group in groups.values() if group]
    if c.web_search is not None and not home and not written:
        # Models before Gemini 3 cannot mix search with functions.
        written.append({"googleSearch": {}})
    return written


def _write_function(tool: Tool, names: Names) -> JsonObject:
    said = own(tool.extra)
    tool = as_function(tool)
    written: JsonObject = {"name": names.flat(tool.name, tool.namespace)}
    if tool.description:
        written["description"] = tool.description
    if tool.parameters is not None and "parameters" not in said:
        own_schema = tool.format == NAME
        schema = tool.parameters if own_schema else mend_refs(tool.parameters)
        written["parametersJsonSchema"] = schema
    return {**written, **said}


def read_tool_choice(config: JsonObject) -> tuple[ToolChoice | None, JsonObject]:
    """Returns the choice in a `toolConfig`, and the members the model has no name for."""
    calling = config.get("functionCallingConfig")
    if not isinstance(calling, dict):
        return None, config
    allowed = calling.get("allowedFunctionNames")
    names = tuple(x for x in allowed if isinstance(x, str)) if isinstance(allowed, list) else ()
    left = rest(calling, "mode", "allowedFunctionNames")
    extra = owned({"calling": calling} if left or not names else {})
    left = rest(config, "functionCallingConfig")
    mode = text_of(calling.get("mode")).upper()  # some clients write it in lower case
    match mode:
        case "NONE":
            return ToolChoice(mode="none", extra=owned({"calling": calling})), left
        case "ANY" if len(names) == 1:
            return ToolChoice(mode="tool", name=names[0], extra=extra), left
        case "ANY" if names:
            return ToolChoice(mode="allowed", allowed=names, required=True, extra=extra), left
        case "ANY":
            return ToolChoice(mode="required", extra=extra), left
        case "VALIDATED" if names:
            return ToolChoice(mode="allowed", allowed=names, extra=extra), left
    return ToolChoice(mode="auto", extra=owned({"calling": calling})), left


def write_tool_choice(choice: ToolChoice, names: Names) -> JsonObject:
    """Returns a `functionCallingConfig`."""
    if "calling" in (said := own(choice.extra)):
        return said["calling"]
    match choice.mode:
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case "tool":
            return {"mode": "ANY", "allowedFunctionNames": [names.flat(choice.name or "")]}
        case "allowed":
            allowed = [names.flat(name) for name in choice.allowed]
            return {
                "mode": "ANY" if choice.required else "VALIDATED",
                "allowedFunctionNames": allowed,
            }
    return {"mode": "AUTO"}


def with_openapi_schemas(body: JsonObject) -> JsonObject:
    """Returns a request body whose schemas are all Gemini `Schema` objects.

    Some upstreams take no other. Returns `body` itself if it has no JSON schema.
    """
    config = object_of(body.get("generationConfig"))
    if not body.get("tools") and "responseJsonSchema" not in config:
        return body
    changed = dict(body)
    tools = [
        {**entry, _DECLARATIONS: [_openapi_function(raw) for raw in objects_of(functions)]}
        if (functions := entry.get(_DECLARATIONS))
        else entry
        for entry in objects_of(body.get("tools"))
    ]
    if tools:
        changed["tools"] = tools
    if isinstance(schema := config.get("responseJsonSchema"), dict):
        left = rest(config, "responseJsonSchema")
        changed["generationConfig"] = {**left, "responseSchema": to_gemini(schema)}
    return changed


def _openapi_function(raw: JsonObject) -> JsonObject:
    schema = raw.get("parametersJsonSchema")
    if not isinstance(schema, dict):
        return raw
    left = rest(raw, "parametersJsonSchema")
    converted = to_gemini(schema)
    # Gemini refuses an object without properties, but not a function without parameters.
    return {**left, "parameters": converted} if converted.get("properties") else left
