"""A glance at an answer tells what reading it does, or nothing."""

import json
from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.fold import says_something
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.laws import ASKED


def assert_agrees(name: str, body: JsonObject) -> bool:
    """That the glance agrees with the reading; whether it told anything."""
    seen = FORMATS[name].glance(body)
    if seen is None:
        return False
    format = FORMATS[name]
    reply = format.read_reply(body)
    assert says_something(reply)
    assert seen == (reply.usage,)
    return True


def chat(*choices: Any, **members: Any) -> JsonObject:
    return {"object": "chat.completion", "choices": list(choices), **members}


def said(content: Any, **members: Any) -> JsonObject:
    return {"index": 0, "message": {"role": "assistant", "content": content, **members}}


USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai-chat", chat(said("Hi."), usage=USAGE)),
        ("openai-chat", chat(said("Hi."))),
        ("openai-chat", chat({**said("Hi."), "usage": USAGE})),
        ("openai-chat", chat(said("Hi."), None, {"message": 5})),
        ("anthropic", {"content": [{"type": "text", "text": "Hi."}]}),
        ("anthropic", {"content": [{"type": "text", "text": "Hi."}], "usage": {"input_tokens": 3}}),
        ("anthropic", {"content": [{"type": "text", "text": "Hi."}, None], "usage": None}),
    ],
)
def test_a_glance_is_enough_for_an_answer_of_words(name: str, body: JsonObject) -> None:
    assert assert_agrees(name, body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai-chat", {}),
        ("openai-chat", {"choices": {}}),
        ("openai-chat", chat()),
        ("openai-chat", chat(None)),
        ("openai-chat", chat(said(""))),
        ("openai-chat", chat(said(None, tool_calls=[{}]))),
        ("openai-chat", chat(said("Hi.", tool_calls=[{"id": "1"}]))),
        ("openai-chat", chat(said([{"type": "text", "text": "Hi."}]))),
        ("openai-chat", chat({"text": "Hi."})),
        ("anthropic", {"content": []}),
        ("anthropic", {"content": "Hi."}),
        ("anthropic", {"content": [{"type": "text", "text": ""}]}),
        ("anthropic", {"content": [{"type": "tool_use", "id": "1"}]}),
        ("anthropic", {"content": [{"type": "text", "text": "Hi."}, {"type": "tool_use"}]}),
        ("gemini", {"candidates": []}),
    ],
)
def test_everything_else_is_read(name: str, body: JsonObject) -> None:
    assert FORMATS[name].glance(body) is None


@needs_corpus
@pytest.mark.parametrize("name", ["openai-chat", "anthropic"])
def test_recorded_answers(name: str) -> None:
    format, told = FORMATS[name], 0
    for record in replies(name):
        body = json.loads(json.dumps(record.response))
        if format.find_error(body) is None:
            told += assert_agrees(name, body)
    assert told


@pytest.mark.parametrize("streams", [False, True])
def test_the_relay_tells_the_same_with_and_without(
    streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def relayed(body: JsonObject) -> tuple[Any, ...]:
        relay = Relay(FORMATS["openai-chat"], FORMATS["openai-chat"], streams, ASKED)
        relay.start(200, "application/json")
        out = relay.feed(json.dumps(body).encode()) + relay.end()
        return out, relay.body, relay.usage, relay.committed, relay.done, relay.problem

    bodies = [chat(said("Hi."), usage=USAGE), chat(said("")), chat(), {}, {"error": "no"}]
    with_glance = [relayed(body) for body in bodies]
    chat_class = type(FORMATS["openai-chat"])
    monkeypatch.setattr(chat_class, "glance", staticmethod(lambda body: None))
    assert [relayed(body) for body in bodies] == with_glance
