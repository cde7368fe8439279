"""The stream of events, read as the dashboard does, while the configuration changes."""

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.support.router import Router
from tests.support.signals import PATIENCE

KEY, NEXT = "manage-me-7f3a", "manage-me-8b41"
LOOKING = "sk-ann-0123456789abcdef"
SOON = 5
"""Seconds until a key expires: the router reads the configuration within them."""


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
        until_over(pieces)


def until_over(pieces: Iterator[bytes]) -> None:
    """Reads until the stream ends."""
    ends = time.monotonic() + PATIENCE
    for _ in pieces:
        assert time.monotonic() < ends, "it goes on"


def client_keys(expires: datetime) -> dict[str, Any]:
    """A client key that looks on, and one that does not expire."""
    ann = {"name": "ann", "key": LOOKING, "role": "viewer", "expires": expires.isoformat()}
    return {"clients": {"api-keys": [ann, {"name": "bob", "key": "sk-bob-0123456789abcdef"}]}}


@pytest.mark.parametrize("by_cookie", [False, True])
def test_a_stream_ends_when_its_key_expires(
    start_router: Callable[..., Router], by_cookie: bool
) -> None:
    router = start_router(config(KEY, **client_keys(datetime.now(UTC) + timedelta(hours=1))))
    given = {"authorization": f"Bearer {LOOKING}"}
    with httpx2.Client(base_url=router.url, timeout=PATIENCE, trust_env=False) as client:
        if by_cookie:
            client.post("/v0/management/session", headers=given, json={}).raise_for_status()
            given = {}
        with client.stream("GET", "/v0/management/events", headers=given) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_raw()
            until_told(pieces, b"snapshot")
            soon = datetime.now(UTC) + timedelta(seconds=SOON)
            router.config_path.write_text(json.dumps(config(KEY, **client_keys(soon))))
            until_over(pieces)
            assert datetime.now(UTC) >= soon
        assert client.get("/v0/management/events", headers=given).status_code in (401, 403)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stream_ends_with_its_session(start_router: Callable[..., Router], workers: str) -> None:
    """That which another tab ends; whichever worker has its connection."""
    router = start_router(config(KEY), "--workers", workers)
    given = {"authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=router.url, timeout=PATIENCE, trust_env=False) as client:
        begun = client.post("/v0/management/session", headers=given, json={})
        cookies = dict(client.cookies)
        with ExitStack() as streams:
            read = []
            for _ in range(4):
                other = httpx2.Client(
                    base_url=router.url, timeout=PATIENCE, trust_env=False, cookies=cookies
                )
                streams.enter_context(other)
                answer = other.stream("GET", "/v0/management/events")
                read.append(streams.enter_context(answer).iter_raw())
            for pieces in read:
                until_told(pieces, b"snapshot")
            ended = client.delete(
                "/v0/management/session", headers={"x-csrf-token": begun.json()["csrf"]}
            )
            assert ended.status_code == 200
            for pieces in read:
                until_over(pieces)
