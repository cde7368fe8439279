"""Answers that the router ends itself: at stop sequences and limits that the upstream was not
told."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import fold
from switchyard.wire.operations.count_tokens import Meter
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.limits import Enforcer
from switchyard.wire.translate.limits import StopLimits
from switchyard.wire.translate.limits import first_sequence
from switchyard.wire.translate.limits import limits_said
from switchyard.wire.translate.limits import unsure_end
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream

texts = st.text("abE\n é漢", max_size=40)
sequences = st.lists(st.text("abE\n é", min_size=1, max_size=4), max_size=4).map(tuple)
limits = st.builds(StopLimits, sequences, st.one_of(st.none(), st.integers(1, 12)))
CLIENTS = [name for name in FORMATS if name != "openai-completions"]


def streamed(text: str, cuts: list[int], *more: Event) -> list[Event]:
    """A stream that says `text` in pieces."""
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    return [
        Start(id="x1", model="m", format="openai-chat"),
        PartStart(0, Text(text=pieces[0])),
        *(TextDelta(0, piece) for piece in pieces[1:]),
        PartEnd(0),
        *more,
        Finish(Stop(reason="end")),
        End(),
    ]


def ended(events: list[Event], limits: StopLimits, answers: int = 1) -> list[Event]:
    """The events one by one through a stage."""
    stage = Enforcer(limits, answers)
    return [told for event in events for told in stage.feed([event])]


def expected(text: str, limits: StopLimits) -> tuple[str, str, str | None]:
    """The answer that a model would give that is told `limits`, by the plainest way to find it:
    character by character."""
    meter = Meter(limits.max_tokens)
    for end in range(1, len(text) + 1):
        if not meter.fits(text[end - 1]):
            return text[: end - 1], "length", None
        met = [one for one in limits.stop if text[:end].endswith(one)]
        if met:
            longest = max(met, key=len)
            return text[: end - len(longest)], "stop_sequence", longest
    return text, "end", None


def told(events: list[Event]) -> tuple[str, str, str | None]:
    choice = fold("openai-chat", events).choice
    assert choice.stop is not None
    words = "".join(part.text for part in choice.parts if isinstance(part, Text))
    return words, choice.stop.reason, choice.stop.sequence


@given(texts, limits, st.lists(st.integers(0, 40), max_size=12))
def test_any_split_ends_at_the_same_place(text: str, limits: StopLimits, cuts: list[int]) -> None:
    events = ended(streamed(text, cuts), limits)
    assert told(events) == expected(text, limits)
    words, *_ = told(events)
    assert not any(one in words for one in limits.stop)
    assert [type(event) for event in events].count(End) == 1
    # Whoever read along until any event never saw a part of a sequence that was met.
    said = ""
    for event in events:
        said += event.text if isinstance(event, TextDelta) else ""
        assert words.startswith(said)


@given(texts, sequences)
def test_no_more_is_held_back_than_may_begin_a_sequence(text: str, stop: tuple[str, ...]) -> None:
    held = unsure_end(text, stop)
    lengths = [n for one in stop for n in range(1, len(one)) if text.endswith(one[:n])]
    assert held == max(lengths, default=0)


def test_the_sequence_that_is_complete_first_ends_the_answer() -> None:
    assert first_sequence("xabcd", ("abcd", "bc")) == (2, "bc")
    assert first_sequence("xab", ("b", "ab")) == (1, "ab")
    assert first_sequence("xab", ("c",)) is None


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", CLIENTS)
@pytest.mark.parametrize("streams", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("sends", ["stream", "json"])
def test_every_client_is_told_in_its_own_words(
    upstream: str, client: str, streams: bool, sends: str
) -> None:
    home, away = FORMATS[upstream], FORMATS[client]
    events = streamed("One. Two. STOP Three.", [8, 11, 12, 13, 16])
    whole = fold("openai-chat", events)
    data = (
        write_stream(home, events)
        if sends == "stream"
        else json.dumps(home.write_reply(whole, ASKED)).encode()
    )
    relay = Relay(home, away, streams, ASKED, stages=[Enforcer(StopLimits(("STOP",)))])
    relay.start(200, home.content_type if sends == "stream" else "application/json")
    out = b"".join(relay.feed(data[i : i + 7]) for i in range(0, len(data), 7)) + relay.end()
    assert relay.committed and relay.done and not relay.failed and relay.enough
    body = out if streams else relay.body
    assert b"STOP" not in body.replace(b'"STOP"', b"") and b"Three" not in body
    reply = fold(client, read_stream(away, out)) if streams else away.read_reply(json.loads(body))
    assert "".join(p.text for p in reply.choice.parts if isinstance(p, Text)) == "One. Two. "
    assert said_stop(reply) == STOPS[client]


def said_stop(reply: Reply) -> tuple[str | None, str | None]:
    stop = reply.choice.stop
    assert stop is not None
    return stop.raw, stop.sequence


STOPS = {
    "openai-chat": ("stop", "STOP"),
    "openai-responses": ("completed", None),
    "anthropic": ("stop_sequence", "STOP"),
    "gemini": ("STOP", None),
    "ollama": ("stop", None),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_an_answer_that_needs_no_end_keeps_its_words_and_its_json(name: str) -> None:
    format = FORMATS[name]
    events = streamed("One. ST. Two. S", [7])
    body = json.dumps(format.write_reply(fold("openai-chat", events), ASKED), indent=3).encode()
    relay = Relay(format, format, False, ASKED, stages=[Enforcer(StopLimits(("STOP",), 100))])
    relay.start(200, "application/json")
    relay.feed(body)
    relay.end()
    assert relay.body == body and not relay.enough


def test_an_answer_that_begins_with_the_sequence_is_an_answer() -> None:
    relay = Relay(
        FORMATS["openai-chat"],
        FORMATS["anthropic"],
        True,
        ASKED,
        stages=[Enforcer(StopLimits(("STOP",)))],
    )
    relay.start(200, "text/event-stream")
    out = relay.feed(write_stream(FORMATS["openai-chat"], streamed("STOP at once", [2])))
    out += relay.end()
    assert relay.committed and not relay.failed
    reply = fold("anthropic", read_stream(FORMATS["anthropic"], out))
    assert said_stop(reply) == ("stop_sequence", "STOP")


def test_usage_that_came_before_the_end_is_kept() -> None:
    anthropic = FORMATS["anthropic"]
    events = streamed("A STOP b", [3, 5])
    usage = fold("anthropic", read_stream(anthropic, ANTHROPIC_HEAD)).usage
    assert usage is not None
    out = ended([events[0], UsageUpdate(usage), *events[1:]], StopLimits(("STOP",)))
    assert fold("anthropic", out).usage == usage


ANTHROPIC_HEAD = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":25,"output_tokens":1}}}\n\n'
)


def test_thinking_and_arguments_are_counted_but_not_searched() -> None:
    events: list[Event] = [
        PartStart(0, Thinking(text="STOP " * 4)),
        TextDelta(0, "STOP"),
        PartEnd(0),
        PartStart(1, ToolCall(id="c", name="f")),
        ArgumentsDelta(1, '{"a": "STOP"}'),
        PartEnd(1),
        Finish(Stop(reason="tool_calls")),
        End(),
    ]
    assert ended(events, StopLimits(("STOP",))) == events
    assert ended(events, StopLimits(("STOP",), 100)) == events
    cut = ended(events, StopLimits(max_tokens=7))  # 24 characters of thinking are 5.64 tokens
    assert cut == [
        *events[:4],
        ArgumentsDelta(1, '{"a":'),
        PartEnd(1),
        Finish(Stop(reason="length")),
        End(),
    ]
    assert ended(events, StopLimits(max_tokens=1))[0] == PartStart(0, Thinking(text="STOP"))


def test_of_several_answers_each_ends_for_itself() -> None:
    def said(choice: int, text: str) -> list[Event]:
        return [PartStart(0, Text(text=""), choice), TextDelta(0, text, choice)]

    def over(choice: int) -> list[Event]:
        return [PartEnd(0, choice=choice), Finish(Stop(reason="end"), choice)]

    stage = Enforcer(StopLimits(("STOP",)), answers=2)
    first = stage.feed([*said(0, "a STOP b"), *said(1, "c ST")])
    assert first[-1] == TextDelta(0, "c ", 1) and not stage.over
    assert stage.feed([TextDelta(0, "never", 0), *over(0)]) == []
    assert stage.feed([*over(1), End()]) == [TextDelta(0, "ST", 1), *over(1), End()]
    stage = Enforcer(StopLimits(("STOP",)), answers=2)
    out = stage.feed([*said(0, "x"), *over(0), *said(1, "y STOP"), *over(1), End()])
    assert stage.over and out[-3:] == [
        PartEnd(0, choice=1),
        Finish(Stop(reason="stop_sequence", sequence="STOP"), 1),
        End(),
    ]


def test_a_failure_passes() -> None:
    error = Failure(FORMATS["openai-chat"].find_error({"error": {"message": "no"}}))  # type: ignore[arg-type]
    events = [*streamed("a", [])[:2], error]
    assert ended(events, StopLimits(("STOP",)))[-1] is error


@pytest.mark.parametrize(
    ("body", "names", "limits", "found"),
    [
        ({"stop": "x"}, ["stop"], StopLimits(("x",)), ["stop"]),
        ({"stop": ["x", ""], "top_p": 1}, ["top_p", "stop"], StopLimits(("x",)), ["stop"]),
        ({"stop_sequences": ["x"]}, ["stop_sequences"], StopLimits(("x",)), ["stop_sequences"]),
        ({"max_output_tokens": 9}, ["max_output_tokens"], StopLimits((), 9), ["max_output_tokens"]),
        (
            {"max_tokens": 9, "max_completion_tokens": 8},
            ["max_tokens"],
            StopLimits(),
            ["max_tokens"],
        ),
        ({"stop": 3, "max_tokens": True}, ["stop", "max_tokens"], StopLimits(), []),
    ],
)
def test_what_members_of_a_body_limit(
    body: dict[str, Any], names: list[str], limits: StopLimits, found: list[str]
) -> None:
    assert limits_said(body, names) == (limits, found)


def test_two_sets_of_limits_hold_together() -> None:
    assert StopLimits(("a",), 5).joined(StopLimits(("b", "a"), 3)) == StopLimits(("a", "b"), 3)
    assert StopLimits().joined(StopLimits()) == StopLimits() and not StopLimits()


@given(st.lists(texts), st.integers(0, 30))
def test_a_meter_counts_the_same_whatever_the_pieces(pieces: list[str], limit: int) -> None:
    meter, by_one = Meter(limit), Meter(limit)
    text = "".join(pieces)
    fits = 0
    for piece in pieces:
        fitting = meter.fits(piece)
        fits += fitting
        if fitting < len(piece):
            break
    assert fits == by_one.fits(text)
