"""Google's Gemini API. Source: API reference, "Generating content", "Function calling" and
"Thought signatures"."""

import base64
import itertools
import json
import re
from typing import Any

from tests.integration.sdks.upstreams.provider import Asked
from tests.integration.sdks.upstreams.provider import demand
from tests.integration.sdks.upstreams.provider import level_of
from tests.support.answers import Answer
from tests.support.answers import data
from tests.support.answers import words
from tests.support.steps import SSE
from tests.support.upstream import Recorded

_PATH = re.compile(r"/v1beta/models/[^/:]+:(generateContent|streamGenerateContent)")

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}

_numbers = itertools.count(1)

_BYPASS = b"skip_thought_signature_validator"
"""What the guide "Thought signatures" lets stand for the signature of a call that another model
made."""

_MEMBERS = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
}


class Gemini:
    format = "gemini"
    short = "gem"
    stream_type = SSE

    def base_url(self, url: str) -> str:
        return url

    def whole(self, answer: Answer) -> bytes:
        return json.dumps(_response(answer, _parts(answer), _id(), ended=True)).encode()

    def events(self, answer: Answer) -> list[bytes]:
        out, own = [], _id()
        for part in _parts(answer):
            pieces = words(part["text"]) if part.get("text") else [None]
            for number, piece in enumerate(pieces):
                said = part if piece is None else {**part, "text": piece}
                if number + 1 < len(pieces):
                    said = {k: v for k, v in said.items() if k != "thoughtSignature"}
                out.append(data(_response(answer, [said], own)))
        last = {"text": ""}
        return [*out, data(_response(answer, [last], own, ended=True))]

    def broken(self, message: str) -> list[bytes]:
        begun = data(_response(Answer(), [{"text": "As I was"}], _id()))
        return [begun, data(json.loads(self.error(503, message)))]

    def error(self, status: int, message: str) -> bytes:
        said = {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}
        return json.dumps({"error": said}).encode()

    def read(self, request: Recorded) -> Asked:
        from google.genai import types

        found = _PATH.fullmatch(request.path)
        demand(found, request.path)
        assert found
        stream = found[1] == "streamGenerateContent"
        demand(not stream or "alt=sse" in request.target, "the stream would be no SSE")
        demand(request.header("x-goog-api-key"), "API key not found")
        body = request.json
        demand(not body.keys() - _MEMBERS, f"unknown members: {body.keys() - _MEMBERS}")
        contents = [_typed(types.Content, content) for content in body["contents"]]
        config = _typed(types.GenerationConfig, body.get("generationConfig", {}))
        asked = Asked(stream=stream, shown=False)
        for tool in body.get("tools", ()):
            _typed(types.Tool, tool)
            for said in tool.get("functionDeclarations", ()):
                asked.tools[said["name"]] = said.get("description", ""), _parameters(said)
        if "toolConfig" in body:
            _typed(types.ToolConfig, body["toolConfig"])
        for part in _typed(types.Content, body.get("systemInstruction", {})).parts or ():
            demand(part.text, "a system instruction holds text alone")
            asked.system += part.text or ""
        _read_contents(contents, asked)
        if config.response_mime_type == "application/json":
            said = body["generationConfig"]
            schema = said.get("responseSchema") or said.get("response_schema")
            asked.schema = _lower(schema) or config.response_json_schema
        if (thinking := config.thinking_config) is not None:
            asked.shown = bool(thinking.include_thoughts)
            level, budget = thinking.thinking_level, thinking.thinking_budget
            demand(level is None or budget is None, "thinking_budget and thinking_level exclude")
            asked.effort = level.value.lower() if level else level_of(budget or 0)
        return asked


def _typed(kind: Any, value: Any) -> Any:
    """The value as the SDK's type, which takes no member it does not know, and both spellings
    of those it does, as the API does. Raises Refused."""
    try:
        return kind.model_validate_json(json.dumps(value))
    except ValueError as e:
        demand(False, f"Invalid JSON payload received: {e}")


