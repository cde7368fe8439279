"""Marks for Anthropic's prompt cache, by rules that pay."""

import json
from typing import Any

import pytest

from switchyard.wire.translate.cache_marks import LEAST
from switchyard.wire.translate.cache_marks import CacheMarks
from switchyard.wire.translate.cache_marks import with_marks

type Json = dict[str, Any]

FIVE = {"type": "ephemeral"}
LONG = "A rule of the house. " * 1000


def text(said: str, **more: Any) -> Json:
    return {"type": "text", "text": said, **more}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


ANSWER = {"role": "assistant", "content": [text("Well.")]}
TURNS = [user(text("one")), ANSWER, user(text("two")), ANSWER, user(text("three"), text("four"))]


def body(**more: Any) -> Json:
    tools = [{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}}]
    return {"model": "c", "system": [text(LONG)], "tools": tools, "messages": TURNS, **more}


def marks_of(body: Json) -> list[str]:
    """The paths of the marks in a body."""
    found: list[str] = []

    def look(value: Any, path: str) -> None:
        if isinstance(value, dict):
            if "cache_control" in value:
                found.append(path)
            for name, inner in value.items():
                look(inner, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                look(inner, f"{path}.{place}")

    look(body, "")
    return found


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_marks(v) for k, v in value.items() if k != "cache_control"}
    return [without_marks(one) for one in value] if isinstance(value, list) else value


def test_tools_system_and_the_last_two_turns_of_the_user() -> None:
    said = body()
    before = json.dumps(said)
    marked = with_marks(said, "auto")
    assert marks_of(marked) == [
        "system.0",
        "tools.1",
        "messages.2.content.0",
        "messages.4.content.1",
    ]
    assert marked["tools"][1]["cache_control"] == FIVE
    assert json.dumps(said) == before
    assert without_marks(marked) == said


def test_marks_for_an_hour() -> None:
    marked = with_marks(body(), "1h")
    assert marked["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_plain_text_becomes_a_block() -> None:
    turns = [{"role": "user", "content": "one"}, ANSWER, {"role": "user", "content": "two"}]
    marked = with_marks(body(system=LONG, messages=turns, tools=[]), "auto")
    assert marked["system"] == [text(LONG, cache_control=FIVE)]
    assert marked["messages"][2] == user(text("two", cache_control=FIVE))
    assert marks_of(marked) == ["system.0", "messages.0.content.0", "messages.2.content.0"]


@pytest.mark.parametrize(
    ("said", "marks"),
    [
        (body(), "off"),
        (body(messages=TURNS[:1]), "auto"),
        (body(messages=None), "auto"),
        (body(system=[text("short")]), "auto"),
        (body(cache_control=FIVE), "auto"),
        (body(system=[text(LONG, cache_control=FIVE)]), "auto"),
        (body(tools=[{"name": "a", "cache_control": FIVE}]), "1h"),
        (body(messages=[user(text("one", cache_control=FIVE)), *TURNS[1:]]), "auto"),
    ],
)
def test_no_marks_where_they_do_not_pay_or_the_client_has_its_own(
    said: Json, marks: CacheMarks
) -> None:
    assert with_marks(said, marks) is said


def test_the_models_minimum_counts() -> None:
    said = body(system=[text("x" * 4 * 1500)])
    assert with_marks(said, "auto", LEAST) is said
    assert with_marks(said, "auto", 2048) is said
    assert marks_of(with_marks(said, "auto", 1024))


def test_blocks_that_cannot_be_marked_are_passed_over() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": "done"}
    turns = [user(text("one")), ANSWER, user(result, text(" ")), ANSWER, user({"type": "odd"})]
    marked = with_marks(body(messages=turns), "auto")
    assert marks_of(marked)[2:] == ["messages.2.content.0"]


@pytest.mark.parametrize("odd", [7, None, "", [], [3], [{"type": "text"}], {"a": 1}])
def test_odd_content_is_left_alone(odd: Any) -> None:
    said = body(system=odd, tools=odd, messages=[*TURNS, {"role": "user", "content": odd}, odd])
    assert without_marks(with_marks(said, "auto", 1))["model"] == "c"


def test_the_next_turn_begins_with_the_same_words() -> None:
    before, after = (with_marks(body(messages=TURNS[:n]), "auto") for n in (3, 5))
    assert without_marks(after)["messages"][:3] == without_marks(before)["messages"]
    assert {**after, "messages": []} == {**before, "messages": []}
