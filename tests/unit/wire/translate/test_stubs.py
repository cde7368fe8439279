"""The small request that stands for a client's settings."""

from typing import Any

import pytest

from switchyard.wire.translate.stubs import NOTHING
from switchyard.wire.translate.stubs import means_nothing
from switchyard.wire.translate.stubs import paths_of
from switchyard.wire.translate.stubs import stub_of
from switchyard.wire.translate.stubs import without


def test_words_and_schemas_are_left_out_and_settings_stay() -> None:
    tool = {"name": "f", "description": "d" * 99, "defer_loading": True,
            "input_schema": {"type": "object", "properties": {"a": {}}}}  # fmt: skip
    body = {"model": "m", "system": "s" * 99, "messages": [{"role": "user", "content": "x" * 99}],
            "tools": [tool], "thinking": {"type": "enabled", "budget_tokens": 3}}  # fmt: skip
    stub = stub_of(body)
    assert stub == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{**tool, "description": "x", "input_schema": {"type": "object",
                                                                 "properties": {}}}],
        "thinking": {"type": "enabled", "budget_tokens": 3},
    }  # fmt: skip
    assert body["tools"] == [tool]
    assert list(paths_of(stub)) == [
        ("tools", 0, "defer_loading"),
        ("thinking",),
        ("thinking", "type"),
        ("thinking", "budget_tokens"),
    ]
    assert next(iter(paths_of(stub, with_tools=False))) == ("thinking",)


def test_a_member_is_taken_out_without_changing_the_rest() -> None:
    stub = {"a": {"b": [{"c": 1, "d": 2}]}, "e": 3}
    assert without(stub, ("a", "b", 0, "c")) == ({"a": {"b": [{"d": 2}]}, "e": 3}, 1)
    assert without(stub, ("x",)) == (stub, NOTHING)
    assert stub["a"] == {"b": [{"c": 1, "d": 2}]}


@pytest.mark.parametrize(
    ("name", "value", "nothing"),
    [("x", None, True), ("x", False, True), ("x", 0, False), ("x", [], True), ("n", 1, True),
     ("n", 2, False), ("n", True, False), ("seed", 0, False), ("summary", "auto", True),
     ("summary", {"a": 1}, False), ("temperature", 0.0, False)],
)  # fmt: skip
def test_some_values_say_no_more_than_nothing(name: str, value: Any, nothing: bool) -> None:
    assert means_nothing((name,), value) is nothing
