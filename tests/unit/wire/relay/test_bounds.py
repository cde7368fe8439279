"""An answer that goes beyond its bounds is a failure, told in the client's format once it began."""

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import replace

import pytest

from switchyard.wire.registry import FORMATS
from switchyard.wire.relay import bounds
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.relay import Relay
from tests.integration.sizes import streams

SMALL = Bounds(body=60_000, held_back=20_000, tool_call=20_000)
CLIENTS = ["openai-chat", "anthropic", "openai-responses", "gemini", "ollama"]


def fed(data: Iterable[bytes], upstream: str, client: str, streamed: bool) -> tuple[Relay, bytes]:
    relay = Relay(FORMATS[upstream], FORMATS[client], streamed, streams.ASKED, bounds=SMALL)
    relay.start(200, FORMATS[upstream].content_type)
    out = b""
    for piece in data:
        out += relay.feed(piece)
        if relay.failed:
            return relay, out
    return relay, out


def in_pieces(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1000] for at in range(0, len(data), 1000))


NOTHING_SAID: list[tuple[str, Callable[[int], bytes]]] = [
    ("openai-chat", lambda n: streams.WILD["no choices"][1](n)),
    ("openai-chat", lambda n: streams.chat({"content": ""} for _ in range(n))),
    ("openai-chat", lambda n: streams.chat({"role": "assistant"} for _ in range(n))),
    ("openai-chat", lambda n: streams.WILD["unnamed calls"][1](n)),
    ("anthropic", lambda n: streams.typed([streams.anthropic_start()]) * n),
    ("anthropic", lambda n: streams.WILD["pings"][1](n)),
    ("anthropic", lambda n: streams.WILD["unknown events"][1](n)),
    ("openai-responses", lambda n: streams.typed([{"type": "response.in_progress"}] * n)),
    ("gemini", lambda n: streams.sse([{"usageMetadata": {"promptTokenCount": 1}}] * n)),
    ("gemini", lambda n: streams.sse([streams.gemini_chunk([])] * n)),
    ("ollama", lambda n: b'{"model":"m","message":{"content":""}}\n' * n),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("number", range(len(NOTHING_SAID)))
def test_what_says_nothing_is_not_held_back_for_ever(number: int, client: str) -> None:
    upstream, make = NOTHING_SAID[number]
    relay, out = fed(in_pieces(make(3000)), upstream, client, True)
    assert relay.failed and not relay.committed and out == b""
    assert relay.problem is not None and "carry no output" in relay.problem.error.message
    assert relay._stream is not None
    assert relay._stream._held == []


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", CLIENTS)
@pytest.mark.parametrize("kind", ["arguments", "one long argument"])
def test_a_tool_call_has_its_size(upstream: str, client: str, kind: str) -> None:
    data = streams.written(upstream, kind, 2500)
    relay, out = fed(in_pieces(data), upstream, client, True)
    assert relay.failed
    assert relay.problem is not None and "larger than" in relay.problem.error.message
    if relay.committed:
        assert b"larger than" in out  # the client is told so in its own format


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", CLIENTS)
def test_calls_are_counted(upstream: str, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_CALLS", 20)
    few, _ = fed([streams.written(upstream, "calls", 20)], upstream, client, True)
    assert not few.failed
    relay, _ = fed(in_pieces(streams.written(upstream, "calls", 40)), upstream, client, True)
    assert relay.failed
    assert relay.problem is not None and "tool calls" in relay.problem.error.message


def test_choices_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_CHOICES", 20)
    relay, _ = fed([streams.chat_choices(40)], "openai-chat", "openai-chat", True)
    assert relay.failed
    assert relay.problem is not None and "choices" in relay.problem.error.message


@pytest.mark.parametrize("upstream", CLIENTS)
def test_a_stream_that_becomes_json_has_its_size(upstream: str) -> None:
    data = streams.written(upstream, "words", 3000)
    relay, _ = fed(in_pieces(data), upstream, upstream, False)
    assert relay.failed
    assert relay.problem is not None and "larger than" in relay.problem.error.message


def test_words_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose words are passed on and forgotten is as long as it is."""
    data = streams.written("openai-chat", "words", 3000)
    assert len(data) > SMALL.body
    relay, _ = fed(in_pieces(data), "openai-chat", "openai-chat", True)
    assert relay.done and not relay.failed


def test_the_configuration_says_how_much() -> None:
    from tests.support.runtime import CONFIG
    from tests.support.runtime import make_runtime

    limits = "    limits: {held-back: 1kB, tool-call: 2kB, upstream-body: 3kB}\n"
    found = make_runtime(CONFIG + limits).snapshot.bounds
    assert found == replace(SMALL, body=3000, held_back=1000, tool_call=2000)
