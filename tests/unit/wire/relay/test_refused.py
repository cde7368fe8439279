"""Ends that say the answer is broken, and refusals with their explanation, for every client."""

import json
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.refused import REFUSED_ANSWER
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.broken_ends import BROKEN_END

ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000)
CLIENTS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")
WHY = "This request triggered restrictions on violative cyber content."

clients = pytest.mark.parametrize("client", CLIENTS)
streamed = pytest.mark.parametrize("streams", [False, True], ids=["json", "stream"])
answered = pytest.mark.parametrize("sse", [False, True], ids=["whole", "sse"])


def lines(*chunks: dict[str, Any], names: bool = False) -> bytes:
    made = (
        (f"event: {chunk['type']}\n" if names else "") + f"data: {json.dumps(chunk)}\n\n"
        for chunk in chunks
    )
    return "".join(made).encode()


def chat(finish: str, text: str, sse: bool, **more: Any) -> bytes:
    if sse:
        word = {"index": 0, "delta": {"role": "assistant", "content": text}}
        end = {"index": 0, "delta": {}, "finish_reason": finish, **more}
        return lines({"choices": [word]}, {"choices": [end]}) + b"data: [DONE]\n\n"
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def gemini(finish: str, text: str, sse: bool, **more: Any) -> bytes:
    content = {"role": "model", "parts": [{"text": text}] if text else []}
    end = {"content": content, "finishReason": finish, "index": 0, **more}
    if not sse:
        return json.dumps({"candidates": [end]}).encode()
    return lines({"candidates": [{"content": content, "index": 0}]}, {"candidates": [end]})


def anthropic(stop: str, text: str, sse: bool, **more: Any) -> bytes:
    if not sse:
        content = [{"type": "text", "text": text}] if text else []
        return json.dumps({"type": "message", "role": "assistant", "content": content,
                           "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1},
                           **more}).encode()  # fmt: skip
    start = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
             "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}  # fmt: skip
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    word = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }
    over = {"type": "content_block_stop", "index": 0}
    end = {"type": "message_delta", "delta": {"stop_reason": stop, **more},
           "usage": {"output_tokens": 1}}  # fmt: skip
    said = (block, word, over) if text else ()
    return lines(start, *said, end, {"type": "message_stop"}, names=True)


def responses(status: str, text: str, sse: bool, **more: Any) -> bytes:
    item = {"type": "message", "id": "i", "role": "assistant",
            "content": [{"type": "output_text", "text": text}]}  # fmt: skip
    body = {"object": "response", "id": "r", "status": status, "output": [item], **more}
    if not sse:
        return json.dumps(body).encode()
    kind = "response.completed" if status != "incomplete" else "response.incomplete"
    word = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0,
            "delta": text}  # fmt: skip
    said = (word,) if text else ()
    return lines({"type": "response.created", "response": {"id": "r"}}, *said,
                 {"type": kind, "response": body}, names=True)  # fmt: skip


