"""The laws every format obeys, as functions that raise AssertionError; used on fixtures, on
recorded traffic and by property tests."""

import json
import random
from typing import Any

from addons.wire.conversation import Reply
from addons.wire.events import End
from addons.wire.events import Event
from addons.wire.fold import fold
from addons.wire.fold import unfold
from addons.wire.format import Asked
from addons.wire.format import Format
from addons.wire.sse import Frame
from addons.wire.sse import SseDecoder
from tests.wire.meaning import reply_meaning
from tests.wire.meaning import request_meaning

ASKED = Asked(model="asked-model", id="0123456789abcdef", created=1_700_000_000, include_usage=True)


def frames(format: Format, data: bytes, cuts: list[int] | None = None) -> list[Frame]:
    """The frames of a whole stream, fed in pieces cut at `cuts`."""
    decoder = SseDecoder()
    out: list[Frame] = []
    edges = [0, *sorted(cuts or []), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        out += decoder.feed(data[start:end])
    return out + decoder.close()


def read_stream(format: Format, data: bytes, cuts: list[int] | None = None) -> list[Event]:
    reader = format.stream_reader()
    events: list[Event] = []
    for frame in frames(format, data, cuts):
        events += reader.feed(frame)
    return events + reader.close()


def write_stream(format: Format, events: list[Event]) -> bytes:
    writer = format.stream_writer(ASKED)
    return b"".join([*map(writer.feed, events), writer.close()])


def request_identity(format: Format, body: dict[str, Any]) -> None:
    """Reading a request and writing it in the same format loses nothing."""
    before = json.dumps(body, sort_keys=True)
    written = format.write_request(format.read_request(body))
    assert written == body
    assert json.dumps(body, sort_keys=True) == before, "the original was changed"


def reply_identity(format: Format, body: dict[str, Any]) -> None:
    """Reading an answer and writing it in the same format loses nothing."""
    assert format.write_reply(format.read_reply(body), ASKED) == body


def fold_unfold(format: Format, reply: Reply) -> None:
    """A reply survives being turned into events and back."""
    assert reply_meaning(fold(reply.format, unfold(reply))) == reply_meaning(reply)


def stream_survives_writing(format: Format, events: list[Event]) -> None:
    """Events written as a stream of the format read back with the same meaning and one end."""
    written = write_stream(format, events)
    again = read_stream(format, written)
    assert reply_meaning(fold(format.name, again)) == reply_meaning(fold(format.name, events))
    assert sum(isinstance(e, End) for e in again) == 1


def any_split(format: Format, data: bytes, seed: int = 0) -> None:
    """A stream cut at any byte reads the same."""
    whole = read_stream(format, data)
    rng = random.Random(seed)
    for count in (1, 7, 50):
        cuts = [rng.randrange(len(data) + 1) for _ in range(count)]
        assert read_stream(format, data, cuts) == whole
    assert read_stream(format, data, list(range(1, min(len(data), 3000)))) == whole


def request_there_and_back(home: Format, away: Format, body: dict[str, Any]) -> None:
    """A request keeps its meaning in another format, and on the way back."""
    first = home.read_request(body)
    there = away.read_request(away.write_request(first))
    meant, said = request_meaning(first), request_meaning(there)
    assert said == meant
    back = home.read_request(home.write_request(there))
    assert request_meaning(back) == meant


def reply_there_and_back(home: Format, away: Format, reply: Reply) -> None:
    """An answer keeps its meaning in another format, whole and streamed."""
    meant = reply_meaning(reply)
    whole = away.read_reply(away.write_reply(reply, ASKED))
    assert reply_meaning(whole) == meant
    streamed = fold(away.name, read_stream(away, write_stream(away, unfold(reply))))
    assert reply_meaning(streamed) == meant
