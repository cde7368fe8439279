"""Reads tool calls that models write into their text.

The forms are those of the models' own chat templates, which servers without a parser for them pass
on as text: Hermes and Qwen 2.5 (`<tool_call>{json}</tool_call>`), Qwen3-Coder (XML), DeepSeek
V3 and V3.1, Llama 3 (`<|python_tag|>`, `<function=name>{json}</function>`, an object or a list of
Python calls as the whole reply), and Mistral (`[TOOL_CALLS]`). See vLLM's guide "Tool calling".
"""

import ast
import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.shared.arguments import settled

type OfferedTools = Mapping[str, JsonObject]
"""The schema of each tool's parameters, by its name."""


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as a model wrote it."""

    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """Calls at the beginning of a text."""

    calls: tuple[WrittenCall, ...]
    end: int
    """Offset at which the text continues."""


type CallReading = FoundCalls | Literal["more", "none"]
"""`more`: the rest decides; `none`: the text only looks like a call."""

type CallReader = Callable[[str, bool, OfferedTools], CallReading]
"""Reads a text from its opening on; takes whether the text is complete, and the tools."""


def read_tagged(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads `<tool_call>` with JSON, or Qwen3-Coder's XML, in it."""
    body = text[len("<tool_call>") :]
    start = body.lstrip()
    if start and start[0] not in "{[<":
        return "none"
    return _closed(text, len("<tool_call>"), "</tool_call>", complete, tools, _body)


