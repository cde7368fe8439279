"""Answers in pieces, as the chats of Google's SDK keep them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.formats.gemini.carrier import Carrier
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Turn
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.merge_turns import joined

GEMINI = FORMATS["gemini"]
TARGETS = [name for name in FORMATS if name not in ("gemini", "openai-completions")]

QUESTION = {"role": "user", "parts": [{"text": "Well?"}]}
CALL = {"functionCall": {"name": "f", "args": {"x": 1}}}
OTHER = {"functionCall": {"name": "g", "args": {}}}
RESULTS = {
    "role": "user",
    "parts": [
        {"functionResponse": {"name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"name": "g", "response": {"output": "two"}}},
    ],
}


def pieces(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "model", "parts": [part]} for part in parts]


def read(contents: list[dict[str, Any]]) -> Conversation:
    return GEMINI.read_request({"model": "m", "contents": contents})


def text(words: str) -> dict[str, Any]:
    return {"text": words}


@pytest.mark.parametrize("target", TARGETS)
def test_chunks_mean_what_the_whole_does(target: str):
    whole = {"role": "model", "parts": [text("I shall\n\nask."), CALL, OTHER]}
    chunks = pieces(text("I shall"), text("\n\n"), text("ask."), CALL, OTHER, text(""))

    written = [
        FORMATS[target].write_request(joined(read([QUESTION, *answer, RESULTS])))
        for answer in ([whole], chunks)
    ]

    assert written[0] == written[1]


@given(st.lists(st.text(max_size=5), min_size=1), st.data())
def test_any_cut_of_a_text_means_the_same(words: list[str], data: st.DataObject):
    target = data.draw(st.sampled_from(TARGETS))
    told = [
        FORMATS[target].write_request(joined(read([QUESTION, *answer, QUESTION])))
        for answer in (pieces(*map(text, words)), pieces(text("".join(words))))
    ]
    assert told[0] == told[1]


def test_what_is_whole_stays_as_it_is():
    c = read([QUESTION, {"role": "model", "parts": [text("a"), text("b")]}, QUESTION, QUESTION])
    assert joined(c) is c
    other = FORMATS["openai-chat"].read_request(
        {"model": "m", "messages": [{"role": "assistant", "content": x} for x in ("a", "b")]}
    )
    assert joined(other) is other


def test_carried_thinking_stands_where_it_stood():
    """Another provider's thinking came before the text, and travels with the call after it."""
    carrier = Carrier()
    carrier.thinking(Thinking(text="hm", signature="s", signer="anthropic"))
    carrier.text()
    call = {**CALL, "thoughtSignature": carrier.call()}
    shown = {"text": "hm", "thought": True}
    contents = [QUESTION, *pieces(shown, text("I shall "), text("ask."), call, OTHER), RESULTS]

    body = FORMATS["anthropic"].write_request(joined(read(contents)))

    blocks = body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use", "tool_use"]
    assert blocks[0]["signature"] == "s" and blocks[1]["text"] == "I shall ask."


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "gemini", "ollama"])
def test_neighbouring_answers_of_anthropics_history_are_one(target: str):
    """A call's result would not follow it otherwise, which Chat refuses."""

    def use(name: str) -> dict[str, Any]:
        return {"type": "tool_use", "id": f"id_{name}", "name": name, "input": {}}

    def result(name: str) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": f"id_{name}", "content": "x"}

    def written(*answers: list[dict[str, Any]]) -> dict[str, Any]:
        said = [{"role": "assistant", "content": answer} for answer in answers]
        results = {"role": "user", "content": [result("a"), result("b")]}
        body = {"model": "m", "max_tokens": 9, "messages": [*said, results]}
        return FORMATS[target].write_request(joined(FORMATS["anthropic"].read_request(body)))

    assert written([use("a")], [use("b")]) == written([use("a"), use("b")])


def test_thinking_that_came_in_pieces_and_again_with_its_signature_is_there_once():
    """Google's chats keep streamed pieces; another format's signature comes with all words."""
    whole = Thinking(text="I think.", signature="s", signer="anthropic")
    pieces = [
        Turn(role="assistant", parts=(Thinking(text="I th"),)),
        Turn(role="assistant", parts=(Thinking(text="ink."),)),
        Turn(
            role="assistant", parts=(Thinking(text="I think.", signature="s", signer="anthropic"),)
        ),
        Turn(role="assistant", parts=(Text(text="Yes."),)),
    ]
    (turn,) = joined(Conversation(format="gemini", model="m", turns=tuple(pieces))).turns
    assert turn.parts == (whole, Text(text="Yes."))


def test_a_signature_of_googles_own_ends_what_came_in_pieces():
    pieces = [
        Turn(role="assistant", parts=(Thinking(text="Hm."),)),
        Turn(role="assistant", parts=(Thinking(text="Hm. So.", signature="s", signer="gemini"),)),
    ]
    (turn,) = joined(Conversation(format="gemini", model="m", turns=tuple(pieces))).turns
    assert turn.parts == (Thinking(text="Hm.Hm. So.", signature="s", signer="gemini"),)
