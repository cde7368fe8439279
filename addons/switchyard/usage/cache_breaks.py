"""Prompt caches that broke, by session and what broke them."""

from collections.abc import Iterable
from dataclasses import dataclass

from switchyard.usage.reader import UsageReader

_BREAKS = """
SELECT (SELECT text FROM names WHERE number = session),
  (SELECT text FROM names WHERE number = cache_verdict),
  count(*), sum(coalesce(input, 0) + coalesce(cache_write_5m, 0) + coalesce(cache_write_1h, 0)),
  max(started)
FROM requests
WHERE id >= :first AND started >= :since AND started < :until
  AND cache_verdict IN (SELECT number FROM names WHERE text IS NOT NULL)
GROUP BY session, cache_verdict
"""


@dataclass(frozen=True, slots=True)
class CacheBreak:
    """Requests of a session that found less in the cache than was there, for one reason."""

    session: str
    verdict: str
    requests: int
    tokens: int
    """Tokens of their prompts that were not read from the cache."""
    last: float
    """When the last one began, in Unix seconds."""


def cache_breaks(reader: UsageReader, since: float, until: float) -> list[CacheBreak]:
    """Return the breaks between two moments (Unix seconds), the costliest first.

    Raises sqlite3.OperationalError where the store cannot be read in time.
    """
    # Ids begin with their time, so that the rows before it are not read.
    first = int(since * 1000).to_bytes(6) if since > 0 else b""
    values = {"first": first, "since": since, "until": until}
    found: dict[tuple[str, str], CacheBreak] = {}
    for session, verdict, requests, tokens, last in reader.month_rows(since, _BREAKS, values):
        place = (session or "", verdict)
        old = found.get(place, CacheBreak(*place, 0, 0, 0.0))
        found[place] = CacheBreak(
            *place, old.requests + requests, old.tokens + tokens, max(old.last, last)
        )
    return sorted(found.values(), key=lambda one: (-one.tokens, one.session, one.verdict))


def break_members(breaks: Iterable[CacheBreak]) -> list[dict[str, object]]:
    """Return breaks as `--json` prints them."""
    return [
        {
            "sessionId": one.session,
            "changed": one.verdict,
            "requests": one.requests,
            "uncachedTokens": one.tokens,
        }
        for one in breaks
    ]
