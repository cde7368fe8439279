"""States of a reply's choices."""

from switchyard.wire.model.events import End
from switchyard.wire.model.events import TextDelta
from switchyard.wire.translate.by_choice import ByChoice


def test_each_choice_has_one_state() -> None:
    choices = ByChoice(lambda index: [index])
    first = choices.of(TextDelta(0, "a", 1))
    assert first == [1]
    assert choices.of(TextDelta(3, "b", 1)) is first
    assert choices.of(TextDelta(0, "c", 0)) == [0]
    assert list(choices.states) == [1, 0]


def test_an_event_of_the_whole_reply_has_none() -> None:
    choices = ByChoice(lambda index: [index])
    assert choices.of(End()) is None
    assert not choices.states
