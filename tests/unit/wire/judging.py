"""What requests and answers mean, read from plain JSON: a judge that knows nothing of the readers
and writers it judges.

Only what every format here can say is looked at. Custom tools count as functions of one text, and
tools that run at the provider do not count.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

type Json = dict[str, Any]


@dataclass(slots=True)
class Told:
    """An answer. Tokens are those of the whole prompt, and of all that was written."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stop: str = ""
    input: int | None = None
    output: int | None = None
    ends: int = 1
    """Terminal events of a stream, and nothing after them."""


def arguments(value: Any) -> Any:
    """Arguments of a call, however they are spelled; text that is no JSON as it stands."""
    if not isinstance(value, str):
        return value or {}
    try:
        return json.loads(value) or {}
    except ValueError:
        return value.strip() or {}


def squeezed(text: str) -> str:
    return "".join(text.split())


def events(data: bytes) -> list[Any]:
    """The payloads of an SSE stream, parsed unless they are `[DONE]`."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    found: list[Any] = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        payload = "\n".join(lines)
        if payload.strip() == "[DONE]":
            found.append("[DONE]")
        elif payload.strip():
            found.append(json.loads(payload))
    return found


def lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines() if line.strip()]


# Chat

_CHAT_STOPS = {"length": "length", "content_filter": "filter", "tool_calls": "tools",
               "function_call": "tools"}  # fmt: skip


def _chat_stop(word: Any, calls: bool) -> str:
    stop = _CHAT_STOPS.get(str(word), "end")
    return "tools" if calls and stop == "end" else "end" if stop == "tools" and not calls else stop


def _chat_usage(told: Told, usage: Any) -> None:
    if not isinstance(usage, dict):
        return
    told.input, told.output = usage.get("prompt_tokens"), usage.get("completion_tokens")
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    total = (told.input or 0) + (told.output or 0) + thought
    if thought and usage.get("total_tokens") == total:  # xAI counts thinking beside the answer
        told.output = (told.output or 0) + thought


def _chat_call(call: Json) -> tuple[str, Any]:
    if (call.get("custom") or {}).get("name"):
        return call["custom"]["name"], {"input": call["custom"].get("input") or ""}
    function = call.get("function") or {}
    return function.get("name") or "", arguments(function.get("arguments"))


def _chat_thinking(message: Json) -> str:
    for name in ("reasoning_content", "reasoning"):
        if isinstance(said := message.get(name), str) and said:
            return said
    details = message.get("reasoning_details") or []
    said = [d.get("text") or d.get("summary") or "" for d in details if isinstance(d, dict)]
    return "".join(said)


def _chat_words(content: Any) -> tuple[str, str]:
    """Text and thinking of a message's content."""
    if isinstance(content, str):
        return content, ""
    text = thinking = ""
    for part in content or ():
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            inner = inner if isinstance(inner, list) else [{"text": inner}]
            thinking += "".join(one.get("text") or "" for one in inner)
        else:
            text += part.get("text") or part.get("refusal") or ""
    return text, thinking


def chat_answer(body: Json) -> Told:
    choice = next((c for c in body["choices"] if not c.get("index")), {})
    message = choice.get("message") or {}
    text, thinking = _chat_words(message.get("content"))
    told = Told(text + (message.get("refusal") or ""), _chat_thinking(message) or thinking)
    told.calls = [_chat_call(call) for call in message.get("tool_calls") or ()]
    if (old := message.get("function_call")) and old.get("name"):
        told.calls.append((old["name"], arguments(old.get("arguments"))))
    told.stop = _chat_stop(choice.get("finish_reason"), bool(told.calls))
    _chat_usage(told, body.get("usage"))
    return told


