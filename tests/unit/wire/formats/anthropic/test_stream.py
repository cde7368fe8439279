"""Streams of the Messages API, read and written."""

import json
from typing import Any

import anthropic
import pytest

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import Fold
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import laws

FORMAT = Anthropic()


def sse(*payloads: dict[str, Any], named: bool = True) -> bytes:
    lines = []
    for payload in payloads:
        name = f"event: {payload['type']}\n" if named else ""
        lines.append(f"{name}data: {json.dumps(payload)}\n\n")
    return "".join(lines).encode()


def start(usage: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage or {"input_tokens": 10, "output_tokens": 1},
    }
    return {"type": "message_start", "message": {**message, **members}}


def opens(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, index: int = 0, **members: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def stops(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ends(reason: str | None = "end_turn", **members: Any) -> dict[str, Any]:
    usage = {"output_tokens": 7}
    said = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": said, "usage": usage, **members}


STOP = {"type": "message_stop"}
PING = {"type": "ping"}
TEXT = {"type": "text", "text": ""}
HI = delta("text_delta", text="Hi")
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def read(*payloads: dict[str, Any], named: bool = True) -> list[Event]:
    return laws.read_stream(FORMAT, sse(*payloads, named=named))


def reply(*payloads: dict[str, Any]) -> Reply:
    return fold("anthropic", read(*payloads))


class TestReader:
    def test_a_whole_stream(self):
        assert read(start(), PING, opens(TEXT), HI, stops(), ends(), STOP) == [
            Start("msg_1", "claude-test", None, {"stop_sequence": None}, "anthropic"),
            UsageUpdate(Usage(input=10, output=1)),
            PartStart(0, Text(text="")),
            TextDelta(0, "Hi"),
            PartEnd(0),
            UsageUpdate(Usage(input=10, output=7)),
            Finish(Stop(reason="end", raw="end_turn")),
            End({"stop_sequence": None}),
        ]

    def test_event_lines_are_not_needed(self):
        whole = (start(), opens(TEXT), HI, stops(), ends(), STOP)
        assert read(*whole, named=False) == read(*whole)

    def test_the_type_may_stand_in_the_event_line_alone(self):
        events = laws.read_stream(FORMAT, b"event: message_stop\ndata: {}\n\n")
        assert events[-1] == End()

    def test_thinking(self):
        answer = reply(
            start(),
            opens({"type": "thinking", "thinking": "", "signature": ""}),
            delta("thinking_delta", thinking="hm"),
            delta("thinking_delta", thinking="m"),
            delta("signature_delta", signature="c2ln"),
            stops(),
            opens({"type": "redacted_thinking", "data": "b3A="}, 1),
            stops(1),
            ends(),
            STOP,
        )
        thinking, redacted = answer.choice.parts
        assert thinking == Thinking(
            text="hmm", signature="c2ln", signer="anthropic", extra={"signature": ""}
        )
        assert redacted == Thinking(redacted="b3A=", signer="anthropic")
        block = FORMAT.write_reply(answer, laws.ASKED)["content"][0]
        assert block["signature"] == "c2ln"

    def test_arguments_in_pieces_whole_or_none(self):
        answer = reply(
            start(),
            opens(CALL),
            delta("input_json_delta", partial_json=""),
            delta("input_json_delta", partial_json='{"a":'),
            delta("input_json_delta", partial_json=" 1}"),
            stops(),
            opens({**CALL, "id": "toolu_2", "input": {"b": 2}}, 1),
            stops(1),
            opens({**CALL, "id": "toolu_3"}, 2),
            stops(2),
            opens({**CALL, "id": "toolu_4", "input": {"b": 2}}, 3),
            delta("input_json_delta", 3, partial_json='{"c": 3}'),
            stops(3),
            opens({"type": "tool_use", "name": "g"}, 4),
            stops(4),
            ends("tool_use"),
            STOP,
        )
        assert [(p.id, p.arguments) for p in answer.choice.parts if isinstance(p, ToolCall)] == [
            ("toolu_1", '{"a": 1}'),
            ("toolu_2", '{"b":2}'),
            ("toolu_3", ""),
            ("toolu_4", '{"c": 3}'),
            ("toolu_1_4", ""),
        ]

    def test_citations(self):
        citation = {"type": "web_search_result_location", "url": "https://a.test", "title": "A"}
        answer = reply(
            start(),
            opens({**TEXT, "citations": []}),
            delta("citations_delta", citation=citation),
            HI,
            stops(),
            ends(),
            STOP,
        )
        (text,) = answer.choice.parts
        assert isinstance(text, Text)
        assert (text.text, text.citations[0].url, text.citations[0].raw) == (
            "Hi",
            "https://a.test",
            citation,
        )

    def test_blocks_of_the_provider_grow_to_their_end(self):
        use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
        answer = reply(
            start(),
            opens(use),
            delta("input_json_delta", partial_json='{"q":'),
            delta("input_json_delta", partial_json='"x"}'),
            stops(),
            opens({"type": "compaction", "content": None}, 1),
            delta("compaction_delta", 1, content="earlier"),
            stops(1),
            opens({"type": "never_seen", "words": "a"}, 2),
            delta("words_delta", 2, words="b", mood="fine"),
            ends(),
            STOP,
        )
        assert [p.raw for p in answer.choice.parts if isinstance(p, Opaque)] == [
            {**use, "input": {"q": "x"}},
            {"type": "compaction", "content": "earlier"},
            {"type": "never_seen", "words": "ab", "mood": "fine"},
        ]

    def test_usage_is_cumulative_and_may_come_late(self):
        answer = reply(
            start({"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 1}),
            ends(usage={"output_tokens": 7, "cache_creation_input_tokens": None, "x": 1}),
            STOP,
        )
        assert answer.usage is not None
        assert (answer.usage.input, answer.usage.output) == (95, 7)
        late = {"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 7}
        answer = reply(start({"input_tokens": 0, "output_tokens": 0}), ends(usage=late), STOP)
        assert answer.usage == Usage(input=95, output=7, cache_read=90)

    def test_what_the_end_tells_replaces_what_the_start_told(self):
        container = {"id": "c_1"}
        said = {"stop_reason": "refusal", "stop_sequence": None, "container": container}
        details = {"type": "refusal", "explanation": "x"}
        answer = reply(
            start(container=None, stop_details=None),
            ends(delta={**said, "stop_details": details}, context_management={"a": 1}),
            STOP,
        )
        assert answer.extra["container"] == container
        assert answer.extra["context_management"] == {"a": 1}
        assert answer.choice.stop == Stop(reason="refusal", raw="refusal", details=details)

    @pytest.mark.parametrize(
        ("raw", "reason"), [("end_turn", "tool_calls"), ("tool_use", "tool_calls")]
    )
    def test_calls_make_the_stop_reason(self, raw: str, reason: StopReason):
        stop = reply(start(), opens(CALL), stops(), ends(raw), STOP).choice.stop
        assert stop is not None and stop.reason == reason

    def test_a_stop_sequence(self):
        said = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
        stop = reply(start(), ends(delta=said), STOP).choice.stop
        assert stop == Stop(reason="stop_sequence", raw="stop_sequence", sequence="END")


class TestLiberalReader:
    def test_missing_block_events(self):
        events = read(start(), HI, delta("thinking_delta", 1, thinking="hm"), ends(), STOP)
        assert events[2:-3] == [
            PartStart(0, Text(text="")),
            TextDelta(0, "Hi"),
            PartStart(1, Thinking()),
            TextDelta(1, "hm"),
            UsageUpdate(Usage(input=10, output=7)),
            PartEnd(0),
        ]

    def test_an_index_used_twice_and_none_at_all(self):
        block = {"type": "content_block_start", "content_block": TEXT}
        more = {"type": "content_block_delta", "delta": {"text": "more"}}
        answer = reply(start(), opens(TEXT), HI, opens(TEXT), HI, block, more, ends(), STOP)
        assert [p.text for p in answer.choice.parts if isinstance(p, Text)] == ["Hi", "Hi", "more"]

    def test_a_delta_of_another_type_than_its_block(self):
        answer = reply(
            start(), opens({"type": "thinking", "thinking": "hm"}), HI, stops(), ends(), STOP
        )
        assert answer.choice.parts == (Thinking(text="hm"), Text(text="Hi"))

    def test_without_message_start(self):
        events = read(opens(TEXT), HI, stops(), ends(), STOP)
        assert events[0] == Start(format="anthropic")
        assert events[-1] == End({"stop_sequence": None})

    @pytest.mark.parametrize(
        ("block", "reason"), [(TEXT, "end"), (CALL, "tool_calls")], ids=["text", "call"]
    )
    @pytest.mark.parametrize("last", [(), (ends(None),)], ids=["no delta", "null reason"])
    def test_without_a_stop_reason(
        self, block: dict[str, Any], reason: StopReason, last: tuple[dict[str, Any], ...]
    ):
        events = read(start(), opens(block), *last, STOP)
        assert Finish(Stop(reason=reason)) in events
        assert isinstance(events[-1], End)

    def test_without_message_stop(self):
        assert isinstance(read(start(), opens(TEXT), HI, ends())[-1], End)

    def test_a_cut_stream_does_not_end(self):
        events = read(start(), opens(TEXT), HI)
        assert events[-1] == PartEnd(0)
        assert not any(isinstance(event, Finish | End) for event in events)

    def test_a_repeated_message_start_counts_once(self):
        events = read(start(), start(), opens(TEXT), HI, stops(), ends(), STOP)
        assert sum(isinstance(event, Start) for event in events) == 1
        other = read(start(), start(id="msg_2"), opens(TEXT), HI, stops(), ends(), STOP)
        assert isinstance(other[-1], End)

    def test_content_that_comes_with_the_start_counts(self):
        begun = start(content=[{"type": "text", "text": "So. "}, {**CALL, "input": {"a": 1}}])
        after = (opens(TEXT, 2), delta("text_delta", 2, text="Hi"), stops(2))
        call = ToolCall(id="toolu_1", name="f", arguments='{"a":1}')
        parts = reply(begun, *after, ends(), STOP).choice.parts
        assert parts == (Text(text="So. "), call, Text(text="Hi"))
        assert reply(begun, ends("tool_use"), STOP).choice.parts == (Text(text="So. "), call)
        # Here the stream says all of it itself.
        again = reply(begun, opens(TEXT), HI, stops(), ends(), STOP)
        assert again.choice.parts == (Text(text="Hi"),)

    def test_another_message_in_the_middle_is_a_failure(self):
        events = read(start(), opens(TEXT), HI, start(id="msg_2"), opens(TEXT), HI, ends(), STOP)
        failure = events[-1]
        assert isinstance(failure, Failure)
        assert failure.error.kind == "unavailable"
        assert "second message" in failure.error.message

    def test_nothing_follows_the_end(self):
        whole = (start(), opens(TEXT), HI, stops(), ends(), STOP)
        assert read(*whole, start(id="msg_2"), opens(TEXT), HI, STOP) == read(*whole)

    @pytest.mark.parametrize(
        ("payload", "kind"),
        [
            (
                {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
                "overloaded",
            ),
            ({"error": {"type": "rate_limit_error", "message": "x"}}, "rate_limit"),
        ],
    )
    def test_errors(self, payload: dict[str, Any], kind: str):
        data = sse(start(), opens(TEXT), HI) + b"data: " + json.dumps(payload).encode() + b"\n\n"
        failure = laws.read_stream(FORMAT, data + sse(HI, STOP))[-1]
        assert isinstance(failure, Failure)
        assert (failure.error.kind, failure.error.message) == (kind, "x")

    @pytest.mark.parametrize(
        "data",
        [
            b"data: [DONE]\n\n",
            b"data: {broken\n\n",
            b"data: 7\n\n",
            b'data: {"type": "brand_new", "x": 1}\n\n',
            b'data: {"type": ["odd"]}\n\n',
            b'data: {"type": "content_block_stop", "index": "0"}\n\n',
        ],
    )
    def test_what_means_nothing_is_passed_over(self, data: bytes):
        assert laws.read_stream(FORMAT, data) == []

    @pytest.mark.parametrize(
        "payload",
        [
            {"type": "message_start", "message": None},
            {"type": "message_start", "message": {"usage": [], "id": 5}},
            {"type": "content_block_start", "index": None, "content_block": "x"},
            {"type": "content_block_delta", "index": 0, "delta": None},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": None}},
            {"type": "content_block_delta", "delta": {"type": "citations_delta", "citation": 1}},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta"}},
            {"type": "message_delta", "delta": [], "usage": 7},
            {"type": "message_delta", "usage": {"input_tokens": "many"}},
        ],
    )
    def test_members_of_odd_types_do_no_harm(self, payload: dict[str, Any]):
        events = read(payload, opens(TEXT, 9), delta("text_delta", 9, text="Hi"), ends(), STOP)
        texts = [p.text for p in fold("x", events).choice.parts if isinstance(p, Text)]
        assert texts[-1] == "Hi"

    def test_a_sealed_signature_is_opened(self):
        sealed = seal(Thinking(text="hm", signature="c2ln", signer="gemini"))
        answer = reply(
            start(),
            opens({"type": "thinking", "thinking": ""}),
            delta("thinking_delta", thinking="hm"),
            delta("signature_delta", signature=sealed),
            delta("signature_delta", signature=seal(Thinking(text="hm"))),
            stops(),
            ends(),
            STOP,
        )
        assert answer.choice.parts == (Thinking(text="hm", signature="c2ln", signer="gemini"),)


def written(*events: Event) -> list[dict[str, Any]]:
    data = laws.write_stream(FORMAT, list(events))
    payloads = []
    for block in data.decode().split("\n\n")[:-1]:
        name, line = block.split("\n")
        payload = json.loads(line.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        payloads.append(payload)
    return payloads


END = (Finish(Stop(reason="end", raw="stop")), End())


class TestWriter:
    def test_the_least_stream(self):
        assert written(Start(model="gpt"), End()) == [
            start({"input_tokens": 0, "output_tokens": 0}, id="msg_0123456789abcdef", model="gpt"),
            opens(TEXT),
            stops(),
            ends(usage={"output_tokens": 0, "input_tokens": 0}),
            STOP,
        ]

    def test_parts_follow_one_another(self):
        payloads = written(
            Start(id="r1"),
            PartStart(0, Text(text="")),
            PartStart(1, ToolCall(id="a", name="f")),
            PartStart(2, ToolCall(id="b", name="f")),
            ArgumentsDelta(2, '{"b":'),
            TextDelta(0, "Hi"),
            ArgumentsDelta(1, '{"a":1}'),
            PartEnd(0),
            ArgumentsDelta(2, "2}"),
            *END,
        )
        assert payloads[1:-2] == [
            opens(TEXT),
            HI,
            stops(),
            opens({**CALL, "id": "a"}, 1),
            delta("input_json_delta", 1, partial_json='{"a":1}'),
            stops(1),
            opens({**CALL, "id": "b"}, 2),
            delta("input_json_delta", 2, partial_json='{"b":'),
            delta("input_json_delta", 2, partial_json="2}"),
            stops(2),
        ]
        assert payloads[-2]["delta"]["stop_reason"] == "tool_use"

    def test_no_empty_blocks(self):
        payloads = written(
            Start(),
            PartStart(0, Text(text="")),
            PartEnd(0),
            PartStart(1, Thinking()),
            PartEnd(1),
            PartStart(2, Media(kind="image")),
            MediaDelta(2, "AAAA"),
            PartEnd(2),
            PartStart(3, Text(text="Hi")),
            PartEnd(3),
            *END,
        )
        assert payloads[1:-2] == [opens(TEXT), HI, stops()]

    def test_usage_is_told_at_both_ends(self):
        usage = Usage(input=100, cache_read=90)
        payloads = written(
            Start(), UsageUpdate(usage), *END[:1], UsageUpdate(Usage(output=5, reasoning=2)), End()
        )
        counts = {"input_tokens": 10, "cache_read_input_tokens": 90}
        assert payloads[0]["message"]["usage"] == {**counts, "output_tokens": 0}
        assert payloads[-2]["usage"] == {
            **counts,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 2},
        }

    def test_thinking_with_its_own_signature(self):
        payloads = written(
            Start(),
            PartStart(0, Thinking()),
            TextDelta(0, "hm"),
            SignatureDelta(0, "c2", "anthropic"),
            SignatureDelta(0, "ln", "anthropic"),
            PartEnd(0),
            *END,
        )
        assert payloads[1:-2] == [
            opens({"type": "thinking", "thinking": "", "signature": ""}),
            delta("thinking_delta", thinking="hm"),
            delta("signature_delta", signature="c2ln"),
            stops(),
        ]

    def test_thinking_of_others_is_sealed(self):
        done = Thinking(text="hm", redacted="b3A=", signer="openai-responses", id="rs_1")
        payloads = written(
            Start(),
            PartStart(0, Thinking(extra={"foreign": 1})),
            TextDelta(0, "hm"),
            PartEnd(0, done),
            PartStart(1, Thinking(redacted="cQ==", signer="openai-responses")),
            PartEnd(1),
            PartStart(2, Thinking(text="plain")),
            PartEnd(2),
            *END,
        )
        assert payloads[1] == opens({"type": "thinking", "thinking": "", "signature": ""})
        assert unseal(payloads[3]["delta"]["signature"]) == done
        redacted = payloads[5]["content_block"]
        assert redacted["type"] == "redacted_thinking"
        assert unseal(redacted["data"]) == Thinking(redacted="cQ==", signer="openai-responses")
        assert unseal(payloads[9]["delta"]["signature"]) == Thinking()

    def test_a_proof_of_a_call_before_or_after_it(self):
        early = ToolCall(id="a", name="f", signature="c2ln", signer="gemini")
        payloads = written(
            Start(),
            PartStart(0, early),
            PartEnd(0),
            PartStart(1, ToolCall(id="b", name="f")),
            SignatureDelta(1, "c2ln", "gemini"),
            PartEnd(1),
            *END,
        )
        blocks = [p["content_block"]["type"] for p in payloads if "content_block" in p]
        assert blocks == ["redacted_thinking", "tool_use", "tool_use", "redacted_thinking"]
        assert [p["index"] for p in payloads if "content_block" in p] == [0, 1, 2, 3]
        again = fold("anthropic", laws.read_stream(FORMAT, sse(*payloads)))
        message = FORMAT.write_reply(again, laws.ASKED)
        calls = [p for p in FORMAT.read_reply(message).choice.parts if isinstance(p, ToolCall)]
        assert [(c.id, c.signature, c.signer) for c in calls] == [
            ("a", "c2ln", "gemini"),
            ("b", "c2ln", "gemini"),
        ]

    def test_a_custom_tool_call(self):
        payloads = written(
            Start(),
            PartStart(0, ToolCall(id="a", name="sql", kind="custom")),
            ArgumentsDelta(0, 'SELECT "x"'),
            ArgumentsDelta(0, "\nFROM é"),
            PartEnd(0),
            PartStart(1, ToolCall(id="b", name="sql", kind="custom")),
            PartEnd(1),
            *END,
        )
        pieces = [p["delta"]["partial_json"] for p in payloads if "partial_json" in str(p)]
        assert json.loads("".join(pieces[:-1])) == {"input": 'SELECT "x"\nFROM é'}
        assert json.loads(pieces[-1]) == {"input": ""}

    def test_a_call_without_arguments(self):
        payloads = written(Start(), PartStart(0, ToolCall(id="a", name="f")), PartEnd(0), *END)
        assert payloads[2] == delta("input_json_delta", partial_json="{}")

    def test_citations_refusals_and_words_of_blocks(self):
        cited = Citation(url="https://a.test", title="A", format="openai-chat", raw={"x": 1})
        nowhere = Citation(format="openai-chat", raw={"x": 1})
        payloads = written(
            Start(),
            PartStart(0, Text(text="Hi")),
            CitationDelta(0, cited),
            CitationDelta(0, nowhere),
            PartEnd(0),
            PartStart(1, Refusal(text="")),
            TextDelta(1, "No."),
            PartEnd(1),
            PartStart(2, Opaque(format="openai-responses", kind="x", raw={}, text="Shown.")),
            PartEnd(2),
            PartStart(3, Opaque(format="openai-responses", kind="x", raw={})),
            PartEnd(3),
            *END,
        )
        texts = [p["delta"]["text"] for p in payloads if "text_delta" in str(p)]
        assert texts == ["Hi", "No.", "Shown."]
        assert payloads[3]["delta"]["citation"]["url"] == "https://a.test"
        assert payloads[-2]["delta"]["stop_reason"] == "end_turn"
        assert sum("citations_delta" in str(p) for p in payloads) == 1

    def test_only_the_first_choice_is_written(self):
        payloads = written(
            Start(),
            PartStart(0, Text(text="Hi")),
            PartStart(0, Text(text="Hello"), 1),
            TextDelta(0, "!", 1),
            Finish(Stop(reason="length"), 1),
            *END,
        )
        assert payloads[1:-2] == [opens(TEXT), HI, stops()]
        assert payloads[-2]["delta"]["stop_reason"] == "end_turn"

    def test_an_error_ends_the_stream(self):
        writer = FORMAT.stream_writer(laws.ASKED)
        out = writer.feed(Start()) + writer.feed(PartStart(0, Text(text="Hi")))
        out += writer.feed(Failure(ApiError(message="It broke.", kind="overloaded")))
        assert writer.feed(End()) == writer.close() == b""
        *_, stopped, error = out.decode().split("\n\n")[:-1]
        assert stopped.startswith("event: content_block_stop")
        assert error == (
            'event: error\ndata: {"type":"error","error":'
            '{"type":"overloaded_error","message":"It broke."}}'
        )
        with pytest.raises(anthropic.APIStatusError, match=r"It broke\."):
            sdk.events(out)

    def test_close_makes_a_stream_well_formed_once(self):
        writer = FORMAT.stream_writer(laws.ASKED)
        out = writer.feed(Start()) + writer.feed(PartStart(0, Text(text="Hi"))) + writer.close()
        assert writer.close() == b""
        assert sdk.checked(sdk.streamed(out))["content"] == [{"type": "text", "text": "Hi"}]

    def test_our_own_answer_keeps_what_only_we_know(self):
        compaction = {"type": "compaction", "content": "earlier", "encrypted_content": "eA=="}
        body = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-test",
            "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                compaction,
                {**CALL, "input": {"a": 1}, "caller": {"type": "direct"}},
            ],
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"type": "refusal", "explanation": "x"},
            "usage": {"input_tokens": 5, "output_tokens": 3, "service_tier": "standard"},
        }
        data = laws.write_stream(FORMAT, unfold(FORMAT.read_reply(body)))
        assert sdk.streamed(data).to_dict() == body


def test_the_sdk_reads_everything_written():
    usage = Usage(input=100, output=9, cache_read=60, reasoning=4)
    data = laws.write_stream(
        FORMAT,
        [
            Start(id="resp_1", model="gpt"),
            PartStart(0, Thinking()),
            TextDelta(0, "hm"),
            PartEnd(0),
            PartStart(1, Text(text="")),
            TextDelta(1, "Let me see."),
            PartEnd(1),
            PartStart(2, ToolCall(id="a", name="f")),
            ArgumentsDelta(2, '{"a": {"b": [1, '),
            ArgumentsDelta(2, "2]}}"),
            PartEnd(2),
            Finish(Stop(reason="tool_calls")),
            UsageUpdate(usage),
            End(),
        ],
    )
    message = sdk.checked(sdk.streamed(data))
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["content"][2]["input"] == {"a": {"b": [1, 2]}}
    assert (message["stop_reason"], message["id"], message["model"]) == (
        "tool_use",
        "msg_1",
        "gpt",
    )
    assert message["usage"] == {
        "input_tokens": 40,
        "cache_read_input_tokens": 60,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }


def test_a_failure_keeps_what_came_before():
    folded = Fold("anthropic")
    error = {"type": "error", "error": {"type": "api_error", "message": "x"}}
    for event in read(start(), opens(TEXT), HI, error):
        folded.add(event)
    assert folded.failure is not None
    assert folded.reply().choice.parts == (Text(text="Hi"),)
