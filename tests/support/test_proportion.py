from collections.abc import Callable

from tests.support.proportion import least_growth


def taking(power: int, *disturbed: int) -> Callable[[int], float]:
    """Work that grows with a power of its size; calls of these numbers take ten times as long."""
    calls = 0

    def seconds(size: int) -> float:
        nonlocal calls
        calls += 1
        return float(size) ** power * (10 if calls in disturbed else 1)

    return seconds


def test_a_disturbed_measurement_is_made_again() -> None:
    assert least_growth(taking(1, 4, 8), 10, 80, below=32) == 8


def test_what_grows_by_the_square_does_so_each_time() -> None:
    assert least_growth(taking(2), 10, 80, below=32) == 64


def test_short_times_tell_nothing() -> None:
    assert least_growth(lambda size: size / 1000, 1, 8, below=32, telling=1.0) == 0.008
