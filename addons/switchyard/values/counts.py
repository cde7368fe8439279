"""Writes numbers of things in words."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, as in `1 model` and `2,000 models`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
