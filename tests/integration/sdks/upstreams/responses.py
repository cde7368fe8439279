"""OpenAI's Responses. Source: API reference, "Create a model response", "Streaming events"; guides
"Reasoning models" (keeping reasoning items in context), "Function calling"."""

import json
from typing import Any

from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from tests.integration.sdks.typed import faults
from tests.integration.sdks.upstreams.chat import data_url
from tests.integration.sdks.upstreams.chat import strictness
from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import demand
from tests.integration.sdks.upstreams.provider import demand_none
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import event
from tests.support.answers import halves
from tests.support.answers import words
from tests.support.steps import SSE
from tests.support.upstream import Recorded

_CODEX = ("client_metadata",)
"""Members that Codex sends to OpenAI, and the SDK's types leave out."""


class Responses:
    format = "openai-responses"
    short = "resp"
    stream_type = SSE

    def base_url(self, url: str) -> str:
        return f"{url}/v1"

    def whole(self, answer: Answer) -> bytes:
        return json.dumps(_response(answer, "completed", _items(answer))).encode()

    def events(self, answer: Answer) -> list[bytes]:
        said = _Events(answer)
        for item in _items(answer):
            said.item(item)
        said.say("response.completed", response=_response(answer, "completed", _items(answer)))
        return said.out

    def broken(self, message: str) -> list[bytes]:
        said = _Events(Answer())
        said.item(_items(Answer(text="As I was"))[-1])
        error = {"code": "server_error", "message": message}
        said.say("response.failed", response=_response(Answer(), "failed", [], error))
        return said.out

    def error(self, status: int, message: str) -> bytes:
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        return json.dumps(CHAT.error(kinds.get(status, "server_error"), message)).encode()

    def read(self, request: Recorded) -> Asked:
        demand(request.path == "/v1/responses", request.path)
        body = request.json
        stream = body.get("stream") is True
        kind = ResponseCreateParamsStreaming if stream else ResponseCreateParamsNonStreaming
        known = {k: v for k, v in body.items() if k not in _CODEX}
        demand_none(faults({**known, "input": _declared(body["input"])}, kind))
        reasoning = body.get("reasoning") or {}
        asked = Asked(
            stream=stream,
            shown=bool(reasoning.get("summary")),
            proven="reasoning.encrypted_content" in body.get("include", ()),
            system=body.get("instructions") or "",
            effort=reasoning.get("effort"),
        )
        self._read_input(body["input"], asked)
        for tool in body.get("tools", ()):
            if tool["type"] != "function":  # one of OpenAI's own, or one that takes text
                continue
            asked.tools[tool["name"]] = tool.get("description") or "", tool["parameters"]
            if tool.get("strict") is not False:  # which is the default here
                demand_none(strictness(tool["parameters"], tool["name"]))
        if (wish := body.get("text", {}).get("format", {})).get("type") == "json_schema":
            asked.schema = wish["schema"]
            if wish.get("strict"):
                demand_none(strictness(asked.schema))
        return asked

    def _read_input(self, items: Any, asked: Asked) -> None:
        if isinstance(items, str):
            asked.words.append(("user", items))
            return
        places: dict[str, int] = {}
        for at, item in enumerate(items):
            match item.get("type", "message"):
                case "message":
                    self._read_message(item, asked)
                case "reasoning":
                    demand(item.get("encrypted_content"), f"Item {item['id']} is not stored")
                    follower = items[at + 1] if at + 1 < len(items) else {}
                    kind = follower.get("type", "message")
                    demand(kind != "function_call_output", "reasoning without its following item")
                    asked.proofs.append(item["encrypted_content"])
                case "function_call":
                    demand(item["call_id"] not in places, f"call_id twice: {item['call_id']}")
                    demand(item.get("id", "fc_").startswith("fc_"), f"id {item.get('id')}")
                    places[item["call_id"]] = len(asked.calls)
                    asked.calls.append((item["name"], json.loads(item["arguments"])))
                case "function_call_output":
                    asked.result(places.get(item["call_id"]), _words(item["output"], asked))
                case kind:
                    demand(False, f"unexpected item {kind}")
        demand(len(asked.results) == len(asked.calls), "No tool output found for function call")

    def _read_message(self, item: Any, asked: Asked) -> None:
        role, content = item["role"], item["content"]
        demand(item.get("id", "msg_").startswith("msg_"), f"id {item.get('id')}")
        wanted = "output_text" if role == "assistant" else "input_text"
        for part in [] if isinstance(content, str) else content:
            if part["type"] in ("input_text", "output_text"):
                demand(part["type"] == wanted, f"{part['type']} of the {role}")
        text = _words(content, asked)
        if role in ("system", "developer"):
            asked.system += text
        elif text:
            asked.words.append((role, text))


