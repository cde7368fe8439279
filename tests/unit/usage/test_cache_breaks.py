"""Broken prompt caches in the records."""

from pathlib import Path

from switchyard.usage.cache_breaks import CacheBreak
from switchyard.usage.cache_breaks import break_members
from switchyard.usage.cache_breaks import cache_breaks
from switchyard.usage.reader import UsageReader
from switchyard.usage.records import Tokens
from switchyard.usage.sqlite import SqliteStore
from tests.unit.usage.support import DAY
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

COLD = Tokens(input=10, cache_read=5, cache_write_5m=1000, cache_write_1h=200)


def test_breaks_by_session_and_reason(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, "w")
    month = 31 * DAY
    written = [
        record(started=NOON, tokens=COLD, cache_verdict="tool list"),
        record(started=NOON - month, tokens=COLD, cache_verdict="tool list"),
        record(started=NOON + 5, tokens=Tokens(input=7), cache_verdict="another member"),
        record(started=NOON, session="s2", tokens=COLD, cache_verdict="tool list"),
        record(started=NOON),
    ]
    for one in written:
        one.id = int(one.started * 1000).to_bytes(6) + one.id[6:]
    store.write(written, [])
    store.close()
    reader = UsageReader(tmp_path)
    assert cache_breaks(reader, 0.0, NOON * 2) == [
        CacheBreak("s1", "tool list", 2, 2420, NOON),
        CacheBreak("s2", "tool list", 1, 1210, NOON),
        CacheBreak("s1", "another member", 1, 7, NOON + 5),
    ]
    lately = cache_breaks(reader, NOON - DAY, NOON + 1)
    assert [(one.session, one.requests) for one in lately] == [("s1", 1), ("s2", 1)]
    assert break_members(lately)[0] == {
        "sessionId": "s1",
        "changed": "tool list",
        "requests": 1,
        "uncachedTokens": 1210,
    }


def test_nothing_on_record(tmp_path: Path) -> None:
    assert cache_breaks(UsageReader(tmp_path / "none"), 0.0, 1.0) == []
