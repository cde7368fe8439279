"""Calls and their results put where every API wants them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.translate.pair_results import paired


def of(*turns: Turn) -> Conversation:
    return Conversation(format="openai-chat", model="m", turns=turns)


def user(*parts: Part) -> Turn:
    return Turn(role="user", parts=parts)


def said(*parts: Part) -> Turn:
    return Turn(role="assistant", parts=parts)


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="f", arguments="{}")


def result(name: str, words: str = "done") -> ToolResult:
    return ToolResult(call_id=name, parts=(Text(text=words),))


HELLO = Text(text="Hello")


def test_a_history_in_order_stays() -> None:
    conversation = of(
        Turn(role="system", parts=(HELLO,)),
        user(HELLO),
        said(Thinking(text="hm"), HELLO, call("a"), Thinking(text="hm"), call("b")),
        user(result("b")),
        user(result("a"), HELLO),
        said(call("c")),
        user(HELLO, result("c")),
    )
    assert paired(conversation) is conversation


def test_a_call_that_was_not_answered_is_told_to_be_so() -> None:
    made = paired(of(user(HELLO), said(call("a"), call("b")), user(result("a"), HELLO))).turns
    assert [turn.role for turn in made] == ["user", "assistant", "user", "user"]
    first, second = made[2].parts
    assert first == result("a")
    assert isinstance(second, ToolResult)
    assert (second.call_id, second.is_error) == ("b", True)
    assert made[3].parts == (HELLO,)


def test_a_result_nobody_called_for_is_text() -> None:
    image = Media(kind="image", media_type="image/png", data="AAAA")
    lost = ToolResult(call_id="x", parts=(Text(text="words"), image))
    made = paired(of(user(lost, HELLO), said(HELLO))).turns
    assert made == (user(Text(text="words"), image, HELLO), said(HELLO))


def test_a_result_behind_other_words_is_moved_to_its_call() -> None:
    told = Turn(role="system", parts=(HELLO,))
    late = of(user(HELLO), said(call("a")), told, user(result("a")))
    assert paired(late).turns == (user(HELLO), said(call("a")), user(result("a")), told)


def test_a_result_after_the_model_went_on_stays_where_it_is_as_text() -> None:
    """The call's turn has been sent without it: a change would break the prompt cache."""
    before = of(user(HELLO), said(call("a")), user(HELLO))
    late = of(*before.turns, said(HELLO), user(result("a")))
    *begun, answer, last = paired(late).turns
    assert (answer, last) == (said(HELLO), user(Text(text="done")))
    assert tuple(begun) == paired(before).turns
    (unanswered,) = begun[2].parts
    assert isinstance(unanswered, ToolResult) and unanswered.is_error


def test_a_step_that_is_in_order_stays_when_a_later_one_is_not() -> None:
    first = (user(HELLO), said(call("a"), call("b")), user(result("b"), result("a"), HELLO))
    made = paired(of(*first, said(call("c")), user(HELLO))).turns
    assert made[:3] == first


def test_words_after_a_call_are_said_before_it() -> None:
    """Anthropic takes them for something between a call and its result."""
    turn = said(HELLO, call("a"), Text(text="after"), Thinking(text="hm"))
    made = paired(of(turn, user(result("a")))).turns
    assert made[0].parts == (HELLO, Text(text="after"), call("a"), Thinking(text="hm"))


IDS = st.sampled_from("abcd")
PARTS: dict[Any, Any] = {
    "assistant": st.lists(st.one_of(st.builds(call, IDS), st.just(HELLO)), max_size=4),
    "user": st.lists(st.one_of(st.builds(result, IDS, IDS), st.just(HELLO)), max_size=4),
    "system": st.just([HELLO]),
}
TURNS = st.sampled_from(list(PARTS)).flatmap(
    lambda role: PARTS[role].map(lambda parts: Turn(role=role, parts=tuple(parts)))
)


@given(st.lists(TURNS, max_size=7))
def test_whatever_was_cut_each_call_is_answered_at_once(turns: list[Turn]) -> None:
    given_ids = [part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    if len(given_ids) != len(set(given_ids)):
        return  # ids are told apart before
    conversation = of(*turns)
    made = paired(conversation)
    assert paired(made) is made
    kept = [part.id for part in made.parts() if isinstance(part, ToolCall)]
    assert kept == given_ids
    words = [part.text for part in conversation.parts() if isinstance(part, Text)]
    left = [part.text for part in made.parts() if isinstance(part, Text)]
    assert all(left.count(word) >= words.count(word) for word in words)
