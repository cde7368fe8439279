"""The context of a trace, from the client's headers or of its own."""

import pytest
from mitmproxy import http

from switchyard.tracing.trace_context import context_of
from switchyard.tracing.trace_context import span_id
from switchyard.tracing.trace_context import traceparent
from switchyard.usage.ids import new_id

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ID = new_id().bytes


def headers(**fields: str) -> http.Headers:
    return http.Headers([(name.encode(), value.encode()) for name, value in fields.items()])


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True)])
def test_the_clients_trace_goes_on(flags: str, sampled: bool) -> None:
    given = headers(traceparent=f"00-{TRACE}-{PARENT}-{flags}", tracestate="a=1")
    context = context_of(given, ID, sample=0.0)
    assert f"{context.trace_id:032x}" == TRACE
    assert context.parent_id is not None and f"{context.parent_id:016x}" == PARENT
    assert (context.is_sampled, context.state) == (sampled, "a=1")
    assert traceparent(context, 255) == f"00-{TRACE}-00000000000000ff-{int(sampled):02x}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
    ],
)
def test_a_trace_begins_here_where_the_header_is_none(value: str) -> None:
    context = context_of(headers(traceparent=value, tracestate="a=1"), ID, sample=1.0)
    assert context.trace_id.to_bytes(16) == ID
    assert (context.parent_id, context.is_sampled, context.state) == (None, True, "")


def test_later_versions_may_have_more() -> None:
    context = context_of(headers(traceparent=f"01-{TRACE}-{PARENT}-01-more"), ID, sample=0.0)
    assert f"{context.trace_id:032x}" == TRACE


def test_a_long_state_is_left_out() -> None:
    given = headers(traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="a=" + "1" * 600)
    assert context_of(given, ID, sample=0.0).state == ""


def test_the_share_of_new_traces() -> None:
    sampled = [context_of(headers(), new_id().bytes, 0.25).is_sampled for _ in range(4000)]
    assert 800 < sum(sampled) < 1200
    assert not context_of(headers(), ID, 0.0).is_sampled


def test_spans_have_ids_of_their_own() -> None:
    ids = {span_id(id, number) for id in (ID, new_id().bytes) for number in range(5)}
    assert len(ids) == 10 and 0 not in ids and max(ids) < 2**64
    assert span_id(ID, 1) == span_id(ID, 1)
