"""Parses versions of Claude models, and defines their limits."""

import re

MAX_TOKENS = 32_000
"""`max_tokens` if the client set no limit, since the API requires one. Enough for long responses,
and within the maximum of every current Claude model (64,000 and more)."""


_CLAUDE = re.compile(r"claude-(?:[a-z]+-)*(\d+)(?:[-.](\d{1,2}))?(?!\d)")


def claude_version(model: str) -> tuple[int, int] | None:
    """Returns the version in a Claude model's name, within any cloud's or router's id.

    Returns None for all other models.
    """
    found = _CLAUDE.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None
