import json
from typing import Any

import anthropic
import pytest

from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
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
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import laws
from tests.unit.wire.formats.anthropic.stream_support import CALL
from tests.unit.wire.formats.anthropic.stream_support import END
from tests.unit.wire.formats.anthropic.stream_support import FORMAT
from tests.unit.wire.formats.anthropic.stream_support import HI
from tests.unit.wire.formats.anthropic.stream_support import STOP
from tests.unit.wire.formats.anthropic.stream_support import TEXT
from tests.unit.wire.formats.anthropic.stream_support import delta
from tests.unit.wire.formats.anthropic.stream_support import ends
from tests.unit.wire.formats.anthropic.stream_support import opens
from tests.unit.wire.formats.anthropic.stream_support import read
from tests.unit.wire.formats.anthropic.stream_support import sse
from tests.unit.wire.formats.anthropic.stream_support import start
from tests.unit.wire.formats.anthropic.stream_support import stops


def written(*events: Event) -> list[dict[str, Any]]:
    data = laws.write_stream(FORMAT, list(events))
    payloads = []
    for block in data.decode().split("\n\n")[:-1]:
        name, line = block.split("\n")
        payload = json.loads(line.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        payloads.append(payload)
    return payloads


class TestWriter:
    def test_the_least_stream(self):
        assert written(Start(model="gpt"), End()) == [
            start({"input_tokens": 0, "output_tokens": 0}, id="msg_0123456789abcdef", model="gpt"),
            opens(TEXT),
            stops(),
            ends(usage={"output_tokens": 0, "input_tokens": 0}),
            STOP,
        ]

    @pytest.mark.parametrize("pieces", [[], ["\n\n"], ["", "\n", " \t\n"], ["\u00a0"]])
    def test_no_blank_text_before_a_call_or_at_the_end(self, pieces: list[str]):
        """Claude Code keeps such a block, and Anthropic refuses the conversation with it."""
        words = [TextDelta(0, piece) for piece in pieces]
        call = [PartStart(1, ToolCall(id="a", name="f")), ArgumentsDelta(1, "{}"), PartEnd(1)]
        last = [PartStart(2, Text(text="\n")), TextDelta(2, "\n"), PartEnd(2)]
        used = UsageUpdate(Usage(input=3, output=4))
        payloads = written(
            Start(id="r1"), PartStart(0, Text(text="")), *words, PartEnd(0), *call, *last,
            used, Finish(Stop(reason="tool_calls")), End(),
        )  # fmt: skip
        blocks = [one["content_block"] for one in payloads if "content_block" in one]
        assert [one["type"] for one in blocks] == ["tool_use"]
        assert {one["index"] for one in payloads if "index" in one} == {0}
        assert payloads[-2]["usage"]["output_tokens"] == 4
        assert payloads[-2]["delta"]["stop_reason"] == "tool_use"

    def test_white_space_waits_for_a_visible_character(self):
        pieces = ["\n", "\n ", "Hi", "\n\n", " ", "you\n"]
        deltas = [TextDelta(0, piece) for piece in pieces]
        payloads = written(Start(id="r1"), PartStart(0, Text(text="")), *deltas, End())
        said = [one["delta"]["text"] for one in payloads if one["type"] == "content_block_delta"]
        assert said == ["\n\n Hi", "\n\n", " ", "you\n"]

    def test_white_space_stays_beside_a_citation(self):
        source = Citation(url="https://a.example", title="A", format="openai-chat", raw={})
        payloads = written(
            Start(id="r1"),
            PartStart(0, Text(text="\n")),
            CitationDelta(0, source),
            TextDelta(0, "x"),
            End(),
        )
        deltas = [one["delta"] for one in payloads if one["type"] == "content_block_delta"]
        assert [one["type"] for one in deltas] == ["text_delta", "citations_delta", "text_delta"]
        assert [one["text"] for one in deltas if "text" in one] == ["\n", "x"]

    def test_blocks_of_anthropics_own_are_as_they_came(self):
        blank = PartStart(0, Text(text="\n"))
        payloads = written(Start(format="anthropic"), blank, PartEnd(0), End())
        assert [
            one["delta"]["text"] for one in payloads if one["type"] == "content_block_delta"
        ] == ["\n"]

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
        "msg_1_0123456789abcdef",
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
