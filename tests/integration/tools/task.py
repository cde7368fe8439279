"""The task that every tool is given, and the model that sees it through.

The tool must run two shell commands, one after the other or both at once. The first computes
something that stands nowhere in the conversation, the second reads a file whose word only the
tool's own directory has.
The model goes on only when the first result came back, and ends by saying the word; so a tool that
prints it ran both calls, and no call and no result was lost on the way.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROMPT = "Look up the word in word.txt with the shell, then tell me what it is."
COMMANDS = ("seq -s x 40 43", "cat word.txt")
WORD_FILE = "word.txt"
PLAIN = "A plain answer."
"""To requests that offer no tools: titles and the like."""

LOST = "LOST-RESULT"
NO_SHELL = "NO-SHELL-TOOL"

_EMPTY = "Output: (empty)"
_PATIENCE = 3

_FIRST = re.compile(r"40x41x42x43")
WORD = re.compile(r"word-[0-9a-f]{12}")

_SHELLS = (
    *("Bash", "bash", "shell_command", "exec_command", "shell", "local_shell"),
    *("run_shell_command", "execute_command", "run_commands", "run_command", "exec"),
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that a request offers."""

    name: str
    schema: Mapping[str, Any]
    custom: bool = False
    """Takes free text instead of an object."""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says, whatever its format."""

    tools: tuple[Offered, ...] = ()
    results: tuple[str, ...] = ()
    """Of the tool calls so far, as text."""
    schema: Mapping[str, Any] | None = None
    """What the answer has to follow."""
    text: str = ""
    """Of all messages."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A call; `input` is an object, or the text for a custom tool."""

    tool: Offered
    input: Any
    number: int


@dataclass(frozen=True, slots=True)
class Act:
    """Calls, at once."""

    uses: tuple[Use, ...]


type Turn = Say | Act


def next_turn(asked: Asked, at_once: bool = False) -> Turn:
    """What the model does now; with `at_once` it asks for both commands in its first turn."""
    if asked.schema is not None:
        return Say(json.dumps(_fitting(asked.schema)))
    if not asked.tools:
        # aider has no tools: it is told the files' contents in the prompt.
        found = WORD.search(asked.text)
        return Say(f"The word is {found[0]}." if found else PLAIN)
    if (shell := shell_of(asked.tools)) is None:
        return Say(NO_SHELL)
    # Qwen Code now and then reports no output of a command that ends at once: it is asked again.
    results = [result for result in asked.results if _EMPTY not in result]
    again = len(asked.results) - len(results)
    for result in results:
        if not (_FIRST.search(result) or WORD.search(result)):
            return Say(f"{LOST}: {result[:300]!r}")
    if again > _PATIENCE:
        return Say(f"{LOST}: {asked.results[-1][:300]!r}")
    begun = len(asked.results)
    if at_once and not begun:
        return Act((call(shell, COMMANDS[0], 0), call(shell, COMMANDS[1], 1)))
    found = [each.search("\n".join(results)) for each in (_FIRST, WORD)]
    for place, match in enumerate(found):
        if match is None:
            return Act((call(shell, COMMANDS[place], begun),))
    assert found[1]
    return Say(f"The word is {found[1][0]}.")


def shell_of(tools: tuple[Offered, ...]) -> Offered | None:
    """The tool that runs commands, if there is one."""
    by_name = {tool.name.rpartition("__")[2]: tool for tool in reversed(tools)}
    for name in _SHELLS:
        if name in by_name:
            return by_name[name]
    return None


def call(shell: Offered, command: str, number: int) -> Use:
    """A call of the shell, with all that its schema requires."""
    properties = shell.schema.get("properties") or {}
    if shell.custom or list(properties) == ["input"]:
        # Codex's code mode: the input is JavaScript that calls the shell.
        script = f"const r = await tools.exec_command({{cmd: '{command}'}}); text(r);"
        return Use(shell, script if shell.custom else {"input": script}, number)
    arguments = {name: _fitting(properties.get(name, {})) for name in _required(shell.schema)}
    for name in ("command", "cmd", "commands", "script"):
        if name in properties:
            arguments[name] = _commanding(properties[name], command, name)
            break
    if "description" in arguments:
        arguments["description"] = "Look something up"
    for name in ("workdir", "cwd", "dir_path", "directory"):
        arguments.pop(name, None) if name not in _required(shell.schema) else None
        if name in arguments:
            arguments[name] = "."
    return Use(shell, arguments, number)


def _commanding(schema: Mapping[str, Any], command: str, name: str) -> Any:
    if str(schema.get("type", "")).lower() != "array":
        return command
    items = schema.get("items") or {}
    if "properties" in items:
        return [{**_fitting(items), "command": command}]
    return [command] if name == "commands" else ["bash", "-lc", command]


def _required(schema: Mapping[str, Any]) -> list[str]:
    return list(schema.get("required") or ())


def _fitting(schema: Mapping[str, Any]) -> Any:
    """A small value that fits a JSON schema."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if schema.get(several):
            return _fitting(schema[several][0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(each for each in kind if str(each).lower() != "null")
    match str(kind or ("object" if "properties" in schema else "")).lower():
        case "object":
            properties = schema.get("properties") or {}
            names = _required(schema) or list(properties)
            return {name: _fitting(properties[name]) for name in names if name in properties}
        case "array":
            return [_fitting(schema.get("items") or {})]
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return False
    return "x"
