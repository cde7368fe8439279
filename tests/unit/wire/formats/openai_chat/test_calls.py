"""Tool calls in streams of Chat Completions, however they are cut and numbered."""

from typing import Any

import pytest

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.chat_chunks import events
from tests.unit.wire.chat_chunks import reply


def made(*pieces: bytes) -> list[ToolCall]:
    """The calls of a stream."""
    return [part for part in reply(*pieces, DONE).choice.parts if isinstance(part, ToolCall)]


def said(*pieces: bytes) -> list[tuple[str, str]]:
    """Id (or none, if it was made up) and arguments of each call."""
    return [
        ("" if c.id.startswith("call_") and len(c.id) == 29 else c.id, c.arguments)
        for c in made(*pieces)
    ]


class TestCalls:
    def test_ordinary(self) -> None:
        assert events(
            calls(call(0, "a", name="look", arguments="")),
            calls(call(0, arguments='{"at"')),
            calls(call(0, arguments=": 1}")),
            chunk({}, "tool_calls"),
            DONE,
        )[1:] == [
            PartStart(0, ToolCall(id="a", name="look")),
            ArgumentsDelta(0, '{"at"'),
            ArgumentsDelta(0, ": 1}"),
            PartEnd(0),
            Finish(Stop(reason="tool_calls", raw="tool_calls")),
            End(),
        ]

    def test_interleaved(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments='{"x":')),
            calls(call(1, "b", name="look", arguments='{"y":')),
            calls(call(0, arguments="1}"), call(1, arguments="2}")),
        ) == [("a", '{"x":1}'), ("b", '{"y":2}')]

    def test_a_complete_call_is_ended_when_the_next_begins(self) -> None:
        found = events(
            calls(call(0, "a", name="look", arguments="{}")),
            calls(call(1, "b", name="look", arguments="")),
        )
        assert found.index(PartEnd(0)) < found.index(PartStart(1, ToolCall(id="b", name="look")))

    def test_an_incomplete_call_stays_open(self) -> None:
        found = events(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(1, "b", name="look", arguments="{}")),
        )
        assert PartEnd(0) not in found[: found.index(PartStart(1, ToolCall(id="b", name="look")))]

    def test_without_indexes(self) -> None:
        assert said(
            calls(call(None, "a", name="look", arguments="{")),
            calls(call(None, arguments="}")),
            calls(call(None, "b", name="look", arguments="{}")),
        ) == [("a", "{}"), ("b", "{}")]

    def test_without_indexes_and_ids(self) -> None:
        assert said(
            calls(call(None, name="look", arguments="{}")),
            calls(call(None, name="look", arguments='{"x"')),
            calls(call(None, arguments=":1}")),
            calls(call(None, name="find", arguments="{}")),
        ) == [("", "{}"), ("", '{"x":1}'), ("", "{}")]

    def test_made_up_ids_differ(self) -> None:
        one, two = made(calls(call(0, name="look")), calls(call(1, name="look")))
        assert one.id != two.id
        assert made(calls(call(0, name="look"))) == made(calls(call(0, name="look")))

    def test_an_id_in_every_fragment(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{")), calls(call(0, "a", arguments="}"))
        ) == [("a", "{}")]

    def test_a_new_id_in_every_fragment_of_the_same_call(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(0, "b", name="look", arguments='"x":')),
            calls(call(0, "c", name="look", arguments="1}")),
        ) == [("a", '{"x":1}')]

    def test_parallel_calls_that_all_have_the_index_zero(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{}")),
            calls(call(0, "b", name="look", arguments="{}")),
            calls(call(0, "c", name="find", arguments="{}")),
        ) == [("a", "{}"), ("b", "{}"), ("c", "{}")]

    @pytest.mark.parametrize("call_id", [None, ""])
    def test_parallel_calls_that_share_index_and_id(self, call_id: str | None) -> None:
        pieces = [
            calls(call(0, call_id, name=name, arguments=text))
            for name, text in (("look", '{"x":1}'), ("look", '{"x":2}'), ("find", '{"x":2}'))
        ]
        assert said(*pieces) == [("", '{"x":1}'), ("", '{"x":2}'), ("", '{"x":2}')]
        assert [one.name for one in made(*pieces)] == ["look", "look", "find"]

    def test_arguments_of_a_call_that_is_not_announced(self) -> None:
        one, two = made(
            calls(call(0, "a", name="look", arguments="")),
            calls(call(0, name="", arguments='{"x":1}')),
            calls(call(0, name="", arguments='{"x":')),
            calls(call(0, arguments="2}")),
        )
        assert (one.id, one.name, one.arguments) == ("a", "look", '{"x":1}')
        assert (two.name, two.arguments) == ("look", '{"x":2}') and two.id not in ("", "a")

    def test_an_empty_object_in_the_place_of_the_arguments(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments="{}")),
            calls(call(0, arguments='{"x":')),
            calls(call(0, arguments="1}")),
            calls(call(1, "b", name="look", arguments="{}")),
            calls(call(2, "c", name="look", arguments='{"x":2}')),
        ) == [("a", '{"x":1}'), ("b", "{}"), ("c", '{"x":2}')]

    def test_a_name_in_every_fragment(self) -> None:
        (one,) = made(
            calls(call(0, "a", name="look", arguments="{")),
            calls(call(0, name="look", arguments="}")),
        )
        assert (one.name, one.arguments) == ("look", "{}")

    def test_a_name_that_comes_late(self) -> None:
        found = events(
            calls(call(0, "a", arguments="")),
            calls(call(0, arguments="{")),
            calls(call(0, name="look", arguments="}")),
        )
        assert found[1:3] == [PartStart(0, ToolCall(id="a", name="look")), ArgumentsDelta(0, "{}")]

    def test_a_name_that_never_comes(self) -> None:
        (one,) = made(calls(call(0, "a", arguments="{}")))
        assert (one.id, one.name, one.arguments) == ("a", "", "{}")

    @pytest.mark.parametrize(("arguments", "text"), [(None, ""), ({"x": 1}, '{"x":1}'), ("", "")])
    def test_arguments_of_any_type(self, arguments: Any, text: str) -> None:
        assert said(calls(call(0, "a", name="look", arguments=arguments))) == [("a", text)]

    def test_arguments_said_again_as_a_whole(self) -> None:
        assert said(
            calls(call(0, "a", name="look", arguments='{"x":')),
            calls(call(0, arguments="1}")),
            calls(call(0, arguments='{"x":1}')),
        ) == [("a", '{"x":1}')]

    def test_all_in_one_chunk(self) -> None:
        both = calls(
            call(0, "a", name="look", arguments="{}"), call(1, "b", name="look", arguments="{}")
        )
        assert said(both) == [("a", "{}"), ("b", "{}")]

    def test_words_after_a_call(self) -> None:
        parts = reply(
            chunk({"content": "a"}),
            calls(call(0, "a", name="look", arguments="{}")),
            chunk({"content": "b"}),
            DONE,
        ).choice.parts
        assert [type(p) for p in parts] == [Text, ToolCall, Text]

    def test_custom_tools(self) -> None:
        def custom(**inner: Any) -> dict[str, Any]:
            return {"index": 0, "custom": inner}

        first = {**custom(name="run", input=""), "id": "a", "type": "custom"}
        (one,) = made(calls(first), calls(custom(input="l")), calls(custom(input="s")))
        assert (one.kind, one.name, one.arguments) == ("custom", "run", "ls")

    def test_both_kinds_in_one_entry(self) -> None:
        entry = {**call(0, "a", name="look", arguments="{}"), "custom": {"name": "", "input": ""}}
        (one,) = made(calls(entry))
        assert (one.kind, one.name, one.arguments) == ("function", "look", "{}")

    def test_the_deprecated_function_call(self) -> None:
        answer = reply(
            chunk({"function_call": {"name": "look", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{"}}),
            chunk({"function_call": {"arguments": "}"}}),
            chunk({}, "function_call"),
            DONE,
        )
        (one,) = (part for part in answer.choice.parts if isinstance(part, ToolCall))
        assert (one.name, one.arguments) == ("look", "{}") and one.id
        assert answer.choice.stop == Stop(reason="tool_calls", raw="function_call")

    def test_the_same_call_said_the_old_and_the_new_way(self) -> None:
        both = {
            "tool_calls": [call(0, "a", name="look", arguments="{}")],
            "function_call": {"name": "look", "arguments": "{}"},
        }
        assert said(chunk(both)) == [("a", "{}")]

    def test_an_empty_function_call_is_none(self) -> None:
        assert said(chunk({"content": "a", "function_call": {"name": "", "arguments": ""}})) == []

    def test_googles_proof(self) -> None:
        entry = call(0, "a", name="look", arguments="{}")
        (one,) = made(calls({**entry, "extra_content": {"google": {"thought_signature": "sig"}}}))
        assert (one.signature, one.signer) == ("sig", "gemini")
