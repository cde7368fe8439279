"""Thinking that stands between tags in the text of an answer."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.think_tag import ThinkingTag
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream

CHAT = FORMATS["openai-chat"]


def streamed(text: str, cuts: list[int]) -> list[Event]:
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    return [
        Start(id="x1", model="m", format="openai-chat"),
        PartStart(0, Text(text=pieces[0])),
        *(TextDelta(0, piece) for piece in pieces[1:]),
        PartEnd(0),
        Finish(Stop(reason="end")),
        End(),
    ]


def staged(events: list[Event]) -> list[Event]:
    stage = ThinkingTag("think")
    return [told for event in events for told in stage.feed([event])]


def said(events: list[Event]) -> list[tuple[str, str]]:
    parts = fold("openai-chat", events).choice.parts
    return [(type(p).__name__, p.text) for p in parts if isinstance(p, Text | Thinking)]


CASES = {
    "<think>Hm.</think>Well.": [("Thinking", "Hm."), ("Text", "Well.")],
    "<think>\nHm.\n\nSo.\n</think>\n\nWell.\n": [("Thinking", "Hm.\n\nSo."), ("Text", "Well.\n")],
    "\n <think>Hm.</think>": [("Thinking", "Hm.")],
    "<think>\n\n</think>\n\nWell.": [("Text", "Well.")],
    "<think></think>": [],
    "<think>Hm. </th": [("Thinking", "Hm. </th")],
    "<think>Hm. \n": [("Thinking", "Hm.")],
    "<think>a</think>b<think>c</think>": [("Thinking", "a"), ("Text", "b<think>c</think>")],
    "<think>a <think> b</think> c": [("Thinking", "a <think> b"), ("Text", "c")],
    "Use <think>tags</think>.": [("Text", "Use <think>tags</think>.")],
    "<thinker>no</thinker>": [("Text", "<thinker>no</thinker>")],
    " <thin": [("Text", " <thin")],
    "": [("Text", "")],
    "</think>late": [("Text", "</think>late")],
}


@pytest.mark.parametrize("text", CASES)
def test_only_what_an_answer_begins_with_is_thinking(text: str) -> None:
    for cuts in ([], list(range(len(text))), [7], [8, 9]):
        assert said(staged(streamed(text, cuts))) == CASES[text]


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "<", "th", "b c"])),
    st.lists(st.integers(0, 60)),
)
def test_any_split_gives_the_same(pieces: list[str], cuts: list[int]) -> None:
    text = "".join(pieces)
    events = staged(streamed(text, cuts))
    assert said(events) == said(staged(streamed(text, [])))
    assert_well_formed(events)
    words = "".join(words for _, words in said(events))
    tags = "<think>", "</think>"
    whole = text
    for tag in tags if re.match(r"\s*<think>", text) else ():
        whole = whole.replace(tag, "", 1)
    assert "".join(words.split()) == "".join(whole.split())


def assert_well_formed(events: list[Event]) -> None:
    """Parts begin once, one after the other, and every one ends."""
    begun: list[int] = []
    ended: list[int] = []
    for event in events:
        match event:
            case PartStart(index=index):
                assert index not in begun and sorted(begun) == sorted(ended)
                begun.append(index)
            case TextDelta(index=index):
                assert index in begun and index not in ended
            case PartEnd(index=index):
                assert index in begun and index not in ended
                ended.append(index)
    assert sorted(begun) == begun == ended


def test_parts_after_it_keep_their_order() -> None:
    call = PartStart(1, ToolCall(id="c", name="f", arguments="{}"))
    first = streamed("<think>Hm.</think>Well.", [])[:-2]
    events = staged([*first, call, PartEnd(1), Finish(Stop(reason="tool_calls")), End()])
    assert_well_formed(events)
    kinds = [type(part).__name__ for part in fold("openai-chat", events).choice.parts]
    assert kinds == ["Thinking", "Text", "ToolCall"]


def test_an_answer_that_began_otherwise_is_left_alone() -> None:
    thought: list[Event] = [PartStart(0, Thinking(text="Hm.")), PartEnd(0)]
    text = [PartStart(1, Text(text="<think>a</think>b")), PartEnd(1), Finish(Stop(reason="end"))]
    assert staged([*thought, *text]) == [*thought, *text]


@pytest.mark.parametrize("client", [name for name in FORMATS if name != "openai-completions"])
@pytest.mark.parametrize("streams", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("sends", ["stream", "json"])
@pytest.mark.parametrize("home", ["openai-chat", "ollama"])
def test_every_client_reads_it_as_thinking(
    home: str, client: str, streams: bool, sends: str
) -> None:
    upstream, away = FORMATS[home], FORMATS[client]
    events = streamed("<think>\nHm.</think>\n\nWell.", [3, 9, 13, 20])
    whole = upstream.write_reply(fold("openai-chat", events), ASKED)
    data = write_stream(upstream, events) if sends == "stream" else json.dumps(whole).encode()
    relay = Relay(upstream, away, streams, ASKED, stages=[ThinkingTag("think")])
    relay.start(200, upstream.content_type if sends == "stream" else "application/json")
    out = relay.feed(data) + relay.end()
    assert relay.committed and not relay.failed
    reply = (
        fold(client, read_stream(away, out)) if streams else away.read_reply(json.loads(relay.body))
    )
    parts = [(type(p).__name__, p.text) for p in reply.choice.parts if not isinstance(p, ToolCall)]  # type: ignore[union-attr]
    assert parts == [("Thinking", "Hm."), ("Text", "Well.")]


def test_without_tags_a_json_answer_keeps_its_bytes() -> None:
    whole = CHAT.write_reply(fold("openai-chat", streamed("Well.", [])), ASKED)
    body = json.dumps(whole, indent=2).encode()
    relay = Relay(CHAT, CHAT, False, ASKED, stages=[ThinkingTag("think")])
    relay.start(200, "application/json")
    relay.feed(body)
    relay.end()
    assert relay.body == body


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hm.\n</think>\n\nHello", [("Thinking", "Hm."), ("Text", "Hello")]),
        ("<think>Hm.</think>Hello", [("Thinking", "Hm."), ("Text", "Hello")]),
        ("</think>Hello", [("Text", "Hello")]),
    ],
)
@given(cuts=st.lists(st.integers(0, 30), max_size=6))
def test_replies_that_begin_within_the_tag(
    text: str, parts: list[tuple[str, str]], cuts: list[int]
) -> None:
    stage = ThinkingTag("think", opened=True)
    events = [out for event in streamed(text, cuts) for out in stage.feed([event])]
    assert_well_formed(events)
    assert said(events) == parts


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize(
    ("text", "words"),
    [("</think>\n\nHello", "Hello"), ("\n</think>Hello", "Hello"), ("Hello</think>",) * 2,
     ("<think>Hello",) * 2],
)  # fmt: skip
@given(cuts=st.lists(st.integers(0, 30), max_size=6))
def test_a_closing_tag_that_a_server_left_behind_is_left_out(
    text: str, words: str, opened: bool, cuts: list[int]
) -> None:
    """A server that gives thinking a place of its own leaves the closing tag in the text."""
    stage = ThinkingTag("think", opened)
    start, first, *rest = streamed(text, cuts)
    thought = [PartStart(0, Thinking()), TextDelta(0, "Hm."), PartEnd(0)]
    moved = [replace(e, index=1) if hasattr(e, "index") else e for e in (first, *rest)]
    events = [out for event in (start, *thought, *moved) for out in stage.feed([event])]
    assert said(events) == [("Thinking", "Hm."), ("Text", words)]
