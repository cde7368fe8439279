"""Recorded answers, relayed: whatever the client's format and wish, it reads the same meaning."""

import json

import pytest

from addons.wire.fold import fold
from addons.wire.format import Asked
from addons.wire.registry import FORMATS
from addons.wire.relay import Relay
from tests.wire.corpus import Record
from tests.wire.corpus import needs_corpus
from tests.wire.corpus import records
from tests.wire.laws import read_stream
from tests.wire.meaning import reply_meaning

ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000, include_usage=True)


def answers():
    for name in FORMATS:
        for record in records(name):
            if record.status < 400 and (record.sse or isinstance(record.response, dict)):
                yield pytest.param(record, id=f"{name}-{record.id}")


def bytes_of(record: Record) -> bytes:
    return record.sse.encode() if record.sse else json.dumps(record.response).encode()


def relayed(record: Record, client: str, streams: bool) -> tuple[Relay, bytes]:
    relay = Relay(FORMATS[record.format], FORMATS[client], streams, ASKED)
    data = bytes_of(record)
    relay.start(200, "text/event-stream" if record.sse else "application/json")
    out = [relay.feed(data[i : i + 1000]) for i in range(0, len(data), 1000)]
    return relay, b"".join([*out, relay.end()])


def direct(record: Record):
    format = FORMATS[record.format]
    if record.sse:
        return fold(format.name, read_stream(format, record.sse.encode()))
    return format.read_reply(record.response)


@needs_corpus
@pytest.mark.parametrize("record", answers())
def test_every_client_reads_the_same(record: Record) -> None:
    from tests.wire.laws import expected_reply

    failed_at_home, _ = relayed(record, record.format, True)
    if failed_at_home.failed:
        pytest.skip(f"no answer: {failed_at_home.problem}")
    reply = direct(record)
    for client in FORMATS:
        meant = expected_reply(reply, client)
        for streams in (True, False):
            relay, out = relayed(record, client, streams)
            assert relay.committed and not relay.failed, (client, streams, relay.problem)
            if streams:
                told = fold(client, read_stream(FORMATS[client], out))
            else:
                told = FORMATS[client].read_reply(json.loads(relay.body))
            assert reply_meaning(told) == meant, (client, streams)
