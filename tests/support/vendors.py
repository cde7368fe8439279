"""Providers that check a history as their vendors do, and make proofs of their own.

A `Vendor` answers each request with thinking and a tool call, or with words, and refuses what only
another one can read. Each names the source of its rules. It knows nothing of networks: a test hands
it the body of a request and gives its reply to the client, whole or as a stream.
"""

import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import ClassVar

SKIP = "skip_thought_signature_validator"
"""Google's word for calls of other models (guide "Thought signatures")."""

_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
_CHAT_MEMBERS = {"role", "content", "tool_calls", "tool_call_id", "name", "refusal"}


@dataclass(slots=True)
class Vendor:
    """One provider with one model."""

    name: str
    made: set[str] = field(default_factory=set)
    """The proofs that it made."""
    turns: int = 0
    entries: list[Any] = field(default_factory=list)
    """The pieces of thinking that must come back as they were."""
    format: ClassVar[str] = ""
    preset: ClassVar[str | None] = None
    every_call: ClassVar[int] = 3
    """Each so many replies one calls no tool."""

    def provider(self, url: str) -> dict[str, Any]:
        """The entry of `providers` in a configuration, for an address of its own."""
        own = {"name": self.name, "format": self.format, "base-url": url, "api-key": "k"}
        return own if self.preset is None else {**own, "profile": self.preset}

    def proof(self) -> str:
        """A fresh proof."""
        made = f"{self.name}{len(self.made)}Qm9vay1vZi1wcm9vZnM"
        self.made.add(made)
        return made

    def call_id(self) -> str:
        """The id of the next call."""
        return f"call_{self.name}{self.turns}"

    def answers(self) -> dict[str, Any]:
        """The next reply, whole."""
        self.turns += 1
        return self.reply(self.turns % self.every_call != 0)

    def reply(self, calls: bool) -> dict[str, Any]:
        raise NotImplementedError

    def stream(self, reply: dict[str, Any]) -> bytes:
        """A reply as a stream."""
        raise NotImplementedError

    def complaints(self, body: Any) -> Iterator[str]:
        """What it refuses of a request, in its own words."""
        raise NotImplementedError

    def given_back(self, body: Any) -> set[str]:
        """Its own proofs in a request."""
        text = json.dumps(body)
        return {proof for proof in self.made if proof in text}

    def foreign(self, proof: Any) -> bool:
        return proof not in self.made

    def refusal(self, complaint: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a refusal."""
        error = {"message": complaint, "type": "invalid_request_error", "code": None, "param": None}
        return 400, {"error": error}


class Claude(Vendor):
    """Anthropic, and whoever signs and checks as it does.

    API reference, "Messages"; guide "Extended thinking": signatures are checked, and `tool_use.id`
    matches ^[a-zA-Z0-9_-]+$.
    """

    format = "anthropic"

    def call_id(self) -> str:
        return f"toolu_{self.name}{self.turns}"

    def reply(self, calls: bool) -> dict[str, Any]:
        thinking = {
            "type": "thinking",
            "thinking": f"{self.name} thinks",
            "signature": self.proof(),
        }
        use = {"type": "tool_use", "id": self.call_id(), "name": "read", "input": {"p": self.turns}}
        said = use if calls else {"type": "text", "text": f"{self.name} says {self.turns}"}
        content: list[Any] = [thinking]
        if self.turns % 2:
            content.append({"type": "redacted_thinking", "data": self.proof()})
        content.append(said)
        return {"id": f"msg_{self.turns}", "type": "message", "role": "assistant", "model": "m",
                "content": content, "stop_reason": "tool_use" if calls else "end_turn",
                "usage": {"input_tokens": 9, "output_tokens": 4}}  # fmt: skip

    def stream(self, reply: dict[str, Any]) -> bytes:
        begun = {**reply, "content": [], "stop_reason": None}
        events: list[Any] = [{"type": "message_start", "message": begun}]
        for index, block in enumerate(reply["content"]):
            start, deltas = _pieces(block)
            events.append({"type": "content_block_start", "index": index, "content_block": start})
            for delta in deltas:
                events.append({"type": "content_block_delta", "index": index, "delta": delta})
            events.append({"type": "content_block_stop", "index": index})
        end = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
        events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 4}})
        events.append({"type": "message_stop"})
        return b"".join(
            b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode())
            for e in events
        )

    def complaints(self, body: Any) -> Iterator[str]:
        for at, message in enumerate(body["messages"]):
            content = message["content"] if isinstance(message["content"], list) else []
            for place, block in enumerate(content):
                where = f"messages.{at}.content.{place}"
                if block["type"] == "thinking" and self.foreign(block.get("signature")):
                    yield f"{where}: Invalid `signature` in `thinking` block"
                if block["type"] == "redacted_thinking" and self.foreign(block["data"]):
                    yield f"{where}: Invalid `data` in `redacted_thinking` block"
                if block["type"] == "tool_use" and not re.fullmatch(r"[\w-]+", block["id"], re.A):
                    yield f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"

    def refusal(self, complaint: str) -> tuple[int, dict[str, Any]]:
        error = {"type": "invalid_request_error", "message": complaint}
        return 400, {"type": "error", "error": error}


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "tool_use":
            text = json.dumps(block["input"])
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
        case "text":
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": block["text"]}]
    return block, []


class Chat(Vendor):
    """A provider of Chat Completions that knows no member but OpenAI's: Groq's "property
    'reasoning_content' is unsupported", Mistral's "Extra inputs are not permitted"; ids as Mistral
    wants them (its error 3280)."""

    format = "openai-chat"
    preset = "mistral"
    knows: ClassVar[set[str]] = set()
    id_pattern: ClassVar[str] = "[a-zA-Z0-9]{9}"

    def call_id(self) -> str:
        return f"{self.name[:3]}{self.turns:06}"

    def reply(self, calls: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if calls:
            arguments = json.dumps({"p": self.turns})
            function = {"name": "read", "arguments": arguments}
            message["tool_calls"] = [
                {"id": self.call_id(), "type": "function", "function": function}
            ]
        else:
            message["content"] = f"{self.name} says {self.turns}"
        self.think(message)
        reason = "tool_calls" if calls else "stop"
        return {"id": f"c{self.turns}", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": _USAGE}  # fmt: skip

    def think(self, message: dict[str, Any]) -> None:
        """Adds what this dialect has for thinking."""

    def stream(self, reply: dict[str, Any]) -> bytes:
        choice = reply["choices"][0]
        message = dict(choice["message"])
        first = {key: message.pop(key) for key in ("role", "reasoning", "reasoning_content")
                 if key in message}  # fmt: skip
        if "reasoning_details" in message:
            first["reasoning_details"] = message.pop("reasoning_details")
        calls = [{"index": i, **call} for i, call in enumerate(message.pop("tool_calls", ()))]
        rest = {**message, **({"tool_calls": calls} if calls else {})}
        deltas = [(first, None), (rest, None), ({}, choice["finish_reason"])]
        head = {**reply, "object": "chat.completion.chunk"}
        chunks = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            for delta, reason in deltas
        ]
        return (
            b"".join(b"data: %b\n\n" % json.dumps(c).encode() for c in chunks) + b"data: [DONE]\n\n"
        )

    def complaints(self, body: Any) -> Iterator[str]:
        known = _CHAT_MEMBERS | self.knows
        for at, message in enumerate(body["messages"]):
            for name in message.keys() - known:
                yield f"'messages.{at}': property '{name}' is unsupported"
            for call in message.get("tool_calls") or ():
                if not re.fullmatch(self.id_pattern, call["id"]):
                    yield f"Tool call id was {call['id']} but must match {self.id_pattern}"
                if "extra_content" in call and "extra_content" not in self.knows:
                    yield f"'messages.{at}': property 'extra_content' is unsupported"
            if message["role"] == "assistant":
                yield from self.refuses(message)

    def refuses(self, message: Any) -> Iterable[str]:
        return ()


class DeepSeek(Chat):
    """DeepSeek's guide "Thinking Mode": `reasoning_content` of turns with calls must come back; V4
    Pro refuses an empty one (NousResearch/hermes-agent#17341)."""

    preset = "deepseek"
    knows: ClassVar[set[str]] = {"reasoning_content"}
    id_pattern = ".+"

    def think(self, message: dict[str, Any]) -> None:
        message["reasoning_content"] = self.proof()

    def refuses(self, message: Any) -> Iterable[str]:
        if message.get("tool_calls") and not message.get("reasoning_content"):
            yield "The `reasoning_content` in the thinking mode must be passed back to the API."


class Kimi(DeepSeek):
    """Moonshot's guide "Using thinking models"; its ids count the calls of a function, and begin
    anew with each conversation."""

    preset = "moonshot"

    def call_id(self) -> str:
        return f"functions.read:{self.turns}"

    def refuses(self, message: Any) -> Iterable[str]:
        if message.get("tool_calls") and not message.get("reasoning_content"):
            yield "reasoning_content is missing in assistant tool call message"


class Google(Chat):
    """Google's compatible address: the first call of a message has its signature.

    Guide "Thought signatures", OpenAI compatibility.
    """

    preset = "gemini"
    knows: ClassVar[set[str]] = {"extra_content"}
    id_pattern = ".+"

    def think(self, message: dict[str, Any]) -> None:
        for call in message.get("tool_calls", ()):
            call["extra_content"] = {"google": {"thought_signature": self.proof()}}

    def refuses(self, message: Any) -> Iterable[str]:
        for place, call in enumerate(message.get("tool_calls") or ()):
            google = call.get("extra_content", {}).get("google", {})
            proof = google.get("thought_signature")
            if proof is None and place == 0:
                yield "Function call is missing a thought_signature in functionCall parts."
            if proof not in (None, SKIP) and self.foreign(proof):
                yield "Thought signature is not valid"


class OpenRouter(Chat):
    """OpenRouter's guide "Reasoning Tokens", preserving reasoning: entries of `reasoning_details`
    come back as they were."""

    preset = "openrouter"
    knows: ClassVar[set[str]] = {"reasoning", "reasoning_details"}
    id_pattern = ".+"

    def think(self, message: dict[str, Any]) -> None:
        words = f"{self.name} thinks {self.turns}"
        if self.turns % 2:
            message["reasoning"] = words
            entry = {"type": "reasoning.text", "text": words, "signature": self.proof(),
                     "format": "anthropic-claude-v1", "index": 0}  # fmt: skip
        else:
            entry = {"type": "reasoning.encrypted", "data": self.proof(), "index": 0,
                     "id": f"tool_{self.turns}", "format": "google-gemini-v1"}  # fmt: skip
        message["reasoning_details"] = [entry]
        self.entries.append(entry)

    def refuses(self, message: Any) -> Iterable[str]:
        for entry in message.get("reasoning_details") or ():
            if entry not in self.entries:
                yield f"Invalid signature in thinking block: {entry}"


class OpenAI(Vendor):
    """OpenAI's Responses (API reference, "Responses"): encrypted reasoning is its own, and an item
    whose id follows reasoning does not come without it."""

    format = "openai-responses"
    preset = "openai"

    def reply(self, calls: bool) -> dict[str, Any]:
        n = f"{self.name}{self.turns}"
        output: list[Any] = [{"type": "reasoning", "id": f"rs_{n}", "summary": [],
                              "encrypted_content": self.proof()}]  # fmt: skip
        if calls:
            output.append({"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}",
                           "name": "read", "arguments": json.dumps({"p": self.turns}),
                           "status": "completed"})  # fmt: skip
        else:
            text = {"type": "output_text", "text": f"{self.name} says {self.turns}",
                    "annotations": [], "logprobs": []}  # fmt: skip
            output.append({"type": "message", "id": f"msg_{n}", "role": "assistant",
                           "status": "completed", "content": [text]})  # fmt: skip
        return {"id": f"resp_{n}", "object": "response", "created_at": 1, "model": "m",
                "status": "completed", "output": output,
                "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}}  # fmt: skip

    def stream(self, reply: dict[str, Any]) -> bytes:
        events: list[Any] = [
            {
                "type": "response.created",
                "response": {**reply, "status": "in_progress", "output": []},
            }
        ]
        for index, item in enumerate(reply["output"]):
            at = {"output_index": index}
            begun = {**item, **({"arguments": ""} if "arguments" in item else {})}
            begun.pop("encrypted_content", None)
            if "content" in begun:
                begun["content"] = []
            events.append({"type": "response.output_item.added", **at, "item": begun})
            if "arguments" in item:
                said = {"item_id": item["id"], **at}
                kind = "response.function_call_arguments"
                events.append({"type": f"{kind}.delta", **said, "delta": item["arguments"]})
                events.append({"type": f"{kind}.done", **said, "arguments": item["arguments"]})
            for part in item.get("content", ()):
                said = {"item_id": item["id"], **at, "content_index": 0}
                empty = {**part, "text": ""}
                events.append({"type": "response.content_part.added", **said, "part": empty})
                text = {"delta": part["text"], "logprobs": []}
                events.append({"type": "response.output_text.delta", **said, **text})
                done = {"text": part["text"], "logprobs": []}
                events.append({"type": "response.output_text.done", **said, **done})
                events.append({"type": "response.content_part.done", **said, "part": part})
            events.append({"type": "response.output_item.done", **at, "item": item})
        events.append({"type": "response.completed", "response": reply})
        return b"".join(
            b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode())
            for e in (event | {"sequence_number": n} for n, event in enumerate(events))
        )

    def complaints(self, body: Any) -> Iterator[str]:
        before: Any = None
        for item in body["input"] if isinstance(body["input"], list) else ():
            kind, id = item.get("type"), item.get("id") or ""
            if kind == "reasoning" and self.foreign(item.get("encrypted_content")):
                yield f"The encrypted content for item {id} could not be verified."
            follows = f"{self.name}{id.partition(self.name)[2]}"
            if kind in ("function_call", "message") and self.name in id:
                if before is None or before.get("id") != f"rs_{follows}":
                    yield f"Item '{id}' was provided without its required 'reasoning' item."
            if len(item.get("call_id") or "") > 64:
                yield f"Invalid 'call_id': string too long: {item['call_id']}"
            before = item


class Gemini(Vendor):
    """Gemini 3's own API (guide "Thought signatures"): the first call of each step is signed."""

    format = "gemini"

    def reply(self, calls: bool) -> dict[str, Any]:
        call = {"functionCall": {"name": "read", "args": {"p": self.turns}},
                "thoughtSignature": self.proof()}  # fmt: skip
        parts = [call] if calls else [{"text": f"{self.name} says {self.turns}"}]
        candidate = {
            "content": {"role": "model", "parts": parts},
            "finishReason": "STOP",
            "index": 0,
        }
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-3"}

    def stream(self, reply: dict[str, Any]) -> bytes:
        return b"data: %b\r\n\r\n" % json.dumps(reply).encode()

    def complaints(self, body: Any) -> Iterator[str]:
        for content in body["contents"]:
            calls = 0
            for part in content["parts"]:
                proof = part.get("thoughtSignature")
                if proof not in (None, SKIP) and self.foreign(proof):
                    yield "Thought signature is not valid"
                if "functionCall" in part:
                    calls += 1
                    if proof is None and calls == 1:
                        yield "Function call is missing a thought_signature in functionCall parts."
