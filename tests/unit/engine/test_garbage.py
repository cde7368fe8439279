"""The collector pauses while the router loads, and leaves it alone afterwards."""

import gc
from collections.abc import Iterator

import pytest

from switchyard.engine.garbage import begin_loading
from switchyard.engine.garbage import settle


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_it_pauses_until_all_is_loaded() -> None:
    begin_loading()
    assert not gc.isenabled()
    settle()
    assert gc.isenabled() and gc.get_freeze_count() > 0
