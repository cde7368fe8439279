"""Presents tools of OpenAI's types that the client runs as functions elsewhere.

Sources: the guides "Local shell", "Shell", "Apply patch", "Computer use" and "Tool search"
(developers.openai.com/api/docs/guides, tools) and the types of the official SDK (`LocalShell`,
`FunctionShellToolParam`, `ApplyPatchToolParam`, `ComputerToolParam`, `ToolSearchToolParam`; the
items `local_shell_call`, `shell_call`, `apply_patch_call`, `computer_call`, `tool_search_call` and
their outputs). `openrouter:apply_patch` is OpenRouter's type (its guide "Server tools").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.formats.openai_responses.content import read_part
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.declared_tools import function
from switchyard.wire.shared.declared_tools import obj
from switchyard.wire.shared.declared_tools import several
from switchyard.wire.shared.declared_tools import text
from switchyard.wire.shared.declared_tools import whole
from switchyard.wire.shared.parameters import parameters


@dataclass(frozen=True, slots=True)
class _Kind:
    """Describes the items and ids of one kind of tool."""

    name: str
    """The function's name, with which the types of the tool's items begin."""
    prefix: str
    """Prefix of the ids of its calls."""

    @property
    def call(self) -> str:
        return f"{self.name}_call"

    @property
    def output(self) -> str:
        return f"{self.name}_call_output" if self.name != "tool_search" else "tool_search_output"


_LOCAL_SHELL = _Kind("local_shell", "lsh")
_SHELL = _Kind("shell", "sh")
_PATCH = _Kind("apply_patch", "apc")
_COMPUTER = _Kind("computer", "cu")
_SEARCH = _Kind("tool_search", "tsc")

_KINDS: Mapping[str, _Kind] = {
    "local_shell": _LOCAL_SHELL,
    "shell": _SHELL,
    "apply_patch": _PATCH,
    "openrouter:apply_patch": _PATCH,
    "computer": _COMPUTER,
    "computer_use": _COMPUTER,
    "computer_use_preview": _COMPUTER,
    "tool_search": _SEARCH,
}
"""Kinds by the type of the tool."""
_CALLS = {kind.call: kind for kind in _KINDS.values()}
_OUTPUTS = {kind.output: kind for kind in _KINDS.values()}

_COMMANDS = obj(
    ("commands",),
    commands=several({"type": "string"}, "The commands, each run in a shell of its own"),
    timeout_ms=whole("After how many milliseconds they are stopped"),
    max_output_length=whole("Maximum number of characters of output to return"),
)
_COMMAND = obj(
    ("command",),
    command=several({"type": "string"}, "The program and its arguments"),
    working_directory=text("Where to run it"),
    env={"type": "object", "additionalProperties": {"type": "string"}},
    timeout_ms=whole("After how many milliseconds it is stopped"),
    user=text("As whom to run it"),
)
_OPERATION = obj(
    ("type", "path"),
    type=text("What to do with the file", "create_file", "update_file", "delete_file"),
    path=text("The path of the file"),
    diff=text("For create_file and update_file: the change, as a V4A diff"),
)
_PLACE = obj(("x", "y"), x=whole("Pixels from the left"), y=whole("Pixels from the top"))
_ACTION = obj(
    ("type",),
    type=text(
        "What to do",
        *("click", "double_click", "drag", "keypress", "move", "screenshot", "scroll", "type"),
        "wait",
    ),
    x=whole("Pixels from the left, for click, double_click, move and scroll"),
    y=whole("Pixels from the top, for the same"),
    button=text("For click", "left", "right", "wheel", "back", "forward"),
    path=several(_PLACE, "For drag: the places it leads over"),
    keys=several({"type": "string"}, "For keypress: the keys to press together"),
    text=text("For type: the text"),
    scroll_x=whole("For scroll: how far to the right"),
    scroll_y=whole("For scroll: how far down"),
)
_QUERY = obj(("query",), query=text("What the tools are looked for by"))


def client_tool(raw: JsonObject, form: str) -> Tool | None:
    """Returns the function for a tool of these types that the client runs, else None.

    A shell in a container, or a search, may run at OpenAI.
    """
    kind = _KINDS.get(text_of(raw.get("type")))
    if kind is None or not _is_client_run(kind, raw):
        return None
    words, schema = _declared(kind, raw)
    return function(kind.name, words, schema, format=NAME, raw=raw, form=form)


def chosen_tool(choice: JsonObject) -> str | None:
    """Returns the function's name for a choice that names a tool by its type alone.

    The choice is a `tool_choice`, or an entry of one.
    """
    kind = _KINDS.get(text_of(choice.get("type")))
    return kind.name if kind is not None else None


def read_client_call(item: JsonObject) -> ToolCall | None:
    """Returns the call in an item of a request; None for any other item."""
    kind = _CALLS.get(text_of(item.get("type")))
    if kind is None or not _is_answered_by_client(kind, item):
        return None
    arguments = _arguments(kind, item)
    return ToolCall(
        id=text_of(item.get("call_id")) or text_of(item.get("id")),
        name=kind.name,
        arguments=dumps(arguments).decode(),
        extra=owned({"raw": item}),
    )


def read_client_output(item: JsonObject) -> ToolResult | None:
    """Returns the result in an item of a request; None for any other item."""
    kind = _OUTPUTS.get(text_of(item.get("type")))
    if kind is None or not _is_answered_by_client(kind, item):
        return None
    return ToolResult(
        # A local shell's output has the call's id as its own (reference, the item's `id`).
        call_id=text_of(item.get("call_id")) or text_of(item.get("id")),
        parts=tuple(_said(kind, item)),
        is_error=True if item.get("status") == "failed" else None,
        extra=owned({"raw": item}),
    )


def as_read(part: ToolCall | ToolResult) -> JsonObject | None:
    """Returns the item that a call or result was read from, with its current id."""
    raw = own(part.extra).get("raw")
    if raw is None:
        return None
    now = part.id if isinstance(part, ToolCall) else part.call_id
    name = "call_id" if raw.get("call_id") else "id"
    return raw if raw.get(name) == now else {**raw, name: now}


def is_client_run(tool: Tool | None) -> bool:
    """Whether a declared tool is one that the client runs by its type."""
    return tool is not None and tool.format == NAME and tool.kind == "function" and bool(tool.raw)


def write_client_call(call: ToolCall, tool: Tool, id: str, status: str) -> JsonObject:
    """Returns the item with which a model of another provider calls `tool`.

    Arguments that are no JSON object are left out: they come from a truncated answer, whose call
    must not run.
    """
    kind = _KINDS[tool.raw["type"]]
    said = loads_object(call.arguments) or {}
    item: JsonObject = {"type": kind.call, "id": id, "call_id": call.id, "status": status}
    if kind is _SHELL:
        return {**item, "action": _commands(said), "environment": None}
    if kind is _LOCAL_SHELL:
        return {**item, "action": _command(said)}
    if kind is _PATCH:
        return {**item, "operation": _operation(said)}
    if kind is _SEARCH:
        return {**item, "execution": "client", "arguments": said}
    actions = objects_of(said.get("actions")) or ([said] if said.get("type") else [])
    item["pending_safety_checks"] = []
    if tool.raw["type"] == "computer_use_preview":
        return {**item, "action": actions[0] if actions else {"type": "screenshot"}}
    return {**item, "actions": actions or [{"type": "screenshot"}]}


def call_id(tool: Tool, number: str) -> str:
    """Returns an id for the item of a call."""
    return f"{_KINDS[tool.raw['type']].prefix}_{number}"


def _is_client_run(kind: _Kind, raw: JsonObject) -> bool:
    if kind is _SEARCH:
        return raw.get("execution") == "client"
    place = raw.get("environment")
    return kind is not _SHELL or not isinstance(place, dict) or place.get("type") == "local"


def _is_answered_by_client(kind: _Kind, item: JsonObject) -> bool:
    if kind is _SEARCH:
        return item.get("execution") == "client" and bool(item.get("call_id"))
    place = item.get("environment")
    return not isinstance(place, dict) or place.get("type") == "local"


def _declared(kind: _Kind, raw: JsonObject) -> tuple[str, JsonObject]:
    """Returns the description and the schema of a tool."""
    if kind is _LOCAL_SHELL:
        return "Runs a program on the user's machine, and returns its output.", _COMMAND
    if kind is _SHELL:
        return "Runs shell commands on the user's machine, and returns their output.", _COMMANDS
    if kind is _PATCH:
        return "Creates, changes or deletes a file of the user's by a diff.", _OPERATION
    if kind is _SEARCH:
        words = text_of(raw.get("description")) or "Finds further tools, which can be called then."
        schema = raw.get("parameters")
        return words, parameters(schema) if isinstance(schema, dict) else _QUERY
    width, height = raw.get("display_width"), raw.get("display_height")
    size = f" The screen has {width} x {height} pixels." if width and height else ""
    words = f"Controls a computer by mouse and keyboard; the result is a screenshot.{size}"
    if raw["type"] == "computer_use_preview":
        return words, _ACTION
    return words, obj(("actions",), actions=several(_ACTION, "What to do, in this order"))


def _arguments(kind: _Kind, item: JsonObject) -> JsonObject:
    """Returns a call item's request as arguments of the function's schema."""
    if kind is _SEARCH:
        said = item.get("arguments")
        return said if isinstance(said, dict) else loads_object(text_of(said)) or {}
    if kind is _COMPUTER and isinstance(item.get("actions"), list):
        return {"actions": item["actions"]}
    said = item.get("operation" if kind is _PATCH else "action")
    said = said if isinstance(said, dict) else {}
    names = ("type",) if kind is _LOCAL_SHELL else ()
    return {k: v for k, v in said.items() if v is not None and k not in names}


def _said(kind: _Kind, item: JsonObject) -> list[Part]:
    """Returns the text of a result's item."""
    if kind is _COMPUTER:
        output = item.get("output")
        shot = output if isinstance(output, dict) else {}
        return [read_part({**shot, "type": "input_image"}, "input")]
    if kind is _SEARCH:
        return [Text(text=_found(item.get("tools")))]
    output = item.get("output")
    if kind is _SHELL and isinstance(output, list):
        return [Text(text="\n".join(map(_run, objects_of(output))))]
    if output is None:
        output = item.get("status")
    return [Text(text=output if isinstance(output, str) else dumps(output).decode())]


