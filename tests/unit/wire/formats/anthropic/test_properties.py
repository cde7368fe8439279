"""The Messages API on answers and damage nobody thought of."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
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
from tests.unit.wire.formats.anthropic.test_mender import mend
from tests.unit.wire.meaning import reply_meaning
from tests.unit.wire.meaning import request_meaning

FORMAT = Anthropic()

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
arguments = st.dictionaries(words, st.integers() | words, max_size=3).map(json.dumps)


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    edges = [0, *cuts, len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@st.composite
def part_events(draw: st.DrawFn, index: int) -> list[Event]:
    kind = draw(st.sampled_from(["text", "thinking", "signed", "call", "custom"]))
    text = draw(words)
    match kind:
        case "text":
            body = [TextDelta(index, piece) for piece in draw(pieces(text))]
            return [PartStart(index, Text(text="")), *body, PartEnd(index)]
        case "thinking":
            return [PartStart(index, Thinking()), TextDelta(index, text), PartEnd(index)]
        case "signed":
            proof = SignatureDelta(index, draw(words), "anthropic")
            return [PartStart(index, Thinking()), TextDelta(index, text), proof, PartEnd(index)]
        case "custom":
            call = ToolCall(id=f"c{index}", name="f", kind="custom")
            body = [ArgumentsDelta(index, piece) for piece in draw(pieces(text))]
            return [PartStart(index, call), *body, PartEnd(index)]
    body = [ArgumentsDelta(index, piece) for piece in draw(pieces(draw(arguments)))]
    return [PartStart(index, ToolCall(id=f"c{index}", name="f")), *body, PartEnd(index)]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """A well-formed stream, whose parts may overlap."""
    parts = [draw(part_events(index)) for index in range(draw(st.integers(0, 4)))]
    body: list[Event] = []
    begun = 0
    while any(parts):
        # Parts begin in order, and go on in any.
        choices = [i for i, part in enumerate(parts) if part and i <= begun]
        chosen = draw(st.sampled_from(choices))
        begun = max(begun, chosen + 1)
        body.append(parts[chosen].pop(0))
    usage = UsageUpdate(Usage(input=draw(st.integers(1, 99)), output=3))
    return [Start(id="r1", model="m"), *body, Finish(Stop(reason="end")), usage, End()]


@settings(deadline=None)
@given(answers())
def test_what_is_written_means_the_same_to_us_and_to_the_sdk(events: list[Event]):
    written = laws.write_stream(FORMAT, events)
    again = laws.read_stream(FORMAT, written)
    meant = reply_meaning(fold("openai-chat", events))
    said = reply_meaning(fold(FORMAT.name, again))
    if meant["calls"]:
        meant["stop"] = "tool_calls"
    # A block without a visible character is left out.
    visible = {"text": "".join(meant["text"].split())}
    assert {**said, "text": "".join(said["text"].split())} == {**meant, **visible}
    assert sum(isinstance(event, End) for event in again) == 1
    message = sdk.checked(sdk.streamed(written))
    texts = [block["text"] for block in message["content"] if block["type"] == "text"]
    assert "".join(texts) == said["text"]


payloads = st.sampled_from(
    [
        start(),
        start(id="msg_2"),
        PING,
        opens(TEXT),
        opens(TEXT, 1),
        opens(CALL, 1),
        opens({"type": "thinking"}, 2),
        opens({"type": "server_tool_use", "id": "s", "name": "n", "input": {}}, 2),
        {"type": "content_block_start", "content_block": TEXT},
        HI,
        delta("text_delta", 1, text="there"),
        delta("input_json_delta", 1, partial_json='{"a": 1}'),
        delta("thinking_delta", 2, thinking="hm"),
        delta("signature_delta", 2, signature="c2ln"),
        delta("never_seen_delta", 0, x=1),
        {"type": "content_block_delta", "delta": {"text": "loose"}},
        stops(),
        stops(1),
        stops(2),
        ends(),
        ends(None),
        ends("tool_use"),
        {"type": "message_delta"},
        STOP,
        {"type": "brand_new"},
        {"type": "error", "error": {"type": "api_error", "message": "x"}},
        {"error": "x"},
    ]
)

junk = st.sampled_from(
    [b"data: [DONE]\n\n", b": comment\n\n", b"data: {\n\n", b"event: ping\n\n", b"data: null\n\n"]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Events in any order, some lost, some repeated, with junk between."""
    chunks: list[bytes] = []
    for payload in draw(st.lists(payloads, max_size=14)):
        chunks.append(sse(payload, named="type" in payload and draw(st.booleans())))
        if draw(st.integers(0, 5)) == 0:
            chunks.append(draw(junk))
    return b"".join(chunks)


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damage_is_read_in_the_grammar(data: bytes):
    events = laws.read_stream(FORMAT, data)
    opened: set[int] = set()
    last = -1
    for event in events:
        match event:
            case PartStart():
                assert event.index == last + 1
                last = event.index
                opened.add(event.index)
            case PartEnd():
                opened.remove(event.index)
            case TextDelta() | ArgumentsDelta() | SignatureDelta():
                assert event.index in opened
    if not isinstance(events[-1] if events else None, Failure):
        assert not opened
    assert sum(isinstance(event, End | Failure) for event in events) <= 1
    assert sum(isinstance(event, Finish) for event in events) <= 1
    if any(isinstance(event, End) for event in events):
        assert isinstance(events[-1], End)


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damage_is_mended_so_that_the_sdk_can_read_it(data: bytes):
    events = laws.read_stream(FORMAT, data)
    mended = mend(data)
    assert mend(mended) == mended
    if any(isinstance(event, Failure) for event in events):
        assert mended.count(b"event: error\n") == 1
    elif any(isinstance(event, End) for event in events):
        message = sdk.streamed(mended)
        texts = [block.text for block in message.content if block.type == "text"]
        ours = fold(FORMAT.name, events).choice.parts
        assert texts == [part.text for part in ours if isinstance(part, Text)]
        assert mended.count(b"event: message_stop\n") == 1
        assert mended.rindex(b"event: ") == mended.index(b"event: message_stop\n")
    assert mended.count(b"event: message_start\n") <= 1


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_noise_is_read_without_an_error(blocks: list[bytes]):
    data = b"".join(b"data: " + block + b"\n\n" for block in blocks)
    laws.read_stream(FORMAT, data)
    mend(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    )
)
def test_any_json_is_an_error_body_or_none(body: Any):
    FORMAT.find_error(body)
    for key in ("error", "detail", "errors", "message", "base_resp"):
        FORMAT.find_error({key: body})


