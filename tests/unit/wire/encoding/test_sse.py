"""Server-sent events are read however they are cut and spelled, and written in one strict form."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding import sse
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.encoding.sse import StreamTooLarge
from switchyard.wire.encoding.sse import encode


def decode(data: bytes, cuts: list[int] | None = None) -> list[Frame]:
    decoder = SseDecoder()
    edges = [0, *sorted(cuts or []), len(data)]
    frames: list[Frame] = []
    for start, end in pairwise(edges):
        frames += decoder.feed(data[start:end])
    return frames + decoder.close()


def payloads(data: bytes) -> list[bytes]:
    return [frame.data for frame in decode(data)]


def test_a_strict_event_keeps_its_bytes() -> None:
    data = b'data: {"a":1}\n\nevent: error\ndata: {}\n\n'
    assert decode(data) == [
        Frame(b'{"a":1}', None, b'data: {"a":1}\n\n'),
        Frame(b"{}", b"error", b"event: error\ndata: {}\n\n"),
    ]


@pytest.mark.parametrize("after", [b"", b"\n", b"\n\n", b"\n\ndata: [DONE]\n\n"])
@pytest.mark.parametrize("body", [b'{"error":"x"}', b'{\n  "error": {\n    "a": 1\n  }\n}'])
def test_a_body_in_the_midst_of_a_stream_is_read(body: bytes, after: bytes) -> None:
    """Servers write an error there as they would write it in place of a stream."""
    first, second, *rest = decode(b'data: {"a":1}\n\n' + body + after)
    assert (first.data, second.data.strip(), second.raw) == (b'{"a":1}', body, b"")
    assert [frame.data for frame in rest] == ([b"[DONE]"] if b"DONE" in after else [])


def test_a_body_is_a_line_of_data_among_others() -> None:
    assert payloads(b'data: 1\n{"error":"x"}\ndata: [DONE]\n\n') == [b'1\n{"error":"x"}\n[DONE]']


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard(end: bytes) -> None:
    data = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert [(f.event, f.data) for f in decode(data)] == [(b"a", b"1"), (None, b"2")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"data: 1\r\n\r\n", "CRLF"),
        (b"data:1\n\n", "no space"),
        (b": note\ndata: 1\n\n", "comment"),
        (b"id: 7\ndata: 1\n\n", "id"),
        (b"retry: 7\ndata: 1\n\n", "retry"),
        (b"data: 1\ndata: 2\n\n", "several data lines"),
        (b"event:x\ndata: 1\n\n", "no space after event"),
        (b"data: 1", "no end"),
        (b"data: 1\n", "half an end"),
    ],
)
def test_what_had_to_be_mended_has_no_raw_bytes(data: bytes, why: str) -> None:
    (frame,) = decode(data)
    assert frame.raw == b"", why
    assert frame.data.startswith(b"1")


def test_several_data_lines_are_joined() -> None:
    assert payloads(b"data: {\ndata:  1\ndata:}\n\n") == [b"{\n 1\n}"]


def test_only_one_space_belongs_to_the_field() -> None:
    assert payloads(b"data:  two\n\n") == [b" two"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n\n", b": only a comment\n\n", b"event: ping\n\n", b"data:\n\n", b"data:   \n\n"],
)
def test_events_without_data_vanish(data: bytes) -> None:
    assert decode(data) == []


def test_empty_lines_between_events_do_no_harm() -> None:
    assert payloads(b"\n\ndata: 1\n\n\n\ndata: 2\n\n") == [b"1", b"2"]


def test_a_byte_order_mark_is_dropped_even_when_cut() -> None:
    data = b"\xef\xbb\xbfdata: 1\n\n"
    for cut in range(4):
        assert [f.data for f in decode(data, [cut])] == [b"1"]
    assert payloads(b"data: \xef\xbb\xbf\n\n") == [b"\xef\xbb\xbf"]


def test_a_letter_of_several_bytes_survives_a_cut() -> None:
    data = 'data: {"a":"é€😀"}\n\n'.encode()
    for cut in range(len(data)):
        assert decode(data, [cut]) == decode(data)


def test_the_end_of_an_event_is_seen_across_a_cut() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: 1\r") == []
    assert decoder.feed(b"\n\r") == []
    assert [f.data for f in decoder.feed(b"\ndata: 2\n\n")] == [b"1", b"2"]


def test_an_event_is_given_out_as_soon_as_it_is_complete() -> None:
    decoder = SseDecoder()
    assert [f.data for f in decoder.feed(b"data: 1\n\ndata: 2\n")] == [b"1"]
    assert [f.data for f in decoder.feed(b"\n")] == [b"2"]
    assert decoder.close() == []


def test_close_gives_what_is_left_once() -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: rest")
    assert [f.data for f in decoder.close()] == [b"rest"]
    assert decoder.close() == []


def test_a_stream_without_an_end_of_event_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    decoder = SseDecoder()
    decoder.feed(b"data: " + b"x" * 90)
    with pytest.raises(StreamTooLarge, match="100 bytes"):
        decoder.feed(b"x" * 90)


def test_many_small_pieces_cost_no_more_than_few() -> None:
    """Looking for the end begins where the last look stopped."""

    class Counting(bytearray):
        looked = 0

        def find(self, *args: object) -> int:
            start = args[1] if len(args) > 1 else 0
            end = args[2] if len(args) > 2 else len(self)
            assert isinstance(start, int) and isinstance(end, int)
            Counting.looked += max(0, end - start)
            return super().find(*args)  # type: ignore[arg-type]

    decoder = SseDecoder()
    decoder._buffer = Counting()
    size = 5_000
    decoder.feed(b"data: ")
    for _ in range(size):
        decoder.feed(b"x")
    assert [len(f.data) for f in decoder.feed(b"\n\n")] == [size]
    assert Counting.looked < 20 * size


@pytest.mark.parametrize("name", ["a\nb", "a\r", "\ud83d", "\x00", "\u2028"])
def test_a_name_that_is_no_line_of_text_is_left_out(name: str) -> None:
    assert encode(b"{}", name) == b"data: {}\n\n"


def test_what_is_written_is_strict() -> None:
    assert encode(b"{}") == b"data: {}\n\n"
    assert encode(b"{}", "message_stop") == b"event: message_stop\ndata: {}\n\n"
    assert decode(encode(b"{}", "a")) == [Frame(b"{}", b"a", encode(b"{}", "a"))]


_LINE = st.sampled_from(
    [b"data: 1", b"data:2", b"event: e", b": c", b"id: 3", b"junk", b"data: \xc3\xa9", b"", b""]
)


@given(
    lines=st.lists(st.tuples(_LINE, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=30),
    seed=st.integers(0, 2**32),
)
def test_any_split_reads_the_same(lines: list[tuple[bytes, bytes]], seed: int) -> None:
    data = b"".join(line + end for line, end in lines)
    rng = random.Random(seed)
    cuts = [rng.randrange(len(data) + 1) for _ in range(rng.randrange(6))]
    assert decode(data, cuts) == decode(data)
    assert decode(data, list(range(len(data)))) == decode(data)


@given(st.binary(max_size=200))
def test_garbage_never_raises(data: bytes) -> None:
    for frame in decode(data):
        assert frame.data.strip()
        assert frame.raw == b"" or frame.raw in data
