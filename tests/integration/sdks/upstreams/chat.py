"""OpenAI's Chat completions. Source: API reference, "Create chat completion"; `reasoning_content`
as DeepSeek and many others write it."""

import base64
import json
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from tests.integration.sdks.typed import faults
from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import demand
from tests.integration.sdks.upstreams.provider import demand_none
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.steps import SSE
from tests.support.upstream import Recorded

_THOUGHTS = ("reasoning_content", "reasoning_details", "reasoning")
"""Members of a model's message that OpenAI's types do not know and other providers take."""


class ChatCompletions:
    format = "openai-chat"
    short = "chat"
    stream_type = SSE

    def base_url(self, url: str) -> str:
        return f"{url}/v1"

    def whole(self, answer: Answer) -> bytes:
        return CHAT.whole(answer)

    def events(self, answer: Answer) -> list[bytes]:
        return CHAT.events(answer)

    def broken(self, message: str) -> list[bytes]:
        begun = [*CHAT.opening(Answer()), CHAT.text("As I was")]
        return [*begun, CHAT.error_event("server_error", message)]

    def error(self, status: int, message: str) -> bytes:
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        return json.dumps(CHAT.error(kinds.get(status, "server_error"), message)).encode()

    def read(self, request: Recorded) -> Asked:
        demand(request.path == "/v1/chat/completions", request.path)
        body = request.json
        asked = Asked(stream=body.get("stream") is True, shown=True, proven=False)
        messages = []
        for message in body["messages"]:
            thoughts = {k: message[k] for k in _THOUGHTS if k in message}
            demand(not thoughts or message["role"] == "assistant", "thoughts of nobody")
            messages.append({k: v for k, v in message.items() if k not in _THOUGHTS})
        kind = (
            CompletionCreateParamsStreaming if asked.stream else CompletionCreateParamsNonStreaming
        )
        demand_none(faults({**body, "messages": messages}, kind))
        self._read_messages(messages, asked)
        for tool in body.get("tools", ()):
            said = tool["function"]
            asked.tools[said["name"]] = said.get("description", ""), said.get("parameters")
        if (wish := body.get("response_format", {})).get("type") == "json_schema":
            asked.schema = wish["json_schema"]["schema"]
            if wish["json_schema"].get("strict"):
                demand_none(strictness(asked.schema))
        asked.effort = body.get("reasoning_effort")
        return asked

    def _read_messages(self, messages: list[Any], asked: Asked) -> None:
        places: dict[str, int] = {}
        waited: set[str] = set()
        for message in messages:
            role = message["role"]
            if role != "tool":
                demand(not waited, f"calls without a result: {waited}")
            if role in ("system", "developer"):
                asked.system += plain(message["content"])
            elif role == "tool":
                demand(message["tool_call_id"] in waited, "a result without a call")
                waited.discard(message["tool_call_id"])
                asked.result(places.get(message["tool_call_id"]), plain(message["content"]))
            else:
                self._read_message(message, role, asked)
                for call in message.get("tool_calls") or ():
                    places[call["id"]] = len(asked.calls)
                    waited.add(call["id"])
                    said = call["function"]
                    asked.calls.append((said["name"], json.loads(said["arguments"])))
        demand(not waited, f"calls without a result: {waited}")

    def _read_message(self, message: Any, role: str, asked: Asked) -> None:
        content = message.get("content")
        demand(content or message.get("tool_calls"), f"an empty message of the {role}")
        parts: list[Any] = content or []
        if isinstance(content, str):
            parts = [{"type": "text", "text": content}]
        for part in parts:
            match part["type"]:
                case "text" if part["text"]:
                    asked.words.append((role, part["text"]))
                case "image_url":
                    asked.images.append(data_url(part["image_url"]["url"]))
                case "file":
                    asked.files.append(data_url(part["file"]["file_data"]))


def plain(content: Any) -> str:
    """The words of a content that may hold nothing else."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def data_url(url: str) -> tuple[str, bytes]:
    """Media type and bytes. Raises Refused."""
    head, _, data = url.partition(";base64,")
    demand(head.startswith("data:") and data, f"no data URL: {url[:40]}")
    return head.removeprefix("data:"), base64.b64decode(data, validate=True)


def strictness(schema: Any, where: str = "schema") -> list[str]:
    """What OpenAI refuses of a strict schema (guide "Structured outputs", supported schemas)."""
    if not isinstance(schema, dict):
        return []
    found = []
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            found.append(f"{where}: additionalProperties must be false")
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            found.append(f"{where}: every property must be required")
    for name, member in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
        found += strictness(member, f"{where}.{name}")
    return found + strictness(schema.get("items"), f"{where}[]")