@st.composite
def histories(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Turns in any order, with calls and results that match or do not."""
    call_id = st.sampled_from(["a", "b:1", "b_1", ""])
    user_part = st.one_of(
        words.map(lambda text: Text(text=text)),
        st.builds(
            ToolResult,
            call_id=call_id,
            parts=words.map(lambda text: (Text(text=text),)),
            is_error=st.none() | st.booleans(),
        ),
    )
    assistant_part = st.one_of(
        words.map(lambda text: Text(text=text)),
        words.map(lambda text: Thinking(text=text)),
        st.builds(ToolCall, id=call_id, name=st.just("f"), arguments=arguments | words),
    )

    def turn(role: Any, part: st.SearchStrategy[Part]) -> st.SearchStrategy[Turn]:
        parts = st.lists(part, max_size=3).map(tuple)
        return parts.map(lambda said: Turn(role=role, parts=said))

    turns = turn("user", user_part) | turn("assistant", assistant_part)
    return tuple(draw(st.lists(turns, max_size=6)))


@settings(max_examples=300, deadline=None)
@given(histories())
def test_any_history_is_written_by_the_rules_of_the_api(turns: tuple[Turn, ...]):
    c = Conversation(format="openai-chat", model="m", turns=turns)
    body = FORMAT.write_request(c)
    messages = body["messages"]
    assert messages
    roles = [message["role"] for message in messages]
    assert all(a != b for a, b in pairwise(roles))
    seen: set[str] = set()
    for message, after in zip(messages, [*messages[1:], {"content": []}], strict=True):
        assert message["content"]
        assert all(block["text"].strip() for block in message["content"] if "text" in block)
        uses = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert not seen & set(uses) and len(set(uses)) == len(uses)
        seen |= set(uses)
        first = after["content"][: len(uses)]
        assert [block.get("tool_use_id") for block in first] == uses
        kinds = [block["type"] for block in after["content"]]
        assert kinds.count("tool_result") == len(uses)
    if messages[-1]["role"] == "assistant":
        last = messages[-1]["content"][-1]
        assert last["text"] == last["text"].rstrip()
    again = FORMAT.read_request(body)
    assert request_meaning(FORMAT.read_request(FORMAT.write_request(again))) == request_meaning(
        again
    )