def _declared(items: Any) -> Any:
    """The input with the type that a message may leave out, so that a fault is told where it is.

    Without what stands in none of the SDK's types, though Codex sends it to OpenAI: ids of messages
    of the user's, and members that are null.
    """
    if isinstance(items, str):
        return items
    return [_declared_item(item) for item in items]


def _declared_item(item: Any) -> Any:
    given = {k: v for k, v in item.items() if v is not None}
    if "role" not in item:
        return given
    if item["role"] != "assistant":
        given.pop("id", None)
    return {"type": "message", **given}


def _words(content: Any, asked: Asked) -> str:
    if isinstance(content, str):
        return content
    text = ""
    for part in content:
        match part["type"]:
            case "input_image":
                asked.images.append(data_url(part["image_url"]))
            case "input_file":
                asked.files.append(data_url(part["file_data"]))
            case _:
                text += part["text"]
    return text


def _items(answer: Answer) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if answer.thinks and (answer.thinking or answer.signature):
        parts = [{"type": "summary_text", "text": answer.thinking}] if answer.thinking else []
        item = {"id": "rs_up1", "type": "reasoning", "summary": parts}
        items.append(item | ({"encrypted_content": answer.signature} if answer.signature else {}))
    if answer.text:
        text = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        said = {"role": "assistant", "status": "completed", "content": [text]}
        items.append({"id": "msg_up1", "type": "message", **said})
    for number, call in enumerate(answer.calls):
        said = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
        item = {"id": f"fc_up{number}", "type": "function_call", "status": "completed"}
        items.append({**item, **said})
    return items


def _response(
    answer: Answer, status: str, items: list[Any], error: object = None
) -> dict[str, object]:
    usage = {
        "input_tokens": answer.input,
        "input_tokens_details": {"cached_tokens": answer.cached},
        "output_tokens": answer.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input + answer.output,
    }
    return {
        "id": "resp_up1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "error": error,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": answer.model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage if status == "completed" else None,
        "user": None,
        "metadata": {},
    }


class _Events:
    """A stream in the making."""

    def __init__(self, answer: Answer) -> None:
        self.out: list[bytes] = []
        self._items = 0
        for kind in ("response.created", "response.in_progress"):
            self.say(kind, response=_response(answer, "in_progress", []))

    def say(self, kind: str, **members: object) -> None:
        self.out.append(event(kind, {"type": kind, "sequence_number": len(self.out), **members}))

    def item(self, item: dict[str, Any]) -> None:
        at = {"output_index": self._items}
        self._items += 1
        begun = {
            "message": {"status": "in_progress", "content": []},
            "function_call": {"status": "in_progress", "arguments": ""},
            "reasoning": {"summary": []},
        }
        self.say("response.output_item.added", **at, item={**item, **begun[item["type"]]})
        at_item = {**at, "item_id": item["id"]}
        match item["type"]:
            case "message":
                self._text(item["content"][0], at_item)
            case "reasoning":
                self._summary(item["summary"], at_item)
            case _:
                kind = "response.function_call_arguments"
                for piece in halves(item["arguments"]):
                    self.say(f"{kind}.delta", **at_item, delta=piece)
                self.say(f"{kind}.done", **at_item, arguments=item["arguments"], name=item["name"])
        self.say("response.output_item.done", **at, item=item)

    def _text(self, part: dict[str, Any], at_item: dict[str, Any]) -> None:
        at = {**at_item, "content_index": 0}
        self.say("response.content_part.added", **at, part={**part, "text": ""})
        for word in words(part["text"]):
            self.say("response.output_text.delta", **at, delta=word, logprobs=[])
        self.say("response.output_text.done", **at, text=part["text"], logprobs=[])
        self.say("response.content_part.done", **at, part=part)

    def _summary(self, parts: list[Any], at_item: dict[str, Any]) -> None:
        for number, part in enumerate(parts):
            at = {**at_item, "summary_index": number}
            kind = "response.reasoning_summary"
            self.say(f"{kind}_part.added", **at, part={**part, "text": ""})
            for word in words(part["text"]):
                self.say(f"{kind}_text.delta", **at, delta=word)
            self.say(f"{kind}_text.done", **at, text=part["text"])
            self.say(f"{kind}_part.done", **at, part=part)
