"""What a client was told, read strictly: any departure from the client's format is an error.

Written apart from the router's own readers, so that a mistake there cannot hide itself here.
Rules after OpenAI's "Chat completions" streaming reference and Anthropic's "Streaming messages".
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from tests.support.answers import UNKNOWN_EVENT
from tests.support.answers import Call
from tests.support.answers import ClientFormat


class Malformed(AssertionError):
    """The client's format was broken."""


@dataclass(slots=True)
class Told:
    """The meaning of an answer."""

    text: str = ""
    thinking: str = ""
    calls: list[Call] = field(default_factory=list)
    stop: str | None = None
    input: int | None = None
    """Tokens of the whole prompt."""
    cached: int | None = None
    output: int | None = None
    model: str = ""
    error: dict[str, Any] | None = None
    """The error object; a good answer has none."""
    kinds: list[str] = field(default_factory=list)
    """The stream's events in order, by name."""


def _require(holds: object, what: str) -> None:
    if not holds:
        raise Malformed(what)


def read_sse(raw: bytes) -> list[tuple[str | None, str]]:
    """The events of a complete stream: name and data. Comments are allowed and left out."""
    text = raw.decode("utf-8")
    _require(text.endswith("\n\n") or not text, f"the stream ends within an event: {text[-80:]!r}")
    _require("\r" not in text, "the stream has carriage returns")
    events = []
    for block in text.split("\n\n")[:-1]:
        name, data = None, None
        for line in block.split("\n"):
            if line.startswith(":"):
                continue
            if line.startswith("event: "):
                _require(name is None and data is None, f"misplaced event line: {block[:200]!r}")
                name = line.removeprefix("event: ")
            else:
                _require(line.startswith("data: "), f"neither event nor data: {line[:200]!r}")
                _require(data is None, f"two data lines: {block[:200]!r}")
                data = line.removeprefix("data: ")
        if data is None:
            _require(name is None, f"an event without data: {block[:200]!r}")
            continue
        events.append((name, data))
    return events


def read_stream(format: ClientFormat, raw: bytes) -> Told:
    """Reads a complete stream, from the first byte to the last. Raises Malformed."""
    events = read_sse(raw)
    _require(events, "the stream is empty")
    return (_ChatStream() if format == "openai-chat" else _AnthropicStream()).read(events)