def read_function(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads `<function=name>` with JSON (Llama) or parameters (Qwen3-Coder) in it."""
    head = _FUNCTION.match(text)
    if head is None:
        return "more" if not complete and _FUNCTION_BEGUN.fullmatch(text) else "none"
    if head[1] not in tools:
        return "none"
    return _closed(text, head.end(), "</function>", complete, tools, _function_body(head[1]))


def read_deepseek(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads DeepSeek's calls, with or without the mark around all of them."""
    whole = text.startswith(_CALLS_BEGIN)
    close = _CALLS_END if whole else _CALL_END
    start = len(_CALLS_BEGIN) if whole else 0
    return _closed(text, start, close, complete, tools, _deepseek_calls)


def read_python_tag(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads the text after Llama's `<|python_tag|>`, up to the end of its turn."""
    end = next((at for mark in _ENDS if (at := text.find(mark)) >= 0), None)
    if end is None and not complete:
        return "more"
    body = text[len("<|python_tag|>") : end]
    calls = _json_calls(body, tools) or _python_calls(body, tools)
    if not calls:
        return "none"
    after = len(text) if end is None else end + text[end:].index(">") + 1
    return FoundCalls(calls, after)


def read_mistral(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads the text after Mistral's `[TOOL_CALLS]`."""
    at = len("[TOOL_CALLS]")
    body = text[at:].lstrip()
    at = len(text) - len(body)
    if not body:
        return "none" if complete else "more"
    name = ""
    if body[0] not in "[{":
        head = _ARGS.match(body)
        if head is None:
            return "more" if not complete and _ARGS_BEGUN.fullmatch(body) else "none"
        name, at = head[1], at + head.end()
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return "none" if complete else "more"
    said = [{"name": name, "arguments": value}] if name else value
    calls = _calls_in(said, tools)
    return FoundCalls(calls, end) if calls else "none"


def read_whole_reply(text: str, complete: bool, tools: OfferedTools) -> CallReading:
    """Reads a reply that consists of an object or a list of Python calls (Llama)."""
    if not complete:
        return "more"
    calls = _json_calls(text, tools) or _python_calls(text, tools)
    return FoundCalls(calls, len(text)) if calls else "none"


def may_be_whole_reply(text: str, tools: OfferedTools) -> bool:
    """Whether a reply that begins with `text` may consist of calls alone."""
    compact = "".join(text.split())
    begins = ('{"name":"', '{"type":"function"', *(f"[{name}(" for name in tools))
    return any(one.startswith(compact[: len(one)]) for one in begins)


OPENINGS: Mapping[str, CallReader] = {
    "<tool_call>": read_tagged,
    "<function=": read_function,
    "<｜tool▁calls▁begin｜>": read_deepseek,
    "<｜tool▁call▁begin｜>": read_deepseek,
    "<|python_tag|>": read_python_tag,
    "[TOOL_CALLS]": read_mistral,
}
"""The reader of each form, by the form's opening."""

_CALLS_BEGIN, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL_END = "<｜tool▁call▁end｜>"
_ENDS = ("<|eom_id|>", "<|eot_id|>")
_FUNCTION = re.compile(r"<function=([\w.:-]{1,128})>")
_FUNCTION_BEGUN = re.compile(r"<function=[\w.:-]{0,128}")
_FUNCTIONS = re.compile(r"<function=([\w.:-]{1,128})>(.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(
    r"<parameter=([^>\n]{1,128})>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL
)
_DEEPSEEK_CALL = re.compile(
    r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>([^\n`]{1,128})\n```json\n(.*?)\n```"
    r"|([^\n<]{1,128})<｜tool▁sep｜>(.*?))\s*<｜tool▁call▁end｜>",
    re.DOTALL,
)
_ARGS = re.compile(r"([\w.:-]{1,128})(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(?=\{)")
_ARGS_BEGUN = re.compile(
    r"[\w.:-]{1,128}(?:\[(?:CALL_ID\]\w*(?:\[[ARGS\]]*)?|[CALL_IDRGS\]]*))?\s*"
)
_DECODER = json.JSONDecoder()

type _Body = Callable[[str, OfferedTools], tuple[WrittenCall, ...]]


def _closed(
    text: str, start: int, close: str, complete: bool, tools: OfferedTools, read: _Body
) -> CallReading:
    """Returns the text up to the first `close` at which the form is complete.

    A model that ends its reply may omit the closing mark.
    """
    at = text.find(close, start)
    while at >= 0:
        if calls := read(text[start : at if close != _CALL_END else at + len(close)], tools):
            return FoundCalls(calls, at + len(close))
        at = text.find(close, at + 1)
    if not complete:
        return "more"
    calls = read(text[start:], tools)
    return FoundCalls(calls, len(text)) if calls else "none"


def _body(body: str, tools: OfferedTools) -> tuple[WrittenCall, ...]:
    if "<function=" not in body:
        return _json_calls(body, tools)
    found = list(_FUNCTIONS.finditer(body))
    if not found or _FUNCTIONS.sub("", body).strip():
        return ()
    made = [_function_body(one[1])(one[2], tools) for one in found]
    return tuple(call for calls in made for call in calls) if all(made) else ()


def _function_body(name: str) -> _Body:
    def read(body: str, tools: OfferedTools) -> tuple[WrittenCall, ...]:
        if name not in tools:
            return ()
        if body.lstrip()[:1] == "{":
            value = _loads(body)
            return (WrittenCall(name, _text(value)),) if isinstance(value, dict) else ()
        if _PARAMETER.sub("", body).strip():
            return ()
        schema = tools[name].get("properties")
        types = schema if isinstance(schema, dict) else {}
        said = {k.strip(): _value(v, types.get(k.strip())) for k, v in _PARAMETER.findall(body)}
        return (WrittenCall(name, _text(said)),)

    return read


def _deepseek_calls(body: str, tools: OfferedTools) -> tuple[WrittenCall, ...]:
    if _DEEPSEEK_CALL.sub("", body).strip():
        return ()
    said = [
        {"name": (fenced or bare).strip(), "arguments": _loads(first or second)}
        for fenced, first, bare, second in _DEEPSEEK_CALL.findall(body)
    ]
    return _calls_in(said, tools)


def _json_calls(body: str, tools: OfferedTools) -> tuple[WrittenCall, ...]:
    """Returns the calls of a text that is an object, several of them, or a list."""
    value = _loads(body)
    if value is None:
        values: list[Any] = []
        at = 0
        while body[at:].strip(" \t\r\n;"):
            at += len(body[at:]) - len(body[at:].lstrip(" \t\r\n;"))
            try:
                value, at = _DECODER.raw_decode(body, at)
            except (ValueError, RecursionError):
                return ()
            values.append(value)
        value = values
    return _calls_in(value, tools)


def _calls_in(value: Any, tools: OfferedTools) -> tuple[WrittenCall, ...]:
    """Returns the calls in a JSON value; none if any part of it is no call of a tool."""
    calls: list[WrittenCall] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and isinstance(one.get("function"), dict):
            one = one["function"]
        if not isinstance(one, dict) or one.get("name") not in tools:
            return ()
        said = (one[key] for key in ("arguments", "parameters", "args") if key in one)
        arguments = next(said, {})
        if isinstance(arguments, str):
            arguments = _loads(arguments)
        if arguments is not None and not isinstance(arguments, dict | list):
            return ()
        calls.append(WrittenCall(one["name"], _text(arguments)))
    return tuple(calls)


def _python_calls(body: str, tools: OfferedTools) -> tuple[WrittenCall, ...]:
    """Returns calls in Python syntax, alone or in a list, with literal values only."""
    try:
        tree = ast.parse(body.strip(), mode="eval").body
        nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
        return tuple(_python_call(node, tools) for node in nodes)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return ()


def _python_call(node: ast.expr, tools: OfferedTools) -> WrittenCall:
    """Returns one call; raises ValueError unless it calls a tool with named values."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("no call with named values")
    name = ast.unparse(node.func)
    if name not in tools and name.endswith(".call"):
        name = name.removesuffix(".call")
    if name not in tools or any(word.arg is None for word in node.keywords):
        raise ValueError("no call of a tool")
    said = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
    return WrittenCall(name, _text(said))


def _value(text: str, schema: Any) -> Any:
    """Returns a parameter's text if the schema asks for one, else its JSON value."""
    wants = schema.get("type") if isinstance(schema, dict) else None
    if wants == "string" or (isinstance(wants, list) and "string" in wants):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"True": True, "False": False, "None": None}.get(text.strip(), text)


def _loads(text: str) -> Any:
    """Returns the JSON value of a text, or the Python one that some models write.

    Returns None for any other text.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _text(arguments: Any) -> str:
    return "{}" if arguments is None else settled(dumps(arguments).decode())
