"""The laws every format obeys, as functions that raise AssertionError; used on fixtures, on
recorded traffic and by property tests."""

import json
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import losses_of
from switchyard.wire.relay.framing import frame_decoder
from switchyard.wire.translate.losses import is_instructed
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.losses import unsaid_stops
from tests.unit.wire.meaning import reply_meaning
from tests.unit.wire.meaning import request_meaning

DEMANDS = {"anthropic": ("max_tokens",)}
"""What a format's requests must say: a writer fills in what the client left out."""

ASKED = Asked(model="asked-model", id="0123456789abcdef", created=1_700_000_000, include_usage=True)


def frames(format: Format, data: bytes, cuts: list[int] | None = None) -> list[Frame]:
    """The frames of a whole stream, fed in pieces cut at `cuts`."""
    decoder = frame_decoder(format)
    out: list[Frame] = []
    edges = [0, *sorted(cuts or []), len(data)]
    for start, end in pairwise(edges):
        out += decoder.feed(data[start:end])
    return out + decoder.close()


def read_stream(format: Format, data: bytes, cuts: list[int] | None = None) -> list[Event]:
    reader = format.stream_reader()
    events: list[Event] = []
    for frame in frames(format, data, cuts):
        events += reader.feed(frame)
    return events + reader.close()


def write_stream(format: Format, events: list[Event], asked: Asked = ASKED) -> bytes:
    writer = format.stream_writer(asked)
    return b"".join([*map(writer.feed, events), writer.close()])


def asked_for(home: Format, away: Format, body: JsonObject | None) -> Asked:
    """What a client of `away` asked for, that sent `body`, a request of `home`, in its words."""
    if body is None:
        return ASKED
    said = named(home.read_request(body))
    if home is not away:
        said = named(away.read_request(away.write_request(said)))
    return replace(ASKED, conversation=said)


def named(conversation: Conversation) -> Conversation:
    """`conversation` with a model, which some formats say in the path and not in the body."""
    return conversation if conversation.model else replace(conversation, model=ASKED.model)


def request_identity(format: Format, body: JsonObject) -> None:
    """Reading a request and writing it in the same format loses nothing."""
    before = json.dumps(body, sort_keys=True)
    written = format.write_request(format.read_request(body))
    assert written == body
    assert json.dumps(body, sort_keys=True) == before, "the original was changed"


def reply_identity(format: Format, body: JsonObject) -> None:
    """Reading an answer and writing it in the same format loses nothing: every member is there
    with its value. What was empty and must not be (an id, a finish reason) may be filled in."""
    before = json.dumps(body, sort_keys=True)
    missing = _missing(body, format.write_reply(format.read_reply(body), ASKED))
    assert not missing, f"lost or changed: {', '.join(missing)}"
    assert json.dumps(body, sort_keys=True) == before, "the original was changed"


def fold_unfold(format: Format, reply: Reply) -> None:
    """A reply survives being turned into events and back."""
    assert reply_meaning(fold(reply.format, unfold(reply))) == reply_meaning(reply)


def stream_equals_whole(format: Format, events: list[Event]) -> None:
    """A stream folded, and written and read as a whole answer, means what the stream said."""
    folded = fold(format.name, events)
    again = format.read_reply(format.write_reply(folded, ASKED))
    assert_same(reply_meaning(folded), reply_meaning(again))


def stream_survives_writing(format: Format, events: list[Event]) -> None:
    """Events written as a stream of the format read back with the same meaning and one end."""
    stream_there(format, format, events)


def is_answer(events: list[Event]) -> bool:
    """Whether a stream is an answer or an error of its format; some recorded ones are neither."""
    return any(isinstance(event, End | Failure) for event in events)


def any_split(format: Format, data: bytes, seed: int = 0) -> None:
    """A stream cut at any byte reads the same."""
    whole = frames(format, data)
    rng = random.Random(seed)
    for count in (1, 7, 50):
        cuts = [rng.randrange(len(data) + 1) for _ in range(count)]
        assert frames(format, data, cuts) == whole
    assert frames(format, data, list(range(1, min(len(data), 3000)))) == whole


def mending_keeps_meaning(format: Format, data: bytes) -> None:
    """A stream mended on its way through means the same, and ends once; one that needs no mending
    keeps its bytes, so mending twice changes nothing more."""
    mended = mend_stream(format, data)
    assert_same_stream(read_stream(format, data), read_stream(format, mended), format, format)
    assert mend_stream(format, mended) == mended


def mend_stream(format: Format, data: bytes, asked: Asked = ASKED) -> bytes:
    """A whole stream as the mender passes it on."""
    reader, mender = format.stream_reader(), format.mender(asked)
    out: list[bytes] = []
    for frame in frames(format, data):
        events = reader.feed(frame)
        if failure := next((e for e in events if isinstance(e, Failure)), None):
            return b"".join([*out, mender.fail(failure.error)])
        out.append(mender.feed(frame, events))
    return b"".join(out) + mender.close(reader.close())