def _parameters(declaration: Any) -> Any:
    """The schema of a function, in JSON schema's words. Raises Refused."""
    whole = declaration.get("parametersJsonSchema") or declaration.get("parameters_json_schema")
    own = declaration.get("parameters")
    demand(not (own and whole), "parameters and parametersJsonSchema are mutually exclusive")
    return whole or _lower(own)


def _lower(schema: Any) -> Any:
    """A schema of Google's dialect in JSON schema's words."""
    if isinstance(schema, list):
        return [_lower(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: v.lower() if k == "type" else _lower(v) for k, v in schema.items()}


def _read_contents(contents: list[Any], asked: Asked) -> None:
    open_calls: list[tuple[int, Any]] = []
    demand(contents and contents[0].role in (None, "user"), "the first content must be the user's")
    for content in contents:
        role = content.role or "user"
        demand(role in ("user", "model"), "Please use a valid role: user, model.")
        demand(content.parts, "contents must not be empty")
        answers = [part.function_response for part in content.parts if part.function_response]
        demand(
            role == "model" or len(answers) == len(open_calls),
            "the number of function response parts must equal that of function call parts",
        )
        for answer in answers:
            at = next(
                (
                    entry
                    for entry in open_calls
                    if (answer.id == entry[1].id if answer.id else answer.name == entry[1].name)
                ),
                None,
            )
            demand(at is not None, f"a response to no call: {answer.name}")
            assert at
            open_calls.remove(at)
            said = answer.response or {}
            words = said["error"] if "error" in said else said.get("output", said.get("result"))
            text = words if isinstance(words, str) else json.dumps(words if words else said)
            asked.result(at[0], text, failed="error" in said)
        for part in content.parts:
            _read_part(part, role, open_calls, asked)
    demand(not open_calls, "function calls without a response")


def _read_part(part: Any, role: str, open_calls: list[Any], asked: Asked) -> None:
    bypass = base64.urlsafe_b64decode(_BYPASS)
    if part.thought_signature and part.thought_signature != bypass:
        asked.proofs.append(base64.b64encode(part.thought_signature).decode())
    if part.function_call:
        demand(role == "model", "a function call of the user's")
        open_calls.append((len(asked.calls), part.function_call))
        asked.calls.append((part.function_call.name, part.function_call.args or {}))
    elif part.inline_data:
        is_image = part.inline_data.mime_type.startswith("image/")
        into = asked.images if is_image else asked.files
        into.append((part.inline_data.mime_type, part.inline_data.data))
    elif part.text and not part.thought:
        asked.say("assistant" if role == "model" else "user", part.text)
    elif part.text is None:
        known = part.function_response or part.thought_signature or part.file_data
        demand(known, "required oneof field 'data' must have one initialized field")


def _parts(answer: Answer) -> list[dict[str, Any]]:
    """Without ids, as most models still call. The signature goes with the first call, or else
    with the text."""
    parts: list[dict[str, Any]] = []
    signed = {"thoughtSignature": answer.signature} if answer.thinks else {}
    if answer.thinking:
        parts.append({"text": answer.thinking, "thought": True})
    if answer.text:
        parts.append({"text": answer.text, **({} if answer.calls else signed)})
    for number, call in enumerate(answer.calls):
        said: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.input}}
        parts.append({**said, **(signed if number == 0 else {})})
    return parts


def _id() -> str:
    return f"up{next(_numbers)}-Gemini"


def _response(answer: Answer, parts: list[Any], own: str, ended: bool = False) -> dict[str, object]:
    usage: dict[str, object] = {
        "promptTokenCount": answer.input,
        "cachedContentTokenCount": answer.cached,
        "candidatesTokenCount": answer.output,
        "totalTokenCount": answer.input + answer.output,
    }
    candidate: dict[str, object] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if ended:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": answer.model,
        "responseId": own,
    }
