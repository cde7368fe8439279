"""Searches large texts for what is rare in them, at the speed of `memchr`.

A text of megabytes is mostly one string, such as an image in base64. `bytes.find` of one byte
passes over that at 30 GB/s, of several bytes at 2 GB/s, and `bytes.count` of one at 4 GB/s
(CPython 3.13). So the first byte is looked for alone, and only what follows it with all care.
"""

_WINDOW = 16_384
"""Bytes behind a first byte that are searched at once.

Where that byte is frequent, they keep the steps few.
"""


def find_rare(text: bytes, wanted: bytes, start: int = 0) -> int:
    """Returns what `text.find(wanted, start)` does, sooner if the first byte is rare."""
    first, size = wanted[:1], _WINDOW + len(wanted) - 1
    while (start := text.find(first, start)) >= 0:
        if (found := text.find(wanted, start, start + size)) >= 0:
            return found
        start += _WINDOW
    return -1


def has_rare(text: bytes, wanted: bytes, start: int = 0) -> bool:
    """Whether `find_rare` finds it; where the first byte is frequent, known in half the time.

    `bytes.rfind` compares less than `bytes.find` does.
    """
    if len(text) <= _WINDOW:
        return text.rfind(wanted, start) >= 0
    first, size = wanted[:1], _WINDOW + len(wanted) - 1
    while (start := text.find(first, start)) >= 0:
        if text.rfind(wanted, start, start + size) >= 0:
            return True
        start += _WINDOW
    return False


def count_rare(text: bytes, byte: bytes) -> int:
    """Returns what `text.count(byte)` does for one byte, sooner if it is rare."""
    count, start = 0, text.find(byte)
    while start >= 0:
        count += text.count(byte, start, start + _WINDOW)
        start = text.find(byte, start + _WINDOW)
    return count
