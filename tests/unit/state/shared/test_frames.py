"""Messages between the parent and its workers survive the way, and nonsense is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.shared import frames

MESSAGES = st.lists(st.integers(-(2**53), 2**53) | st.text() | st.none() | st.lists(st.text()))


async def read_all(data: bytes, sizes: int) -> list[object]:
    reader = asyncio.StreamReader()
    for start in range(0, len(data), sizes):
        reader.feed_data(data[start : start + sizes])
    reader.feed_eof()
    found: list[object] = []
    while not reader.at_eof():
        found.append(await frames.read(reader))
    return found


@given(st.lists(MESSAGES, max_size=5), st.integers(1, 40))
def test_messages_arrive_in_whatever_pieces(messages: list[object], sizes: int) -> None:
    data = b"".join(map(frames.pack, messages))
    assert asyncio.run(read_all(data, sizes)) == messages


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff{}", b"\x00\x00\x00\x01{", b"GET / HTTP/1.1"])
async def test_what_is_no_message_raises(data: bytes) -> None:
    with pytest.raises((ValueError, asyncio.IncompleteReadError)):
        await read_all(data, 100)


async def test_a_message_that_breaks_off_raises() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await read_all(frames.pack(["admit"])[:-1], 100)
