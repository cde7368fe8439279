"""Answers of the Gemini API: whole ones and streams, read and written."""

from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.events import End
from switchyard.wire.model.fold import unfold
from tests.unit.wire import laws
from tests.unit.wire.formats.gemini.reply_support import GEMINI
from tests.unit.wire.formats.gemini.reply_support import SIGNED
from tests.unit.wire.formats.gemini.reply_support import USAGE
from tests.unit.wire.formats.gemini.reply_support import chunks_of
from tests.unit.wire.formats.gemini.reply_support import folded
from tests.unit.wire.formats.gemini.reply_support import parts_of
from tests.unit.wire.formats.gemini.reply_support import read
from tests.unit.wire.formats.gemini.reply_support import reply_of
from tests.unit.wire.formats.gemini.reply_support import response
from tests.unit.wire.formats.gemini.reply_support import stream
from tests.unit.wire.laws import ASKED


def test_whole_answer():
    reply = read(
        response(
            {"text": "hm", "thought": True},
            {"text": "one"},
            {"text": "two", "thoughtSignature": "AAAA"},
            {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "BB"},
            {"inlineData": {"mimeType": "image/png", "data": "CCCC"}},
            {"executableCode": {"code": "1", "language": "PYTHON"}},
            usageMetadata=USAGE,
            createTime="2026-01-02T03:04:05.678Z",
        )
    )
    thinking, one, two, call, image, code = reply.choice.parts
    assert thinking == Thinking(text="hm")
    assert (
        isinstance(one, Text) and isinstance(two, Text) and (one.text, two.text) == ("one", "two")
    )
    assert isinstance(call, ToolCall) and call.id == "c"
    assert (call.arguments, call.signature, call.signer) == ('{"a":1}', "BB", "gemini")
    assert isinstance(image, Media) and isinstance(code, Opaque)
    assert reply.choice.stop == Stop(reason="tool_calls", raw="STOP")
    assert (reply.id, reply.model, reply.created) == ("r1", "gemini-x", 1767323045)
    usage = reply.usage
    assert usage and (usage.input, usage.output, usage.cache_read, usage.reasoning) == (
        100,
        12,
        40,
        5,
    )
    assert (usage.tool_input, usage.input_audio, usage.total) == (3, 10, 115)


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": [{"finishReason": "SAFETY", "safetyRatings": []}]},
        {"candidates": [{"content": {}, "finishReason": "MAX_TOKENS"}]},
        {"candidates": [{"content": {"role": "model"}, "finishReason": 2}]},
        {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"thoughtSignature": "AA"}]}}]},
        {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]},
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": "X"}},
        {"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1, "x": 1}},
        response({"functionCall": {"name": "f"}}),
        response({"text": "a"}, usageMetadata={"candidatesTokenCount": 0, "totalTokenCount": 3}),
        response({"inlineData": {"mimeType": "image/png", "data": "AA"}, "thought": True}),
    ],
)
def test_odd_answers_survive(body: dict[str, Any]):
    read(body)


def test_blocked_prompt():
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}
    for reply in (read({"promptFeedback": feedback}), folded({"promptFeedback": feedback})):
        stop = reply.choice.stop
        assert stop and (stop.reason, stop.details) == ("content_filter", "No.")
    events = stream({"promptFeedback": feedback})
    assert isinstance(events[-1], End)
    # The same when it is streamed on.
    (chunk,) = chunks_of(laws.write_stream(GEMINI, events))
    assert chunk["promptFeedback"] == feedback and "candidates" not in chunk


@pytest.mark.parametrize("body", [{}, {"error": {"message": "no"}}, {"choices": []}])
def test_what_is_no_answer(body: dict[str, Any]):
    with pytest.raises(BadReply):
        GEMINI.read_reply(body)


