"""Answers of a client's own destination reach it byte for byte, however they are cut and packed."""

import gzip
import json
import zlib
from functools import cache

import brotli
import pytest
import zstandard
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from switchyard.attempt.verbatim import VerbatimReceiver
from switchyard.exchange.client_head import Origin
from switchyard.exchange.exchange import Exchange
from switchyard.failover.attempt import AttemptFailure
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import running

HOST = "api.anthropic.com"
CONFIG = f"""
    providers: [{{name: glm, base-url: "https://glm.example/v1", api-key: own-glm-key-1}}]
    intercept:
      {HOST}: [passthrough, glm/m]
      api.openai.com: [passthrough]
"""
PACK = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
CUT = AttemptFailure("reset", "the connection broke")


@cache
def runtime() -> FakeRuntime:
    return make_runtime(CONFIG)


def receiver(stream: bool, dialect: Dialect = ANTHROPIC) -> tuple[VerbatimReceiver, Exchange]:
    """What reads the answer to a client's call of its own provider."""
    pipeline = Pipeline(runtime())
    host = HOST if dialect is ANTHROPIC else "api.openai.com"
    body = {"model": "x-1", "max_tokens": 9, "messages": [], "stream": stream}
    flow = client_flow(runtime(), dialect.path, body, to=(host, 443))
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert isinstance(attempt.receiver, VerbatimReceiver)
    flow.response = None
    return attempt.receiver, exchange


def head(encoding: str = "identity", status: int = 200, stream: bool = True) -> http.Response:
    kind = "text/event-stream" if stream else "application/json"
    return http.Response.make(
        status, b"", {"content-type": kind, "content-encoding": encoding, "request-id": "r1"}
    )


def cut_up(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize("dialect", [ANTHROPIC, CHAT], ids=lambda d: d.name)
@pytest.mark.parametrize("encoding", PACK)
@given(cuts=st.lists(st.integers(0, 3000), max_size=12), odd=st.booleans())
def test_a_stream_keeps_its_bytes(
    dialect: Dialect, encoding: str, cuts: list[int], odd: bool
) -> None:
    events = dialect.events(Answer())
    if odd:
        events = [b": ping\r\n\r\n", *(event.replace(b"\n", b"\r\n") for event in events)]
    raw = PACK[encoding](b"".join(events))
    it, _ = receiver(True, dialect)
    it.start(head(encoding))
    out = b""
    for piece in cut_up(raw, cuts):
        told = it.data(piece)
        assert it.committed or not told
        out += told
    out += it.end()
    assert out == raw and it.verbatim and not it.failed
    assert it.head().headers["content-encoding"] == encoding


@pytest.mark.parametrize("encoding", PACK)
def test_a_whole_answer_keeps_its_bytes(encoding: str) -> None:
    raw = PACK[encoding](ANTHROPIC.whole(Answer()) + b" \n")
    it, _ = receiver(False)
    it.start(head(encoding, stream=False))
    assert it.data(raw) + it.end() == b""
    response = it.head()
    assert it.whole and response.raw_content == raw
    assert response.headers["content-length"] == str(len(raw))
    assert response.headers["request-id"] == "r1"
    assert response.headers["x-switchyard-provider"] == f"passthrough:{HOST}"


@given(cut=st.integers(1, 3000))
@example(cut=610)
def test_a_stream_that_breaks_off_ends_in_whole_events(cut: int) -> None:
    """What came of the last event is left out, and the failure told in the client's format."""
    raw = b"".join(ANTHROPIC.events(Answer()))
    it, _ = receiver(True)
    it.start(head())
    out = it.data(raw[: min(cut, len(raw) - 40)])
    committed = it.committed
    out += it.broken(CUT)
    if not committed:
        assert out == b"" and it.failed
        return
    last = b"event: error" if it.failed else b"event: message_stop"
    assert out.endswith(b"\n\n") and last in out.split(b"\n\n")[-2]
    assert it.failed is (b"event: message_delta" not in out)
    for event in out.strip().split(b"\n\n"):
        json.loads(event.partition(b"data: ")[2])


def test_a_packed_stream_that_breaks_off_is_left_as_it_is() -> None:
    packer = zlib.compressobj(wbits=31)
    events = b"".join(ANTHROPIC.events(Answer())[:5])
    raw = packer.compress(events) + packer.flush(zlib.Z_SYNC_FLUSH)
    it, _ = receiver(True)
    it.start(head("gzip"))
    assert it.data(raw) + it.broken(CUT) == raw
    assert it.failed


@pytest.mark.parametrize("encoding", PACK)
def test_a_refusal_is_kept_whole(encoding: str) -> None:
    raw = PACK[encoding](json.dumps(ANTHROPIC.error("rate_limit_error", "used up")).encode())
    it, exchange = receiver(True)
    it.start(head(encoding, 429, stream=False))
    assert it.data(raw) + it.end() == b"" and it.failed
    refusal = running(exchange).refusal
    assert refusal is not None
    assert (refusal.status_code, refusal.raw_content) == (429, raw)


def test_a_refusal_without_end_is_not_kept() -> None:
    it, exchange = receiver(True)
    it.start(head(status=500))
    for _ in range(3):
        it.data(b"x" * 700_000)
    it.end()
    assert it.failed and running(exchange).refusal is None


def test_where_the_clients_stream_has_a_head_the_bytes_are_mended() -> None:
    raw = gzip.compress(b"".join(ANTHROPIC.events(Answer())))
    it, exchange = receiver(True)
    exchange.call.flow.response = http.Response.make(200)  # as a sign of life leaves it
    it.start(head("gzip"))
    out = it.data(raw) + it.end()
    assert out == b"".join(ANTHROPIC.events(Answer())) and not it.verbatim


def test_other_attempts_of_a_call_are_not_verbatim() -> None:
    plain = make_runtime()
    pipeline = Pipeline(plain)
    flow = call_flow(plain)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.receiver is not None and not attempt.receiver.verbatim


def test_an_address_does_not_show_what_its_query_holds() -> None:
    origin = Origin(scheme="https", host="::1", port=8443, path="/v1?key=secret")
    assert "secret" not in repr(origin) and origin.netloc == "[::1]:8443"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("word", ["network_error", "MALFORMED_FUNCTION_CALL"])
def test_an_end_that_says_broken_is_the_clients_own_matter_where_nobody_else_is(
    word: str, stream: bool
) -> None:
    """Another member answers in its place, where one is left."""
    answer = Answer(text="Half of it", stop=word)
    for dialect, alone in ((CHAT, True), (ANTHROPIC, False)):
        reads, _ = receiver(stream, dialect)
        reads.start(head(stream=stream))
        data = b"".join(dialect.events(answer)) if stream else dialect.whole(answer)
        told = reads.data(data) + reads.end()
        if alone:
            assert reads.committed and not reads.failed
            assert (told if stream else reads.head().content) == data
        else:
            assert reads.failed
