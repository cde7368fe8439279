"""Chunks that go from wire to wire: what is not handed through is left for the layers, in order."""

from itertools import pairwise
from typing import Any

from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from switchyard.engine.connection import TcpConnection
from switchyard.failover.fast_path import WireFastPath
from switchyard.protocols.chunked import as_chunk


class Stream:
    """A short way on which pieces are skimmed unless they hold `odd`, and `lively` counts signs of
    life. What is skimmed is told in capitals where `loud`."""

    ready = True
    lively = 0

    def __init__(self, loud: bool = False) -> None:
        self._loud = loud

    def skim(self, data: bytes) -> bytes | None:
        if b"odd" in data:
            return None
        return data.upper() if self._loud else data

    skim_on = skim

    def note_life(self) -> None:
        self.lively += 1


class Upstream:
    begins_a_chunk = True


class Sent:
    """The client's wire."""

    wire_fast_path = None

    def __init__(self) -> None:
        self.data = b""

    def write_now(self, data: bytes) -> None:
        self.data += data


class Owner:
    """Is told what goes to the layers."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.handled = 0

    def received(self, wire: TcpConnection, data: bytes) -> None:
        self.told.append(data)
        self.handled += 1

    def ended(self, wire: TcpConnection) -> None:
        self.told.append(b"<end>")


def connected(stream: Stream, upstream: Any = Upstream) -> tuple[TcpConnection, Sent, Owner]:
    owner: Any = Owner()
    wire, sent = TcpConnection(owner, None), Sent()
    wire.wire_fast_path = WireFastPath(stream, upstream, wire, sent, owner)  # type: ignore[arg-type]
    return wire, sent, owner


def body_of(data: bytes) -> bytes:
    buffer, reader = ReceiveBuffer(), ChunkedReader()
    buffer += data
    body = b""
    while buffer and (event := reader(buffer)) is not None:
        body += bytes(getattr(event, "data", b""))
    return body


events = st.sampled_from([b"data: a\n\n", b"data: b\n\ndata: c\n\n", b"data: c", b"\n\n", b"a\r\n"])


@given(
    pieces=st.lists(events, min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=5),
    loud=st.booleans(),
)
def test_nothing_is_lost_however_it_is_cut(
    pieces: list[bytes], cuts: list[int], loud: bool
) -> None:
    data = b"".join(map(as_chunk, pieces))
    wire, sent, owner = connected(Stream(loud))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        before = len(owner.told)
        wire.data_received(data[start:end])
        if len(owner.told) > before:  # from here on it is the layers' until they say so
            wire.data_received(data[end:])
            break
    wire.eof_received()
    whole = body_of(sent.data).lower() + body_of(b"".join(owner.told[:-1]))
    assert whole == b"".join(pieces)
    assert owner.told[-1] == b"<end>"


def test_half_a_chunk_waits_for_the_rest() -> None:
    stream = Stream()
    wire, sent, owner = connected(stream)
    first, second = as_chunk(b"data: one\n\n"), as_chunk(b"data: two\n\n")
    wire.data_received(first + second[:9])
    assert (sent.data, owner.told, stream.lively) == (first, [], 1)
    wire.data_received(second[9:])
    assert (sent.data, owner.told) == (first + second, [])


def test_half_a_chunk_with_a_whole_event_does_not_wait() -> None:
    wire, sent, owner = connected(Stream())
    data = as_chunk(b"data: one\n\ndata: two\n\n")[:-7]
    wire.data_received(data)
    assert (sent.data, owner.told) == (b"", [data])


def test_half_a_chunk_at_the_end_goes_to_the_layers() -> None:
    wire, _, owner = connected(Stream())
    half = as_chunk(b"data: one\n\n")[:8]
    wire.data_received(half)
    assert owner.told == []
    wire.connection_lost(None)
    assert owner.told == [half, b"<end>"]


def test_what_has_to_be_read_and_the_end_go_to_the_layers() -> None:
    wire, sent, owner = connected(Stream())
    odd, end = as_chunk(b"odd"), b"0\r\n\r\n"
    wire.data_received(odd)
    wire.data_received(as_chunk(b"one") + end)
    assert (sent.data, owner.told) == (as_chunk(b"one"), [odd, end])


def test_nothing_is_taken_while_the_layers_are_at_it() -> None:
    upstream, stream = Upstream(), Stream()
    wire, sent, owner = connected(stream, upstream)
    upstream.begins_a_chunk = False
    wire.data_received(b"one")
    upstream.begins_a_chunk, stream.ready = True, False
    wire.data_received(as_chunk(b"two"))
    assert (sent.data, owner.told) == (b"", [b"one", as_chunk(b"two")])


def test_what_the_layers_were_given_is_thought_of_before_the_next_chunk() -> None:
    upstream, stream = Upstream(), Stream()
    wire, sent, owner = connected(stream, upstream)
    one, two, three = (as_chunk(word) for word in (b"one", b"two", b"three"))
    wire.data_received(one)
    upstream.begins_a_chunk = False  # asked again only once something else has happened
    wire.data_received(two)
    assert (sent.data, owner.told) == (one + two, [])
    owner.handled += 1
    wire.data_received(three)
    assert (sent.data, owner.told) == (one + two, [three])
