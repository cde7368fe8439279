import json
from typing import Any

import pytest

from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import fold
from switchyard.wire.shared.envelope import seal
from tests.unit.wire import laws
from tests.unit.wire.formats.anthropic.stream_support import CALL
from tests.unit.wire.formats.anthropic.stream_support import FORMAT
from tests.unit.wire.formats.anthropic.stream_support import HI
from tests.unit.wire.formats.anthropic.stream_support import PING
from tests.unit.wire.formats.anthropic.stream_support import STOP
from tests.unit.wire.formats.anthropic.stream_support import TEXT
from tests.unit.wire.formats.anthropic.stream_support import delta
from tests.unit.wire.formats.anthropic.stream_support import ends
from tests.unit.wire.formats.anthropic.stream_support import opens
from tests.unit.wire.formats.anthropic.stream_support import read
from tests.unit.wire.formats.anthropic.stream_support import sse
from tests.unit.wire.formats.anthropic.stream_support import start
from tests.unit.wire.formats.anthropic.stream_support import stops


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

    def test_a_prompt_that_was_counted_stays_counted(self):
        last = ends() | {"usage": {"input_tokens": 0, "output_tokens": 7}}
        answer = reply(start(), opens(TEXT), HI, stops(), last, STOP)
        assert answer.usage == Usage(input=10, output=7)

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
