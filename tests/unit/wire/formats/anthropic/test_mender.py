"""Streams of the Messages API on their way through."""

import json
from typing import Any

import pytest

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.fold import fold
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import laws
from tests.unit.wire.formats.anthropic.stream_support import CALL
from tests.unit.wire.formats.anthropic.stream_support import HI
from tests.unit.wire.formats.anthropic.stream_support import PING
from tests.unit.wire.formats.anthropic.stream_support import STOP
from tests.unit.wire.formats.anthropic.stream_support import TEXT
from tests.unit.wire.formats.anthropic.stream_support import delta
from tests.unit.wire.formats.anthropic.stream_support import ends
from tests.unit.wire.formats.anthropic.stream_support import opens
from tests.unit.wire.formats.anthropic.stream_support import sse
from tests.unit.wire.formats.anthropic.stream_support import start
from tests.unit.wire.formats.anthropic.stream_support import stops
from tests.unit.wire.meaning import reply_meaning

FORMAT = Anthropic()

WHOLE = (start(), PING, opens(TEXT), HI, stops(), ends(), STOP)


def mend(data: bytes) -> bytes:
    """What a client gets for an upstream's stream."""
    reader, mender = FORMAT.stream_reader(), FORMAT.mender(laws.ASKED)
    out = b"".join(mender.feed(frame, reader.feed(frame)) for frame in laws.frames(FORMAT, data))
    out += mender.close(reader.close())
    assert mender.close([]) == b""
    return out


