"""Ids made up for calls that have none."""

from collections.abc import Sequence

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.call_ids import AnswerIds
from switchyard.wire.shared.call_ids import FreshIds
from switchyard.wire.shared.call_ids import HistoryIds
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.call_ids import is_made_up


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
    stage = FreshIds({"call_0", "call_0x2", "x" * 64}.__contains__)
    assert ids_of(stage.feed([begun("call_1"), PartEnd(0)])) == ["call_1"]
    assert not stage.changed
    new = ids_of(stage.feed([begun("call_0"), begun("call_0"), begun("x" * 64), begun("")]))
    assert new[:2] == ["call_0x3", "call_0x4"] and new[3] == ""
    assert len(new[2]) <= 40 and new[2] != "x" * 64
    assert stage.changed and not stage.over


def test_a_call_ends_with_the_id_that_it_began_with():
    stage = FreshIds({"call_0"}.__contains__)
    ended = PartEnd(0, ToolCall(id="call_0", name="Bash", arguments="{}"))
    assert ids_of(stage.feed([begun("call_0")])) == ["call_0x2"]
    (end,) = stage.feed([ended])
    assert isinstance(end, PartEnd) and isinstance(end.part, ToolCall)
    assert (end.part.id, end.part.arguments) == ("call_0x2", "{}")


def test_a_made_up_id_stays_known_as_one():
    ids = AnswerIds()
    made = ids.call("", "answer")
    assert is_made_up(ids_of(FreshIds({made}.__contains__).feed([begun(made)]))[0])


def asked(*calls: tuple[str, str]) -> Turn:
    parts = (ToolCall(id=call_id, name=name, arguments="{}") for call_id, name in calls)
    return Turn(role="assistant", parts=tuple(parts))


def told(*results: tuple[str, str]) -> Turn:
    parts = (ToolResult(call_id=i, parts=(Text(text=text),)) for i, text in results)
    return Turn(role="user", parts=tuple(parts))


def history(*turns: Turn) -> Conversation:
    first = Turn(role="user", parts=(Text(text="Go"),))
    return Conversation(format="elsewhere", model="m", turns=(first, *turns))


def pairs(c: Conversation) -> list[tuple[str, str]]:
    """Each result's words with the name of the function that it answers."""
    names = {part.id: part.name for part in c.parts() if isinstance(part, ToolCall)}
    results = [part for part in c.parts() if isinstance(part, ToolResult)]
    return [(part.text, names[part.call_id]) for part in results]


COUNTED = history(
    asked(("call_0", "f"), ("call_1", "g")),
    told(("call_1", "of g"), ("call_0", "of f")),
    asked(("call_0", "h"), ("call_0", "i")),
    told(("call_0", "of h"), ("call_0", "of i")),
    asked(("call_0x2", "j")),
    told(("call_0x2", "of j")),
)
"""Calls of a server that counts those of each answer, and one that had the same idea as we."""


def test_each_call_of_a_history_has_an_id_of_its_own():
    told_apart = distinct(COUNTED)
    calls = [part.id for part in told_apart.parts() if isinstance(part, ToolCall)]
    assert calls == ["call_0", "call_1", "call_0x2", "call_0x3", "call_0x2x2"]
    assert pairs(told_apart) == [(f"of {name}", name) for name in "gfhij"]
    assert distinct(told_apart) is told_apart


def test_ids_stay_as_the_conversation_grows():
    whole = distinct(COUNTED)
    for end in range(len(COUNTED.turns)):
        part = Conversation(format="elsewhere", model="m", turns=COUNTED.turns[:end])
        assert distinct(part).turns == whole.turns[:end]


def test_a_call_that_was_never_answered_takes_no_later_result():
    gone_on = Turn(role="user", parts=(Text(text="Go on"),))
    c = distinct(
        history(asked(("a", "f")), gone_on, asked(("a", "g")), told(("a", "of g"), ("a", "again")))
    )
    assert pairs(c) == [("of g", "g"), ("again", "g")]


def test_a_result_without_a_call_stays_as_it_is():
    c = distinct(history(told(("b", "x")), asked(("a", "f"), ("a", "f")), told(("c", "y"))))
    assert [part.call_id for part in c.parts() if isinstance(part, ToolResult)] == ["b", "c"]


def test_every_format_says_which_result_is_whose():
    for name, format in FORMATS.items():
        if name != "openai-completions":
            written = format.write_request(distinct(COUNTED))
            read = format.read_request(written)
            calls = [part.id for part in read.parts() if isinstance(part, ToolCall)]
            assert len(set(calls)) == 5, name
            assert sorted(pairs(read)) == [(f"of {x}", x) for x in "fghij"], name
