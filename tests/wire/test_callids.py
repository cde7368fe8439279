"""Ids made up for calls that have none."""

from collections.abc import Sequence

from addons.wire.callids import AnswerIds
from addons.wire.callids import FreshIds
from addons.wire.callids import HistoryIds
from addons.wire.callids import is_made_up
from addons.wire.conversation import ToolCall
from addons.wire.events import Event
from addons.wire.events import PartEnd
from addons.wire.events import PartStart


def test_results_pair_by_id_then_by_name_and_order():
    ids = HistoryIds()
    calls = [ids.call("", "f"), ids.call("given", "g"), ids.call("", "f"), ids.call("", "h")]
    assert [is_made_up(call) for call in calls] == [True, False, True, True]
    assert ids.result("given", "other name") == "given"
    assert ids.result("", "f") == calls[0]
    assert ids.result("unknown", "f") == calls[2]
    assert ids.result("", "") == calls[3]
    assert ids.result("lost", "f") == "lost"
    assert is_made_up(ids.result("", "f"))


def test_a_given_id_is_not_taken_for_another_call():
    ids = HistoryIds()
    ids.call("a", "f")
    assert ids.result("b", "f") == "b"
    assert ids.result("", "f") == "a"


def test_answers_have_ids_of_their_own():
    first, second = AnswerIds(), AnswerIds()
    one, two = first.call("", "answer 1"), first.call("", "changed")
    other = second.call("", "answer 2")
    assert len({one, two, other}) == 3
    assert one.rsplit("_", 1)[0] == two.rsplit("_", 1)[0]
    assert AnswerIds().call("", "answer 1") == one
    assert AnswerIds().call("given", "x") == "given"
    assert max(map(len, (one, two, other))) <= 40, "OpenAI takes 40 characters"


def begun(call_id: str) -> PartStart:
    return PartStart(0, ToolCall(id=call_id, name="Bash"))


def ids_of(events: Sequence[Event]) -> list[str]:
    return [
        event.part.id
        for event in events
        if isinstance(event, PartStart) and isinstance(event.part, ToolCall)
    ]


def test_a_repeated_id_becomes_another_one():
    """Servers that count calls from 0 in each answer; Claude Code loops on a repeated id."""
    stage = FreshIds(["call_0", "call_0_2", "x" * 64])
    assert ids_of(stage.feed([begun("call_1"), PartEnd(0)])) == ["call_1"]
    assert not stage.changed
    new = ids_of(stage.feed([begun("call_0"), begun("call_0"), begun("x" * 64), begun("")]))
    assert new[:2] == ["call_0_3", "call_0_4"] and new[3] == ""
    assert len(new[2]) <= 40 and new[2] != "x" * 64
    assert stage.changed and not stage.over


def test_a_made_up_id_stays_known_as_one():
    ids = AnswerIds()
    made = ids.call("", "answer")
    assert is_made_up(ids_of(FreshIds([made]).feed([begun(made)]))[0])
