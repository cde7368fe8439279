"""Roles in the order that the strictest providers ask for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.translate.role_order import with_roles_in_order


def turn(role: Any, *parts: Any) -> Turn:
    return Turn(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts))


def ordered(*turns: Turn, target: str = "anthropic") -> list[tuple[str, list[Any]]]:
    made = with_roles_in_order(Conversation(format="x", model="m", turns=turns), target)
    return [(t.role, [getattr(p, "text", p) for p in t.parts]) for t in made.turns]


CALL = ToolCall(id="c", name="f")
RESULT = ToolResult(call_id="c", parts=(Text(text="r"),))


def test_neighbours_are_one_and_empty_texts_none():
    assert ordered(
        turn("user", "a"), turn("user", "", "b"), turn("assistant", " "), turn("user", "c")
    ) == [("user", ["a", "b", "c"])]


def test_the_user_begins_and_ends():
    made = ordered(turn("assistant", "hello"), turn("user", "a"), turn("assistant", "b"))
    assert [role for role, _ in made] == ["user", "assistant", "user", "assistant", "user"]
    assert made[-2] == ("assistant", ["b"])


def test_one_instruction_comes_first_and_later_ones_are_the_users():
    made = ordered(
        turn("system", "one"), turn("developer", "two"), turn("user", "a"),
        turn("assistant", "b"), turn("system", "later"), turn("user", "c"),
    )  # fmt: skip
    assert made[0] == ("system", ["one", "two"])
    role, said = made[-1]
    assert role == "user"
    assert "later" in said[0] and said[1] == "c"


def test_results_come_first_in_a_turn_and_in_chat_alone():
    turns = (turn("user", "a"), turn("assistant", CALL), turn("user", "b", RESULT))
    assert ordered(*turns)[-1] == ("user", ["r", "b"])
    assert ordered(*turns, target="openai-chat")[2:] == [
        ("user", ["r"]),
        ("assistant", ["Understood."]),
        ("user", ["b"]),
    ]


ROLES = st.sampled_from(["system", "developer", "user", "assistant"])
TURNS = st.lists(st.builds(turn, ROLES, st.sampled_from(["", " ", "word", "more words"])))


@given(TURNS, st.sampled_from(["anthropic", "openai-chat", "gemini", "openai-responses"]))
def test_any_turns_come_out_in_order_and_no_word_is_lost(turns: list[Turn], target: str):
    conversation = Conversation(format="x", model="m", turns=tuple(turns))
    made = with_roles_in_order(conversation, target)
    roles = [t.role for t in made.turns if t.role not in ("system", "developer")]
    assert roles == ["user" if i % 2 == 0 else "assistant" for i in range(len(roles))]
    assert not roles or roles[-1] == "user"
    said = " ".join(p.text for t in made.turns for p in t.parts if isinstance(p, Text))
    assert said.count("word") == sum(p.text.count("word") for t in turns for p in t.parts)  # type: ignore
    assert with_roles_in_order(made, target).turns == made.turns
