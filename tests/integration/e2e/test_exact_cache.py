"""`cache:` answers repeated calls for embeddings and token counts, each client key its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.router import Router
from tests.support.steps import whole
from tests.support.upstream import Upstream
from tests.unit.usage.support import whole_rows

EMBED, COUNT, ASK = "/v1/embeddings", "/v1/messages/count_tokens", "/v1/chat/completions"
KEYS = ("sk-client-one-1", "sk-client-two-2")
VECTOR = {
    "object": "list",
    "model": "e",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
TEXT = {"model": "chat/e", "input": "one text"}
PROMPT = {"model": "anth/c", "messages": [{"role": "user", "content": "hi"}]}


def router_with(
    upstream: Upstream, start_router: Callable[..., Router], folder: Path, **more: Any
) -> Router:
    config = {
        "clients": {"api-keys": list(KEYS)},
        "providers": [
            {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"},
            {"name": "anth", "format": "anthropic", "base-url": upstream.url, "api-key": "sk-2"},
        ],
        "retry": {"request-retry": 0},
        "cooldown": {"base": "1ms", "cap": "1ms"},
        "usage": {"dir": str(folder)},
        **more,
    }
    return start_router(config)


def ask(router: Router, path: str, body: dict[str, Any], key: str = KEYS[0]) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(router.url + path, json=body, headers=headers, trust_env=False, timeout=30)


def answering(upstream: Upstream) -> None:
    upstream.on("e", always=whole(json.dumps(VECTOR).encode()), path=EMBED)
    upstream.on("c", always=whole(b'{"input_tokens": 7}'), path=COUNT)


def test_a_repeated_call_is_answered_from_memory(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path
) -> None:
    answering(upstream)
    router = router_with(upstream, start_router, tmp_path, cache={"ttl": "1h"})
    for path, body in ((EMBED, TEXT), (COUNT, PROMPT)):
        first, second = ask(router, path, body), ask(router, path, body)
        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()
        assert "x-switchyard-cache" not in first.headers
        assert second.headers["x-switchyard-cache"].startswith("hit; age=")
        assert ask(router, path, body, KEYS[1]).headers.get("x-switchyard-cache") is None
    assert "x-switchyard-cache" not in ask(router, EMBED, {**TEXT, "input": "other"}).headers
    assert len(upstream.requests) == 5
    router.stop()
    rows = [row for row in whole_rows(tmp_path) if row["state"] == "cached"]
    assert [row["operation"] for row in rows] == ["embeddings", "count-tokens"]
    for row in rows:
        assert (row["provider"], row["attempts"], row["cost"], row["list_cost"]) == (None, 0, 0, 0)
        assert (row["status"], row["source"], row["error"]) == (200, "none", None)


def test_errors_are_not_kept(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path
) -> None:
    refused = whole(b'{"error": {"message": "no", "type": "invalid_request_error"}}', 400)
    upstream.on("e", refused, path=EMBED)
    answering(upstream)
    router = router_with(upstream, start_router, tmp_path, cache={"for": "embeddings"})
    assert [ask(router, EMBED, TEXT).status_code for _ in range(3)] == [400, 200, 200]
    assert len(upstream.requests) == 2
    for _ in range(2):
        assert ask(router, COUNT, PROMPT).json() == {"input_tokens": 7}
    assert len(upstream.requests) == 4


@pytest.mark.parametrize("more", [{}, {"cache": {"for": ["count-tokens"]}}])
def test_what_is_not_named_is_asked_each_time(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path, more: dict[str, Any]
) -> None:
    answering(upstream)
    router = router_with(upstream, start_router, tmp_path, **more)
    for _ in range(2):
        assert "x-switchyard-cache" not in ask(router, EMBED, TEXT).headers
    assert len(upstream.requests) == 2