def read_body(format: ClientFormat, raw: bytes) -> Told:
    """Reads a JSON answer, error or not. Raises Malformed."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise Malformed(f"not JSON: {raw[:200]!r}") from None
    _require(isinstance(body, dict), "not a JSON object")
    if body.get("error") is not None:
        return Told(error=read_error(format, body))
    return _chat_body(body) if format == "openai-chat" else _anthropic_body(body)


def read_error(format: ClientFormat, body: dict[str, Any]) -> dict[str, Any]:
    """The error object of an error body."""
    error = body.get("error")
    _require(isinstance(error, dict), f"the error is no object: {body!r}"[:300])
    assert isinstance(error, dict)
    _require(isinstance(error.get("message"), str) and error["message"], "no error message")
    _require(isinstance(error.get("type"), str) and error["type"], "the error has no type")
    if format == "anthropic":
        _require(body.get("type") == "error", "the body's type is not 'error'")
    else:
        _require({"param", "code"} <= error.keys(), "the error has no param or code")
        _require("type" not in body, "an OpenAI error has its type inside")
    return error


class _ChatStream:
    def __init__(self) -> None:
        self.told = Told()
        self._ids: set[str] = set()
        self._calls: dict[int, list[str]] = {}
        self._role = False
        self._done = False

    def read(self, events: Iterable[tuple[str | None, str]]) -> Told:
        told = self.told
        for name, data in events:
            _require(name is None, f"a Chat stream has no event names: {name!r}")
            _require(not self._done, f"something after [DONE]: {data[:200]!r}")
            if data == "[DONE]":
                self._done = True
                told.kinds.append("[DONE]")
                continue
            _require(told.error is None, f"something after the error: {data[:200]!r}")
            self._chunk(json.loads(data))
        if told.error is None:
            _require(self._done, "no [DONE]")
            _require(told.stop, "no finish_reason")
        else:
            _require(told.stop is None, "both a finish_reason and an error")
        told.calls = [Call(*parts) for _, parts in sorted(self._calls.items())]
        if told.error is None:
            for call in told.calls:
                json.loads(call.arguments)
        return told

    def _chunk(self, chunk: dict[str, Any]) -> None:
        if "error" in chunk:
            self.told.error = read_error("openai-chat", chunk)
            self.told.kinds.append("error")
            return
        _require(chunk.get("object") == "chat.completion.chunk", f"no chunk: {chunk!r}"[:300])
        # What passes through keeps its bytes, and SDKs do without an id; an empty one is none.
        _require(isinstance(chunk.get("id", "-"), str) and chunk.get("id", "-"), "an empty id")
        _require(isinstance(chunk.get("created"), int), "a chunk without its date")
        _require(isinstance(chunk.get("model"), str), "a chunk without model")
        self._ids.add(str(chunk.get("id")))
        _require(len(self._ids) == 1, f"several ids in one stream: {self._ids}")
        self.told.model = chunk["model"]
        if chunk.get("usage"):
            self._usage(chunk["usage"])
        _require(chunk["choices"] or chunk.get("usage"), "a chunk that says nothing")
        for choice in chunk["choices"]:
            self._choice(choice)
        self.told.kinds.append("chunk" if chunk["choices"] else "usage")

    def _choice(self, choice: dict[str, Any]) -> None:
        told, delta = self.told, choice["delta"]
        _require(choice["index"] == 0, "a second choice")
        if not self._role:
            _require(delta.get("role") == "assistant", "the first delta has no role")
            self._role = True
        said = delta.get("content") or delta.get("tool_calls") or delta.get("reasoning_content")
        _require(not (told.stop and said), "output after the finish_reason")
        told.text += delta.get("content") or ""
        told.thinking += delta.get("reasoning_content") or ""
        for part in delta.get("tool_calls") or ():
            self._call(part)
        if choice.get("finish_reason"):
            _require(told.stop is None, "two finish reasons")
            told.stop = choice["finish_reason"]

    def _call(self, part: dict[str, Any]) -> None:
        index, function = part["index"], part.get("function", {})
        if index not in self._calls:
            _require(index == len(self._calls), f"tool call {index} comes out of order")
            _require(part.get("id") and function.get("name"), "a tool call without id or name")
            _require(part.get("type") == "function", "a tool call without type")
            self._calls[index] = [part["id"], function["name"], ""]
        else:
            _require(part.get("id") in (None, self._calls[index][0]), "a tool call changes its id")
        self._calls[index][2] += function.get("arguments") or ""

    def _usage(self, usage: dict[str, Any]) -> None:
        _chat_usage(self.told, usage)


def _chat_usage(told: Told, usage: dict[str, Any]) -> None:
    told.input, told.output = usage["prompt_tokens"], usage["completion_tokens"]
    total = usage["prompt_tokens"] + usage["completion_tokens"]
    _require(usage["total_tokens"] == total, "total_tokens is no sum")
    told.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")


def _chat_body(body: dict[str, Any]) -> Told:
    _require(body.get("object") == "chat.completion", f"no completion: {body!r}"[:300])
    _require(body.get("id") and isinstance(body.get("created"), int), "no id or date")
    (choice,) = body["choices"]
    message = choice["message"]
    _require(message["role"] == "assistant" and "content" in message, "no proper message")
    _require(choice["finish_reason"], "no finish_reason")
    told = Told(
        text=message["content"] or "",
        thinking=message.get("reasoning_content") or "",
        stop=choice["finish_reason"],
        model=body["model"],
    )
    for call in message.get("tool_calls") or ():
        _require(call["type"] == "function", "a tool call that is no function")
        function = call["function"]
        json.loads(function["arguments"])
        told.calls.append(Call(call["id"], function["name"], function["arguments"]))
    if body.get("usage"):
        _chat_usage(told, body["usage"])
    return told


class _AnthropicStream:
    def __init__(self) -> None:
        self.told = Told()
        self._open: dict[str, Any] | None = None
        self._arguments = ""
        self._blocks = 0
        self._began = False
        self._stopped = False

    def read(self, events: Iterable[tuple[str | None, str]]) -> Told:
        told = self.told
        for name, data in events:
            _require(not self._stopped, f"something after the end: {data[:200]!r}")
            _require(told.error is None, f"something after the error: {data[:200]!r}")
            said = json.loads(data)
            _require(name == said.get("type"), f"event {name!r} with data of {said.get('type')!r}")
            told.kinds.append(said["type"])
            self._take(said)
        if told.error is None:
            _require(self._stopped, "no message_stop")
        else:
            _require(not self._stopped and told.stop is None, "both an end and an error")
        return told

    def _take(self, said: dict[str, Any]) -> None:
        told, kind = self.told, said["type"]
        if kind in ("ping", UNKNOWN_EVENT):
            return
        if kind == "error":
            told.error = read_error("anthropic", said)
            return
        _require(self._began or kind == "message_start", f"{kind} before message_start")
        match kind:
            case "message_start":
                _require(not self._began, "a second message_start")
                self._began = True
                self._message(said["message"])
            case "content_block_start":
                self._start(said)
            case "content_block_delta":
                self._delta(said)
            case "content_block_stop":
                self._end(said)
            case "message_delta":
                _require(self._open is None, "message_delta within a block")
                _require(told.stop is None, "a second message_delta")
                told.stop = said["delta"]["stop_reason"]
                _require(told.stop, "message_delta without stop_reason")
                self._usage(said["usage"])
            case "message_stop":
                _require(told.stop, "message_stop without message_delta")
                self._stopped = True
            case _:
                raise Malformed(f"unknown event {kind!r}")

    def _message(self, message: dict[str, Any]) -> None:
        _require(message["type"] == "message" and message["role"] == "assistant", "no message")
        _require(isinstance(message["id"], str) and message["id"], "the message has no id")
        _require(message["content"] == [] and message["stop_reason"] is None, "no empty message")
        self.told.model = message["model"]
        self._usage(message["usage"])

    def _usage(self, usage: dict[str, Any]) -> None:
        _anthropic_usage(self.told, usage)

    def _start(self, said: dict[str, Any]) -> None:
        _require(self._open is None, "a block within a block")
        _require(said["index"] == self._blocks, f"block {said['index']} comes out of order")
        block = said["content_block"]
        self._open, self._arguments = block, ""
        if block["type"] == "tool_use":
            _require(block["id"] and block["name"], "a tool_use without id or name")
            _require(block["input"] == {}, "a tool_use that begins with input")

    def _delta(self, said: dict[str, Any]) -> None:
        block, delta, told = self._open, said["delta"], self.told
        _require(block is not None and said["index"] == self._blocks, "a delta outside its block")
        assert block is not None
        match delta["type"], block["type"]:
            case "text_delta", "text":
                told.text += delta["text"]
            case "thinking_delta", "thinking":
                told.thinking += delta["thinking"]
            case "signature_delta", "thinking":
                block["signature"] = delta["signature"]
            case "input_json_delta", "tool_use":
                self._arguments += delta["partial_json"]
            case kind, where:
                raise Malformed(f"{kind} in a block of {where}")

    def _end(self, said: dict[str, Any]) -> None:
        block = self._open
        _require(block is not None and said["index"] == self._blocks, "the end of no block")
        assert block is not None
        if block["type"] == "tool_use":
            arguments = self._arguments or "{}"
            json.loads(arguments)
            self.told.calls.append(Call(block["id"], block["name"], arguments))
        self._open = None
        self._blocks += 1


def _anthropic_usage(told: Told, usage: dict[str, Any]) -> None:
    if usage.get("input_tokens") is not None:
        told.cached = usage.get("cache_read_input_tokens") or 0
        written = usage.get("cache_creation_input_tokens") or 0
        told.input = usage["input_tokens"] + told.cached + written
    told.output = usage["output_tokens"]


def _anthropic_body(body: dict[str, Any]) -> Told:
    _require(body.get("type") == "message", f"no message: {body!r}"[:300])
    _require(body["role"] == "assistant" and body["id"], "no proper message")
    _require(body["stop_reason"], "no stop_reason")
    told = Told(stop=body["stop_reason"], model=body["model"])
    for block in body["content"]:
        match block["type"]:
            case "text":
                told.text += block["text"]
            case "thinking":
                told.thinking += block["thinking"]
                _require("signature" in block, "thinking without signature")
            case "tool_use":
                told.calls.append(Call(block["id"], block["name"], json.dumps(block["input"])))
            case kind:
                raise Malformed(f"unknown block {kind!r}")
    if body.get("usage"):
        _anthropic_usage(told, body["usage"])
    return told
