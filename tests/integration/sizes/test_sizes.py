"""No part of a request or of an answer costs more than in proportion to its size."""

import pytest

from tests.integration.sizes import requests
from tests.integration.sizes import streams
from tests.integration.sizes.cases import CASES
from tests.integration.sizes.measure import Growth
from tests.integration.sizes.measure import growth


@pytest.mark.parametrize("name", CASES)
def test_work_grows_with_size(name: str) -> None:
    maker, size = CASES[name]
    for repeats in (2, 5, 5, 5):  # others on the machine may be against the time once or twice
        found = growth(name, maker, size, repeats)
        if not found.faults():
            return
    raise AssertionError(f"{found.faults()}: {found.costs}")


def test_a_quadratic_way_is_seen() -> None:
    """The measure itself."""

    def slow(n: int):
        def run() -> int:
            return sum(1 for i in range(n) for _ in range(i))

        return run

    assert any("steps" in fault for fault in growth("slow", slow, 50).faults())

    def large(n: int):
        return lambda: [bytes(n) for _ in range(n // 10)]

    assert any("memory" in fault for fault in growth("large", large, 1000).faults())

    def late(n: int):
        return lambda: bytes(n * n)

    assert isinstance(growth("late", late, 10), Growth)


def test_every_format_is_there() -> None:
    assert set(requests.MODELS) == set(requests.PATHS)
    assert {upstream for upstream, _ in streams.WILD.values()} <= set(requests.MODELS)
