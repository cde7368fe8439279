"""The collector pauses while the router loads, and leaves it alone afterwards."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from switchyard.engine.garbage import begin_loading
from switchyard.engine.garbage import settle
from switchyard.engine.garbage import tidy


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def test_it_pauses_until_all_is_loaded() -> None:
    begin_loading()
    assert not gc.isenabled()
    settle()
    assert gc.isenabled() and gc.get_freeze_count() > 0


def test_what_it_looks_through_at_once_is_little() -> None:
    settle()
    first, second, _ = gc.get_threshold()
    assert first * second <= 5000


class Cycle:
    def __init__(self) -> None:
        self.own = self


def test_cycles_go_while_nobody_is_connected_if_they_are_many() -> None:
    cycle = Cycle()
    gc.collect()  # the first steps no longer look through it
    left = ref(cycle)
    del cycle
    tidy()
    assert left() is not None, "too little to stop for"
    for _ in range(10):
        gc.collect(1)
    assert left() is not None
    tidy()
    assert left() is None and gc.get_count()[2] == 0
