"""Chunks of encrypted upstreams: the layers are given what is not handed through, in order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from OpenSSL import SSL

from switchyard.engine.connection import TcpConnection
from switchyard.failover.fast_path import WireFastPath
from switchyard.failover.tls_fast_path import TlsFastPath
from switchyard.protocols.chunked import as_chunk
from tests.unit.failover.test_fast_path import Sent
from tests.unit.failover.test_fast_path import Stream
from tests.unit.failover.test_fast_path import Upstream
from tests.unit.failover.test_fast_path import body_of
from tests.unit.protocols.tls_session import Session

VERSIONS = pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])


class Owner:
    """The engine: encrypted bytes go to the layers by it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.encrypted: list[bytes] = []

    def received(self, wire: TcpConnection, data: bytes) -> None:
        self.encrypted.append(data)
        self._session.process(events.DataReceived(self._session.tls.conn, data))

    def ended(self, wire: TcpConnection) -> None:
        self._session.process(events.ConnectionClosed(self._session.tls.conn))


class Road:
    """A session whose data may take the fast path."""

    def __init__(self, version: int = SSL.TLS1_3_VERSION) -> None:
        self.session = Session(version)
        self.stream, self.upstream, self.client = Stream(), Upstream(), Sent()
        self.owner = Owner(self.session)
        self.wire = TcpConnection(self.owner, None)  # type: ignore[arg-type]
        sides = self.wire, self.client, self.session
        path = WireFastPath(self.stream, self.upstream, *sides)  # type: ignore[arg-type]
        self.wire.wire_fast_path = TlsFastPath(path, self.session.tls, self.session)  # type: ignore[arg-type]

    @property
    def told(self) -> list[bytes]:
        return self.session.within.told

    def says(self, data: bytes) -> None:
        self.wire.data_received(self.session.encrypted(data))


@VERSIONS
def test_chunks_pass_by_the_layers(version: int) -> None:
    road = Road(version)
    one, two = as_chunk(b"data: one\n\n"), as_chunk(b"data: two\n\n")
    road.says(one)
    road.says(two)
    assert (road.client.data, road.told, road.owner.encrypted) == (one + two, [], [])


@given(
    pieces=st.lists(
        st.sampled_from([b"data: a\n\n", b"data: b\n\ndata: c\n\n", b"data: c", b"\n\n", b"odd"]),
        min_size=1,
        max_size=8,
    ),
    records=st.lists(st.integers(0, 120), max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=5),
)
def test_nothing_is_lost_however_it_is_cut(
    pieces: list[bytes], records: list[int], cuts: list[int]
) -> None:
    road = Road()
    data = b"".join(map(as_chunk, pieces))
    edges = [0, *sorted(min(cut, len(data)) for cut in records), len(data)]
    encrypted = b"".join(
        road.session.encrypted(data[start:end]) for start, end in pairwise(edges) if end > start
    )
    edges = [0, *sorted(min(cut, len(encrypted)) for cut in cuts), len(encrypted)]
    for start, end in pairwise(edges):
        road.wire.data_received(encrypted[start:end]) if end > start else None
        if road.told:  # from here on it is the layers' until they say so
            road.stream.ready = False
    road.wire.eof_received()
    assert road.told[-1] == b"<end>"
    assert body_of(road.client.data) + body_of(b"".join(road.told[:-1])) == b"".join(pieces)


def test_what_has_to_be_read_goes_to_the_layers_decrypted_once() -> None:
    road = Road()
    odd, end = as_chunk(b"odd"), b"0\r\n\r\n"
    road.says(odd)
    road.says(as_chunk(b"one") + end)
    assert (road.client.data, road.told) == (as_chunk(b"one"), [odd, end])


def test_half_a_chunk_at_the_end_goes_to_the_layers_before_the_end() -> None:
    road = Road()
    half = as_chunk(b"data: one\n\n")[:8]
    road.says(half)
    assert road.told == []
    road.wire.connection_lost(None)
    assert road.told == [half, b"<end>"]


@VERSIONS
def test_the_end_of_a_session_is_told_behind_its_data(version: int) -> None:
    road = Road(version)
    one, half = as_chunk(b"one"), as_chunk(b"two")[:4]
    data = road.session.encrypted(one + half)
    road.session.server.shutdown()
    road.wire.data_received(data + road.session.sent())
    assert (road.client.data, road.told) == (one, [half, b"<end>"])
    road.wire.connection_lost(None)
    assert road.told == [half, b"<end>"]


def test_a_renegotiation_is_answered() -> None:
    road = Road(SSL.TLS1_2_VERSION)
    server, one = road.session.server, as_chunk(b"one")
    assert server.renegotiate()
    server.do_handshake()
    while asked := road.session.sent():
        road.wire.data_received(asked)
        with pytest.raises(SSL.WantReadError):
            server.recv(1)
    assert server.total_renegotiations() == 1
    road.says(one)
    assert (road.client.data, road.told, road.session.logged) == (one, [], [])


@VERSIONS
def test_a_record_that_is_none_is_told_as_by_mitmproxy(version: int) -> None:
    roads = Road(version), Road(version)
    for road in roads:
        data = road.session.encrypted(as_chunk(b"one"))
        broken = bytearray(road.session.encrypted(as_chunk(b"two")))
        broken[-1] ^= 1
        data += broken
        if road is roads[0]:
            road.wire.data_received(data)
        else:
            road.session.layer.__class__ = ServerTLSLayer
            road.owner.received(road.wire, data)
        road.wire.connection_lost(None)
    ours, theirs = roads
    assert ours.session.logged == theirs.session.logged and len(ours.session.logged) == 1
    assert [ours.client.data, *ours.told] == theirs.told == [as_chunk(b"one"), b"<end>"]
    for road in roads:
        with pytest.raises(SSL.Error, match="bad record mac"):
            road.session.server.recv(9)
