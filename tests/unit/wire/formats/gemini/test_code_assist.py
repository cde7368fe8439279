"""Gemini in the envelope of Google's login."""

import json

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.formats.gemini.code_assist import CodeAssist
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.framing import frame_decoder
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import seal

FORMAT, INSIDE = CodeAssist(), FORMATS["gemini"]
ASKED = Asked(model="gemini-x", id="1a", created=1)
QUESTION = {
    "contents": [{"role": "user", "parts": [{"text": "Well?"}]}],
    "generationConfig": {"temperature": 0.5, "maxOutputTokens": 9},
}
ANSWER = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Fine."}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6},
    "modelVersion": "gemini-x-001",
    "responseId": "r1",
}


def test_a_request_is_read_as_what_is_inside() -> None:
    said = FORMAT.read_request({"model": "gemini-x", "project": "p", "request": QUESTION})
    assert said == INSIDE.read_request({**QUESTION, "model": "gemini-x"})
    assert said.turns[0].parts == (Text(text="Well?"),) and said.max_tokens == 9


@pytest.mark.parametrize("body", [{}, {"request": None}, {"request": []}, QUESTION])
def test_a_request_without_its_envelope_is_wrong(body: dict) -> None:
    with pytest.raises(BadRequest, match="request"):
        FORMAT.read_request(body)


def test_whether_it_streams_is_in_the_path() -> None:
    assert FORMAT.asks_stream({}, "/v1internal:streamGenerateContent?alt=sse")
    assert FORMAT.asks_stream({}, "/v1internal:generateContent") is False


def test_an_answer_there_and_back() -> None:
    reply = FORMAT.read_reply({"response": ANSWER, "traceId": "t"})
    assert reply == INSIDE.read_reply(ANSWER)
    assert FORMAT.write_reply(reply, ASKED) == {"response": INSIDE.write_reply(reply, ASKED)}
    with pytest.raises(BadReply):
        FORMAT.read_reply(ANSWER)


@pytest.mark.parametrize("array", [False, True])
def test_a_stream_there_and_back(array: bool) -> None:
    asked = Asked(model="gemini-x", id="1a", created=1, array=array)
    events = unfold(INSIDE.read_reply(ANSWER))
    writer = FORMAT.stream_writer(asked)
    written = b"".join(map(writer.feed, events)) + writer.close()
    frames = frame_decoder(FORMAT, written[:10])
    chunks = [*frames.feed(written), *frames.close()]
    assert all("response" in json.loads(chunk.data) for chunk in chunks)
    reader = FORMAT.stream_reader()
    read = [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()
    inside = INSIDE.stream_writer(asked)
    plain = b"".join(map(inside.feed, events)) + inside.close()
    bare = frame_decoder(INSIDE, plain[:10])
    expected = INSIDE.stream_reader()
    told = [e for chunk in (*bare.feed(plain), *bare.close()) for e in expected.feed(chunk)]
    assert read == told + expected.close()


def test_an_error_stands_without_the_envelope() -> None:
    writer = FORMAT.stream_writer(ASKED)
    told = writer.feed(Failure(ApiError(message="no more", kind="rate_limit")))
    assert json.loads(told.removeprefix(b"data: "))["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_what_was_sealed_for_other_formats_is_taken_out() -> None:
    sealed = seal(Thinking(text="Hm.", signature="s", signer="anthropic"))
    part = {"text": "Hm.", "thoughtSignature": sealed}
    assert is_sealed(sealed)
    body = {"project": "p", "request": {"contents": [{"role": "model", "parts": [part]}]}}
    kept = FORMAT.without_sealed(body)
    assert sealed not in json.dumps(kept) and kept["project"] == "p"
    plain = {"project": "p", "request": QUESTION}
    assert FORMAT.without_sealed(plain) is plain
