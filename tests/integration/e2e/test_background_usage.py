"""Runs in a provider's background are counted once, whoever looks at them, on the real proxy."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.router import Router
from tests.support.signals import wait_until
from tests.support.steps import HANG
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import whole_rows

ALICE, BOB = "sk-client-alice-1", "sk-client-bob-22"
RUN = "resp_0123456789abcdef"
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 130,
}
COST = (60 * 2 + 40 * 2 + 30 * 8) * 1000
"""Nano-dollars of `USAGE` at the configured prices."""
KEYS = {"up-1a", "up-1b"}


def config(upstream: Upstream, folder: Path) -> dict[str, Any]:
    return {
        "clients": {
            "api-keys": [
                {"key": ALICE, "name": "alice", "project": "yard", "budgets": {"total": "1 USD"}},
                {"key": BOB, "name": "bob", "models": ["stack"]},
            ]
        },
        "providers": [
            {"name": "other", "format": "openai-responses", "base-url": f"{upstream.url}/other"},
            {
                "name": "deep",
                "format": "openai-responses",
                "base-url": f"{upstream.url}/v1",
                "api-key-entries": sorted(KEYS),
                "billing": "per-token",
            },
        ],
        "combos": {"stack": ["deep/thinker"]},
        "prices": [{"provider": "deep", "models": ["thinker"], "input": 2, "output": 8}],
        "retry": {"request-retry": 0},
        "usage": {"dir": str(folder)},
    }


def response(status: str, usage: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "id": RUN, "object": "response", "created_at": 1_764_000_000, "status": status,
        "background": True, "error": None, "incomplete_details": None, "model": "thinker",
        "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "Done.", "annotations": []}]}]
        if status == "completed" else [],
        "usage": usage, "store": True,
    }  # fmt: skip


def body(status: str, usage: dict[str, Any] | None = None) -> Behaviour:
    return whole(json.dumps(response(status, usage)).encode())


def event(kind: str, number: int, **more: Any) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": number, **more})
    return f"event: {kind}\ndata: {data}\n\n".encode()


BEGUN = event("response.created", 0, response=response("in_progress"))
SAID = event("response.output_text.delta", 1, item_id="m", output_index=0, content_index=0,
             delta="Do")  # fmt: skip
ENDED = event("response.completed", 9, response=response("completed", USAGE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def start(
    upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> Callable[[], Router]:
    return lambda: start_router(config(upstream, folder))


def headers(key: str = ALICE) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def begin(router: Router, key: str = ALICE, **more: Any) -> httpx2.Response:
    asked = {"model": "stack", "input": "Think.", "background": True, **more}
    sent = {**headers(key), "x-switchyard-project": "shed", "session_id": "s-7"}
    url = f"{router.url}/v1/responses"
    return httpx2.post(url, json=asked, headers=sent, trust_env=False, timeout=30)


def look(router: Router, key: str = ALICE, query: str = "") -> httpx2.Response:
    url = f"{router.url}/v1/responses/{RUN}{query}"
    return httpx2.get(url, headers=headers(key), trust_env=False, timeout=30)


def is_idle(router: Router) -> bool:
    """Whether all calls are over for the router too."""
    return not httpx2.get(f"{router.url}/health", trust_env=False).json()["running"]


def stopped(router: Router, folder: Path) -> list[dict[str, Any]]:
    router.stop()
    check_sums(folder)
    return whole_rows(folder)


def counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The one row that has tokens."""
    (row,) = [row for row in rows if row["output"] is not None]
    assert (row["input"], row["cache_read"], row["output"]) == (60, 40, 30)
    assert (row["cost"], row["reasoning"], row["source"]) == (COST, 10, "reported")
    return row


def test_polls_count_once(upstream: Upstream, start: Callable[[], Router], folder: Path) -> None:
    posted = upstream.on("thinker", body("queued"), path="/v1/responses")
    path = f"/v1/responses/{RUN}"
    polls = upstream.on(None, body("in_progress"), path=path, always=body("completed", USAGE))
    router = start()
    assert begin(router).json()["status"] == "queued"
    assert look(router).json()["status"] == "in_progress"
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: look(router), range(4)))
    assert {answer.json()["status"] for answer in answers} == {"completed"}
    assert len({request.key for request in (*posted.requests, *polls.requests)}) == 1
    wait_until(lambda: is_idle(router))
    used = httpx2.get(f"{router.url}/v0/me", headers=headers(), trust_env=False).json()
    rows = stopped(router, folder)
    row = counted(rows)
    assert len(rows) == 6 and rows[0]["source"] == "none"
    assert (row["provider"], row["model"], row["operation"]) == ("deep", "thinker", "background")
    assert (row["client_key"], row["project"], row["session"]) == ("alice", "shed", "s-7")
    assert (row["asked_model"], row["combo"]) == ("stack", "stack")
    assert str(COST / 1e9) in json.dumps(used), used


def test_a_restart_between(upstream: Upstream, start: Callable[[], Router], folder: Path) -> None:
    upstream.on("thinker", body("queued"), path="/v1/responses")
    upstream.on(None, path=f"/v1/responses/{RUN}", always=body("completed", USAGE))
    router = start()
    assert begin(router).is_success
    router.stop()
    router = start()
    assert [look(router).status_code for _ in range(2)] == [200, 200]
    assert counted(stopped(router, folder))["asked_model"] == "stack"


def test_a_stream_that_is_resumed(
    upstream: Upstream, start: Callable[[], Router], folder: Path
) -> None:
    begun = chunked(BEGUN, SAID, HANG)
    posted = upstream.on("thinker", begun, path="/v1/responses")
    resumed = upstream.on(None, chunked(ENDED), path=f"/v1/responses/{RUN}",
                          always=body("completed", USAGE))  # fmt: skip
    router = start()
    asked = {"model": "stack", "input": "Think.", "background": True, "stream": True}
    url = f"{router.url}/v1/responses"
    with httpx2.stream("POST", url, json=asked, headers=headers(), trust_env=False) as stream:
        next(stream.iter_bytes())
    posted.requests[0].gone.wait()
    wait_until(lambda: is_idle(router))
    answer = look(router, query="?stream=true&starting_after=1")
    assert answer.content == ENDED
    assert resumed.requests[0].target.endswith("?stream=true&starting_after=1")
    assert look(router).is_success
    assert counted(stopped(router, folder))["streamed"] == 0


def test_a_stream_that_ended_is_counted_by_its_call(
    upstream: Upstream, start: Callable[[], Router], folder: Path
) -> None:
    upstream.on("thinker", chunked(BEGUN, ENDED), path="/v1/responses")
    upstream.on(None, path=f"/v1/responses/{RUN}", always=body("completed", USAGE))
    router = start()
    assert begin(router, stream=True).is_success
    router.stop()
    router = start()
    assert look(router).is_success
    assert counted(stopped(router, folder))["operation"] == "generate"


def test_runs_belong_to_their_key(
    upstream: Upstream, start: Callable[[], Router], folder: Path
) -> None:
    upstream.on("thinker", body("queued"), path="/v1/responses")
    polls = upstream.on(None, path=f"/v1/responses/{RUN}", always=body("completed", USAGE))
    router = start()
    assert begin(router, BOB).is_success
    # Not known to be alice's: asked for as any file would be, of the first provider, uncounted.
    upstream.on(None, path=f"/other/responses/{RUN}", always=body("completed", USAGE))
    assert look(router, ALICE).headers["x-switchyard-provider"] == "other"
    assert not polls.requests
    assert look(router, BOB).is_success
    assert counted(stopped(router, folder))["client_key"] == "bob"