def chat_stream(data: bytes) -> Told:
    told, calls, finish = Told(), {}, None
    found = events(data)
    for chunk in found:
        if chunk == "[DONE]":
            continue
        _chat_usage(told, chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage"))
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            text, thinking = _chat_words(delta.get("content"))
            told.text += text + (delta.get("refusal") or "")
            told.thinking += _chat_thinking(delta) or thinking
            for at, call in enumerate(delta.get("tool_calls") or ()):
                index = call.get("index")
                # A call without index is a whole one, as some providers stream them.
                key = index if index is not None else (len(calls) if call.get("id") else at)
                held = calls.setdefault(key, {"kind": "function", "name": "", "text": ""})
                for kind, name in (("function", "arguments"), ("custom", "input")):
                    inner = call.get(kind) or {}
                    held["kind"] = kind if inner.get("name") else held["kind"]
                    held["name"] = held["name"] or inner.get("name") or ""
                    held["text"] += inner.get(name) or ""
            if old := delta.get("function_call"):
                held = calls.setdefault(-1, {"kind": "function", "name": "", "text": ""})
                held["name"] += old.get("name") or ""
                held["text"] += old.get("arguments") or ""
            finish = choice.get("finish_reason") or finish
    told.calls = [
        (c["name"], {"input": c["text"]} if c["kind"] == "custom" else arguments(c["text"]))
        for c in calls.values()
    ]
    told.stop = _chat_stop(finish, bool(told.calls))
    told.ends = _ends([one == "[DONE]" for one in found])
    return told


def _ends(marks: list[bool]) -> int:
    """How many ends there are; none counts as one where something follows it."""
    return sum(marks) if marks and marks[-1] else 0


# Responses


def responses_answer(body: Json) -> Told:
    told = Told()
    for item in body.get("output") or ():
        match item.get("type"):
            case "message":
                for part in item.get("content") or ():
                    told.text += part.get("text") or part.get("refusal") or ""
            case "reasoning":
                said = item.get("summary") or item.get("content") or ()
                told.thinking += "".join(part.get("text") or "" for part in said)
            case "function_call":
                told.calls.append((item["name"], arguments(item.get("arguments"))))
            case "custom_tool_call":
                told.calls.append((item["name"], {"input": item.get("input") or ""}))
    why = (body.get("incomplete_details") or {}).get("reason")
    told.stop = {"max_output_tokens": "length", "max_tokens": "length",
                 "content_filter": "filter"}.get(why or "", "")  # fmt: skip
    told.stop = told.stop or ("tools" if told.calls else "end")
    if usage := body.get("usage"):
        told.input, told.output = usage.get("input_tokens"), usage.get("output_tokens")
    return told


def responses_stream(data: bytes) -> Told:
    """What the deltas add up to; the end only tells why, and how many tokens."""
    found = [one for one in events(data) if one != "[DONE]"]
    names = ("response.completed", "response.incomplete", "response.failed")
    last = next((one for one in reversed(found) if one["type"] in names), {"response": {}})
    whole = responses_answer(last["response"])
    told = Told(stop=whole.stop, input=whole.input, output=whole.output)
    texts: dict[Any, str] = {}
    names_of: dict[Any, list[str]] = {}
    order: list[Any] = []
    for one in found:
        match one["type"]:
            case "response.output_text.delta" | "response.refusal.delta":
                place = one["output_index"], one.get("content_index")
                texts[place] = texts.get(place, "") + one["delta"]
            case "response.output_text.done":
                texts[one["output_index"], one.get("content_index")] = one["text"]
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                told.thinking += one["delta"]
            case "response.output_item.added":
                item = one["item"]
                if item["type"] in ("function_call", "custom_tool_call"):
                    order.append(one["output_index"])
                    names_of[one["output_index"]] = [item["type"], item["name"], ""]
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                if one["output_index"] in names_of:
                    names_of[one["output_index"]][2] += one["delta"]
            case "response.output_item.done":
                item = one["item"]
                if one["output_index"] in names_of and not names_of[one["output_index"]][2]:
                    said = item.get("arguments") or item.get("input") or ""
                    names_of[one["output_index"]][2] = said
    told.text = "".join(texts.values())
    for index in order:
        kind, name, text = names_of[index]
        told.calls.append((name, {"input": text} if kind[0] == "c" else arguments(text)))
    told.ends = _ends([one["type"] in names for one in found])
    return told


def responses_meant(data: bytes) -> Told:
    """What an upstream's stream means: its last event holds all of it, mostly."""
    told = responses_stream(data)
    last = next((one for one in reversed(events(data)) if "response" in one), None)
    if last is None or not last["response"].get("output"):
        return told
    whole = responses_answer(last["response"])
    whole.ends = told.ends
    return whole


# Anthropic

_ANTHROPIC_STOPS = {"max_tokens": "length", "model_context_window_exceeded": "length",
                    "tool_use": "tools", "refusal": "filter"}  # fmt: skip


def _anthropic_stop(word: Any, told: Told) -> str:
    stop = _ANTHROPIC_STOPS.get(str(word), "end")
    return stop if stop in ("length", "filter") else "tools" if told.calls else "end"


def _anthropic_usage(told: Told, usage: Json) -> None:
    if usage.get("input_tokens") is not None:
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        told.input = sum(usage.get(name) or 0 for name in names)
    if usage.get("output_tokens") is not None:
        told.output = usage["output_tokens"]


def anthropic_answer(body: Json) -> Told:
    told = Told()
    for block in body.get("content") or ():
        match block["type"]:
            case "text":
                told.text += block["text"]
            case "thinking":
                told.thinking += block["thinking"]
            case "tool_use":
                told.calls.append((block["name"], block.get("input") or {}))
    told.stop = _anthropic_stop(body.get("stop_reason"), told)
    _anthropic_usage(told, body.get("usage") or {})
    return told


def anthropic_stream(data: bytes) -> Told:
    told, blocks = Told(), {}
    found = events(data)
    stop, usage = "", {}
    for one in found:
        match one.get("type"):
            case "message_start":
                usage = one["message"].get("usage") or {}
            case "content_block_start":
                blocks[one["index"]] = [one["content_block"], ""]
                told.text += one["content_block"].get("text") or ""
            case "content_block_delta":
                delta = one["delta"]
                told.text += delta.get("text") or ""
                told.thinking += delta.get("thinking") or ""
                blocks[one["index"]][1] += delta.get("partial_json") or ""
            case "message_delta":
                stop = one["delta"].get("stop_reason") or stop
                told_usage = one.get("usage") or {}
                usage = {**usage, **{k: v for k, v in told_usage.items() if v is not None}}
    for block, text in blocks.values():
        if block["type"] == "tool_use":
            told.calls.append((block["name"], arguments(text) if text else block["input"]))
    told.stop = _anthropic_stop(stop, told)
    _anthropic_usage(told, usage)
    told.ends = _ends([one.get("type") == "message_stop" for one in found])
    return told


# Gemini

_GEMINI_STOPS = {"STOP": "end", "MAX_TOKENS": "length"}
_GEMINI_FILTERS = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
                   "IMAGE_SAFETY")  # fmt: skip