def request_there(home: Format, away: Format, body: JsonObject) -> None:
    """A request means the same in another format."""
    first = named(home.read_request(body))
    there = unbegun(first, named(away.read_request(away.write_request(first))))
    without = _unsaid(first, there, away.name)
    assert_same(request_meaning(first, without), request_meaning(there, without))


def unbegun(first: Conversation, other: Conversation) -> Conversation:
    """`other` without the full stop that stands for a first user turn without words: formats that
    demand words get it, and the conversation goes on with what it began with."""
    at = next((i for i, turn in enumerate(other.turns) if turn.role == "user"), None)
    begun = next((turn for turn in first.turns if turn.role in ("user", "assistant")), None)
    if at is None or begun is None or begun.role != "user":
        return other
    if any(not isinstance(part, Text) or part.text for part in begun.parts):
        return other
    if [getattr(part, "text", None) for part in other.turns[at].parts] != ["."]:
        return other
    return replace(other, turns=(*other.turns[:at], begun, *other.turns[at + 1 :]))


def request_there_and_back(home: Format, away: Format, body: JsonObject) -> None:
    """A request still means the same when it has come back from another format."""
    first = named(home.read_request(body))
    there = named(away.read_request(away.write_request(first)))
    back = unbegun(first, home.read_request(home.write_request(there)))
    without = _unsaid(first, there, away.name) | _unsaid(there, back, home.name)
    assert_same(request_meaning(first, without), request_meaning(back, without))


def reply_there(home: Format, away: Format, reply: Reply, asked: Asked = ASKED) -> None:
    """A whole answer means the same to a client of another format that wants it whole."""
    again = away.read_reply(away.write_reply(reply, asked))
    assert_same_reply(reply, again, away.name)


def reply_streamed(home: Format, away: Format, reply: Reply, asked: Asked = ASKED) -> None:
    """A whole answer means the same to a client of another format that wants it streamed."""
    events = unfold(reply)
    assert_same_stream(events, read_stream(away, write_stream(away, events, asked)), home, away)


def stream_there(home: Format, away: Format, events: list[Event], asked: Asked = ASKED) -> None:
    """A stream means the same to a client of another format."""
    assert_same_stream(events, read_stream(away, write_stream(away, events, asked)), home, away)


def stream_folded(home: Format, away: Format, events: list[Event], asked: Asked = ASKED) -> None:
    """A stream means the same to a client of another format that wants a whole answer."""
    reply = fold(home.name, events)
    again = away.read_reply(away.write_reply(reply, asked))
    assert_same_reply(reply, again, away.name)


def assert_same_stream(events: list[Event], again: list[Event], home: Format, away: Format) -> None:
    """Both are the same answer with one end, or both the same error."""
    failures = [e for e in events if isinstance(e, Failure)]
    if failures:
        told = [e for e in again if isinstance(e, Failure)]
        assert [e.error.message for e in told] == [e.error.message for e in failures]
        assert not any(isinstance(e, Finish) for e in again)
        return
    assert_same_reply(fold(home.name, events), fold(away.name, again), away.name)
    assert sum(isinstance(e, End) for e in again) == 1


def assert_same(meant: JsonObject, said: JsonObject) -> None:
    """Both mean the same; the message names what differs."""
    wrong = [k for k in meant.keys() | said.keys() if meant.get(k) != said.get(k)]
    told = (f"{k}: {_short(meant.get(k))} became {_short(said.get(k))}" for k in sorted(wrong))
    assert not wrong, "; ".join(told)


def assert_same_reply(meant: Reply, said: Reply, away: str) -> None:
    without = losses_of(away).reply_cannot_say if meant.format != away else {}
    assert_same(reply_meaning(meant, without), reply_meaning(said, without))


def _unsaid(first: Conversation, there: Conversation, away: str) -> set[str]:
    """What need not be the same in the other format: what the table of losses names, what the
    client did not say and the format demands, and what is asked for another way."""
    without = set(lost(first, away))
    if first.format == away:
        return without
    if unsaid_stops(first, away):
        without.add("stop")
    without |= {name for name in DEMANDS.get(away, ()) if getattr(first, name) is None}
    if is_instructed(first, away, first.model):
        without |= {"output", "system"}
        # A completion has no system prompt: the instruction makes a transcript of the question.
        without |= {"turns"} if away == "openai-completions" else set()
    return without


def _missing(before: Any, after: Any, path: str = "") -> list[str]:
    """The paths of members of `before` that `after` does not have with the same value."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[str] = []
        for key, value in before.items():
            if key not in after:
                found.append(f"{path}.{key}")
            else:
                found += _missing(value, after[key], f"{path}.{key}")
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [lost for i, (b, a) in pairs for lost in _missing(b, a, f"{path}.{i}")]
    return [] if before == after or before in ("", None) else [path]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"
