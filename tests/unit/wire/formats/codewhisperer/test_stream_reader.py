"""Answers of the CodeWhisperer streaming API, read by clients of every other format."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.relay.relay import Relay
from tests.support.codewhisperer import RICH
from tests.support.codewhisperer import ServiceEvent
from tests.support.codewhisperer import answer
from tests.support.codewhisperer import event
from tests.support.codewhisperer import refusal
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream
from tests.unit.wire.service_streams import read_events
from tests.unit.wire.service_streams import relay_pieces

SERVICE = PROVIDER_FORMATS["codewhisperer"]
WHOLE = answer()
CALLERS = [name for name in FORMATS if name != "openai-completions"]
read = partial(read_events, SERVICE)
relayed = partial(relay_pieces, SERVICE)


def test_thinking_words_a_call_and_usage() -> None:
    reply = fold("codewhisperer", read(RICH))
    assert reply.id == "u-1"
    thinking, text, call = reply.choice.parts
    assert thinking == Thinking(text="Oslo is meant.")
    assert text == Text(text="I look it up: \u00e6\u00f8\u00e5.")
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, json.loads(call.arguments)) == (
        "tooluse_1", "weather", {"city": "Oslo"},
    )  # fmt: skip
    assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"
    assert reply.usage == Usage(input=42, output=9, cache_read=30, cache_write=5, total=51)


def test_content_may_stand_under_the_name_of_its_event() -> None:
    wrapped: list[ServiceEvent] = [(name, {name: body}) for name, body in RICH]
    assert read(wrapped) == read(RICH)


def test_arguments_may_come_as_an_object_and_calls_side_by_side() -> None:
    reply = fold(
        "codewhisperer",
        read(
            [
                ("toolUseEvent", {"toolUseId": "a", "name": "f", "input": '{"n":'}),
                ("toolUseEvent", {"toolUseId": "b", "name": "g", "input": {"x": 1}, "stop": True}),
                ("toolUseEvent", {"toolUseId": "a", "name": "f", "input": "1}"}),
                ("toolUseEvent", {"toolUseId": "a", "name": "f", "stop": True}),
                ("toolUseEvent", {"toolUseId": "c", "name": "h", "stop": True}),
            ]
        ),
    )
    calls = [(p.id, p.name, p.arguments) for p in reply.choice.parts if isinstance(p, ToolCall)]
    assert calls == [("a", "f", '{"n":1}'), ("b", "g", '{"x":1}'), ("c", "h", "")]


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("client", CALLERS)
def test_every_client_reads_the_same_answer(client: str, streams: bool) -> None:
    relay, out = relayed(WHOLE, [], client, streams)
    assert relay.committed and not relay.failed, relay.problem
    away = FORMATS[client]
    if streams:
        reply = fold(client, read_stream(away, out))
    else:
        reply = away.read_reply(json.loads(relay.body))
    parts = reply.choice.parts
    assert (
        "".join(p.text for p in parts if isinstance(p, Text)) == "I look it up: \u00e6\u00f8\u00e5."
    )
    assert "".join(p.text for p in parts if isinstance(p, Thinking)) == "Oslo is meant."
    calls = [(p.name, json.loads(p.arguments)) for p in parts if isinstance(p, ToolCall)]
    assert calls == [("weather", {"city": "Oslo"})]
    assert reply.choice.stop and reply.choice.stop.reason in ("tool_calls", "end")
    assert reply.usage and (reply.usage.input, reply.usage.output) == (42, 9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_split_of_the_bytes_is_the_same_answer(cuts: list[int]) -> None:
    _, whole = relayed(WHOLE, [])
    _, pieces = relayed(WHOLE, cuts)
    assert fold("anthropic", read_stream(FORMATS["anthropic"], pieces)) == fold(
        "anthropic", read_stream(FORMATS["anthropic"], whole)
    )


@pytest.mark.parametrize("left", [1, 20, 200, len(answer(RICH[-4:])) + 7])
def test_an_end_within_a_message_is_a_cut_answer(left: int) -> None:
    relay, _ = relayed(WHOLE[:-left], [])
    assert relay.failed and relay.problem.kind == "cut"


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("length", [7, 8, 9])
def test_an_end_within_a_call_is_a_cut_answer(length: int, streams: bool) -> None:
    relay, _ = relayed(answer(RICH[:length]), [], streams=streams)
    assert relay.failed and relay.problem.kind == "cut"


def test_a_connection_that_breaks_is_a_cut_answer() -> None:
    relay = Relay(SERVICE, FORMATS["anthropic"], True, ASKED)
    relay.start(200, CONTENT_TYPE)
    relay.feed(WHOLE)
    relay.cut("the connection was closed")
    assert relay.failed


def test_arguments_that_are_no_json_are_a_cut_answer() -> None:
    call = {"toolUseId": "a", "name": "f", "input": '{"n":', "stop": True}
    relay, _ = relayed(event("toolUseEvent", call), [])
    assert relay.failed and relay.problem.kind == "cut"


def test_a_flipped_bit_is_an_error() -> None:
    wrong = bytearray(WHOLE)
    wrong[len(wrong) // 2] ^= 1
    relay, _ = relayed(bytes(wrong), [])
    assert relay.failed and relay.problem.kind == "malformed"


def test_nothing_is_an_empty_answer() -> None:
    relay, _ = relayed(answer(RICH[:1]), [])
    assert relay.failed and relay.problem.kind == "empty"


@pytest.mark.parametrize(
    ("name", "reason", "kind", "code"),
    [
        ("ThrottlingException", "MONTHLY_REQUEST_COUNT", "rate_limit", "MONTHLY_REQUEST_COUNT"),
        ("ThrottlingException", "INSUFFICIENT_MODEL_CAPACITY", "overloaded",
         "INSUFFICIENT_MODEL_CAPACITY"),
        ("AccessDeniedException", "TEMPORARILY_SUSPENDED", "permission", "TEMPORARILY_SUSPENDED"),
        ("InternalServerException", "", "server", None),
    ],
)  # fmt: skip
def test_an_exception_within_the_stream(
    name: str, reason: str, kind: str, code: str | None
) -> None:
    relay, _ = relayed(refusal(name, "No more today.", reason), [])
    error = relay.problem.error
    assert (error.kind, error.code, error.message) == (kind, code, "No more today.")


def test_an_exception_after_words_reaches_the_client() -> None:
    relay, out = relayed(answer(RICH[:6]) + refusal("ThrottlingException", "Slow down."), [])
    relay_out = out + relay.closing()
    assert relay.failed and b"Slow down." in relay_out


def test_an_invalid_state_is_an_error() -> None:
    state = {"reason": "INVALID_TASK_ASSIST_PLAN", "message": "No plan."}
    relay, _ = relayed(event("invalidStateEvent", state), [])
    assert relay.problem.error.message == "No plan."


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([n for n, _ in RICH]), st.dictionaries(
    st.sampled_from(["content", "text", "toolUseId", "input", "stop", "tokenUsage"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just({})),
))))  # fmt: skip
def test_whatever_comes_the_reader_keeps_to_the_grammar(events: list[ServiceEvent]) -> None:
    found = read(events)
    reply = fold("codewhisperer", found)
    assert all(isinstance(part, Text | Thinking | ToolCall) for part in reply.choice.parts)