def _gemini_chunk(told: Told, chunk: Json) -> str:
    candidate = next(iter(chunk.get("candidates") or ()), {})
    for part in (candidate.get("content") or {}).get("parts") or ():
        if part.get("thought"):
            told.thinking += part.get("text") or ""
        elif "functionCall" in part:
            call = part["functionCall"]
            if call.get("name"):
                told.calls.append((call["name"], call.get("args") or {}))
        else:
            told.text += part.get("text") or ""
    if usage := chunk.get("usageMetadata"):
        answer = ("candidatesTokenCount", "thoughtsTokenCount")
        told.input = usage.get("promptTokenCount")
        told.output = sum(usage.get(name) or 0 for name in answer)
    blocked = (chunk.get("promptFeedback") or {}).get("blockReason")
    return candidate.get("finishReason") or (blocked and "SAFETY") or ""


def _gemini_stop(word: str, told: Told) -> str:
    stop = "filter" if word in _GEMINI_FILTERS else _GEMINI_STOPS.get(word, "other")
    return "tools" if stop == "end" and told.calls else stop


def gemini_answer(body: Json) -> Told:
    told = Told()
    told.stop = _gemini_stop(_gemini_chunk(told, body), told)
    return told


def gemini_stream(data: bytes) -> Told:
    told = Told()
    words = [_gemini_chunk(told, chunk) for chunk in events(data)]
    ends = [word for word in words if word]
    told.stop = _gemini_stop(ends[-1] if ends else "", told)
    told.ends = len(ends)
    return told


# Ollama, as an upstream


def ollama_answer(body: Json) -> Told:
    return _ollama([body])


def ollama_stream(data: bytes) -> Told:
    return _ollama(lines(data))


def _ollama(said: Iterable[Json]) -> Told:
    told = Told()
    for line in said:
        message = line.get("message") or {}
        told.text += message.get("content") or ""
        told.thinking += message.get("thinking") or ""
        for call in message.get("tool_calls") or ():
            told.calls.append((call["function"]["name"], call["function"].get("arguments") or {}))
        if line.get("done"):
            told.stop = "length" if line.get("done_reason") == "length" else "end"
            told.input, told.output = line.get("prompt_eval_count"), line.get("eval_count")
    told.stop = "tools" if told.calls and told.stop == "end" else told.stop
    return told


WHOLE = {
    "openai-chat": chat_answer,
    "openai-responses": responses_answer,
    "anthropic": anthropic_answer,
    "gemini": gemini_answer,
    "ollama": ollama_answer,
}
STREAM = {
    "openai-chat": chat_stream,
    "openai-responses": responses_stream,
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
    "ollama": ollama_stream,
}
MEANT = {**STREAM, "openai-responses": responses_meant}
"""Readers of upstreams' streams."""


def differences(meant: Told, said: Told) -> list[str]:
    """The aspects in which a client was told otherwise than was meant."""
    wrong: list[str] = []
    if squeezed(meant.text) != squeezed(said.text):
        wrong.append("text")
    if squeezed(meant.thinking) != squeezed(said.thinking):
        wrong.append("thinking")
    if meant.calls != said.calls:
        wrong.append("tool calls")
    if meant.stop not in (said.stop, "other"):
        wrong.append("stop")
    if (meant.input or 0, meant.output or 0) != (said.input or 0, said.output or 0):
        wrong.append("usage")
    if said.ends != 1:
        wrong.append("end")
    return wrong
