"""Chunks that are cut out at once are those that the patient parser finds."""

from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from switchyard.protocols.chunked import as_chunk
from switchyard.protocols.chunked import whole_chunks

pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
noise = st.sampled_from(
    [b"", b"0\r\n\r\n", b"5;a=b\r\nhello\r\n", b"x", b"\r\n", b"3\r\nab", b"-1\r\n"]
)


@given(bodies=pieces, after=noise, cut=st.integers(0, 300))
def test_as_the_patient_parser_reads_it(bodies: list[bytes], after: bytes, cut: int) -> None:
    data = (b"".join(map(as_chunk, bodies)) + after)[:cut]
    body, rest = whole_chunks(data)
    assert b"".join(bodies).startswith(body) or after
    # What was cut out is whole chunks, and the rest begins where the next one does.
    buffer, reader = ReceiveBuffer(), ChunkedReader()
    buffer += data[: len(data) - len(rest)]
    read = b""
    while buffer and (event := reader(buffer)) is not None:
        read += bytes(event.data)  # type: ignore[union-attr]
    if reader._bytes_to_discard:
        reader(buffer)
    assert read == body and not buffer and not reader._bytes_in_chunk


def test_what_is_not_plain_is_left_alone() -> None:
    for data in (
        b"",
        b"0\r\n\r\n",
        b"a",
        b"5;x=y\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5\r\nhelloXY",
    ):
        assert whole_chunks(data) == (b"", data)
    assert whole_chunks(b"5\r\nhello\r\n0\r\n\r\n") == (b"hello", b"0\r\n\r\n")
    assert whole_chunks(b"5\r\nhello\r\n3\r\nab") == (b"hello", b"3\r\nab")
