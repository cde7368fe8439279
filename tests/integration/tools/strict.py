"""What the real providers refuse in a history, by their API references and their error messages.

A conversation that went from one provider to another holds what only the other one understands:
signed thinking, sealed reasoning, ids. Who gets it must not be shown that.
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

ANTHROPIC_SIGNATURE = "c2lnbmF0dXJl"
"""As `tests.support.answers.Answer` signs."""
SEALED = "c2VhbGVk"
GEMINI_SIGNATURE = "c2lnbmVk"

_GEMINI_SIGNATURES = (GEMINI_SIGNATURE, "skip_thought_signature_validator")
"""The second is Google's own for calls of other models (guide "Thought signatures")."""

_ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_CHAT_ID = 40
_LONGEST_CALL_ID = 64
_ITEM_IDS = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}


def complaints(format: str, body: Any, headers: str) -> Iterator[str]:
    """What a provider of the format refuses in a request. `headers` is their text."""
    match format:
        case "anthropic":
            yield from _anthropic(body, headers)
        case "openai-responses":
            yield from _responses(body)
        case "openai-chat":
            yield from _chat(body)
        case "gemini":
            yield from _gemini(body)


def _anthropic(body: Any, headers: str) -> Iterator[str]:
    open_calls: set[str] = set()
    for at, message in enumerate(body["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        if message["role"] == "system":
            if "mid-conversation" not in headers:
                yield f"messages.{at}: role system"
            continue
        results = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
        if message["role"] == "user":
            if results != open_calls:
                yield f"messages.{at}: tool_use {open_calls} but tool_result {results}"
            open_calls = set()
        for block in blocks:
            yield from (f"messages.{at}: {said}" for said in _anthropic_block(block))
        if message["role"] == "assistant":
            open_calls = {b["id"] for b in blocks if b["type"] == "tool_use"}
            first = blocks[0]["type"] if blocks else "text"
            manual = (body.get("thinking") or {}).get("type") == "enabled"
            last = at >= len(body["messages"]) - 2
            if manual and last and open_calls and "thinking" not in first:
                yield f"messages.{at}: expected thinking, found {first}"


def _anthropic_block(block: Any) -> Iterator[str]:
    match block["type"]:
        case "thinking" if block.get("signature") != ANTHROPIC_SIGNATURE:
            yield f"invalid signature {block.get('signature')!r} in thinking block"
        case "text" if not block["text"].strip():
            yield "text content blocks must be non-empty"
        case "tool_use" if not _ANTHROPIC_ID.fullmatch(block["id"]):
            yield f"tool_use.id {block['id']!r}"


def _responses(body: Any) -> Iterator[str]:
    items = body["input"] if isinstance(body["input"], list) else []
    calls: list[str] = []
    results: list[str] = []
    for at, item in enumerate(items):
        kind = str(item.get("type") or "message")
        prefix = _ITEM_IDS.get(kind)
        if prefix and item.get("id") and not item["id"].startswith(prefix):
            yield f"input[{at}].id {item['id']!r}: expected an id that begins with {prefix!r}"
        if kind.endswith("_call"):
            calls.append(item["call_id"])
            if len(item["call_id"]) > _LONGEST_CALL_ID:
                yield f"input[{at}].call_id: string too long"
        elif kind.endswith("_call_output"):
            results.append(item["call_id"])
        elif kind == "reasoning":
            if item.get("encrypted_content") != SEALED:
                yield f"input[{at}]: encrypted_content could not be verified"
            after = str((items[at + 1 : at + 2] or [{}])[0].get("type"))
            if after not in ("message", "reasoning") and not after.endswith("_call"):
                yield f"input[{at}]: reasoning without its required following item, but {after}"
    yield from _unpaired(calls, results)


def _chat(body: Any) -> Iterator[str]:
    calls: list[str] = []
    results: list[str] = []
    for at, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            results.append(message["tool_call_id"])
            continue
        yield from _unpaired(calls, results)
        calls, results = [call["id"] for call in message.get("tool_calls") or []], []
        if any(len(call) > _LONGEST_CHAT_ID for call in calls):
            yield f"messages[{at}].tool_calls: id too long"
        if message["role"] == "assistant" and not calls and not message.get("content"):
            yield f"messages[{at}]: neither content nor tool_calls"
    yield from _unpaired(calls, results)


def _unpaired(calls: Iterable[str], results: Iterable[str]) -> Iterator[str]:
    if sorted(calls) != sorted(results):
        yield f"calls {sorted(calls)} but results {sorted(results)}"


def _gemini(body: Any) -> Iterator[str]:
    open_calls: list[str] = []
    for at, content in enumerate(body["contents"]):
        parts = content.get("parts") or []
        if not parts:
            yield f"contents[{at}]: no parts"
        calls = [part for part in parts if "functionCall" in part]
        results = [p["functionResponse"]["name"] for p in parts if "functionResponse" in p]
        if sorted(results) != sorted(open_calls):
            yield f"contents[{at}]: functionCall {open_calls} but functionResponse {results}"
        open_calls = [part["functionCall"]["name"] for part in calls]
        if calls and calls[0].get("thoughtSignature") not in _GEMINI_SIGNATURES:
            yield f"contents[{at}]: function call is missing a thought_signature"
