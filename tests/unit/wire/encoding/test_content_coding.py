import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding import content_coding
from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decode_whole
from switchyard.wire.encoding.content_coding import decoder


def _raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
    "none": bytes,
    "UTF-8": bytes,
}


@pytest.mark.parametrize("encoding", ENCODERS)
@given(data=st.binary(max_size=2000), step=st.integers(1, 7))
def test_decodes_however_the_body_is_cut(encoding: str, data: bytes, step: int) -> None:
    encoded = ENCODERS[encoding](data)
    decode = decoder(encoding)
    pieces = [encoded[i : i + step] for i in range(0, len(encoded), step)]
    assert b"".join(map(decode, pieces)) == data


def test_deflate_without_its_wrapping_is_understood() -> None:
    assert decode_whole(_raw_deflate(b"words" * 50), "deflate") == b"words" * 50


def test_several_encodings_are_undone_in_reverse_order() -> None:
    assert decode_whole(brotli.compress(gzip.compress(b"words")), "gzip, br") == b"words"


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_garbage_is_reported(encoding: str) -> None:
    with pytest.raises(CorruptEncoding, match=encoding):
        decode_whole(b"this is no compressed body at all" * 10, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_unpacks_without_end_is_refused(encoding: str) -> None:
    bomb = ENCODERS[encoding](b"\0" * 5_000_000)
    assert len(bomb) < 10_000
    assert len(decode_whole(bomb, encoding)) == 5_000_000
    with pytest.raises(CorruptEncoding, match="more than 1000000 bytes"):
        decode_whole(bomb, encoding, most=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_small_piece_cannot_fill_the_memory(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = ENCODERS[encoding](b"\0" * 5_000_000)
    assert len(decoder(encoding)(bomb)) == 5_000_000
    monkeypatch.setattr(content_coding, "MAX_OF_A_PIECE", 1_000_000)
    with pytest.raises(CorruptEncoding, match="a piece of the body unpacks to more than 1000000"):
        decoder(encoding)(bomb)


@given(
    members=st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    padding=st.sampled_from([b"", b"\0\0\0", b"\x1f", b"junk"]),
    step=st.integers(1, 40),
)
def test_gzip_may_have_several_members(members: list[bytes], padding: bytes, step: int) -> None:
    encoded = b"".join(map(gzip.compress, members)) + padding
    decode = decoder("gzip")
    pieces = [encoded[i : i + step] for i in range(0, len(encoded), step)]
    assert b"".join(map(decode, pieces)) == b"".join(members)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(UnknownEncoding, match="'lzma'"):
        decoder("lzma")
