"""Answers of Bedrock's Converse API, streamed and whole, read by clients of every format."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.relay.relay import Relay
from tests.support.aws_shapes import faults_of_shape
from tests.support.converse import RICH
from tests.support.converse import USAGE
from tests.support.converse import WHOLE
from tests.support.converse import ServiceEvent
from tests.support.converse import answer
from tests.support.converse import delta
from tests.support.converse import end
from tests.support.event_stream import exception
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream
from tests.unit.wire.service_streams import read_events
from tests.unit.wire.service_streams import relay_pieces

SERVICE = PROVIDER_FORMATS["converse"]
STREAM = answer()
CALLERS = [name for name in FORMATS if name != "openai-completions"]
read = partial(read_events, SERVICE)
relayed = partial(relay_pieces, SERVICE)
STOP: ServiceEvent = ("messageStop", {"stopReason": "end_turn"})
COUNTS: ServiceEvent = ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})


def test_the_answers_here_are_as_aws_describes_them() -> None:
    for name, body in RICH:
        assert not faults_of_shape("ConverseStreamOutput", {name: body})
    assert not faults_of_shape("ConverseResponse", WHOLE)


def test_thinking_words_a_call_and_usage_streamed_and_whole() -> None:
    for reply in (fold("converse", read(RICH)), SERVICE.read_reply(WHOLE)):
        thinking, text, call = reply.choice.parts
        assert thinking == Thinking(text="Oslo is meant.", signature="c2ln", signer="converse")
        assert text == Text(text="I look it up: \u00e6\u00f8\u00e5.")
        assert isinstance(call, ToolCall)
        assert (call.id, call.name, json.loads(call.arguments)) == (
            "tooluse_1", "weather", {"city": "Oslo"},
        )  # fmt: skip
        assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"
        assert reply.usage == Usage(input=42, output=9, cache_read=30, cache_write=5, total=51)


@pytest.mark.parametrize("form", ["streams", "collects", "whole"])
@pytest.mark.parametrize("client", CALLERS)
def test_every_client_reads_the_same_answer(client: str, form: str) -> None:
    if form == "whole":
        relay = Relay(SERVICE, FORMATS[client], False, ASKED)
        relay.start(200, "application/json")
        out = relay.feed(json.dumps(WHOLE).encode()) + relay.end()
    else:
        relay, out = relayed(STREAM, [], client, form == "streams")
    assert relay.committed and not relay.failed, relay.problem
    away = FORMATS[client]
    if form == "streams":
        reply = fold(client, read_stream(away, out))
    else:
        reply = away.read_reply(json.loads(relay.body))
    parts = reply.choice.parts
    words = "".join(p.text for p in parts if isinstance(p, Text))
    assert words == "I look it up: \u00e6\u00f8\u00e5."
    assert "".join(p.text for p in parts if isinstance(p, Thinking)) == "Oslo is meant."
    calls = [(p.name, json.loads(p.arguments)) for p in parts if isinstance(p, ToolCall)]
    assert calls == [("weather", {"city": "Oslo"})]
    assert reply.choice.stop and reply.choice.stop.reason in ("tool_calls", "end")
    assert reply.usage and (reply.usage.input, reply.usage.output) == (42, 9)


@pytest.mark.parametrize("client", ["anthropic", "openai-responses"])
def test_a_signature_comes_back_through_a_client_of_another_format(client: str) -> None:
    relay, _ = relayed(STREAM, [], client, streams=False)
    body, away = json.loads(relay.body), FORMATS[client]
    said = body["content"] if client == "anthropic" else body["output"]
    if client == "anthropic":
        history = {"messages": [{"role": "user", "content": "Oslo?"},
                                {"role": "assistant", "content": said}]}  # fmt: skip
    else:
        history = {"input": [{"role": "user", "content": "Oslo?"}, *said]}
    again = away.read_request({"model": "m", "max_tokens": 9, **history})
    written = json.dumps(SERVICE.write_request(again))
    assert '{"text": "Oslo is meant.", "signature": "c2ln"}' in written


def test_blocks_without_end_and_arguments_that_say_nothing() -> None:
    start = {"toolUse": {"toolUseId": "t", "name": "f"}}
    reply = fold(
        "converse",
        read(
            [
                delta(0, {"text": "A"}),
                delta(1, {"text": "B"}),
                ("contentBlockStart", {"contentBlockIndex": 2, "start": start}),
                delta(2, {"toolUse": {"input": ""}}),
                delta(2, {"toolUse": {"input": "null"}}),
                STOP,
                COUNTS,
            ]
        ),
    )
    first, second, call = reply.choice.parts
    assert (first, second) == (Text(text="A"), Text(text="B"))
    assert isinstance(call, ToolCall) and call.arguments == ""
    assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"


def test_encrypted_reasoning_images_citations_and_tools_of_the_provider() -> None:
    cited = {"title": "Oslo", "location": {"web": {"url": "https://oslo.example/"}},
             "sourceContent": [{"text": "It "}, {"text": "rains."}]}  # fmt: skip
    server = {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}
    events: list[ServiceEvent] = [
        delta(0, {"reasoningContent": {"redactedContent": "aGk="}}),
        delta(0, {"reasoningContent": {"redactedContent": "aG8="}}),
        end(0),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": server}}),
        delta(1, {"toolUse": {"input": "{}"}}),
        end(1),
        delta(2, {"text": "Rain."}),
        delta(2, {"citation": cited}),
        end(2),
        ("contentBlockStart", {"contentBlockIndex": 3, "start": {"image": {"format": "png"}}}),
        delta(3, {"image": {"source": {"bytes": "iVBO"}}}),
        end(3),
        STOP,
        COUNTS,
    ]
    for name, body in events:
        assert not faults_of_shape("ConverseStreamOutput", {name: body})
    hidden, run, text, image = fold("converse", read(events)).choice.parts
    assert hidden == Thinking(redacted="aGlobw==", signer="converse")
    assert isinstance(run, Opaque) and isinstance(text, Text)
    (citation,) = text.citations
    assert (citation.url, citation.title, citation.cited_text) == (
        "https://oslo.example/", "Oslo", "It rains.",
    )  # fmt: skip
    assert image == Media(kind="image", media_type="image/png", data="iVBO")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_of_the_bytes_is_the_same_answer(cuts: list[int]) -> None:
    _, whole = relayed(STREAM, [])
    _, pieces = relayed(STREAM, cuts)
    assert fold("anthropic", read_stream(FORMATS["anthropic"], pieces)) == fold(
        "anthropic", read_stream(FORMATS["anthropic"], whole)
    )


def test_the_counts_may_be_missing_but_not_the_stop_reason() -> None:
    assert not relayed(answer(RICH[:-1]), [])[0].failed
    relay, _ = relayed(answer(RICH[:-2]), [])
    assert relay.failed and relay.problem.kind == "cut"


def test_an_end_within_a_message_and_a_flipped_bit() -> None:
    relay, _ = relayed(answer(RICH[:-2])[:-5], [])
    assert relay.failed and relay.problem.kind == "cut"
    wrong = bytearray(STREAM)
    wrong[len(wrong) // 2] ^= 1
    relay, _ = relayed(bytes(wrong), [])
    assert relay.failed and relay.problem.kind == "malformed"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limit"), ("validationException", "invalid_request"),
        ("serviceUnavailableException", "overloaded"), ("modelStreamErrorException", "server"),
        ("internalServerException", "server"),
    ],
)  # fmt: skip
def test_an_exception_within_the_stream(name: str, kind: str) -> None:
    relay, _ = relayed(answer(RICH[:1]) + exception(name, "No more."), [])
    error = relay.problem.error
    assert (error.kind, error.message) == (kind, "No more.")
    relay, out = relayed(answer(RICH[:6]) + exception(name, "No more."), [])
    assert b"No more." in out + relay.closing()


def test_thinking_that_goes_on_after_encrypted_pieces_is_a_part_of_its_own() -> None:
    reasons = [{"redactedContent": "cmVk"}, {"text": "hm"}, {"signature": "sig"}]
    deltas = [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": one}})
              for one in reasons]  # fmt: skip
    sealed, said = fold("converse", read([RICH[0], *deltas])).choice.parts
    assert isinstance(sealed, Thinking) and sealed.redacted == "cmVk"
    assert isinstance(said, Thinking) and (said.text, said.signature) == ("hm", "sig")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([n for n, _ in RICH]), st.dictionaries(
    st.sampled_from(["contentBlockIndex", "start", "delta", "stopReason", "usage"]),
    st.one_of(st.none(), st.integers(), st.text(), st.just({}), st.sampled_from([
        {"text": "x"}, {"toolUse": {"input": "{"}}, {"toolUse": {"toolUseId": "a", "name": "f"}},
        {"reasoningContent": {"text": "x"}}, {"reasoningContent": {"redactedContent": "x"}}])),
))))  # fmt: skip
def test_whatever_comes_the_reader_keeps_to_the_grammar(events: list[ServiceEvent]) -> None:
    reply = fold("converse", read(events))
    assert all(isinstance(part, Text | Thinking | ToolCall) for part in reply.choice.parts)
