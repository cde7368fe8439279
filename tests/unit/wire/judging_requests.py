"""What requests mean, read from plain JSON; the other half of the judge (see `judging`)."""

import json
import re
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from tests.unit.wire.judging import arguments
from tests.unit.wire.judging import squeezed

type Json = dict[str, Any]

_REMINDER = re.compile(r"<system-reminder>\n(.*?)\n</system-reminder>", re.DOTALL)


@dataclass(slots=True)
class Asked:
    """A request. `said` are all words and calls in their order, but the system's."""

    system: str = ""
    said: list[tuple[str, Any]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    images: int = 0
    tools: dict[str, list[str]] = field(default_factory=dict)
    """Functions by name, with the names of their parameters."""
    choice: str = "auto"
    limit: int | None = None
    temperature: float | None = None
    schema: bool = False
    """Whether an answer by a JSON schema is asked for."""
    renamed: bool = False
    """Whether tools stand in namespaces, and go by other names elsewhere."""
    documents: int = 0
    """And whatever else may be one, or an image. Those that are plain text may be said in words."""

    def say(self, role: str, text: Any) -> None:
        """Words of a turn. Instructions that are marked as such among them are the system's."""
        for instruction in _REMINDER.findall(text or ""):
            self.system += squeezed(instruction)
        text = squeezed(_REMINDER.sub("", text or ""))
        if not text:
            return
        if self.said and self.said[-1][0] == role:
            text = self.said.pop()[1] + text
        self.said.append((role, text))

    def call(self, name: str, given: Any) -> None:
        self.said.append(("call", (name, json.dumps(given, sort_keys=True))))

    def result(self, *texts: Any) -> None:
        said = "".join(map(_flat, texts))
        self.results.append("".join(char for char in said if char.isalnum()))

    def tool(self, name: str, schema: Any) -> None:
        self.tools[name] = sorted((schema or {}).get("properties") or {})


def _flat(value: Any) -> str:
    """The words of a result, however they are wrapped in JSON."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return value if isinstance(parsed, str) else _flat(parsed)
    if isinstance(value, dict):
        return "".join(f"{key}{_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "".join(map(_flat, value))
    return "" if value is None else json.dumps(value)


def _all(parts: Any) -> list[Json]:
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


# Chat


def _chat_content(asked: Asked, role: str, content: Any) -> None:
    if isinstance(content, str):
        asked.say(role, content)
    for part in _all(content):
        if part.get("type") == "image_url":
            asked.images += 1
        elif part.get("type") not in ("thinking", "input_audio", "file"):
            asked.say(role, part.get("text") or part.get("refusal"))


def _chat_calls(asked: Asked, message: Json) -> None:
    for call in message.get("tool_calls") or ():
        if custom := call.get("custom"):
            asked.call(custom["name"], {"input": custom.get("input") or ""})
        else:
            asked.call(call["function"]["name"], arguments(call["function"].get("arguments")))
    if old := message.get("function_call"):
        asked.call(old["name"], arguments(old.get("arguments")))


def chat_request(body: Json) -> Asked:
    asked = Asked()
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            texts = [content] if isinstance(content, str) else [p["text"] for p in _all(content)]
            asked.system += squeezed("".join(texts))
        elif role in ("tool", "function"):
            parts = [content] if isinstance(content, str) else _all(content)
            asked.result(*(p if isinstance(p, str) else p.get("text") for p in parts))
            asked.images += sum(p.get("type") == "image_url" for p in _all(content))
        else:
            _chat_content(asked, role, content)
            if role == "assistant" and message.get("refusal"):
                asked.say(role, message["refusal"])
            _chat_calls(asked, message)
    for tool in body.get("tools") or ():
        if "function" in tool:
            asked.tool(tool["function"]["name"], tool["function"].get("parameters"))
        elif tool.get("type") == "custom":
            asked.tool(tool["custom"]["name"], {"properties": {"input": {}}})
    for function in body.get("functions") or ():
        asked.tool(function["name"], function.get("parameters"))
    asked.choice = _openai_choice(body.get("tool_choice", body.get("function_call")))
    asked.limit = body.get("max_completion_tokens") or body.get("max_tokens")
    asked.temperature = body.get("temperature")
    asked.schema = (body.get("response_format") or {}).get("type") == "json_schema"
    return asked


def _openai_choice(choice: Any) -> str:
    if choice is None or isinstance(choice, str):
        return "required" if choice == "any" else choice or "auto"
    if "allowed_tools" in (choice.get("type"), *choice):
        inner = choice.get("allowed_tools") or choice
        names = [tool.get("name") or tool["function"]["name"] for tool in inner["tools"]]
        return f"{'of' if inner['mode'] == 'required' else 'maybe'} {','.join(sorted(names))}"
    inner = choice.get("function") or choice.get("custom") or choice
    return f"of {inner.get('name')}"


# Responses


def responses_request(body: Json) -> Asked:
    asked = Asked(system=squeezed(body.get("instructions") or ""))
    given = body.get("input")
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else _all(given):
        _responses_item(asked, item)
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            asked.tool(tool["name"], tool.get("parameters"))
        elif tool.get("type") == "custom":
            asked.tool(tool["name"], {"properties": {"input": {}}})
        elif tool.get("type") == "namespace":
            asked.renamed = True
        elif tool.get("type") == "tool_search" and tool.get("execution") == "client":
            asked.tool("tool_search", tool.get("parameters"))
    asked.choice = _openai_choice(body.get("tool_choice"))
    asked.limit, asked.temperature = body.get("max_output_tokens"), body.get("temperature")
    wish = (body.get("text") or {}).get("format") or {}
    asked.schema = wish.get("type") == "json_schema"
    return asked


def _responses_item(asked: Asked, item: Json) -> None:
    kind = item.get("type") or "message"
    if kind == "message":
        content = item.get("content")
        parts = [{"text": content}] if isinstance(content, str) else _all(content)
        for part in parts:
            if part.get("type") == "input_image":
                asked.images += 1
            elif item["role"] in ("system", "developer"):
                asked.system += squeezed(part.get("text") or "")
            elif part.get("type") not in ("input_file", "input_audio"):
                asked.say(item["role"], part.get("text") or part.get("refusal"))
    elif kind == "function_call":
        asked.call(item["name"], arguments(item.get("arguments")))
    elif kind == "custom_tool_call":
        asked.call(item["name"], {"input": item.get("input") or ""})
    elif kind == "tool_search_call" and item.get("execution") == "client":
        asked.call("tool_search", item.get("arguments") or {})
    elif kind in ("additional_tools", "tool_search_output"):
        if item.get("execution") == "client":
            found = [f"{t['name']}: {t.get('description') or ''}" for t in _all(item["tools"])]
            asked.result("\n".join(found) or "No tools were found.")
        for tool in _all(item.get("tools")):
            if tool.get("type") == "function":
                asked.tool(tool["name"], tool.get("parameters"))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        output = item.get("output")
        parts = [{"text": output}] if isinstance(output, str) else _all(output)
        asked.result(*(part.get("text") for part in parts))
        asked.images += sum(part.get("type") == "input_image" for part in parts)


# Anthropic


def anthropic_request(body: Json) -> Asked:
    asked = Asked()
    system = body.get("system") or ""
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    asked.system = squeezed("".join(texts))
    for message in body["messages"]:
        content = message["content"]
        if message["role"] == "system":
            asked.system += squeezed(_flat([p.get("text") for p in _all(content)] or content))
            continue
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            _anthropic_block(asked, message["role"], block)
    for tool in body.get("tools") or ():
        if tool.get("type") in (None, "custom"):
            asked.tool(tool["name"], tool.get("input_schema"))
    choice = body.get("tool_choice") or {}
    words = {"any": "required", "tool": f"of {choice.get('name')}"}
    kind = str(choice.get("type") or "auto")
    asked.choice = words.get(kind, kind)
    asked.limit, asked.temperature = body.get("max_tokens"), body.get("temperature")
    wish = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    asked.schema = wish.get("type") == "json_schema"
    return asked


def _anthropic_block(asked: Asked, role: str, block: Json) -> None:
    match block["type"]:
        case "text":
            asked.say(role, block["text"])
        case "image":
            asked.images += 1
        case "compaction":
            asked.say(role, block.get("content"))
        case "document":
            asked.documents += 1
        case "tool_use":
            asked.call(block["name"], block.get("input") or {})
        case "tool_result":
            content = block.get("content") or ""
            parts = [{"text": content}] if isinstance(content, str) else _all(content)
            asked.result(*(part.get("text") or part.get("tool_name") for part in parts))
            asked.images += sum(part.get("type") == "image" for part in parts)


# Gemini, in either spelling


def _camel(value: Any, schema: bool = False) -> Any:
    """A request in the spelling of the reference; what is not Google's own stays."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = ("args", "response", "properties", "labels")
    made = {}
    for key, inner in value.items():
        first, *more = key.split("_")
        name = first + "".join(word[:1].upper() + word[1:] for word in more)
        plain = name in own or name.endswith(("Schema", "parameters"))
        made[name] = inner if plain else _camel(inner)
    return made


def gemini_request(body: Json) -> Asked:
    body = _camel(body)
    asked = Asked()
    system = body.get("systemInstruction") or {}
    parts = [{"text": system}] if isinstance(system, str) else _all(system.get("parts") or [system])
    asked.system = squeezed("".join(part.get("text") or "" for part in parts))
    given = body.get("contents")
    for content in [given] if isinstance(given, dict) else _all(given):
        role = "assistant" if content.get("role") == "model" else "user"
        for part in _all(content.get("parts")):
            _gemini_part(asked, role, part)
    tools = body.get("tools")
    for entry in [tools] if isinstance(tools, dict) else _all(tools):
        for function in _all(entry.get("functionDeclarations")):
            schema = function.get("parametersJsonSchema") or function.get("parameters")
            asked.tool(function["name"], schema)
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    asked.choice = _gemini_choice(calling)
    config = body.get("generationConfig") or {}
    asked.limit, asked.temperature = config.get("maxOutputTokens"), config.get("temperature")
    asked.schema = bool(config.get("responseSchema") or config.get("responseJsonSchema"))
    return asked


def _gemini_choice(calling: Json) -> str:
    names = calling.get("allowedFunctionNames") or []
    match calling.get("mode"):
        case "NONE":
            return "none"
        case "ANY":
            return f"of {','.join(sorted(names))}" if names else "required"
        case "VALIDATED" if names:
            return f"maybe {','.join(sorted(names))}"
    return "auto"


def _gemini_part(asked: Asked, role: str, part: Json) -> None:
    media = part.get("inlineData") or part.get("fileData") or {}
    if (media.get("mimeType") or "").startswith("image/"):
        asked.images += 1
    elif media:
        asked.documents += 1
    if call := part.get("functionCall"):
        asked.call(call["name"], call.get("args") or {})
    elif result := part.get("functionResponse"):
        response = result.get("response") or {}
        keys = ("output", "result", "error")
        only = next((response[k] for k in keys if len(response) == 1 and k in response), response)
        asked.result(only)
        inner = [p.get("inlineData") or p.get("fileData") or {} for p in _all(result.get("parts"))]
        asked.images += sum((p.get("mimeType") or "").startswith("image/") for p in inner)
    elif not part.get("thought"):
        asked.say(role, part.get("text"))


# Ollama, as an upstream


def ollama_request(body: Json) -> Asked:
    asked = Asked()
    for message in body["messages"]:
        role, content = message["role"], message.get("content") or ""
        if role == "system":
            asked.system += squeezed(content)
        elif role == "tool":
            asked.result(content)
        else:
            asked.say(role, content)
        asked.images += len(message.get("images") or ())
        for call in message.get("tool_calls") or ():
            asked.call(call["function"]["name"], call["function"].get("arguments") or {})
    for tool in body.get("tools") or ():
        asked.tool(tool["function"]["name"], tool["function"].get("parameters"))
    options = body.get("options") or {}
    asked.limit, asked.temperature = options.get("num_predict"), options.get("temperature")
    asked.schema = isinstance(body.get("format"), dict)
    return asked


REQUESTS = {
    "openai-chat": chat_request,
    "openai-responses": responses_request,
    "anthropic": anthropic_request,
    "gemini": gemini_request,
    "ollama": ollama_request,
}


LOSSES = {
    "images": ("image-input", "image-url", "image-file-id"),
    "tools": ("tools",),
    "choice": ("tool_choice",),
    "said": ("provider-blocks", "provider-blocks-as-text"),
}
"""What the client was told of is no silent loss."""


def request_differences(meant: Asked, said: Asked, upstream: str, lost: list[str]) -> list[str]:
    """The aspects in which an upstream of a format was asked otherwise than was meant, and the
    client was not told of it by `lost`."""
    if said.said[:1] in ([("user", ".")], [("user", "")]) and meant.said[:1] != said.said[:1]:
        # A first turn without words has a full stop where a format demands some.
        said = replace(said, said=said.said[1:])
    names = ["results", "temperature"]
    names += [] if meant.documents else ["said", "images"]
    # Anthropic demands a limit.
    names += [] if upstream == "anthropic" and meant.limit is None else ["limit"]
    wrong = [name for name in names if getattr(meant, name) != getattr(said, name)]
    if not said.system.startswith(meant.system):
        wrong.append("system")
    if meant.schema and not said.schema and "JSONschema" not in said.system:
        wrong.append("schema")
    # A choice among some may be said by offering only these.
    _, _, some = meant.choice.partition(" ")
    narrowed = sorted(said.tools) == some.split(",") and said.choice in ("required", "auto")
    if meant.tools != said.tools and not narrowed and not meant.renamed:
        wrong.append("tools")
    # Without any functions there is nothing to choose from.
    if meant.choice != said.choice and not narrowed and said.tools:
        wrong.append("choice")
    return [name for name in wrong if not set(LOSSES.get(name, ())) & set(lost)]
