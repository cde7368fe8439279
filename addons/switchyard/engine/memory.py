"""Gives memory back to the system that the C library keeps of what was freed.

glibc keeps free blocks that lie between others in use, in the hope of more of their size. After
sixteen bodies of 5 MB at once, a router of 100 MB stayed at 270 MB for good; under a load of small
requests it grew by a megabyte a minute.
"""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MUCH = 4 * 1024 * 1024
"""Bytes that are worth the milliseconds in which the C library gives nothing to anybody else."""

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Heap:
    """What the system and the C library say of this process's memory, in bytes."""

    resident: Callable[[], int]
    """What the process has."""
    free: Callable[[], int]
    """What the C library keeps for later, whether the process has it or gave it back."""
    trim: Callable[[], object]
    """Gives back what is free, as far as it comes in whole pages."""


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` (mallinfo(3))."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def glibc_heap() -> Heap | None:
    """Returns the heap of glibc 2.33 or later on Linux; None for any other C library."""
    try:
        library = ctypes.CDLL(None)
        mallinfo, trim = library.mallinfo2, library.malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    if not _STATM.exists():
        return None
    mallinfo.restype = _Mallinfo
    page = os.sysconf("SC_PAGE_SIZE")
    return Heap(
        resident=lambda: int(_STATM.read_bytes().split()[1]) * page,
        free=lambda: mallinfo().fordblks,
        trim=lambda: trim(0),
    )


class FreedMemory:
    """Sees when a process has grown by memory that it no longer uses."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._least = heap.resident()
        """What the process had at the last look at which it had not grown, in bytes."""

    def give_back(self) -> bool:
        """Gives memory back if there is much; returns whether it did. Blocks for milliseconds."""
        resident = self._heap.resident()
        if resident - self._least < MUCH or self._heap.free() < MUCH:
            self._least = min(self._least, resident)
            return False
        self._heap.trim()
        self._least = self._heap.resident()
        return True
