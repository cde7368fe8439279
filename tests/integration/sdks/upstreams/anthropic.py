"""Anthropic's Messages. Source: API reference, "Create a Message"; guides "Extended thinking",
"How to implement tool use"."""

import base64
import json
from typing import Any

from anthropic.types.beta.message_create_params import (
    MessageCreateParamsNonStreaming as BetaNonStreaming,
)
from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming as BetaStreaming
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from tests.integration.sdks.typed import faults
from tests.integration.sdks.upstreams.chat import plain
from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import demand
from tests.integration.sdks.upstreams.provider import demand_none
from tests.integration.sdks.upstreams.provider import level_of
from tests.support.answers import ANTHROPIC
from tests.support.answers import Answer
from tests.support.steps import SSE
from tests.support.upstream import Recorded

_OLDER = ("temperature", "top_p", "top_k")
"""Members the API takes for older models, and newer SDKs' types leave out."""

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Messages:
    format = "anthropic"
    short = "anth"
    stream_type = SSE

    def base_url(self, url: str) -> str:
        return url

    def whole(self, answer: Answer) -> bytes:
        return ANTHROPIC.whole(answer)

    def events(self, answer: Answer) -> list[bytes]:
        return ANTHROPIC.events(answer)

    def broken(self, message: str) -> list[bytes]:
        begun = [*ANTHROPIC.opening(Answer()), *ANTHROPIC.begin_text(), ANTHROPIC.text("As I was")]
        return [*begun, ANTHROPIC.error_event("overloaded_error", message)]

    def error(self, status: int, message: str) -> bytes:
        return json.dumps(ANTHROPIC.error(_KINDS.get(status, "api_error"), message)).encode()

    def read(self, request: Recorded) -> Asked:
        demand(request.path == "/v1/messages", request.path)
        demand(request.header("anthropic-version"), "anthropic-version: header is required")
        body = request.json
        stream = body.get("stream") is True
        known = {k: v for k, v in body.items() if k not in _OLDER}
        kind = MessageCreateParamsStreaming if stream else MessageCreateParamsNonStreaming
        if request.header("anthropic-beta"):
            kind = BetaStreaming if stream else BetaNonStreaming
        demand_none(faults(known, kind))
        thinking = body.get("thinking", {"type": "disabled"})
        thinks = thinking["type"] != "disabled"
        asked = Asked(stream=stream, shown=thinks, proven=thinks)
        asked.system = plain(body.get("system", ""))
        self._read_thinking(body, thinking, asked)
        self._read_messages(body["messages"], asked)
        for tool in body.get("tools", ()):
            if "input_schema" not in tool:  # one of Anthropic's own, by its type
                continue
            demand(tool["input_schema"].get("type") == "object", "input_schema is no object")
            asked.tools[tool["name"]] = tool.get("description", ""), tool["input_schema"]
        asked.schema = body.get("output_config", {}).get("format", {}).get("schema")
        return asked

    def _read_thinking(self, body: Any, thinking: Any, asked: Asked) -> None:
        asked.effort = body.get("output_config", {}).get("effort")
        if thinking["type"] == "enabled":
            budget = thinking["budget_tokens"]
            demand(1024 <= budget < body["max_tokens"], f"budget_tokens: {budget}")
            demand(body.get("temperature", 1) == 1, "temperature must be 1 with thinking")
            demand("top_k" not in body, "top_k is not taken with thinking")
            asked.effort = level_of(budget)
        if thinking["type"] != "disabled":
            choice = body.get("tool_choice", {}).get("type", "auto")
            demand(choice in ("auto", "none"), "thinking may not be enabled when a tool is forced")

    def _read_messages(self, messages: list[Any], asked: Asked) -> None:
        places: dict[str, int] = {}
        waited: set[str] = set()
        demand(messages and messages[0]["role"] == "user", "the first message must be the user's")
        for before, message in zip([None, *messages], messages, strict=False):
            role, content = message["role"], message["content"]
            demand(role in ("user", "assistant"), f"role {role}")
            demand(before is None or before["role"] != role, "roles must alternate")
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            demand(blocks, "messages must have content")
            answered = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
            demand(answered == waited, f"tool_use {waited} without tool_result, or {answered}")
            waited = set()
            kinds = [block["type"] == "tool_result" for block in blocks]
            demand(kinds == sorted(kinds, reverse=True), "tool_result blocks must come first")
            for block in blocks:
                if block["type"] == "tool_use":
                    demand(block["id"] not in places, "tool_use ids must be unique")
                    places[block["id"]] = len(asked.calls)
                    waited.add(block["id"])
                    asked.calls.append((block["name"], block["input"]))
                else:
                    self._read_block(block, role, places, asked)
        demand(not waited, f"tool_use without tool_result: {waited}")

    def _read_block(self, block: Any, role: str, places: dict[str, int], asked: Asked) -> None:
        match block["type"]:
            case "text":
                demand(block["text"].strip(), "text content blocks must contain visible text")
                asked.words.append((role, block["text"]))
            case "image" | "document":
                source = block["source"]
                data = base64.b64decode(source["data"], validate=True)
                into = asked.images if block["type"] == "image" else asked.files
                into.append((source["media_type"], data))
            case "thinking":
                demand(block["signature"], "thinking without signature")
                asked.proofs.append(block["signature"])
            case "tool_result":
                content = block.get("content", "")
                words = content
                if not isinstance(content, str):
                    words = plain([part for part in content if part["type"] == "text"])
                    for part in content:
                        if part["type"] != "text":
                            self._read_block(part, role, places, asked)
                failed = block.get("is_error") is True
                asked.result(places.get(block["tool_use_id"]), words, failed)