@pytest.mark.parametrize(
    ("word", "calls", "reason"),
    [
        ("STOP", False, "end"),
        (1, False, "end"),
        ("STOP", True, "tool_calls"),
        ("UNEXPECTED_TOOL_CALL", True, "tool_calls"),
        ("MAX_TOKENS", True, "length"),
        ("RECITATION", False, "content_filter"),
        ("MODEL_ARMOR", False, "content_filter"),
        ("MALFORMED_FUNCTION_CALL", False, "error"),
        ("UNEXPECTED_TOOL_CALL", False, "error"),
        ("TOO_MANY_TOOL_CALLS", True, "error"),
        ("OTHER", False, "error"),
        ("FINISH_REASON_UNSPECIFIED", False, "other"),
        ("A_NEW_ONE", False, "other"),
        (17, False, "other"),
        (None, False, None),
    ],
)
def test_finish_reasons(word: Any, calls: bool, reason: str | None):
    part = {"functionCall": {"name": "f", "args": {}}} if calls else {"text": "x"}
    reply = read(response(part, finish=word))
    assert (reply.choice.stop.reason if reply.choice.stop else None) == reason


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end", "STOP"),
        ("tool_calls", "STOP"),
        ("stop_sequence", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("refusal", "PROHIBITED_CONTENT"),
        ("error", "OTHER"),
    ],
)
def test_foreign_stop_reasons(reason: StopReason, word: str):
    reply = reply_of(Text(text="x"), stop=reason)
    assert GEMINI.write_reply(reply, ASKED)["candidates"][0]["finishReason"] == word


def test_foreign_answer():
    body = GEMINI.write_reply(
        reply_of(
            Thinking(text="hm", signature="sig", signer="anthropic"),
            Text(text=""),
            Refusal(text="no"),
            Opaque(format="anthropic", kind="x", raw={}, text=None),
            ToolCall(id="a", name="f", arguments=""),
            stop="tool_calls",
            usage=Usage(input=9, output=8, reasoning=3, cache_read=2, cache_write=1),
        ),
        ASKED,
    )
    assert body["usageMetadata"] == {
        "promptTokenCount": 9,
        "cachedContentTokenCount": 2,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 17,
    }
    assert (body["responseId"], body["modelVersion"]) == ("x", "m")
    thought, refusal, call = body["candidates"][0]["content"]["parts"]
    assert thought == {"text": "hm", "thought": True}
    assert refusal == {"text": "no"}
    assert call["functionCall"] == {"id": "a", "name": "f", "args": {}}


