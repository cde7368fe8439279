"""Legacy completions: prompts, echo, streams of `text`, and what other formats make of them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from switchyard.wire.format import Asked
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire import laws
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED

HERE = FORMATS["openai-completions"]
CHAT = FORMATS["openai-chat"]

WHOLE = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_790_000_000,
    "model": "davinci",
    "choices": [{"text": " a time", "index": 0, "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
}


def chunk(text: str, finish: str | None = None, **more: Any) -> bytes:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish, **more}
    return b"data: " + json.dumps({**WHOLE, "usage": None, "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def payloads(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "prompt": "Once"},
        {"model": "m", "prompt": ["Once"]},
        {"model": "m", "prompt": ["Once", "Twice"], "n": 2, "best_of": 3},
        {"model": "m", "prompt": "Once", "stop": "\n", "suffix": "end.", "echo": True},
        {"model": "m", "prompt": "Once", "stop": ["a", "b"], "logprobs": 5, "user": "u"},
        {"model": "m", "prompt": "Once", "max_tokens": 9, "temperature": 0, "seed": 1},
        {"model": "m", "prompt": "Once", "stream": True, "stream_options": {"include_usage": True}},
        {"model": "m", "prompt": "", "top_p": None, "logit_bias": {"50256": -100}, "other": {}},
        {"model": "m"},
        {"model": "m", "prompt": None},
    ],
    ids=str,
)
def test_a_request_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    laws.request_identity(HERE, body)


def test_of_several_prompts_the_first_is_asked_elsewhere() -> None:
    body = {"model": "m", "prompt": ["", "Once", "Twice"], "max_tokens": 5, "stop": "x"}
    written = CHAT.write_request(HERE.read_request(body))
    assert written["messages"] == [{"role": "user", "content": "Once"}]
    assert (written["max_tokens"], written["stop"]) == (5, ["x"])


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2], [3]], ["a", 1]])
def test_tokens_are_refused_where_they_would_have_to_be_translated(prompt: Any) -> None:
    with pytest.raises(BadRequest, match="string, not as tokens") as refused:
        HERE.read_request({"model": "m", "prompt": prompt})
    assert refused.value.param == "prompt"


@pytest.mark.parametrize(
    "body", [{"prompt": "x"}, {"model": "m", "prompt": 7}, {"model": "m", "prompt": []}]
)
def test_what_is_no_request(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        HERE.read_request(body)


def test_a_conversation_becomes_a_transcript() -> None:
    def prompt(*messages: tuple[str, str]) -> str:
        said = [{"role": role, "content": text} for role, text in messages]
        return HERE.write_request(CHAT.read_request({"model": "m", "messages": said}))["prompt"]

    assert prompt(("user", "Hi")) == "Hi"
    assert prompt(("system", "Be brief."), ("user", "Hi")) == "Be brief.\n\nUser: Hi\n\nAssistant:"
    talk = prompt(("user", "Hi"), ("assistant", "Ho"), ("user", "And?"))
    assert talk == "User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:"
    assert prompt(("user", "Count"), ("assistant", "1, 2,")).endswith("Assistant: 1, 2,")


def test_a_translated_stream_asks_for_its_usage() -> None:
    said = CHAT.read_request(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    )
    assert HERE.write_request(said)["stream_options"] == {"include_usage": True}


def test_a_whole_answer_keeps_all_and_says_it_elsewhere() -> None:
    laws.reply_identity(HERE, {**WHOLE, "prompt": [], "object": "text.completion"})
    reply = HERE.read_reply(WHOLE)
    written = CHAT.write_reply(reply, ASKED)
    assert written["choices"][0]["message"]["content"] == " a time"
    assert written["choices"][0]["finish_reason"] == "length"
    assert written["object"] == "chat.completion"
    assert written["usage"]["total_tokens"] == 6


def test_an_answer_that_names_little() -> None:
    reply = HERE.read_reply({"choices": [{"text": "Hi", "log_probs": None}], "model": "palmyra"})
    assert reply.choice.stop and reply.choice.stop.reason == "end"
    Completion.model_validate(HERE.write_reply(reply, ASKED))
    with pytest.raises(BadReply):
        HERE.read_reply({"message": "no"})


def test_a_call_is_left_out_and_ends_like_any_answer() -> None:
    reply = CHAT.read_reply(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "content": "See: ",
                        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
                    },
                    "finish_reason": "tool_calls",
                }
            ]
        }
    )
    assert isinstance(reply.choice.parts[-1], ToolCall)
    written = HERE.write_reply(reply, ASKED)
    assert written["choices"][0]["text"] == "See: "
    assert written["choices"][0]["finish_reason"] == "stop"
    Completion.model_validate(written)


def test_echo_repeats_the_prompt_before_an_answer_from_elsewhere() -> None:
    said = HERE.read_request({"model": "m", "prompt": "Once upon", "echo": True})
    asked = replace(ASKED, conversation=said)
    reply = CHAT.read_reply(
        {"choices": [{"index": 0, "message": {"content": " a time"}, "finish_reason": "stop"}]}
    )
    assert HERE.write_reply(reply, asked)["choices"][0]["text"] == "Once upon a time"
    streamed = laws.write_stream(HERE, unfold(reply), asked)
    assert "".join(p["choices"][0]["text"] for p in payloads(streamed)) == "Once upon a time"
    mute = replace(reply, choices=(replace(reply.choice, parts=()),))
    streamed = laws.write_stream(HERE, unfold(mute), asked)
    assert "".join(p["choices"][0]["text"] for p in payloads(streamed)) == "Once upon"


def test_a_stream_reads_and_is_written_with_its_usage_and_one_end() -> None:
    data = b"".join([chunk("Hel"), chunk("lo", logprobs={"tokens": ["lo"]}), chunk("", "stop")])
    usage = {**WHOLE, "choices": []}
    data += b"data: " + json.dumps(usage).encode() + b"\n\n" + DONE
    events = laws.read_stream(HERE, data)
    reply = fold(HERE.name, events)
    assert reply.choice.parts == (Text(text="Hello"),)
    assert reply.usage and (reply.usage.input, reply.usage.output) == (4, 2)
    written = laws.write_stream(HERE, events)
    assert written.endswith(DONE) and written.count(DONE) == 1
    chunks = payloads(written)
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert {"tokens": ["lo"]} in [c["choices"][0]["logprobs"] for c in chunks if c["choices"]]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] == 6
    for one in chunks:
        assert Completion.construct(**one).object == "text_completion"
    unasked = laws.write_stream(HERE, events, replace(ASKED, include_usage=False))
    assert all(c["choices"] for c in payloads(unasked))


def test_several_answers_keep_apart() -> None:
    data = b"".join(
        [chunk("a"), chunk("b", index=1), chunk("", "stop"), chunk("", "stop", index=1)]
    )
    reply = fold(HERE.name, laws.read_stream(HERE, data + DONE))
    assert [choice.parts[0] for choice in reply.choices] == [Text(text="a"), Text(text="b")]


def test_a_stream_without_its_end_is_cut_off_unless_a_reason_was_given() -> None:
    cut = laws.read_stream(HERE, chunk("Hel"))
    assert not any(isinstance(event, End | Finish) for event in cut)
    told = laws.read_stream(HERE, chunk("Hel") + chunk("", "length"))
    assert isinstance(told[-1], End)


def test_a_stream_of_bare_words_gets_chunks_and_an_end() -> None:
    data = b'data: {"value":"Sure"}\n\ndata: {"value":"!"}\n\n'
    mended = laws.mend_stream(HERE, data)
    assert mended.endswith(DONE)
    assert "".join(p["choices"][0]["text"] for p in payloads(mended)) == "Sure!"
    laws.mending_keeps_meaning(HERE, data)


def test_what_needs_no_mending_keeps_its_bytes_and_the_rest_is_filled_in() -> None:
    good = chunk("Hel") + chunk("lo", "stop") + DONE
    assert laws.mend_stream(HERE, good) == good
    assert laws.mend_stream(HERE, good + DONE + chunk("late")) == good
    bad = b'data: {"id":"1","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    mended = payloads(laws.mend_stream(HERE, chunk("Hello") + bad))
    assert mended[-1]["choices"][0]["text"] == "" and mended[-1]["choices"][0]["index"] == 0
    unsaid = laws.mend_stream(HERE, chunk("Hello") + DONE)
    assert payloads(unsaid)[-1]["choices"][0]["finish_reason"] == "stop"
    assert unsaid.endswith(DONE) and unsaid.count(DONE) == 1


def test_errors_inside_a_stream() -> None:
    error = b'data: {"error":{"message":"no room","type":"overloaded_error"}}\n\n'
    (failure,) = [e for e in laws.read_stream(HERE, chunk("x") + error) if isinstance(e, Failure)]
    assert failure.error.kind == "overloaded"
    mender = HERE.mender(ASKED)
    told = mender.fail(ApiError(message="gone"))
    assert payloads(told)[0]["error"]["message"] == "gone" and told.endswith(DONE)
    assert mender.fail(ApiError(message="twice")) == b""


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("client", FORMATS)
def test_an_answer_reaches_every_client(client: str, streams: bool) -> None:
    asked = Asked(model="m", id="0" * 16, created=1, include_usage=True)
    relay = Relay(HERE, FORMATS[client], streams, asked)
    relay.start(200, "text/event-stream")
    out = relay.feed(chunk("Hello") + chunk("", "stop") + DONE) + relay.end()
    assert relay.committed and not relay.failed
    told = out if streams else relay.body
    assert b"Hello" in told


@given(
    st.lists(st.tuples(st.text(max_size=8), st.sampled_from([None, "stop", "length"]))),
    st.binary(max_size=30),
    st.integers(0, 400),
)
def test_damage_never_raises(said: list[tuple[str, str | None]], noise: bytes, at: int) -> None:
    data = b"".join(chunk(text, finish) for text, finish in said) + DONE
    damaged = data[:at] + noise + data[at:]
    events = laws.read_stream(HERE, damaged)
    assert sum(isinstance(event, End | Failure) for event in events) <= 1
    written = laws.write_stream(HERE, events)
    assert written.count(DONE) == 1 and written.endswith(DONE)
    assert laws.mend_stream(HERE, damaged).count(DONE) <= 1


@needs_corpus
@pytest.mark.parametrize("record", replies(HERE.name), ids=lambda record: record.id)
def test_the_sdk_reads_recorded_answers(record: Any) -> None:
    reply = HERE.read_reply(record.response)
    told = Completion.model_validate(
        HERE.write_reply(replace(reply, format="another", extra={}), ASKED)
    )
    assert told.choices[0].text == record.response["choices"][0]["text"]


@needs_corpus
@pytest.mark.parametrize("record", streams(HERE.name), ids=lambda record: record.id)
def test_recorded_streams_fold_into_what_they_say(record: Any) -> None:
    data = (record.sse or "").encode()
    said = "".join(
        one.get("value") or "".join(c.get("text") or "" for c in one.get("choices", ()))
        for one in payloads(data)
    )
    reply = fold(HERE.name, laws.read_stream(HERE, data))
    assert reply.choice.parts == (Text(text=said),)
    assert reply.choice.stop is not None
