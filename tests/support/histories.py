"""Clients that keep a conversation as the tools of each format do."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import ClassVar

_SCHEMA = {"type": "object", "properties": {"p": {"type": "integer"}}}


def events_of(stream: bytes) -> Iterator[Any]:
    """The JSON of each event of a stream."""
    for line in stream.decode().splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


@dataclass(slots=True)
class Client:
    """One conversation, as its client has it."""

    drops: bool = False
    """Whether it keeps no more than what its format says officially."""
    turns: list[Any] = field(default_factory=list)
    format: ClassVar[str] = ""

    def path(self, model: str, stream: bool) -> str:
        raise NotImplementedError

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        raise NotImplementedError

    def take(self, reply: Any) -> None:
        """Keep a reply: a body, or the bytes of a stream. Answers its calls, or goes on."""
        raise NotImplementedError


class AnthropicClient(Client):
    """Claude Code keeps the content of an answer whole."""

    format = "anthropic"

    def path(self, model: str, stream: bool) -> str:
        return "/v1/messages"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        tool = {"name": "read", "input_schema": _SCHEMA}
        messages = [{"role": "user", "content": "go"}, *self.turns]
        return {"model": model, "max_tokens": 99, "stream": stream, "tools": [tool],
                "messages": messages}  # fmt: skip

    def take(self, reply: Any) -> None:
        content = _blocks(reply) if isinstance(reply, bytes) else reply["content"]
        self.turns.append({"role": "assistant", "content": content})
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": id, "content": "r"} for id in calls]
        self.turns.append({"role": "user", "content": results or "go on"})


def _blocks(stream: bytes) -> list[Any]:
    blocks: list[Any] = []
    for event in events_of(stream):
        match event:
            case {"type": "content_block_start", "content_block": block}:
                blocks.append(dict(block))
            case {"type": "content_block_delta", "delta": {"type": "input_json_delta"} as delta}:
                last = blocks[-1]
                last["text"] = last.get("text", "") + delta["partial_json"]
            case {"type": "content_block_delta", "delta": delta}:
                kind = {"thinking_delta": "thinking", "signature_delta": "signature"}
                name = kind.get(delta["type"], "text")
                blocks[-1][name] = blocks[-1].get(name, "") + delta[name]
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block.pop("text", "") or "{}")
    return blocks


class ChatClient(Client):
    """The official SDK's message is kept whole; with `drops`, the official members alone."""

    format = "openai-chat"

    def path(self, model: str, stream: bool) -> str:
        return "/v1/chat/completions"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        tool = {"type": "function", "function": {"name": "read", "parameters": _SCHEMA}}
        messages = [{"role": "user", "content": "go"}, *self.turns]
        return {"model": model, "stream": stream, "tools": [tool], "messages": messages}

    def take(self, reply: Any) -> None:
        streamed = isinstance(reply, bytes)
        message = _message(reply) if streamed else reply["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        if self.drops:
            calls = [{k: call[k] for k in ("id", "type", "function")} for call in calls]
            message = {"role": "assistant", "content": message.get("content")}
            message |= {"tool_calls": calls} if calls else {}
        self.turns.append(message)
        for call in calls:
            self.turns.append({"role": "tool", "tool_call_id": call["id"], "content": "r"})
        if not calls:
            self.turns.append({"role": "user", "content": "go on"})


def _message(stream: bytes) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    entries: dict[str, dict[int, Any]] = {"tool_calls": {}, "reasoning_details": {}}
    for event in events_of(stream):
        for choice in event.get("choices", ()):
            for name, value in choice["delta"].items():
                if name in entries and value:
                    for entry in value:
                        _add(entries[name].setdefault(entry.get("index", 0), {}), entry)
                elif isinstance(value, str) and name != "role":
                    message[name] = (message.get(name) or "") + value
                elif value is not None:
                    message[name] = value
    for name, found in entries.items():
        if found:
            message[name] = [found[index] for index in sorted(found)]
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
    return message


def _add(entry: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict):
            _add(entry.setdefault(name, {}), value)
        elif name in ("text", "summary", "arguments") and isinstance(value, str):
            entry[name] = entry.get(name, "") + value
        elif value is not None:
            entry[name] = value


class ResponsesClient(Client):
    """Codex keeps the items of an answer, and asks for encrypted reasoning."""

    format = "openai-responses"

    def path(self, model: str, stream: bool) -> str:
        return "/v1/responses"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        tool = {"type": "function", "name": "read", "parameters": _SCHEMA, "strict": False}
        items = [{"role": "user", "content": "go"}, *self.turns]
        return {"model": model, "stream": stream, "store": False, "tools": [tool], "input": items,
                "include": ["reasoning.encrypted_content"]}  # fmt: skip

    def take(self, reply: Any) -> None:
        if isinstance(reply, bytes):
            ended = [e["response"] for e in events_of(reply) if e["type"] == "response.completed"]
            (reply,) = ended
        output = reply["output"]
        self.turns += output
        calls = [item["call_id"] for item in output if item["type"] == "function_call"]
        for id in calls:
            self.turns.append({"type": "function_call_output", "call_id": id, "output": "r"})
        if not calls:
            self.turns.append({"role": "user", "content": "go on"})


class GeminiClient(Client):
    """Gemini CLI keeps the parts of an answer but its thoughts."""

    format = "gemini"

    def path(self, model: str, stream: bool) -> str:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model.replace('/', '%2F')}:{method}"

    def body(self, model: str, stream: bool) -> dict[str, Any]:
        contents = [{"role": "user", "parts": [{"text": "go"}]}, *self.turns]
        declared = [{"name": "read", "parameters": _SCHEMA}]
        return {"contents": contents, "tools": [{"functionDeclarations": declared}]}

    def take(self, reply: Any) -> None:
        chunks = list(events_of(reply)) if isinstance(reply, bytes) else [reply]
        found = (chunk["candidates"][0] for chunk in chunks if chunk.get("candidates"))
        parts = [part for one in found for part in one.get("content", {}).get("parts", ())]
        parts = [p for p in parts if not p.get("thought") and (p.get("text") or "text" not in p)]
        self.turns.append({"role": "model", "parts": parts})
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = [
            {
                "functionResponse": {
                    "id": c.get("id"),
                    "name": c["name"],
                    "response": {"output": "r"},
                }
            }
            for c in calls
        ]
        self.turns.append({"role": "user", "parts": results or [{"text": "go on"}]})


CLIENTS: dict[str, type[Client]] = {
    one.format: one for one in (AnthropicClient, ChatClient, ResponsesClient, GeminiClient)
}
