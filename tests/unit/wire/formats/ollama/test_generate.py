"""Ollama's `/api/generate`: the same conversation in its second shape."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.formats.ollama.final_members import COUNTS
from switchyard.wire.formats.ollama.final_members import DURATIONS
from switchyard.wire.formats.ollama.generate import OllamaGenerate
from switchyard.wire.formats.ollama.preload import preloaded
from switchyard.wire.formats.ollama.show import show
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import End
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.losses import lost
from tests.unit.wire import laws
from tests.unit.wire.laws import ASKED

HERE = OllamaGenerate()
CHAT = FORMATS["openai-chat"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"

WHOLE = {
    "model": "llama",
    "created_at": "2026-01-01T00:00:00Z",
    "response": "Hello",
    "thinking": "Hm.",
    "done": True,
    "done_reason": "stop",
    "context": [1, 2],
    "total_duration": 5,
    "prompt_eval_count": 3,
    "eval_count": 4,
}


def line(**members: Any) -> bytes:
    return json.dumps({"model": "llama", "done": False, **members}).encode() + b"\n"


STREAM = (
    line(response="", thinking="Hm.")
    + line(response="Hel")
    + line(response="lo")
    + line(response="", done=True, done_reason="stop", eval_count=4, prompt_eval_count=3)
)


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(one) for one in data.split(b"\n") if one]


def test_a_request_reaches_a_provider_of_chats() -> None:
    said = HERE.read_request(
        {
            "model": "m",
            "prompt": "Well?",
            "system": "Be brief.",
            "images": [PIXEL],
            "options": {"num_predict": 9, "temperature": 0.5},
            "think": True,
            "stream": False,
        }
    )
    assert [turn.role for turn in said.turns] == ["system", "user"]
    assert isinstance(said.turns[1].parts[1], Media)
    written = CHAT.write_request(said)
    assert written["messages"][0] == {"role": "system", "content": "Be brief."}
    assert written["max_tokens"] == 9 and written["temperature"] == 0.5
    assert "prompt" not in written and "system" not in written
    assert lost(said, "openai-chat") == ["media-types"] or lost(said, "openai-chat") == []


def test_what_only_a_raw_prompt_says_is_reported() -> None:
    said = HERE.read_request({"model": "m", "prompt": "def f(", "suffix": ")", "raw": True})
    assert lost(said, "openai-chat") == ["raw-prompt", "suffix"]
    assert "suffix" not in CHAT.write_request(said)
    with pytest.raises(BadRequest):
        HERE.read_request({"model": "m", "prompt": 7})


def test_a_conversation_as_one_prompt() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "And?"},
    ]
    written = HERE.write_request(CHAT.read_request({"model": "m", "messages": messages}))
    assert written["system"] == "Be brief." and "messages" not in written
    assert written["prompt"] == "User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:"
    body = {"model": "m", "prompt": "Hi", "images": [PIXEL], "options": {"seed": 1}}
    assert HERE.write_request(HERE.read_request(body)) == body


def test_a_whole_answer() -> None:
    laws.reply_identity(HERE, WHOLE)
    reply = HERE.read_reply(WHOLE)
    assert reply.choice.parts == (Thinking(text="Hm."), Text(text="Hello"))
    assert reply.usage and (reply.usage.input, reply.usage.output) == (3, 4)
    written = HERE.write_reply(replace(reply, format="another"), ASKED)
    assert (written["response"], written["thinking"]) == ("Hello", "Hm.")
    assert written["done"] is True and "message" not in written
    with pytest.raises(BadReply):
        HERE.read_reply({"message": {"content": "x"}})


def test_a_stream_reads_and_is_written() -> None:
    events = laws.read_stream(HERE, STREAM)
    reply = fold(HERE.name, events)
    assert reply.choice.parts == (Thinking(text="Hm."), Text(text="Hello"))
    assert reply.usage and reply.usage.output == 4
    laws.stream_survives_writing(HERE, events)
    laws.stream_equals_whole(HERE, events)
    laws.any_split(HERE, STREAM)
    assert laws.mend_stream(HERE, STREAM) == STREAM
    written = lines(laws.write_stream(HERE, events))
    assert all("message" not in one and "response" in one for one in written)
    assert [one["done"] for one in written] == [False] * (len(written) - 1) + [True]


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("client", FORMATS.values(), ids=lambda format: format.name)
def test_answers_pass_between_this_shape_and_others(client: Any, streams: bool) -> None:
    relay = Relay(HERE, client, streams, ASKED)
    relay.start(200, "application/x-ndjson")
    out = relay.feed(STREAM) + relay.end()
    assert relay.committed and b"Hel" in (out if streams else relay.body)
    if client.name == HERE.name:
        return  # a provider of the format is asked in the client's shape
    back = Relay(client, HERE, streams, ASKED)
    back.start(200, "application/json")
    reply = HERE.read_reply(WHOLE)
    out = back.feed(json.dumps(client.write_reply(reply, ASKED)).encode()) + back.end()
    told = "".join(one["response"] for one in lines(out if streams else back.body))
    assert back.committed and told == "Hello"


def test_an_error_in_the_stream_keeps_its_shape() -> None:
    data = laws.write_stream(HERE, laws.read_stream(HERE, b'{"error":"no such model"}\n'))
    assert lines(data) == [{"error": "no such model"}]


@given(st.binary(max_size=40), st.integers(0, len(STREAM)))
def test_damage_never_raises(noise: bytes, at: int) -> None:
    events = laws.read_stream(HERE, STREAM[:at] + noise + STREAM[at:])
    assert sum(isinstance(event, End) for event in events) <= 1
    laws.write_stream(HERE, events)
    laws.write_stream(HERE, unfold(fold(HERE.name, events)))


def test_loading_a_model_ahead() -> None:
    loaded = preloaded({"model": "m"}, 0)
    assert loaded == {
        "model": "m",
        "created_at": "1970-01-01T00:00:00Z",
        "response": "",
        "done_reason": "load",
        **dict.fromkeys((*DURATIONS, *COUNTS), 0),
        "done": True,
    }
    talk = preloaded({"model": "m", "messages": [], "keep_alive": 0}, 0)
    assert talk and talk["message"]["content"] == "" and talk["done_reason"] == "unload"
    assert preloaded({"model": "m", "prompt": "x"}, 0) is None
    assert preloaded({"model": "m", "messages": [{}]}, 0) is None


def test_what_is_shown_of_a_model() -> None:
    told = show(ModelEntry("or/qwen", "or", 0, 4096))
    assert told["model_info"]["general.architecture"] == "or"
    assert told["model_info"]["or.context_length"] == 4096
    assert "tools" in told["capabilities"] and told["details"]["family"] == "or"
    assert show(ModelEntry("nomic-embed-text", "o"))["capabilities"] == ["embedding"]
    assert not any("context_length" in key for key in show(ModelEntry("m", "o"))["model_info"])
