"""Tool calls of streams that pass through: their arguments become what the reader makes of them."""

import json
from typing import Any

import pytest

from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.laws import assert_same_stream
from tests.unit.wire.laws import mend_stream
from tests.unit.wire.laws import read_stream

ROLE = chunk({"role": "assistant", "content": ""})


def mend(*pieces: bytes) -> bytes:
    return mend_stream(CHAT, b"".join(pieces))


def told(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in out.splitlines() if b"{" in line]


def mended_as_read(data: bytes) -> None:
    events, again = read_stream(CHAT, data), read_stream(CHAT, mend_stream(CHAT, data))
    assert_same_stream(events, again, CHAT, CHAT)


@pytest.mark.parametrize("end", ["tool_calls", "length", None])
@pytest.mark.parametrize("arguments", ["[", "nul", '"', " ", "0", "true", "[1]", '"x"', 0, [], [1]])
def test_odd_arguments_are_mended_as_they_are_read(arguments: Any, end: str | None) -> None:
    begun = call(0, "a", name="look", arguments=arguments)
    last = chunk({}, end) if end else b""
    mended_as_read(ROLE + calls(begun) + last + DONE)


@pytest.mark.parametrize("arguments", [0, False, [], {}, "[]", "1"])
def test_odd_calls_without_a_name_are_mended_as_they_are_read(arguments: Any) -> None:
    for said in (
        {"function_call": {"arguments": arguments}},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": arguments}}]},
    ):
        mended_as_read(chunk(said) + DONE)
        mended_as_read(chunk(said, "stop") + DONE)


def test_a_call_without_anything_is_none() -> None:
    for said in ({"function_call": {"name": ""}}, {"function_call": {"x": 1}}):
        mended_as_read(ROLE + chunk(said) + chunk({}, "stop") + DONE)


def test_a_fragment_of_the_other_kind_adds_nothing() -> None:
    begun = call(0, "a", name="look", arguments="{}")
    other = {"index": 0, "id": "a", "custom": {"input": "x"}}
    mended_as_read(ROLE + calls(begun) + calls(other) + DONE)


def function(name: str = "", arguments: Any = None) -> bytes:
    said = {"name": name} if name else {}
    return chunk(
        {"function_call": {**said, **({} if arguments is None else {"arguments": arguments})}}
    )


@pytest.mark.parametrize("end", [[chunk({}, "function_call"), DONE], [DONE]])
@pytest.mark.parametrize(
    ("fragments", "whole"),
    [
        ([function("look", "{}")], "{}"),
        (
            [function("look", "{}"), function(arguments='{"a":'), function(arguments="1}")],
            '{"a":1}',
        ),
        ([function("look", "{"), function(arguments="}")], "{}"),
        ([function("look", "null")], "{}"),
        ([function("look", {"a": 1})], '{"a":1}'),
        ([function("look", {}), function(arguments={"a": 1})], '{"a":1}'),
        ([function("look"), function(arguments='{"a":1}')], '{"a":1}'),
        ([function("look", " ")], "{}"),
        ([function("look", 0)], "0"),
        ([function("look", "[")], "["),
    ],
)
def test_the_arguments_of_a_deprecated_call_are_one_text(
    fragments: list[bytes], whole: str, end: list[bytes]
) -> None:
    mended = told(mend(ROLE, *fragments, *end))
    deltas = [c["delta"].get("function_call", {}) for one in mended for c in one["choices"]]
    assert "".join(d.get("arguments", "") for d in deltas) == whole
    assert mended[-1]["choices"][0]["finish_reason"] == "function_call"


def test_a_deprecated_call_in_the_last_chunk() -> None:
    ended = chunk({"function_call": {"name": "look", "arguments": "{}"}}, "function_call")
    assert mend(ROLE, ended, DONE) == ROLE + ended + DONE
