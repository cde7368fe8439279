"""Redis' protocol, in pieces of any size."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.shared.resp import RespError
from switchyard.state.shared.resp import RespReader
from switchyard.state.shared.resp import pack_words

VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)


def wire(value: Any) -> bytes:
    match value:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % value
        case str():
            return pack_words(value.encode())
        case _:
            return b"*%d\r\n" % len(value) + b"".join(map(wire, value))


@given(st.lists(VALUES, max_size=5), st.integers(1, 20))
def test_answers_arrive_whole_however_they_are_cut(values: list[Any], size: int) -> None:
    data = b"".join(map(wire, values))
    reader = RespReader()
    found: list[Any] = []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert found == values


def test_errors_and_words() -> None:
    ok, error, other = RespReader().feed(b"+OK\r\n-READONLY You can't\r\n-no code\r\n")
    assert ok == "OK"
    assert isinstance(error, RespError) and error.code == "READONLY"
    assert isinstance(other, RespError) and other.code == ""


def test_what_came_before_an_unfinished_answer_is_not_read_twice() -> None:
    reader = RespReader()
    assert list(reader.feed(b":1\r\n:2")) == [1]
    assert list(reader.feed(b"3\r\n")) == [23]


@pytest.mark.parametrize("data", [b"HTTP/1.1 400\r\n", b":x\r\n", b"$x\r\n"])
def test_other_protocols_are_noticed(data: bytes) -> None:
    with pytest.raises(ValueError):
        list(RespReader().feed(data))
