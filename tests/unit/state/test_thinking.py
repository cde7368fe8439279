"""What led to a call is found by the call."""

from typing import Any

import pytest

from switchyard.state.thinking import ThinkingMemory
from switchyard.state.thinking import Whose
from switchyard.state.thinking import place_of
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.translate.thinking_back import Led

type Json = dict[str, Any]

ME = Whose(b"me", "s1", "deepseek")
CALL = ToolCall(id="c1", name="read", arguments='{"b": 1, "a": [{"y": 2, "x": 1}]}')


def memory(*parts: Part) -> ThinkingMemory:
    kept = ThinkingMemory()
    kept.note(ME, parts)
    return kept


def test_the_thinking_before_a_call() -> None:
    kept = memory(Thinking(text="hm, "), Text(text="a"), Thinking(text="so"), CALL)
    assert kept.recall(ME, "c1", "read", CALL.arguments) == Led("hm, so", "")


@pytest.mark.parametrize(
    "arguments", ['{"a":[{"x":1,"y":2}],"b":1}', ' {"b": 1, "a": [{"y": 2, "x": 1}]}\n']
)
def test_the_spelling_of_arguments_does_not_count(arguments: str) -> None:
    kept = memory(Thinking(text="t"), CALL)
    assert kept.recall(ME, "c1", "read", arguments) == Led("t")


def test_another_id_does_not_hide_a_call() -> None:
    assert memory(Thinking(text="t"), CALL).recall(ME, "c1_2", "read", CALL.arguments) == Led("t")
    made_up = ToolCall(id="call_made_up_0a_0", name="read", arguments="{}")
    assert memory(Thinking(text="t"), made_up).recall(ME, "", "read", "{}") == Led("t")


@pytest.mark.parametrize(
    ("whose", "name", "arguments"),
    [
        (Whose(b"you", "s1", "deepseek"), "read", CALL.arguments),
        (Whose(b"me", "s2", "deepseek"), "read", CALL.arguments),
        (Whose(b"me", "s1", "moonshot"), "read", CALL.arguments),
        (ME, "write", CALL.arguments),
        (ME, "read", "{}"),
    ],
)
def test_what_is_not_the_same_is_not_found(whose: Whose, name: str, arguments: str) -> None:
    assert memory(Thinking(text="t"), CALL).recall(whose, "c1", name, arguments) is None


def test_signatures() -> None:
    signed = ToolCall(id="c1", name="read", arguments="{}", signature="SIG", signer="gemini")
    assert memory(signed).recall(ME, "c1", "read", "{}") == Led("", "SIG")
    loose = Thinking(signature="LOOSE", signer="gemini")
    second = ToolCall(id="c2", name="read", arguments="[]")
    kept = memory(loose, CALL, second)
    assert kept.recall(ME, "c1", "read", CALL.arguments) == Led("", "LOOSE")
    assert kept.recall(ME, "c2", "read", "[]") is None


@pytest.mark.parametrize("other", ["toolu_01Abc", "call_9", "x"])
def test_the_same_call_of_another_provider_is_another_call(other: str) -> None:
    kept = memory(Thinking(text="t"), CALL)
    assert kept.recall(ME, other, "read", CALL.arguments) is None
    assert kept.recall(ME, "", "read", CALL.arguments) == Led("t")


@pytest.mark.parametrize("given", ["functions.read:0", "a" * 40, "|"])
def test_the_same_call_under_an_id_that_was_adapted(given: str) -> None:
    kept = memory(Thinking(text="t"), ToolCall(id=given, name="read", arguments="{}"))
    for id in (given, given.replace(".", "_").replace(":", "_"), f"{given[:32]}x2"):
        assert kept.recall(ME, id, "read", "{}") == Led("t")


def test_nothing_is_kept_of_nothing() -> None:
    assert memory(CALL).recall(ME, "c1", "read", CALL.arguments) is None
    too_long = memory(Thinking(text="x" * 300_000), CALL)
    assert too_long.recall(ME, "c1", "read", CALL.arguments) is None


FIRST = {"role": "user", "content": "go"}
AGAIN = {"role": "user", "content": "again"}
SECOND = {"role": "tool", "tool_call_id": "", "content": "r"}


@pytest.mark.parametrize("id", ["", "call_made_up_0a_0"])
def test_equal_calls_without_ids_are_told_apart_by_what_they_answer(id: str) -> None:
    """The earlier one keeps what led to it, since what was sent once must not change."""
    kept, call = ThinkingMemory(), ToolCall(id=id, name="test", arguments="{}")
    kept.note(ME, [Thinking(text="one"), call], place_of(FIRST))
    kept.note(ME, [Thinking(text="two"), call], place_of(SECOND))
    assert kept.recall(ME, "", "test", "{}", place_of(FIRST)) == Led("one")
    assert kept.recall(ME, "", "test", "{}", place_of(SECOND)) == Led("two")
    # Another provider's, of which nothing was noted.
    assert kept.recall(ME, "", "test", "{}", place_of(AGAIN)) is None


def test_a_call_of_a_server_that_counts_its_calls_from_0() -> None:
    kept, call = ThinkingMemory(), ToolCall(id="call_0", name="test", arguments="{}")
    kept.note(ME, [Thinking(text="one"), call], place_of(FIRST))
    kept.note(ME, [Thinking(text="two"), call], place_of(SECOND))
    assert kept.recall(ME, "call_0", "test", "{}", place_of(FIRST)) == Led("one")
    assert kept.recall(ME, "call_0x2", "test", "{}", place_of(SECOND)) == Led("two")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FIRST, {"role": "user", "content": [{"type": "text", "text": "go"}]}),
        (
            {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": {}}]},
            FIRST,
        ),
    ],
)
def test_a_mark_for_a_cache_that_moved_on_does_not_hide_a_call(before: Json, after: Json) -> None:
    kept, call = ThinkingMemory(), ToolCall(id="", name="test", arguments="{}")
    kept.note(ME, [Thinking(text="one"), call], place_of(before))
    assert kept.recall(ME, "", "test", "{}", place_of(after)) == Led("one")


def test_long_items_are_told_apart_by_their_ends() -> None:
    kept, call = ThinkingMemory(), ToolCall(id="", name="test", arguments="{}")
    kept.note(ME, [Thinking(text="one"), call], place_of({"content": "x" * 10_000}))
    assert kept.recall(ME, "", "test", "{}", place_of({"content": "x" * 10_000})) == Led("one")
    for other in ("x" * 10_001, "x" * 9_999 + "y", "y" + "x" * 9_999):
        assert kept.recall(ME, "", "test", "{}", place_of({"content": other})) is None
