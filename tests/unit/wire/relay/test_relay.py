"""One upstream answer made into the client's, whatever the upstream claims to send."""

import gzip
import json
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.fold import fold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.laws import read_stream
from tests.unit.wire.meaning import reply_meaning

ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000, include_usage=True)
CHAT, ANTHROPIC = FORMATS["openai-chat"], FORMATS["anthropic"]


def event(**data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(
        id="c1", object="chat.completion.chunk", created=1, model="m", choices=[choice], **more
    )


ROLE = chunk({"role": "assistant", "content": ""})
WORDS = chunk({"content": "Hello"}) + chunk({"content": " there"})
FINISH = chunk({}, "stop")
DONE = b"data: [DONE]\n\n"
STREAM = ROLE + WORDS + FINISH + DONE
BODY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def relayed(
    data: bytes,
    *,
    streams: bool = True,
    client=CHAT,
    status: int = 200,
    content_type: str = "text/event-stream",
    encoding: str = "",
    cut: bool = False,
    step: int = 7,
) -> tuple[Relay, bytes]:
    relay = Relay(CHAT, client, streams, ASKED)
    relay.start(status, content_type, encoding)
    out = [relay.feed(data[i : i + step]) for i in range(0, len(data), step)]
    out.append(relay.cut("the connection broke") if cut else relay.end())
    return relay, b"".join(out)


def text_of(client, out: bytes) -> str:
    return reply_meaning(fold(client.name, read_stream(client, out)))["text"]


def test_a_sound_stream_passes_byte_for_byte() -> None:
    relay, out = relayed(STREAM)
    assert out == STREAM and relay.committed and not relay.failed


def test_nothing_is_given_out_before_the_first_output() -> None:
    relay = Relay(CHAT, CHAT, True, ASKED)
    relay.start(200)
    assert relay.feed(b": hello\n\n" + ROLE) == b"" and not relay.committed
    assert relay.feed(chunk({"content": "H"})).startswith(ROLE) and relay.committed


@pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda f: f.name)
@pytest.mark.parametrize(
    "content_type", ["text/event-stream", "application/json", "text/plain", ""]
)
def test_what_came_counts_and_not_what_was_claimed(client, content_type: str) -> None:
    for data in (STREAM, json.dumps(BODY).encode()):
        _, streamed = relayed(data, client=client, content_type=content_type)
        assert text_of(client, streamed) == "Hello there"
        relay, nothing = relayed(data, client=client, streams=False, content_type=content_type)
        assert nothing == b""
        whole = client.read_reply(json.loads(relay.body))
        assert reply_meaning(whole)["text"] == "Hello there"


def test_a_json_answer_in_the_clients_format_keeps_its_bytes() -> None:
    raw = json.dumps(BODY, indent=3).encode()
    relay, _ = relayed(raw, streams=False)
    assert relay.body == raw


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b": only\n\n: comments\n\n", "empty"),
        (ROLE, "empty"),
        (ROLE + FINISH + DONE, "empty"),
        (DONE, "empty"),
        (event(error={"message": "overloaded", "code": 529}), "event"),
        (ROLE + event(error={"message": "quota", "code": "insufficient_quota"}), "event"),
        (json.dumps({"error": {"message": "no"}}).encode(), "body"),
        (b"<html><body>Bad gateway</body></html>", "malformed"),
        (b'{"id": "c1", "choi', "malformed"),
        (b'{"hello": 1}', "malformed"),
        (json.dumps({**BODY, "choices": [], "usage": None}).encode(), "empty"),
    ],
)
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda f: f.name)
def test_a_200_that_is_no_answer_fails_unseen(
    data: bytes, kind: str, streams: bool, client
) -> None:
    relay, out = relayed(data, streams=streams, client=client)
    assert out == b"" and relay.failed and not relay.committed
    assert relay.problem and relay.problem.kind in (
        (kind, "malformed") if kind == "empty" else (kind,)
    )


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_without_words_that_says_why_is_one(streams: bool) -> None:
    relay, out = relayed(ROLE + chunk({}, "length") + DONE, streams=streams)
    assert relay.committed and not relay.failed
    assert b"length" in (out if streams else relay.body)


@pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda f: f.name)
@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_cut_after_output_ends_with_an_error(client, cut: bool) -> None:
    relay, out = relayed(ROLE + WORDS, client=client, cut=cut)
    assert relay.committed and relay.failed
    assert text_of(client, out) == "Hello there"
    assert out.count(b"error") >= 1
    if client is ANTHROPIC:
        assert out.rstrip().rpartition(b"event: ")[2].startswith(b"error")
        assert b"message_stop" not in out
    else:
        assert out.count(DONE) == 1 and out.endswith(DONE)
        assert b'"finish_reason": "stop"' not in out


def test_an_error_event_after_output_is_told_in_the_clients_words() -> None:
    relay, out = relayed(
        ROLE + WORDS + event(error={"message": "overloaded", "type": "overloaded_error"}) + WORDS,
        client=ANTHROPIC,
    )
    assert relay.failed and relay.problem and relay.problem.kind == "event"
    assert out.count(b"event: error") == 1 and out.count(b"Hello") == 1


@pytest.mark.parametrize("cut", [True, False])
def test_a_cut_stream_is_no_json_answer(cut: bool) -> None:
    relay, out = relayed(ROLE + WORDS, streams=False, cut=cut)
    assert relay.failed and not relay.committed and out == b""


def test_a_cut_after_the_end_is_no_fault() -> None:
    relay, out = relayed(STREAM, cut=True)
    assert out == STREAM and not relay.failed


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("data", [ROLE + WORDS + FINISH, json.dumps(BODY).encode()])
def test_a_cut_after_all_was_said_is_no_fault(data: bytes, streams: bool) -> None:
    """The stop reason came, or the whole document: nothing but the end is missing."""
    relay, out = relayed(data, streams=streams, cut=True)
    assert relay.committed and not relay.failed
    if streams:
        assert out.endswith(DONE) and b"error" not in out
        assert text_of(CHAT, out) == "Hello there"
    else:
        assert b"Hello there" in relay.body


def test_a_cut_before_all_choices_ended_is_one() -> None:
    other = event(choices=[{"index": 1, "delta": {"content": "Well"}, "finish_reason": None}])
    relay, out = relayed(ROLE + WORDS + other + FINISH, cut=True)
    assert relay.failed and b"the connection broke" in out


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("blank", [b"\n" * 2000, b"\xef\xbb\xbf" + b"\r\n" * 700])
def test_blank_lines_before_the_answer(blank: bytes, streams: bool) -> None:
    """DeepSeek keeps connections alive by them, for minutes."""
    for data in (STREAM, json.dumps(BODY).encode()):
        relay, out = relayed(blank + data, streams=streams)
        assert relay.committed and not relay.failed
        assert b"Hello" in (out if streams else relay.body)
    relay = Relay(CHAT, CHAT, True, ASKED)
    relay.start(200)
    relay.feed(blank)
    assert relay.feed(STREAM), "given out at once, not at the end"


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("step", [1, 2, 4])
@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_where_the_first_bytes_part_does_not_matter(mark: bytes, step: int, streams: bool) -> None:
    for data in (STREAM, json.dumps(BODY).encode()):
        relay, out = relayed(mark + data, streams=streams, step=step)
        assert relay.committed and not relay.failed
        assert b"Hello" in (out if streams else relay.body)


@pytest.mark.parametrize(
    ("tail", "added"),
    [
        (FINISH, DONE),
        (FINISH + DONE + DONE, DONE),
        (FINISH + DONE + WORDS, DONE),
    ],
)
def test_exactly_one_done(tail: bytes, added: bytes) -> None:
    _, out = relayed(ROLE + WORDS + tail)
    assert out == ROLE + WORDS + FINISH + added


