"""Pieces of a stream that are skimmed hold no key of the upstream's either."""

import base64
import json

import pytest
from mitmproxy import http

from addons.receiving import RelayReceiver
from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime

KEY = "sk-Skim-7f3a91c0d5e24b86"


def frame(words: str, padding: str = "") -> bytes:
    delta = {"index": 0, "delta": {"content": words}, "finish_reason": None}
    more = {"obfuscation": padding} if padding else {}
    return b"data: " + json.dumps({"id": "c-1", "choices": [delta], **more}).encode() + b"\n\n"


def receiver() -> RelayReceiver:
    runtime = make_runtime(CONFIG.replace("own-chat-key-1, own-chat-key-2", KEY))
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "m", stream=True)
    pipeline.begin(flow)
    found = pipeline.attempt(flow).receiver
    assert isinstance(found, RelayReceiver)
    found.start(http.Response.make(200, b"", {"content-type": "text/event-stream"}))
    return found


@pytest.mark.parametrize(
    "said", [KEY, KEY[::-1], KEY[:12], KEY[-8:], base64.b64encode(KEY.encode()).decode()]
)
@pytest.mark.parametrize("padded", [False, True])
def test_words_and_padding_are_looked_through(said: str, padded: bool) -> None:
    one = receiver()
    for words in ("one", " two", " three"):
        one.data(frame(words, "pad" if padded else ""))
    assert one.skim(frame(" four", "padding" if padded else "")) is not None
    for words, padding in ((f" {said} ", "pad"), (" five", said)):
        piece = frame(words, padding if padded else "")
        out = one.skim(piece)
        assert out is not None, "the piece is skimmed"
        if padded or said in words:
            assert said.encode() not in out and b"***" in out
    assert b"***" not in one.data(frame(" six", "pad" if padded else ""))
