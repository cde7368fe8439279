"""Lines of JSON, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding import ndjson
from switchyard.wire.encoding.ndjson import NdjsonDecoder
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import StreamTooLarge


def frames(data: bytes, *cuts: int) -> list[Frame]:
    decoder = NdjsonDecoder()
    edges = [0, *sorted(cuts), len(data)]
    found: list[Frame] = []
    for i, start in enumerate(edges[:-1]):
        found += decoder.feed(data[start : edges[i + 1]])
    return found + decoder.close()


def test_lines():
    data = b'\xef\xbb\xbf{"a":1}\n\n  \r\n{"b":2}\r\n{"c":3}'
    found = frames(data)
    assert [frame.data for frame in found] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert [frame.raw for frame in found] == [b"", b"", b""]
    assert frames(b'{"a":1}\n') == [Frame(b'{"a":1}', raw=b'{"a":1}\n')]


def test_closing_twice_gives_nothing_more():
    decoder = NdjsonDecoder()
    decoder.feed(b"{}")
    assert [frame.data for frame in decoder.close()] == [b"{}"]
    assert decoder.close() == []


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ndjson, "MAX_EVENT_BYTES", 10)
    decoder = NdjsonDecoder()
    with pytest.raises(StreamTooLarge):
        decoder.feed(b"x" * 11)


@given(st.lists(st.binary(max_size=8)), st.lists(st.integers(0, 60), max_size=8))
def test_any_cut_gives_the_same(lines: list[bytes], cuts: list[int]):
    data = b"\n".join(lines)
    assert frames(data, *(min(cut, len(data)) for cut in cuts)) == frames(data)