def _run(output: JsonObject) -> str:
    """Returns the outcome of one command of a shell."""
    outcome = output.get("outcome")
    outcome = outcome if isinstance(outcome, dict) else {}
    end = (
        "timed out" if outcome.get("type") == "timeout" else f"exit code {outcome.get('exit_code')}"
    )
    words = (text_of(output.get("stdout")), text_of(output.get("stderr")), f"[{end}]")
    return "\n".join(part.rstrip("\n") for part in words if part)


def _found(tools: Any) -> str:
    """Returns the names and descriptions of the tools that a search found."""
    found = [one for tool in objects_of(tools) for one in (objects_of(tool.get("tools")) or [tool])]
    lines = [f"{text_of(t.get('name'))}: {text_of(t.get('description'))}" for t in found]
    return "\n".join(line.rstrip(": ") for line in lines) or "No tools were found."


def _commands(said: JsonObject) -> JsonObject:
    commands = said.get("commands") or said.get("command") or []
    numbers = {name: said.get(name) for name in ("timeout_ms", "max_output_length")}
    return {"commands": [commands] if isinstance(commands, str) else commands, **numbers}


def _command(said: JsonObject) -> JsonObject:
    command = said.get("command") or []
    if isinstance(command, str):
        command = ["bash", "-lc", command]
    env = said.get("env")
    others = ("timeout_ms", "user", "working_directory")
    named = {name: said[name] for name in others if said.get(name) is not None}
    return {
        "type": "exec",
        "command": command,
        "env": env if isinstance(env, dict) else {},
        **named,
    }


def _operation(said: JsonObject) -> JsonObject:
    inner = said.get("operation")
    return inner if isinstance(inner, dict) else said