def test_an_empty_foreign_answer_has_a_part():
    body = GEMINI.write_reply(replace(reply_of(), id=None, model=None), ASKED)
    assert body["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}
    assert (body["responseId"], body["modelVersion"]) == (ASKED.id, ASKED.model)


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        (None, True),
        ({}, True),
        ({"thinkingConfig": {"includeThoughts": True}}, True),
        ({"thinkingConfig": {"thinkingLevel": "LOW"}}, True),
        ({"thinkingConfig": {"includeThoughts": False}}, False),
        ({"thinkingConfig": {"thinkingBudget": 0}}, False),
    ],
)
def test_thoughts_are_hidden_from_who_does_not_want_them(config: Any, shown: bool):
    said = {"contents": "Hi", **({"generationConfig": config} if config is not None else {})}
    asked = replace(ASKED, conversation=GEMINI.read_request(said))
    reply = reply_of(Thinking(text="hm"), Text(text="hi"))
    whole = GEMINI.write_reply(reply, asked)["candidates"][0]["content"]["parts"]
    assert any(part.get("thought") for part in whole) is shown
    data = laws.write_stream(GEMINI, unfold(reply), asked)
    assert any(part.get("thought") for part in parts_of(chunks_of(data))) is shown


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("show", [False, True])
@pytest.mark.parametrize("alphabet", ["standard", "url-safe"])
def test_proofs_of_other_providers_come_back_with_the_calls(
    streamed: bool, show: bool, alphabet: str
):
    """As gemini-cli does it: thoughts are dropped, texts run together, calls keep signatures."""
    config = {"thinkingConfig": {"includeThoughts": show}}
    asked = replace(
        ASKED,
        conversation=GEMINI.read_request({"contents": "Hi", "generationConfig": config}),
    )
    reply = reply_of(*SIGNED, stop="tool_calls")
    if streamed:
        parts = parts_of(chunks_of(laws.write_stream(GEMINI, unfold(reply), asked)))
    else:
        parts = GEMINI.write_reply(reply, asked)["candidates"][0]["content"]["parts"]
    history: list[dict[str, Any]] = []
    for part in parts:
        if part.get("thought") and not show:
            continue
        if "text" in part and history and history[-1].keys() == part.keys() == {"text"}:
            history[-1] = {"text": history[-1]["text"] + part["text"]}
            continue
        if alphabet == "url-safe" and (signature := part.get("thoughtSignature")):
            signature = signature.replace("+", "-").replace("/", "_").rstrip("=")
            part = {**part, "thoughtSignature": signature}
        history.append(part)
    said = {"contents": [{"role": "model", "parts": history}]}
    (turn,) = GEMINI.read_request(said).turns
    found = [part for part in turn.parts if isinstance(part, Thinking | ToolCall)]
    expected = [
        replace(part, extra={})
        for part in SIGNED
        if isinstance(part, ToolCall) or (isinstance(part, Thinking) and part.signer)
    ]
    found = [replace(part, extra={}) for part in found]
    assert [p for p in found if not (isinstance(p, ToolCall))] == [
        p for p in expected if not isinstance(p, ToolCall)
    ]
    order = [type(part) for part in turn.parts if not (isinstance(part, Text) and not part.text)]
    assert order == [
        Thinking,
        Thinking,
        Text,
        Thinking,
        ToolCall,
        ToolCall,
        Thinking,
        ToolCall,
    ]
    # To Gemini itself none of it goes.
    passed = GEMINI.without_sealed(said)
    sent = [p.get("thoughtSignature", "") for p in passed["contents"][0]["parts"]]
    assert set(sent) <= {"", "skip_thought_signature_validator"} and any(sent)
    assert GEMINI.without_sealed(passed) is passed


def test_a_damaged_seal_is_passed_over():
    reply = reply_of(*SIGNED, stop="tool_calls")
    parts = GEMINI.write_reply(reply, ASKED)["candidates"][0]["content"]["parts"]
    for part in parts:
        if signature := part.get("thoughtSignature"):
            part["thoughtSignature"] = signature[:-9]
    (turn,) = GEMINI.read_request({"contents": [{"role": "model", "parts": parts}]}).turns
    assert not any(isinstance(part, Thinking) and part.signer == "anthropic" for part in turn.parts)


def test_ids_of_different_answers_differ():
    call = {"functionCall": {"name": "f", "args": {}}}
    first = read(response(call, call))
    second = read({**response(call), "responseId": "r2"})
    bare = {"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]}
    third = read(bare)
    ids = [
        part.id
        for reply in (first, second, third)
        for part in reply.choice.parts
        if isinstance(part, ToolCall)
    ]
    assert len(set(ids)) == 4 and all(len(call_id) <= 40 for call_id in ids)
    # They go back with the history, but not to Gemini.
    turn = GEMINI.write_request(
        Conversation(
            format="openai-chat",
            model="m",
            turns=(
                *GEMINI.read_request({"contents": "Hi"}).turns,
                replace(
                    GEMINI.read_request({"contents": "x"}).turns[0],
                    role="assistant",
                    form="",
                    parts=first.choice.parts,
                ),
                replace(
                    GEMINI.read_request({"contents": "x"}).turns[0],
                    form="",
                    parts=(ToolResult(call_id=ids[0]), ToolResult(call_id=ids[1])),
                ),
            ),
            reasoning=Reasoning(),
        )
    )["contents"]
    assert all("id" not in part["functionCall"] for part in turn[1]["parts"])
    assert all("id" not in part["functionResponse"] for part in turn[2]["parts"])
