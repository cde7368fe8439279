"""Knows versions and limits of Claude models."""

import re

MAX_TOKENS = 32_000
"""`max_tokens` where the client set no limit, since the API requires one. Enough for long answers,
and no more than any current Claude model can write (64,000 and more)."""


_CLAUDE = re.compile(r"claude-(?:[a-z]+-)*(\d+)(?:[-.](\d{1,2}))?(?!\d)")


def claude_version(model: str) -> tuple[int, int] | None:
    """Return the version in a Claude model's name, within any id of a cloud or router.

    None for all other models.
    """
    found = _CLAUDE.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None
