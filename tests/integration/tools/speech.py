"""The model of the task in each wire format: what a request asks, what is answered, how it fails.

Written apart from `addons/switchyard/wire`, which it judges. Shapes after the API references of
OpenAI (Chat completions, Responses), Anthropic (Messages) and Google (generateContent).
"""

import itertools
import json
import re
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import Literal

from tests.integration.tools.strict import GEMINI_SIGNATURE
from tests.integration.tools.strict import SEALED
from tests.integration.tools.strict import complaints
from tests.integration.tools.task import Asked
from tests.integration.tools.task import Offered
from tests.integration.tools.task import Say
from tests.integration.tools.task import Turn
from tests.integration.tools.task import Use
from tests.integration.tools.task import next_turn
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import data
from tests.support.answers import event
from tests.support.answers import halves
from tests.support.signals import Signal
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Step
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded

type Format = Literal["openai-chat", "openai-responses", "anthropic", "gemini"]
type Fault = Literal["429", "overloaded", "reset"]

FORMATS: tuple[Format, ...] = ("openai-chat", "openai-responses", "anthropic", "gemini")
FAULTS: tuple[Fault, ...] = ("429", "overloaded", "reset")

FAULTY = "faulty-"
"""How models begin that fail; the fault follows."""

AT_ONCE = "-at-once"
"""How models end that ask for both commands at once."""
SLOW = "-slow"
"""How models end that say nothing at all for a while."""
BREAKS = "breaks"
"""A fault after the answer began: the connection is reset in the middle of a text."""

AWAY = "-away"
"""How models end that are not to be had for the second turn of the task."""
REFUSED = "REFUSED"
"""Begins what a provider says to a request that the real one would refuse."""

_SLOWNESS = 2.5
"""Seconds: several times the heartbeat of the routers of these tests."""

_answers = itertools.count(1)

_THOUGHT = "Let me think about how to look that up."
"""Before all that the model says and does; a tool must not take it for the answer."""
_BEFORE = "I shall look."

_RATE = "Rate limit reached for this key"
_BUSY = "The model is overloaded, try again later"