def payloads(data: bytes) -> list[dict[str, Any]]:
    read = []
    for block in data.decode().split("\n\n")[:-1]:
        name, line = block.split("\n")
        payload = json.loads(line.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        read.append(payload)
    return read


def mended(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return payloads(mend(sse(*events)))


def test_bytes_stay_where_nothing_is_wrong():
    strange = (
        b'event: content_block_delta\ndata: {"type":  "content_block_delta", "index": 0, '
        b'"delta": {"type": "text_delta", "text": "\\u0041 12345678901234567890123"}}\n\n'
    )
    new = b'event: brand_new\ndata: {"type":"brand_new","x":1}\n\n'
    data = sse(*WHOLE[:4]) + strange + new + sse(*WHOLE[4:])
    assert mend(data) == data


def test_event_lines_are_supplied():
    assert mend(sse(*WHOLE, named=False)) == sse(*WHOLE)
    wrong = sse(HI).replace(b"event: content_block_delta", b"event: message")
    assert mend(sse(*WHOLE[:3]) + wrong + sse(*WHOLE[4:])) == sse(*WHOLE)


def test_framing_is_made_strict():
    loose = sse(*WHOLE).replace(b"\n", b"\r\n").replace(b"data: ", b"data:")
    assert mend(b"\xef\xbb\xbf: hello\r\n\r\n" + loose) == sse(*WHOLE)
    lines = b'event: ping\ndata: {"type":\ndata: "ping"}\n\n'
    assert mend(lines) == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_what_is_no_event_is_dropped():
    junk = b"data: [DONE]\n\nevent: ping\n\ndata: {broken\n\ndata: 7\n\ndata: {}\n\n"
    assert mend(sse(*WHOLE[:4]) + junk + sse(*WHOLE[4:]) + junk + sse(*WHOLE)) == sse(*WHOLE)


def test_a_repeated_start_is_dropped():
    assert mended(start(), start(), *WHOLE[1:]) == list(WHOLE)


def test_a_missing_start_is_supplied():
    first, *rest = mended(*WHOLE[1:])
    assert first == PING
    assert rest[0] == start(
        {"input_tokens": 0, "output_tokens": 0}, id="msg_0123456789abcdef", model="asked-model"
    )
    assert rest[1:] == list(WHOLE[2:])


def test_missing_block_events_are_supplied():
    assert mended(start(), HI, ends(), STOP) == [start(), opens(TEXT), HI, stops(), ends(), STOP]
    thinking = delta("thinking_delta", 1, thinking="hm")
    events = mended(start(), opens(TEXT), HI, stops(), thinking, STOP)
    assert events[4:] == [
        opens({"type": "thinking", "thinking": "", "signature": ""}, 1),
        thinking,
        stops(1),
        ends(usage={"input_tokens": 10, "output_tokens": 1}),
        STOP,
    ]


def test_blocks_are_ended_before_the_next_message_event():
    assert mended(start(), opens(TEXT), HI, ends(), STOP) == [
        start(),
        opens(TEXT),
        HI,
        stops(),
        ends(),
        STOP,
    ]


@pytest.mark.parametrize(("block", "reason"), [(TEXT, "end_turn"), (CALL, "tool_use")])
def test_a_missing_message_delta_is_supplied(block: dict[str, Any], reason: str):
    *_, last, stop = mended(start(), opens(block), stops(), STOP)
    assert last == ends(reason, usage={"input_tokens": 10, "output_tokens": 1})
    assert stop == STOP


def test_a_missing_message_stop_is_supplied():
    assert mended(*WHOLE[:-1]) == list(WHOLE)


def test_a_cut_stream_is_not_ended():
    events = mended(*WHOLE[:4])
    assert events == [*WHOLE[:4], stops()]


def test_arguments_given_whole_go_out_as_a_delta():
    whole = {**CALL, "input": {"a": 1}}
    events = mended(start(), opens(whole), stops(), ends("tool_use"), STOP)
    assert events[1:4] == [
        opens(whole),
        delta("input_json_delta", partial_json='{"a":1}'),
        stops(),
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        ["{}"],
        ["", "{}"],
        ["{", "}"],
        [" ", "{}"],
        ["{}", '{"a":1}'],
        ["{}", '{"a"', ":1}"],
        ["null"],
        ["nu", "ll"],
        ["[", "1]"],
        ['""', '{"a":1}'],
        [" ", '{"a":1}'],
    ],
)
def test_arguments_that_may_be_empty_go_out_once(pieces: list[str]):
    """As the same stream reaches clients of other formats."""
    calls = [{**CALL, "id": f"toolu_{number}"} for number in range(2)]
    said = []
    for index, call in enumerate(calls):
        parts = (delta("input_json_delta", index, partial_json=piece) for piece in pieces)
        said += [opens(call, index), *parts, stops(index)]
    data = sse(start(), *said, ends("tool_use"), STOP)
    expected = fold("anthropic", laws.read_stream(FORMAT, data))
    texts = ["", ""]
    for event in payloads(mend(data)):
        if event["type"] == "content_block_delta":
            texts[event["index"]] += event["delta"]["partial_json"]
    calls_read = [part for part in expected.choices[0].parts if isinstance(part, ToolCall)]
    assert [text or "{}" for text in texts] == [call.arguments or "{}" for call in calls_read]


def test_blocks_are_numbered_from_zero():
    events = mended(
        start(),
        opens(TEXT, 1),
        delta("text_delta", 1, text="Hi"),
        stops(1),
        opens(TEXT, 1),
        delta("text_delta", 1, text="there"),
        ends(),
        STOP,
    )
    assert events[1:-2] == [
        opens(TEXT),
        HI,
        stops(),
        opens(TEXT, 1),
        delta("text_delta", 1, text="there"),
        stops(1),
    ]


def test_missing_numbers_are_supplied():
    def bare(payload: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in payload.items() if k != "index"}

    events = mended(start(), bare(opens(TEXT)), bare(HI), bare(stops()), ends(), STOP)
    assert events == [start(), opens(TEXT), HI, stops(), ends(), STOP]


def test_deltas_and_stops_of_no_block_are_dropped():
    lost = delta("input_json_delta", 4, partial_json="{}")
    assert mended(start(), lost, stops(4), opens(TEXT), HI, stops(), stops(), ends(), STOP) == [
        start(),
        opens(TEXT),
        HI,
        stops(),
        ends(),
        STOP,
    ]


def test_members_the_sdk_needs_are_supplied():
    data = sse(
        {"type": "message_start", "message": {"id": "msg_1"}},
        opens({"type": "text"}),
        HI,
        stops(),
        opens({"type": "tool_use", "name": "f"}, 1),
        delta("input_json_delta", 1, partial_json='{"a": 1}'),
        stops(1),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        STOP,
    )
    with pytest.raises(AttributeError):
        sdk.streamed(data)
    message = sdk.checked(sdk.streamed(mend(data)))
    assert message["model"] == "asked-model"
    assert message["content"][1]["id"] == "toolu_1_1"
    assert message["content"][1]["input"] == {"a": 1}


def test_an_error_of_the_upstream_is_the_last_event():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    assert mended(*WHOLE[:4], error, HI, STOP) == [*WHOLE[:4], error]
    bare = {"error": {"type": "overloaded_error", "message": "x"}}
    data = sse(*WHOLE[:4]) + b"data: " + json.dumps(bare).encode() + b"\n\n" + sse(HI)
    assert payloads(mend(data)) == [*WHOLE[:4], stops(), error]


def test_a_spliced_message_is_an_error():
    *_, error = mended(start(), opens(TEXT), HI, start(id="msg_2"), opens(TEXT), HI, STOP)
    assert (error["type"], error["error"]["type"]) == ("error", "api_error")


def test_fail_tells_the_client_once():
    reader, mender = FORMAT.stream_reader(), FORMAT.mender(laws.ASKED)
    for frame in laws.frames(FORMAT, sse(*WHOLE[:4])):
        mender.feed(frame, reader.feed(frame))
    out = mender.fail(ApiError(message="It broke.", kind="unavailable"))
    assert payloads(out) == [
        stops(),
        {"type": "error", "error": {"type": "api_error", "message": "It broke."}},
    ]
    assert mender.fail(ApiError(message="again")) == mender.close([]) == b""


def test_a_mended_stream_means_the_same():
    usage = {"input_tokens": 5, "output_tokens": 7}
    last = ends("tool_use", usage=usage)
    data = sse(opens(CALL), delta("input_json_delta", partial_json="{}"), last)
    before = fold("anthropic", laws.read_stream(FORMAT, data))
    after = fold("anthropic", laws.read_stream(FORMAT, mend(data)))
    assert reply_meaning(after) == reply_meaning(before)
