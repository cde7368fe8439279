"""Ids made up for calls that have none."""

from addons.wire.callids import AnswerIds
from addons.wire.callids import HistoryIds
from addons.wire.callids import is_made_up


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
