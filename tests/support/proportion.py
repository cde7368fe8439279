"""How the processor time of a piece of work grows with its size, on a machine with others on it."""

from collections.abc import Callable

_TRIES = 5
"""So often chance may be against the work: what takes too long by itself does so each time."""


def least_growth(
    seconds: Callable[[int], float], small: int, large: int, below: float, telling: float = 0.005
) -> float:
    """How many times the work of size `large` takes what that of `small` does.

    `seconds` does the work of a size, and returns the processor time that it took. The result is
    that of the first try which is less than `below`; where there is none, the least of all tries.
    A time of less than `telling` seconds counts as that much.
    """
    least = float("inf")
    for _ in range(_TRIES):
        base = max(min(seconds(small) for _ in range(3)), telling)
        least = min(least, seconds(large) / base)
        if least < below:
            break
    return least
