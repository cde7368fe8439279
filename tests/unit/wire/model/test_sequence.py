"""Overlapping parts come out one after another, complete and in the order they began."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
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
from switchyard.wire.model.sequence import Sequencer

STOP = Stop(reason="end")


def call(index: int) -> PartStart:
    return PartStart(index, ToolCall(id=f"call-{index}", name="look"))


def sequenced(events: list[Event]) -> list[Event]:
    sequencer = Sequencer()
    return [out for event in events for out in sequencer.feed(event)]


def test_the_open_part_flows_at_once() -> None:
    sequencer = Sequencer()
    begin = PartStart(0, Text(text=""))
    assert sequencer.feed(Start()) == [Start()]
    assert sequencer.feed(begin) == [begin]
    assert sequencer.feed(TextDelta(0, "a")) == [TextDelta(0, "a")]
    assert sequencer.feed(PartEnd(0)) == [PartEnd(0)]


def test_a_second_part_waits_for_the_first() -> None:
    sequencer = Sequencer()
    sequencer.feed(call(0))
    assert sequencer.feed(call(1)) == []
    assert sequencer.feed(ArgumentsDelta(1, "{}")) == []
    assert sequencer.feed(ArgumentsDelta(0, "{}")) == [ArgumentsDelta(0, "{}")]
    assert sequencer.feed(PartEnd(0)) == [PartEnd(0), call(1), ArgumentsDelta(1, "{}")]
    assert sequencer.feed(PartEnd(1)) == [PartEnd(1)]


def test_waiting_parts_that_are_complete_are_given_out_together() -> None:
    events: list[Event] = [call(0), call(1), PartEnd(1), call(2), PartEnd(2), call(3), PartEnd(0)]
    assert sequenced(events)[1:] == [
        PartEnd(0),
        call(1),
        PartEnd(1),
        call(2),
        PartEnd(2),
        call(3),
    ]


def test_the_end_closes_what_is_open() -> None:
    begun: list[Event] = [call(0), call(1), ArgumentsDelta(1, "{")]
    ended = [call(0), PartEnd(0), call(1), ArgumentsDelta(1, "{"), PartEnd(1)]
    for last in (Finish(STOP), End()):
        assert sequenced([*begun, last]) == [*ended, last]


def test_a_failure_ends_no_call() -> None:
    """A client takes a call that has ended for one to run."""
    gone = Failure(ApiError(message="gone"))
    assert sequenced([call(0), call(1), ArgumentsDelta(0, "{"), gone]) == [
        call(0),
        ArgumentsDelta(0, "{"),
        gone,
    ]
    text = PartStart(0, Text(text=""))
    assert sequenced([text, call(1), gone]) == [text, PartEnd(0), gone]
    assert sequenced([text, call(1), PartEnd(0), gone]) == [text, PartEnd(0), call(1), gone]
    assert sequenced([gone]) == [gone]


def test_other_choices_are_left_out() -> None:
    events: list[Event] = [
        PartStart(0, Text(text=""), choice=1),
        TextDelta(0, "x", choice=1),
        Finish(STOP, choice=1),
        UsageUpdate(Usage(input=1)),
    ]
    assert sequenced(events) == [UsageUpdate(Usage(input=1))]


def test_events_of_a_part_that_never_began_are_dropped() -> None:
    assert sequenced([TextDelta(3, "x"), PartEnd(3)]) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), max_size=40))
def test_any_interleaving_keeps_each_part_whole(pieces: list[tuple[int, str]]) -> None:
    order = list(dict.fromkeys(index for index, _ in pieces))
    places = {index: place for place, index in enumerate(order)}
    events: list[Event] = []
    last = {index: i for i, (index, _) in enumerate(pieces)}
    for i, (index, text) in enumerate(pieces):
        place = places[index]
        if not any(isinstance(e, PartStart) and e.index == place for e in events):
            events.append(call(place))
        events.append(ArgumentsDelta(place, text))
        if last[index] == i:
            events.append(PartEnd(place))
    events.append(End())

    out = sequenced(events)

    assert fold("x", out) == fold("x", events)
    open_part: int | None = None
    for event in out:
        if isinstance(event, PartStart):
            assert open_part is None
            open_part = event.index
        elif isinstance(event, PartEnd):
            assert event.index == open_part
            open_part = None
        elif isinstance(event, ArgumentsDelta):
            assert event.index == open_part
