"""Threads give way to the event loop sooner than Python has them."""

import sys
from collections.abc import Iterator

import pytest

from switchyard.engine.threads import TURN
from switchyard.engine.threads import shorten_turns


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_turns_are_short() -> None:
    shorten_turns()
    assert sys.getswitchinterval() == pytest.approx(TURN)
