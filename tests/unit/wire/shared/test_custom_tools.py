"""Custom tools, for formats that only have functions."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Tool
from switchyard.wire.shared.custom_tools import InputStream
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.custom_tools import unwrap_input
from switchyard.wire.shared.custom_tools import wrap_input


def stream(pieces):
    unwrapper = InputStream()
    return "".join([*map(unwrapper.feed, pieces), unwrapper.close()])


def test_a_function_stands_for_a_custom_tool():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    made = as_function(Tool(kind="custom", name="exec", description="Runs", grammar=grammar))
    assert made.kind == "function"
    assert made.parameters is not None
    assert made.parameters["required"] == ["input"]
    assert made.description is not None
    assert made.description.startswith("Runs\n\n")
    assert "start: /.+/" in made.description


def test_any_other_tool_stays():
    tool = Tool(name="f")
    assert as_function(tool) is tool


@given(st.text())
def test_input_survives_wrapping(text):
    assert unwrap_input(wrap_input(text)) == text


@pytest.mark.parametrize(
    ("arguments", "input"),
    [
        ('{"patch": "*** Begin"}', "*** Begin"),
        ("echo hi", "echo hi"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ('{"why": "x", "input": "y"}', "y"),
        ('"just text"', '"just text"'),
        ("", ""),
        ("{}", ""),
    ],
)
def test_whatever_a_model_wrote_in_place_of_the_input_is_kept(arguments, input):
    assert unwrap_input(arguments) == input
    assert stream(arguments) == input
    assert stream([arguments]) == input


@given(st.text(), st.booleans(), st.lists(st.integers(0, 400), max_size=6))
def test_input_streams_the_same_however_it_is_cut(text, ascii_only, cuts):
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    edges = [0, *sorted(min(c, len(arguments)) for c in cuts), len(arguments)]
    pieces = [arguments[a:b] for a, b in pairwise(edges)]
    assert stream(pieces) == text
    assert stream(arguments) == text


def test_input_flows_before_the_arguments_are_complete():
    unwrapper = InputStream()
    assert unwrapper.feed('{"inp') == ""
    assert unwrapper.feed('ut": "const r = ') == "const r = "
    assert unwrapper.feed("1;\\n\\") == "1;\n"
    assert unwrapper.feed('"text\\""} ') == '"text"'
    assert unwrapper.close() == ""


def test_half_a_surrogate_pair_waits_for_the_other_half():
    unwrapper = InputStream()
    assert unwrapper.feed('{"input": "a\\ud83d') == "a"
    assert unwrapper.feed("\\ude0") == ""
    assert unwrapper.feed('0"}') == "\U0001f600"


def test_arguments_that_were_cut_off_give_what_came():
    assert stream(['{"input": "abc\\']) == "abc"
    assert stream(['{"inp']) == ""