def answer(request: Recorded) -> Behaviour:
    """What an upstream of any of the formats does with a request."""
    path = request.path
    if request.header("upgrade"):
        # The status upon which Codex goes on without a WebSocket.
        return _json({"error": {"message": "no WebSocket here", "type": "invalid"}}, 426)
    if path.endswith("/chat/completions"):
        return _answer(request, "openai-chat", model_of(request))
    if path.endswith("/responses"):
        return _answer(request, "openai-responses", model_of(request))
    if path.endswith("/messages/count_tokens"):
        return _json({"input_tokens": len(request.body) // 4})
    if path.endswith("/messages"):
        return _answer(request, "anthropic", model_of(request))
    if "enerateContent" in path:
        return _answer(request, "gemini", model_of(request))
    if path.endswith(":countTokens"):
        return _json({"totalTokens": len(request.body) // 4})
    return _json({"error": {"message": f"nothing at {path}", "type": "not_found_error"}}, 404)


def asks_model(request: Recorded) -> bool:
    """Whether a request has an answer of the model's."""
    return request.method == "POST" and bool(_ASKS.search(request.path))


def fault_of(request: Recorded, fault: str) -> Behaviour:
    """How an upstream of the request's format fails."""
    found = _ASKS.search(request.path)
    assert found
    format = _ENDS[found[0]]
    if fault != AWAY:
        return _fault(format, fault)
    body = _body(request)
    asked = _READERS[format](body.get("request", body))
    return _fault(format, "429") if len(asked.results) == 1 else answer(request)


_ENDS: dict[str, Format] = {
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/messages": "anthropic",
    ":generateContent": "gemini",
    ":streamGenerateContent": "gemini",
}
_ASKS = re.compile(f"({'|'.join(_ENDS)})$")


def refusal(request: Recorded) -> str:
    """Why a provider refuses a request; empty if it does not."""
    if not asks_model(request):
        return ""
    found = _ASKS.search(request.path)
    assert found
    body = _body(request)
    said = complaints(_ENDS[found[0]], body.get("request", body), str(request.headers))
    return "; ".join(said)


def model_of(request: Recorded) -> str:
    if "/models/" in request.path:
        return request.path.rpartition("/models/")[2].partition(":")[0]
    return request.model


def _answer(request: Recorded, format: Format, model: str) -> Behaviour:
    body = _body(request)
    if model.startswith(FAULTY):
        return _fault(format, model.removeprefix(FAULTY))
    inner = body.get("request", body)  # Code Assist wraps Gemini's own format
    asked = _READERS[format](inner)
    if refused := refusal(request):
        return _json(_error(format, 400, f"{REFUSED}: {refused}"), 400)
    if model.endswith(AWAY) and len(asked.results) == 1:
        return _fault(format, "429")
    turn = next_turn(asked, at_once=model.endswith(AT_ONCE))
    said = _said(format, request, model, turn)
    return (_pause(), *said) if model.endswith(SLOW) else said


def _pause() -> Step:
    over = Signal()
    threading.Timer(_SLOWNESS, over.set).start()
    return Wait(over)


def _said(format: Format, request: Recorded, model: str, turn: Turn) -> Behaviour:
    body = _body(request)
    if format in ("openai-chat", "anthropic"):
        dialect = CHAT if format == "openai-chat" else ANTHROPIC
        said = _plain(turn)
        return chunked(*dialect.events(said)) if body.get("stream") else whole(dialect.whole(said))
    if format == "openai-responses":
        response = _response(model, "completed", _items(turn))
        return chunked(*_response_events(model, turn)) if body.get("stream") else _json(response)
    reply = _gemini_reply(model, turn)
    if "request" in body:
        reply = {"response": reply}
    if "streamGenerateContent" not in request.path:
        return _json(reply)
    return chunked(data(reply)) if "alt=sse" in request.target else _json([reply])


def _body(request: Recorded) -> Any:
    if request.header("content-encoding") == "zstd":
        import zstandard

        unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(request.body)
        return json.loads(unpacked)
    return request.json


def _json(value: object, status: int = 200) -> Behaviour:
    return whole(json.dumps(value).encode(), status)


def _plain(turn: Turn) -> Answer:
    if isinstance(turn, Say):
        return Answer(text=turn.text, thinking=_THOUGHT)
    calls = [Call(_id(use), use.tool.name, json.dumps(use.input)) for use in turn.uses]
    return Answer(text=_BEFORE, thinking=_THOUGHT).with_calls(*calls)


def _id(use: Use) -> str:
    return f"call_{use.number}_a8Zk3"


# What a request asks.


def _read_chat(body: Any) -> Asked:
    messages = body.get("messages") or []
    wish = body.get("response_format") or {}
    declared = [tool.get("function") or tool.get("custom") for tool in body.get("tools") or []]
    return Asked(
        tools=tuple(Offered(tool["name"], tool.get("parameters") or {}) for tool in declared),
        results=tuple(_text(m.get("content")) for m in messages if m["role"] == "tool"),
        schema=(wish.get("json_schema") or {}).get("schema"),
        text=_text([message.get("content") for message in messages]),
    )


def _read_anthropic(body: Any) -> Asked:
    blocks = [
        block
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    wish = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    return Asked(
        tools=tuple(
            Offered(tool["name"], tool["input_schema"])
            for tool in body.get("tools") or []
            if "input_schema" in tool
        ),
        results=tuple(_text(b.get("content")) for b in blocks if b["type"] == "tool_result"),
        schema=wish.get("schema"),
        text=_text([message["content"] for message in body["messages"]]),
    )


def _read_responses(body: Any) -> Asked:
    items = body["input"] if isinstance(body["input"], list) else []
    declared = [*(body.get("tools") or [])]
    for item in items:
        # Codex's code mode: the tools come with the input.
        declared += item.get("tools") or [] if item.get("type") == "additional_tools" else []
    return Asked(
        tools=tuple(_offered(declared)),
        results=tuple(
            _text(item.get("output"))
            for item in items
            if str(item.get("type")).endswith("_call_output")
        ),
        schema=((body.get("text") or {}).get("format") or {}).get("schema"),
        text=_text([item.get("content") for item in items]),
    )


def _offered(declared: Iterable[Any], namespace: str = "") -> Iterator[Offered]:
    for tool in declared:
        if tool.get("type") == "namespace":
            yield from _offered(tool.get("tools") or [], tool["name"])
        elif tool.get("type") in ("function", "custom"):
            custom = tool["type"] == "custom"
            yield Offered(tool["name"], tool.get("parameters") or {}, custom, namespace)


def _read_gemini(body: Any) -> Asked:
    parts = [part for content in body["contents"] for part in content.get("parts") or []]
    wish = body.get("generationConfig") or {}
    return Asked(
        tools=tuple(
            Offered(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {})
            for tool in body.get("tools") or []
            for one in tool.get("functionDeclarations") or ()
        ),
        results=tuple(
            json.dumps(part["functionResponse"].get("response"))
            for part in parts
            if "functionResponse" in part
        ),
        schema=wish.get("responseJsonSchema") or wish.get("responseSchema"),
        text=_text([part.get("text") for part in parts]),
    )


_READERS = {
    "openai-chat": _read_chat,
    "openai-responses": _read_responses,
    "anthropic": _read_anthropic,
    "gemini": _read_gemini,
}


def _text(content: Any) -> str:
    """All text in a content, whatever its shape."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(map(_text, content))
    if isinstance(content, dict):
        return _text(content.get("text") or content.get("content"))
    return ""


# Responses.


def _response(model: str, status: str, output: list[Any], **more: object) -> dict[str, Any]:
    usage = {
        "input_tokens": 21,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 13,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 34,
    }
    return {
        "id": "resp_up1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage if status == "completed" else None,
        **more,
    }


def _items(turn: Turn) -> list[dict[str, Any]]:
    reasoning = {
        "id": "rs_up1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": _THOUGHT}],
        "encrypted_content": SEALED,
    }
    if isinstance(turn, Say):
        return [reasoning, _message(turn.text)]
    return [reasoning, *map(_call_item, turn.uses)]


def _message(text: str) -> dict[str, Any]:
    content = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {
        "id": "msg_up1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [content],
    }


def _call_item(use: Use) -> dict[str, Any]:
    call: dict[str, Any] = {
        "id": f"{'ctc' if use.tool.custom else 'fc'}_{use.number}",
        "call_id": _id(use),
        "name": use.tool.name,
        "status": "completed",
    }
    if use.tool.namespace:
        call["namespace"] = use.tool.namespace
    if use.tool.custom:
        return {**call, "type": "custom_tool_call", "input": use.input}
    return {**call, "type": "function_call", "arguments": json.dumps(use.input)}


def _response_events(model: str, turn: Turn) -> list[bytes]:
    items = _items(turn)
    events = _opening(model)
    for index, item in enumerate(items):
        events += _item_events(index, item)
    return _numbered([*events, ("completed", {"response": _response(model, "completed", items)})])


def _item_events(index: int, item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    at: dict[str, Any] = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "reasoning":
            begun, part = {**item, "summary": []}, item["summary"][0]
            at["summary_index"] = 0
            said, kind, member = part["text"], "reasoning_summary_text", "text"
            opening = ("reasoning_summary_part.added", {**at, "part": part | _EMPTY})
            closing = ("reasoning_summary_part.done", {**at, "part": part})
        case "message":
            begun, part = {**item, "status": "in_progress", "content": []}, item["content"][0]
            at["content_index"] = 0
            said, kind, member = part["text"], "output_text", "text"
            opening = ("content_part.added", {**at, "part": part | _EMPTY})
            closing = ("content_part.done", {**at, "part": part})
        case calling:
            custom = calling == "custom_tool_call"
            member = "input" if custom else "arguments"
            kind = "custom_tool_call_input" if custom else "function_call_arguments"
            begun, said = {**item, "status": "in_progress", member: ""}, item[member]
            opening = closing = None
    yield "output_item.added", {"output_index": index, "item": begun}
    if opening:
        yield opening
    for half in halves(said):
        yield f"{kind}.delta", {**at, "delta": half}
    yield f"{kind}.done", {**at, member: said}
    if closing:
        yield closing
    yield "output_item.done", {"output_index": index, "item": item}


_EMPTY = {"text": ""}


def _opening(model: str) -> list[tuple[str, dict[str, Any]]]:
    response = _response(model, "in_progress", [])
    return [("created", {"response": response}), ("in_progress", {"response": response})]


def _numbered(events: Iterable[tuple[str, dict[str, Any]]]) -> list[bytes]:
    return [
        event(f"response.{name}", {"type": f"response.{name}", "sequence_number": n, **members})
        for n, (name, members) in enumerate(events)
    ]


# Gemini.


def _gemini_reply(model: str, turn: Turn) -> dict[str, Any]:
    parts: list[Any] = [{"text": _THOUGHT, "thought": True}]
    if isinstance(turn, Say):
        parts.append({"text": turn.text})
    else:
        parts.append({"text": _BEFORE})
        for use in turn.uses:
            parts.append({"functionCall": {"name": use.tool.name, "args": use.input}})
        # Of several calls the first one carries it.
        parts[2]["thoughtSignature"] = GEMINI_SIGNATURE
    return {
        "candidates": [
            {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 21,
            "candidatesTokenCount": 13,
            "totalTokenCount": 34,
        },
        "modelVersion": model,
        # Another one each time: the router tells answers apart by it.
        "responseId": f"resp-{next(_answers)}",
    }


# How each format fails.


def _fault(format: Format, fault: str) -> Behaviour:
    if fault == BREAKS:
        return _broken(format)
    if fault == "429":
        return _json(_error(format, 429, _RATE), 429)
    opening = {
        "openai-chat": CHAT.opening(Answer()),
        "anthropic": ANTHROPIC.opening(Answer()),
        "openai-responses": _numbered(_opening("m")),
        "gemini": [],
    }[format]
    if fault == "reset":
        return chunked(*opening, RESET)
    if format == "openai-responses":
        error = {"code": "server_is_overloaded", "message": _BUSY}
        failed = ("failed", {"response": _response("m", "failed", [], error=error)})
        return chunked(*_numbered([*_opening("m"), failed]))
    said = _error(format, 529 if format == "anthropic" else 503, _BUSY)
    return chunked(*opening, event("error", said) if format == "anthropic" else data(said))


def _broken(format: Format) -> Behaviour:
    """The beginning of a text, and no more."""
    begun: list[bytes] = []
    match format:
        case "openai-chat" | "anthropic":
            dialect = CHAT if format == "openai-chat" else ANTHROPIC
            begun = [*dialect.opening(Answer()), *dialect.begin_text(), dialect.text(_BEFORE)]
        case "openai-responses":
            events = [*_opening("m"), *_item_events(0, _message(_BEFORE))]
            begun = _numbered(events[:-3])  # up to the words, without what closes them
        case "gemini":
            content = {"parts": [{"text": _BEFORE}], "role": "model"}
            begun = [data({"candidates": [{"content": content, "index": 0}]})]
    return chunked(*begun, RESET)


def _error(format: Format, status: int, message: str) -> dict[str, object]:
    if format == "anthropic":
        kinds = {429: "rate_limit_error", 400: "invalid_request_error"}
        return ANTHROPIC.error(kinds.get(status, "overloaded_error"), message)
    if format == "gemini":
        word = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT"}.get(status, "UNAVAILABLE")
        return {"error": {"code": status, "message": message, "status": word}}
    kinds = {429: "rate_limit_exceeded", 400: "invalid_request_error"}
    kind = kinds.get(status, "server_error")
    return CHAT.error(kind, message, code=kind)
