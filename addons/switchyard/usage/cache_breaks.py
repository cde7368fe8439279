"""Prompt caches that broke, by session and what broke them."""

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from switchyard.usage.queries import Question
from switchyard.usage.reader import UsageReader

_BREAKS = """
SELECT (SELECT text FROM names WHERE number = session),
  (SELECT text FROM names WHERE number = cache_verdict), requests, tokens, last
FROM (
  SELECT session, cache_verdict, count(*) AS requests, max(started) AS last,
    sum(coalesce(input, 0) + coalesce(cache_write_5m, 0) + coalesce(cache_write_1h, 0)) AS tokens
  FROM requests
  WHERE started >= :since AND started < :until AND cache_verdict != 0 {of_key}
  GROUP BY session, cache_verdict
) AS breaks
"""
"""Texts are looked up for each group, not for each row; 0 is the number of no verdict."""
_OF_KEY = "AND client_key = (SELECT number FROM names WHERE text = :client_key)"
_WIDTH = 5


class CacheBreak(NamedTuple):
    """Requests of a session that found less in the cache than was there, for one reason."""

    session: str
    verdict: str
    requests: int
    tokens: int
    """Tokens of their prompts that were not read from the cache."""
    last: float
    """When the last one began, in Unix seconds."""


def cache_breaks(
    reader: UsageReader, since: float, until: float, client_key: str | None = None
) -> list[CacheBreak]:
    """Return the breaks between two moments (Unix seconds), the costliest first.

    `client_key` is the name of a key whose requests alone are looked at; None: of all. Raises
    sqlite3.OperationalError where the store cannot be read in time.
    """
    values: dict[str, object] = {"since": since, "until": until}
    if client_key is not None:
        values["client_key"] = client_key
    query = _BREAKS.format(of_key="" if client_key is None else _OF_KEY)
    found: dict[tuple[str, str], CacheBreak] = {}
    rows = reader.month_rows(since, query, _WIDTH, values)
    for session, verdict, requests, tokens, last in rows:
        place = (session or "", verdict)
        if (old := found.get(place)) is not None:
            requests += old.requests
            tokens += old.tokens
            last = max(last, old.last)
        found[place] = CacheBreak(*place, requests, tokens, last)
    # They may be many: to compare whole breaks is faster than a key for each of them.
    ordered = sorted(found.values())
    ordered.sort(key=attrgetter("tokens"), reverse=True)
    return ordered


def breaks_of_days(
    reader: UsageReader, days: Question, session: str | None, client_key: str | None = None
) -> list[CacheBreak]:
    """Return the breaks on the days of a question, of one session if it is named.

    The rest is as with `cache_breaks`; what else the question selects by counts for nothing.
    """
    until = math.inf if days.until is None else days.until
    found = cache_breaks(reader, days.since or 0.0, until, client_key)
    return found if session is None else [one for one in found if one.session == session]


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
