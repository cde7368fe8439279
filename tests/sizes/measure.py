"""What a piece of work costs at n, 2n and 4n.

Steps (calls and jumps of the interpreter) and bytes allocated are the same in every run, however
busy the machine. What C code does shows in neither: for that there is the time of the process, the
best of several, judged where it is long enough to tell.
"""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

type Work = Callable[[], object]
type Maker = Callable[[int], Work]
"""Makes the work of a size; what it prepares is not measured."""

_TOOL = 4
_EVENTS = sys.monitoring.events.CALL | sys.monitoring.events.JUMP | sys.monitoring.events.PY_START

MOST_GROWTH = 6.0
"""From n to 4n, without what is the same for every size: 4 is linear, 16 quadratic."""
MOST_GROWTH_OF_TIME = 9.0
TELLING_TIME = 0.05
"""Seconds below which a time tells nothing."""
TELLING_BYTES = 256 * 1024
"""Growth of memory below which it tells nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one size."""

    size: int
    steps: int
    memory: int
    """Bytes, at most at one time."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one part."""

    name: str
    least: Cost
    """Of size 1."""
    costs: tuple[Cost, Cost, Cost]

    def steps(self) -> float:
        """From n to 4n."""
        return self._ratio([self.least.steps, *(cost.steps for cost in self.costs)], 200)

    def memory(self) -> float:
        first, last = self.costs[0].memory, self.costs[2].memory
        if last - first < TELLING_BYTES:
            return 1.0
        return self._ratio([self.least.memory, *(cost.memory for cost in self.costs)], 4096)

    def seconds(self) -> float:
        if self.costs[2].seconds < TELLING_TIME:
            return 1.0
        return self._ratio([self.least.seconds, *(cost.seconds for cost in self.costs)], 0.001)

    def faults(self) -> list[str]:
        """What grows faster than its size."""
        found: list[str] = []
        for what, ratio, most in (
            ("steps", self.steps(), MOST_GROWTH),
            ("memory", self.memory(), MOST_GROWTH),
            ("time", self.seconds(), MOST_GROWTH_OF_TIME),
        ):
            if ratio > most:
                found.append(f"{self.name}: {what} grow {ratio:.1f} times from n to 4n")
        return found

    @staticmethod
    def _ratio(values: list[float], noise: float) -> float:
        least, first, _, last = values
        return max(last - least, 0) / max(first - least, noise)


def growth(name: str, maker: Maker, size: int, repeats: int = 2) -> Growth:
    """What the work costs at 1, and at one, two and four times `size`."""
    sizes = (1, size, 2 * size, 4 * size)
    maker(1)()  # what is made once is made now
    least, *costs = [cost_of(maker, one, repeats) for one in sizes]
    return Growth(name, least, (costs[0], costs[1], costs[2]))


def cost_of(maker: Maker, size: int, repeats: int) -> Cost:
    steps = steps_of(maker(size))
    memory = memory_of(maker(size))
    seconds = min(seconds_of(maker(size)) for _ in range(repeats))
    return Cost(size, steps, memory, seconds)


def steps_of(work: Work) -> int:
    """The calls and jumps of the interpreter; loops within C code are none."""
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        count += 1

    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, "sizes")
    try:
        for event in (
            monitoring.events.CALL,
            monitoring.events.JUMP,
            monitoring.events.PY_START,
        ):
            monitoring.register_callback(_TOOL, event, step)
        monitoring.set_events(_TOOL, _EVENTS)
        work()
        monitoring.set_events(_TOOL, 0)
    finally:
        monitoring.set_events(_TOOL, 0)
        monitoring.free_tool_id(_TOOL)
    return count


def memory_of(work: Work) -> int:
    gc.disable()  # else it depends on what others left when the memory is looked through
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


def seconds_of(work: Work) -> float:
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()
