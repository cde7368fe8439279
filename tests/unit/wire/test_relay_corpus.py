"""Recorded answers, relayed: whatever the client's format and wish, it reads the same meaning."""

import json
from collections.abc import Iterator

import pytest

from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.refused import explained_events
from switchyard.wire.relay.refused import explained_reply
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import assert_same_reply
from tests.unit.wire.laws import assert_same_stream
from tests.unit.wire.laws import read_stream

PIECE = 1000


def answers() -> Iterator[pytest.ParameterSet]:
    for name in FORMATS:
        for record in (*replies(name), *streams(name)):
            yield pytest.param(record, id=f"{name}-{record.id}")


def bytes_of(record: Record) -> bytes:
    return record.sse.encode() if record.sse else json.dumps(record.response).encode()


def relayed(record: Record, client: str, streams: bool) -> tuple[Relay, bytes]:
    relay = Relay(FORMATS[record.format], FORMATS[client], streams, ASKED)
    data = bytes_of(record)
    relay.start(200, "text/event-stream" if record.sse else "application/json")
    out = [relay.feed(data[i : i + PIECE]) for i in range(0, len(data), PIECE)]
    return relay, b"".join([*out, relay.end()])


@needs_corpus
@pytest.mark.parametrize("record", list(answers()))
def test_every_client_reads_the_same(record: Record) -> None:
    home = FORMATS[record.format]
    at_home, _ = relayed(record, record.format, True)
    if at_home.failed:
        # A recorded error, or no answer at all: then no client may be told that it is one.
        for client in FORMATS:
            assert all(relayed(record, client, streams)[0].failed for streams in (True, False))
        return
    if record.sse:
        events = read_stream(home, bytes_of(record))
    else:
        events = unfold(home.read_reply(json.loads(bytes_of(record))))
    reply = fold(home.name, events)
    for client, away in FORMATS.items():
        relay, out = relayed(record, client, True)
        assert relay.committed and not relay.failed, (client, relay.problem)
        explains = away is not home
        meant = explained_events(events) if explains else events
        assert_same_stream(meant, read_stream(away, out), home, away)
        relay, _ = relayed(record, client, False)
        assert relay.committed and not relay.failed, (client, relay.problem)
        whole = explained_reply(reply) if explains else reply
        assert_same_reply(whole, away.read_reply(json.loads(relay.body)), away.name)
