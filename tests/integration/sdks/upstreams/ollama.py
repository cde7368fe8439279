"""Ollama. Source: its documentation, "API", "Generate a chat completion"."""

import base64
import json
from typing import Any

from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import demand
from tests.support.answers import Answer
from tests.support.answers import words
from tests.support.upstream import Recorded

_REQUEST = {
    "model": str,
    "messages": list,
    "tools": list,
    "think": (bool, str),
    "format": (str, dict),
    "options": dict,
    "stream": bool,
    "keep_alive": (str, int),
    "logprobs": bool,
    "top_logprobs": int,
}
_MESSAGE = {
    "role": str,
    "content": str,
    "thinking": str,
    "images": list,
    "tool_calls": list,
    "tool_name": str,
    "tool_call_id": str,
}
_OPTIONS = {
    "num_predict": int,
    "num_ctx": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": int,
    "min_p": (int, float),
    "seed": int,
    "stop": list,
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
    "repeat_penalty": (int, float),
}
_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}


class Ollama:
    format = "ollama"
    short = "olla"
    stream_type = "application/x-ndjson"

    def base_url(self, url: str) -> str:
        return url

    def whole(self, answer: Answer) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.thinking:
            message["thinking"] = answer.thinking
        if answer.calls:
            message["tool_calls"] = _calls(answer)
        return _line(answer, message, ended=True).rstrip()

    def events(self, answer: Answer) -> list[bytes]:
        out = []
        for word in words(answer.thinking) if answer.thinking else ():
            out.append(_line(answer, {"role": "assistant", "content": "", "thinking": word}))
        for word in words(answer.text) if answer.text else ():
            out.append(_line(answer, {"role": "assistant", "content": word}))
        for call in _calls(answer):
            message = {"role": "assistant", "content": "", "tool_calls": [call]}
            out.append(_line(answer, message))
        return [*out, _line(answer, {"role": "assistant", "content": ""}, ended=True)]

    def broken(self, message: str) -> list[bytes]:
        begun = _line(Answer(), {"role": "assistant", "content": "As I was"})
        return [begun, self.error(500, message) + b"\n"]

    def error(self, status: int, message: str) -> bytes:
        return json.dumps({"error": message}).encode()

    def read(self, request: Recorded) -> Asked:
        demand(request.path == "/api/chat", request.path)
        body = request.json
        _known(body, _REQUEST, "request")
        _known(body.get("options", {}), _OPTIONS, "options")
        asked = Asked(stream=body.get("stream", True), shown=body.get("think") is not False)
        asked.proven = False
        for tool in body.get("tools", ()):
            said = tool["function"]
            demand(tool["type"] == "function", f"tool of type {tool['type']}")
            asked.tools[said["name"]] = said.get("description", ""), said.get("parameters")
        think = body.get("think")
        demand(not isinstance(think, str), f'think value "{think}" is not supported for this model')
        asked.effort = think if isinstance(think, str) else "on" if think else None
        asked.schema = body["format"] if isinstance(body.get("format"), dict) else None
        _read_messages(body["messages"], asked)
        return asked


def _known(value: dict[str, Any], members: dict[str, Any], what: str) -> None:
    """As Go's decoder takes JSON: a wrong type is refused. What it would pass over unread is
    refused too."""
    for name, member in value.items():
        demand(name in members, f"{what}: unknown {name}")
        demand(isinstance(member, members[name]), f"{what}: {name} is {member!r}")


def _read_messages(messages: list[Any], asked: Asked) -> None:
    waited: list[tuple[int, str, str]] = []
    for message in messages:
        _known(message, _MESSAGE, "message")
        role = message["role"]
        demand(role in ("system", "user", "assistant", "tool"), f"role {role}")
        if role == "system":
            asked.system += message["content"]
        elif role == "tool":
            named = message.get("tool_name")
            given = message.get("tool_call_id")
            fits = [
                entry for entry in waited if (given == entry[2] if given else named == entry[1])
            ]
            demand(fits, f"a result of no open call: {named}")
            waited.remove(fits[0])
            asked.result(fits[0][0], message["content"])
        else:
            demand(not waited or role == "user", "a call was not answered")
            if message.get("content"):
                asked.words.append((role, message["content"]))
            for image in message.get("images", ()):
                data = base64.b64decode(image, validate=True)
                kind = next((t for head, t in _TYPES.items() if data.startswith(head)), None)
                demand(kind, "an image of unknown format")
                asked.images.append((kind or "", data))
            for call in message.get("tool_calls", ()):
                said = call["function"]
                demand(isinstance(said["arguments"], dict), "arguments must be an object")
                waited.append((len(asked.calls), said["name"], call.get("id", "")))
                asked.calls.append((said["name"], said["arguments"]))
    demand(not waited, "a call was not answered")


def _calls(answer: Answer) -> list[dict[str, Any]]:
    return [{"function": {"name": call.name, "arguments": call.input}} for call in answer.calls]


def _line(answer: Answer, message: dict[str, Any], ended: bool = False) -> bytes:
    said: dict[str, Any] = {
        "model": answer.model,
        "created_at": "2026-10-01T12:00:00.123456789Z",
        "message": message,
        "done": ended,
    }
    if ended:
        said |= {
            "done_reason": "stop",
            "total_duration": 4883583458,
            "load_duration": 1334875,
            "prompt_eval_count": answer.input,
            "prompt_eval_duration": 342546000,
            "eval_count": answer.output,
            "eval_duration": 4535599000,
        }
    return json.dumps(said).encode() + b"\n"
