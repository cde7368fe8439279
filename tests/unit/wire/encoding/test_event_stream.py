"""AWS' event stream framing, judged by botocore's own reader."""

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.encoding.event_stream import CorruptEventStream
from switchyard.wire.encoding.event_stream import EventMessage
from switchyard.wire.encoding.event_stream import EventMessageDecoder
from tests.support.event_stream import message

HEADERS = st.dictionaries(
    st.text(min_size=1, max_size=12),
    st.one_of(
        st.text(max_size=20),
        st.binary(max_size=20),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
    ),
    max_size=4,
)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=60)), max_size=4)
SOME = settings(max_examples=60, deadline=None)


def read(data: bytes, *cuts: int) -> list[EventMessage]:
    decoder, found, begin = EventMessageDecoder(), [], 0
    for cut in (*sorted(cuts), len(data)):
        found += decoder.feed(data[begin:cut])
        begin = cut
    assert not decoder.is_within_message
    return found


@SOME
@given(MESSAGES)
def test_botocore_reads_the_same(messages: list[tuple[dict[str, object], bytes]]) -> None:
    data = b"".join(message(headers, payload) for headers, payload in messages)
    theirs = EventStreamBuffer()
    theirs.add_data(data)
    expected = [(one.headers, one.payload) for one in theirs]
    assert [(dict(one.headers), one.payload) for one in read(data)] == expected
    assert len(expected) == len(messages)


@SOME
@given(MESSAGES, st.data())
def test_any_split_gives_the_same_messages(
    messages: list[tuple[dict[str, object], bytes]], picks: st.DataObject
) -> None:
    data = b"".join(message(headers, payload) for headers, payload in messages)
    cuts = picks.draw(st.lists(st.integers(0, len(data)), max_size=8))
    assert read(data, *cuts) == read(data)


ONE = message({":message-type": "event", "n": 3}, b'{"a": 1}')


@pytest.mark.parametrize("bit", range(len(ONE) * 8))
def test_one_flipped_bit_is_an_error(bit: int) -> None:
    """In lengths, headers, payload or checksums; it never waits for a message that cannot come."""
    wrong = bytearray(ONE)
    wrong[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptEventStream):
        EventMessageDecoder().feed(bytes(wrong))


@pytest.mark.parametrize("end", range(1, len(ONE)))
def test_an_end_within_a_message_is_seen(end: int) -> None:
    decoder = EventMessageDecoder()
    assert decoder.feed(ONE[:end]) == []
    assert decoder.is_within_message
    assert len(decoder.feed(ONE[end:])) == 1
    assert not decoder.is_within_message


@pytest.mark.parametrize(
    "headers",
    [b"\x05abc", b"\x01a\x07\x00\x09x", b"\x01a\x0bx", b"\x01a", b"\x01a\x04\x00", b"\x01\xff\x00"],
)
def test_headers_that_cannot_be_read(headers: bytes) -> None:
    with pytest.raises(CorruptEventStream):
        EventMessageDecoder().feed(message(headers, b""))


@pytest.mark.parametrize("length", [0, 15, 2**31])
def test_lengths_out_of_bounds(length: int) -> None:
    with pytest.raises(CorruptEventStream):
        EventMessageDecoder().feed(message({}, b"", length=length))


def test_texts_of_headers() -> None:
    (one,) = read(ONE)
    assert one.text(":message-type") == "event"
    assert one.text("n") == one.text("absent") == ""
