"""How long the prompt cache of a request lives after its last use.

Source: Anthropic's "Prompt caching": 5 minutes, or an hour for a breakpoint with `ttl: "1h"`, and
every use begins that time anew. Other providers keep caches for at least some minutes (OpenAI's
"Prompt caching": 5 to 10 minutes of inactivity).
"""

from collections.abc import Iterator
from collections.abc import Mapping

MINUTES = 300.0
HOUR = 3600.0


def cache_life(body: Mapping[str, object]) -> float:
    """Return the seconds that the cache of a request's conversation lives, by the body sent.

    The last breakpoint counts, which covers the longest prefix.
    """
    for mark in _marks(body):
        return HOUR if mark.get("ttl") == "1h" else MINUTES
    return MINUTES


def _marks(body: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the breakpoints of a body from its end to its beginning."""
    if isinstance(mark := body.get("cache_control"), Mapping):
        yield mark
    yield from _of_messages(body.get("messages"))
    yield from _of_blocks(body.get("system"))
    yield from _of_blocks(body.get("tools"))


def _of_messages(messages: object) -> Iterator[Mapping[str, object]]:
    for message in reversed(messages) if isinstance(messages, list | tuple) else ():
        if isinstance(message, Mapping):
            yield from _of_blocks(message.get("content"))


def _of_blocks(blocks: object) -> Iterator[Mapping[str, object]]:
    if not isinstance(blocks, list | tuple):
        return
    for block in reversed(blocks):
        if isinstance(block, Mapping) and isinstance(mark := block.get("cache_control"), Mapping):
            yield mark
