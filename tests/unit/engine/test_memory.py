"""Memory is given back once there is much that nobody uses."""

from dataclasses import dataclass

import pytest

from switchyard.engine.memory import MUCH
from switchyard.engine.memory import FreedMemory
from switchyard.engine.memory import Heap
from switchyard.engine.memory import glibc_heap


@dataclass
class Process:
    """Bytes that a process has, and those of them that its C library keeps free."""

    resident: int
    free: int
    trims: int = 0

    def heap(self) -> Heap:
        return Heap(lambda: self.resident, lambda: self.free, self.trim)

    def trim(self) -> None:
        self.trims += 1
        self.resident -= self.free


def test_what_is_free_goes_back() -> None:
    process = Process(100 * MUCH, 0)
    memory = FreedMemory(process.heap())
    process.resident, process.free = 103 * MUCH, 2 * MUCH
    assert memory.give_back()
    assert process.resident == 101 * MUCH
    assert not memory.give_back(), "what was given back still counts as free"
    assert process.trims == 1


@pytest.mark.parametrize(("grown", "free"), [(MUCH - 1, MUCH), (2 * MUCH, MUCH - 1), (-MUCH, MUCH)])
def test_little_is_not_worth_it(grown: int, free: int) -> None:
    process = Process(10 * MUCH, 0)
    memory = FreedMemory(process.heap())
    process.resident, process.free = 10 * MUCH + grown, free
    assert not memory.give_back()
    assert process.trims == 0


def test_growth_counts_from_the_least_there_was() -> None:
    process = Process(10 * MUCH, MUCH)
    memory = FreedMemory(process.heap())
    process.resident = 8 * MUCH
    assert not memory.give_back()
    process.resident = 9 * MUCH
    assert memory.give_back()


@pytest.mark.skipif(glibc_heap() is None, reason="the C library is none of glibc's from 2.33 on")
def test_glibc_gives_back_what_lies_between_blocks_in_use() -> None:
    heap = glibc_heap()
    assert heap is not None
    size = 100_000  # less than what comes from the system by itself
    blocks = [bytes(size) for _ in range(2000)]
    kept = blocks[::2]
    del blocks
    assert heap.free() >= 800 * size
    before = heap.resident()
    heap.trim()
    assert before - heap.resident() >= 100 * size
    assert len(kept) == 1000