def ollama(reason: str, text: str, sse: bool, **more: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    end = {"model": "m", "message": message, "done": True, "done_reason": reason, **more}
    if not sse:
        return json.dumps(end).encode()
    word = {"model": "m", "message": message, "done": False}
    last = {**end, "message": {"role": "assistant", "content": ""}}
    return f"{json.dumps(word)}\n{json.dumps(last)}\n".encode()


ODD = {"incomplete_details": {"reason": "odd"}}
BROKEN = [
    ("openai-chat", chat, "network_error", {}),
    ("openai-chat", chat, "insufficient_system_resource", {}),
    ("openai-chat", chat, "error", {}),
    ("openai-chat", chat, "abort", {}),
    ("openai-chat", chat, "stop", {"native_finish_reason": "network_error"}),
    ("openai-chat", chat, "stop", {"native_finish_reason": "MALFORMED_FUNCTION_CALL"}),
    ("openai-chat", chat, "function_call_filter: MALFORMED_FUNCTION_CALL", {}),
    ("gemini", gemini, "MALFORMED_FUNCTION_CALL", {"finishMessage": "Malformed: call"}),
    ("gemini", gemini, "UNEXPECTED_TOOL_CALL", {}),
    ("gemini", gemini, "TOO_MANY_TOOL_CALLS", {}),
    ("gemini", gemini, "OTHER", {}),
    ("anthropic", anthropic, "network_error", {}),
    ("openai-responses", responses, "incomplete", ODD),
    ("openai-responses", responses, "cancelled", {}),
    ("openai-responses", responses, "failed", {}),
    ("ollama", ollama, "error", {}),
]
broken = pytest.mark.parametrize(
    ("upstream", "write", "word", "more"), BROKEN, ids=[f"{b[0]}-{b[2]}-{b[3]}" for b in BROKEN]
)


def relayed(
    upstream: str, client: str, data: bytes, streams: bool, sse: bool, **more: Any
) -> tuple[Relay, bytes]:
    home = FORMATS[upstream]
    relay = Relay(home, FORMATS[client], streams, ASKED, **more)
    relay.start(200, home.content_type if sse else "application/json")
    return relay, relay.feed(data) + relay.end()


@answered
@streamed
@clients
@broken
def test_a_broken_end_before_output_is_a_failure(
    upstream: str, write: Any, word: str, more: Any, client: str, streams: bool, sse: bool
):
    relay, out = relayed(upstream, client, write(word, "", sse, **more), streams, sse)
    assert relay.failed and not relay.committed and not out
    assert relay.problem is not None
    if word not in ("error", "failed"):
        assert relay.problem.error.type == BROKEN_END or relay.problem.kind == "empty"


@clients
@broken
def test_a_broken_end_after_output_is_an_error_and_no_end(
    upstream: str, write: Any, word: str, more: Any, client: str
):
    relay, out = relayed(upstream, client, write(word, "So far", True, **more), True, True)
    assert relay.failed and relay.committed
    assert b"So far" in out
    ordinary = (b"[DONE]", b"message_stop", b"response.completed", b'"done":true', b'"STOP"')
    assert b"rror" in out or b"response.failed" in out
    if client != upstream:
        assert not any(end in out for end in ordinary if end != b"[DONE]"), out


@answered
@clients
@broken
def test_a_broken_end_is_no_whole_answer(
    upstream: str, write: Any, word: str, more: Any, client: str, sse: bool
):
    relay, _ = relayed(upstream, client, write(word, "So far", sse, **more), False, sse)
    assert relay.failed and not relay.committed


DETAILS = {"stop_details": {"type": "refusal", "category": "cyber", "explanation": WHY}}
EXPLAINED = [
    ("anthropic", anthropic("refusal", "", False, **DETAILS), False),
    ("anthropic", anthropic("refusal", "", True, **DETAILS), True),
    ("gemini", gemini("SAFETY", "", False, finishMessage=WHY), False),
    ("gemini", gemini("PROHIBITED_CONTENT", "", True, finishMessage=WHY), True),
    (
        "gemini",
        json.dumps(
            {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": WHY}}
        ).encode(),
        False,
    ),
    (
        "gemini",
        lines({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": WHY}}),
        True,
    ),
    (
        "openai-chat",
        json.dumps(
            {
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": None, "refusal": WHY},
                        "finish_reason": "stop",
                    }
                ],
            }
        ).encode(),
        False,
    ),
    (
        "openai-chat",
        lines(
            {"choices": [{"index": 0, "delta": {"refusal": WHY}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        )
        + b"data: [DONE]\n\n",
        True,
    ),
]
explained = pytest.mark.parametrize(
    ("upstream", "data", "sse"), EXPLAINED, ids=[f"{e[0]}-{n}" for n, e in enumerate(EXPLAINED)]
)


@streamed
@clients
@explained
def test_an_explanation_reaches_every_format(
    upstream: str, data: bytes, sse: bool, client: str, streams: bool
):
    relay, out = relayed(upstream, client, data, streams, sse)
    assert not relay.failed, relay.problem
    told = (out if streams else relay.body).decode()
    assert WHY in told
    if client == "openai-chat" and not streams:
        assert json.loads(told)["choices"][0]["message"]["refusal"] == WHY
    if client == "anthropic" and upstream == "gemini" and not streams:
        assert json.loads(told)["stop_reason"] == "refusal"
        assert json.loads(told)["stop_details"]["explanation"] == WHY


@clients
def test_what_google_blocks_without_a_word_is_explained_by_its_reasons(client: str):
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "blocked": True}]
    data = gemini("SAFETY", "", False, safetyRatings=ratings)
    relay, _ = relayed("gemini", client, data, False, False)
    if client != "gemini":
        assert b"HARM_CATEGORY_HARASSMENT" in relay.body


@streamed
@clients
@explained
def test_a_refusal_is_a_failure_where_another_member_is_to_answer(
    upstream: str, data: bytes, sse: bool, client: str, streams: bool
):
    relay, out = relayed(upstream, client, data, streams, sse, rejects_refusals=True)
    assert relay.failed and not relay.committed and not out
    assert relay.problem is not None and relay.problem.error.type == REFUSED_ANSWER


@streamed
@clients
@answered
def test_an_answer_is_none_the_worse_for_that(client: str, streams: bool, sse: bool):
    relay, out = relayed(
        "openai-chat", client, chat("stop", "Well.", sse), streams, sse, rejects_refusals=True
    )
    assert not relay.failed, relay.problem
    assert b"Well." in (out if streams else relay.body)


def test_words_before_a_refusal_keep_it_from_falling_back():
    data = anthropic("refusal", "So far", True, **DETAILS)
    relay, out = relayed("anthropic", "openai-chat", data, True, True, rejects_refusals=True)
    assert relay.committed and not relay.failed
    assert WHY.encode() in out
