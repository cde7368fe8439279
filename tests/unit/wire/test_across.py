"""What stands beside an answer's words reaches the client of another format: sources and log
probabilities, in whole answers and in streams."""

import json
from itertools import permutations
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.losses import lost
from tests.unit.wire.laws import read_stream

ASKED = Asked(model="m", id="0123456789abcdef", created=1_700_000_000)
CITING = ("openai-chat", "anthropic", "openai-responses", "gemini")
LOGGING = ("openai-chat", "openai-responses", "gemini", "ollama")

SOURCE = Citation(url="https://a.test/x", title="A title", start=0, end=5, format="else", raw={})


def logged(token: str, logprob: float, *others: tuple[str, float]) -> dict[str, Any]:
    return {
        "token": token,
        "logprob": logprob,
        "bytes": None,
        "top_logprobs": [{"token": t, "logprob": p, "bytes": None} for t, p in others],
    }


TOKENS = [logged("Hello", -0.25, ("Hello", -0.25), ("Hi", -2.5)), logged(" world", -0.5)]


def answer(*citations: Citation, tokens: list[dict[str, Any]] | None = None) -> Reply:
    part = Text(text="Hello world", citations=citations)
    choice = Choice(parts=(part,), stop=Stop(reason="end"), extra=extra_of(tokens or []))
    return Reply(format="else", id="i", model="m", created=1, choices=(choice,))


def streamed(events: list[Event], name: str) -> bytes:
    writer = FORMATS[name].stream_writer(ASKED)
    return b"".join([*map(writer.feed, events), writer.close()])


def across(reply: Reply, first: str, second: str, streams: bool) -> Reply:
    """`reply` as a provider of format `first` gives it, and a client of `second` reads it."""
    if not streams:
        given = FORMATS[first].read_reply(FORMATS[first].write_reply(reply, ASKED))
        return FORMATS[second].read_reply(FORMATS[second].write_reply(given, ASKED))
    given = read_stream(FORMATS[first], streamed(unfold(reply), first))
    return fold(second, read_stream(FORMATS[second], streamed(given, second)))


def plain(tokens: list[dict[str, Any]]) -> list[Any]:
    return [
        (one["token"], one["logprob"], [(o["token"], o["logprob"]) for o in one["top_logprobs"]])
        for one in tokens
    ]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("first", "second"), list(permutations(CITING, 2)))
def test_sources_reach_the_client(first: str, second: str, streams: bool):
    read = across(answer(SOURCE), first, second, streams)
    found = [c for part in read.choice.parts if isinstance(part, Text) for c in part.citations]
    assert [(c.url, c.title) for c in found] == [("https://a.test/x", "A title")]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("first", "second"), list(permutations(LOGGING, 2)))
def test_log_probabilities_reach_the_client(first: str, second: str, streams: bool):
    read = across(answer(tokens=TOKENS), first, second, streams)
    assert plain(tokens_in(read.choice.extra)) == plain(TOKENS)


@pytest.mark.parametrize("first", LOGGING)
@pytest.mark.parametrize("second", LOGGING)
def test_the_wish_for_log_probabilities_is_passed_on(first: str, second: str):
    turns = (Turn(role="user", parts=(Text(text="Hi"),)),)
    c = Conversation(format="else", model="m", turns=turns, logprobs=True, top_logprobs=2)
    asked = FORMATS[first].read_request(FORMATS[first].write_request(c))
    told = FORMATS[second].read_request(FORMATS[second].write_request(asked))
    assert (told.logprobs, told.top_logprobs) == (True, 2)
    assert lost(asked, second) == []


STREAM: list[Event] = [
    Start(format="else"),
    *unfold(answer())[1:2],
    Extra(extra_of(TOKENS[:1])),
    TextDelta(0, "Hello"),
    Extra(extra_of(TOKENS[1:])),
    TextDelta(0, " world"),
    *unfold(answer())[-3:],
]


def payloads(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def test_a_chat_stream_has_them_beside_the_words():
    choices = [c for chunk in payloads(streamed(STREAM, "openai-chat")) for c in chunk["choices"]]
    told = [
        (c["delta"]["content"], [t["token"] for t in c["logprobs"]["content"]])
        for c in choices
        if c.get("logprobs")
    ]
    assert told == [("Hello", ["Hello"]), (" world", [" world"])]


def test_a_responses_stream_has_them_beside_the_words_and_in_the_item():
    events = payloads(streamed(STREAM, "openai-responses"))
    deltas = [e for e in events if e["type"] == "response.output_text.delta"]
    told = [(e["delta"], [t["token"] for t in e["logprobs"]]) for e in deltas]
    assert told == [("Hello", ["Hello"]), (" world", [" world"])]
    [done] = [e for e in events if e["type"] == "response.output_text.done"]
    [part] = events[-1]["response"]["output"][0]["content"]
    assert plain(done["logprobs"]) == plain(part["logprobs"]) == plain(TOKENS)
    assert part["logprobs"][1]["bytes"] == list(b" world")


def test_those_told_with_the_last_of_a_text_alone_are_not_missed():
    item = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello world", "logprobs": TOKENS}],
    }
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    data = b"data: " + json.dumps(done).encode() + b"\n\n"
    reply = fold("openai-responses", read_stream(FORMATS["openai-responses"], data))
    assert plain(tokens_in(reply.choice.extra)) == plain(TOKENS)
