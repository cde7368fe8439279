"""A session whose prompt cache broke has the cause on record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2

from tests.support.answers import ANTHROPIC
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.usage.support import whole_rows

WARM = Answer(text="Well.", input=10_000, cached=9_000)
COLD = replace(WARM, cached=0)


def test_the_part_that_changed_is_on_record(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path
) -> None:
    upstream.on("c", saying(ANTHROPIC, WARM), saying(ANTHROPIC, WARM), saying(ANTHROPIC, COLD))
    provider = {"name": "p", "format": "anthropic", "base-url": upstream.url, "api-key": "k"}
    router = start_router({"providers": [provider], "usage": {"dir": str(tmp_path)}})
    for system in ("You help.", "You help.", "You help today."):
        body = {
            "model": "p/c",
            "max_tokens": 100,
            "stream": True,
            "system": [{"type": "text", "text": system}],
            "messages": [{"role": "user", "content": "hi"}],
        }
        headers = {"x-claude-code-session-id": "s-1"}
        url = router.url + ANTHROPIC.path
        answer = httpx2.post(url, json=body, headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 200
    router.stop()
    rows = sorted(whole_rows(tmp_path), key=lambda row: row["id"])
    assert [row["cache_verdict"] for row in rows] == [None, None, "system block 1"]
    assert [row["cache_read"] for row in rows] == [9_000, 9_000, 0]