GEMINI = FORMATS["gemini"]


@pytest.mark.parametrize("client", [CHAT, ANTHROPIC, GEMINI])
def test_the_client_is_answered_by_its_terminal_event(client) -> None:
    relay = Relay(CHAT, client, True, ASKED)
    relay.start(200, "text/event-stream", "")
    for piece in (ROLE, WORDS, FINISH):
        relay.feed(piece)
        assert not relay.answered
    relay.feed(DONE)
    assert relay.answered


@pytest.mark.parametrize("client", [CHAT, GEMINI])
def test_gemini_has_no_terminal_event_but_the_stop_reason(client) -> None:
    relay = Relay(GEMINI, client, True, ASKED)
    relay.start(200, "text/event-stream", "")
    said = {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "index": 0}
    relay.feed(event(candidates=[said]))
    assert not relay.answered
    relay.feed(event(candidates=[{"finishReason": "STOP", "index": 0}]))
    assert relay.answered == (client is GEMINI)
    relay.end()
    assert relay.answered


def test_an_answer_that_failed_is_none() -> None:
    relay, _ = relayed(ROLE + WORDS + event(error={"message": "no"}))
    assert not relay.answered


def test_a_missing_finish_reason_is_supplied() -> None:
    _, out = relayed(ROLE + WORDS + DONE)
    assert out.endswith(DONE) and out.count(b'"stop"') == 1


def test_usage_and_stop_are_known_afterwards() -> None:
    usage = event(
        id="c1",
        object="chat.completion.chunk",
        created=1,
        model="m",
        choices=[],
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    )
    for client in (CHAT, ANTHROPIC):
        relay, _ = relayed(ROLE + WORDS + FINISH + usage + DONE, client=client)
        assert relay.usage and (relay.usage.input, relay.usage.output) == (3, 2)
        assert relay.stop and relay.stop.reason == "end"


def test_a_compressed_answer_is_read() -> None:
    relay, out = relayed(gzip.compress(STREAM), encoding="gzip")
    assert out == STREAM
    relay, _ = relayed(b"not gzip at all, really", encoding="gzip")
    assert relay.failed and relay.problem and relay.problem.kind == "malformed"
    relay, _ = relayed(STREAM, encoding="rot13")
    assert relay.failed and relay.problem and "rot13" in relay.problem.error.message


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            429,
            json.dumps({"error": {"message": "slow down", "type": "rate_limit"}}).encode(),
            "slow down",
        ),
        (502, b"<html>nginx</html>", "status 502"),
        (503, b"", "status 503"),
        (500, b"plain words", "plain words"),
        (301, b"", "status 301"),
    ],
)
@pytest.mark.parametrize("cut", [True, False])
def test_an_error_status_tells_what_the_body_says(
    status: int, body: bytes, message: str, cut: bool
) -> None:
    relay, out = relayed(body, status=status, cut=cut)
    assert out == b"" and relay.failed and relay.problem
    assert relay.problem.kind == "status" and relay.problem.status == status
    assert message in relay.problem.error.message


def test_half_an_event_at_the_end_is_not_passed_on() -> None:
    relay, out = relayed(ROLE + WORDS + chunk({"content": "lost"})[:-20])
    assert relay.failed and b"lost" not in out
    assert out.startswith(ROLE + WORDS) and out.endswith(DONE)


def test_a_last_event_without_its_empty_line_counts() -> None:
    _, out = relayed(ROLE + WORDS + FINISH + DONE.rstrip())
    assert out == STREAM


@pytest.mark.parametrize("streams", [True, False])
def test_bytes_that_are_no_text_are_replaced(streams: bool) -> None:
    data = STREAM if streams else json.dumps(BODY).encode()
    relay, out = relayed(data.replace(b"Hello", b"H\xc3\xffllo"), streams=streams)
    told = (out if streams else relay.body).decode()
    assert "H\ufffd\ufffdllo" in told
