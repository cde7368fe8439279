"""How much of a text each form of a written call takes."""

import pytest

from switchyard.wire.translate.call_forms import FoundCalls
from switchyard.wire.translate.call_forms import WrittenCall
from switchyard.wire.translate.call_forms import may_be_whole_reply
from switchyard.wire.translate.call_forms import read_function
from switchyard.wire.translate.call_forms import read_mistral
from switchyard.wire.translate.call_forms import read_tagged

TOOLS = {"f": {"properties": {"n": {"type": "integer"}, "s": {"type": "string"}}}}


def test_what_follows_a_call_is_not_read() -> None:
    text = '<tool_call>{"name":"f","arguments":{"n":1}}</tool_call> and more'
    assert read_tagged(text, False, TOOLS) == FoundCalls((WrittenCall("f", '{"n":1}'),), 55)


@pytest.mark.parametrize("complete", [True, False])
def test_a_call_that_is_not_whole_waits_for_the_rest(complete: bool) -> None:
    for reader, text in (
        (read_tagged, '<tool_call>{"name":"f","argum'),
        (read_function, "<function=f><parameter=n>1</parameter>x"),
        (read_mistral, '[TOOL_CALLS]f[ARGS]{"n":'),
    ):
        assert reader(text, complete, TOOLS) == ("none" if complete else "more")


def test_parameters_are_of_the_type_that_the_schema_says() -> None:
    text = "<function=f><parameter=n>7</parameter><parameter=s>7</parameter></function>"
    found = read_function(text, False, TOOLS)
    assert isinstance(found, FoundCalls) and found.calls[0].arguments == '{"n":7,"s":"7"}'


@pytest.mark.parametrize(
    ("text", "may"),
    [("", True), (" {", True), ('{ "name" : "f"', True), ("[f(", True), ('{"a', False),
     ("[g(", False), ("Hi", False)],
)  # fmt: skip
def test_only_some_replies_may_be_nothing_but_a_call(text: str, may: bool) -> None:
    assert may_be_whole_reply(text, TOOLS) is may
