"""The stream of events, read as the dashboard does, while the configuration changes."""

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.support.router import Router
from tests.support.signals import PATIENCE

KEY, NEXT = "manage-me-7f3a", "manage-me-8b41"


def config(key: str, **more: Any) -> dict[str, Any]:
    demo = {"name": "demo", "builtin": "demo", "models": ["echo"]}
    return {"providers": [demo], "management": {"key": key}, **more}


def until_told(pieces: Iterator[bytes], event: bytes) -> None:
    """Reads as far as the first event of a kind."""
    ends = time.monotonic() + PATIENCE
    while b"event: " + event not in next(pieces):
        assert time.monotonic() < ends


def test_a_stream_ends_with_the_key_that_it_is_read_by(
    start_router: Callable[..., Router],
) -> None:
    router = start_router(config(KEY))
    given = {"authorization": f"Bearer {KEY}"}
    with (
        httpx2.Client(base_url=router.url, timeout=PATIENCE, trust_env=False) as client,
        client.stream("GET", "/v0/management/events", headers=given) as answer,
    ):
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        until_told(pieces, b"snapshot")
        router.config_path.write_text(json.dumps(config(KEY, aliases={"e": "demo/echo"})))
        until_told(pieces, b"config")
        router.config_path.write_text(json.dumps(config(NEXT)))
        ends = time.monotonic() + PATIENCE
        for _ in pieces:
            assert time.monotonic() < ends, "it goes on"
