"""Records of requests, on the real proxy: each once, whatever way it came and however it ended."""

import json
import sqlite3
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from websockets.sync.client import connect

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.unit.usage.support import check_sums
from tests.unit.usage.support import whole_rows

CLIENT_KEY = "sk-client-of-ours-4"
MESSAGES = [{"role": "user", "content": "Well?"}]


def config(upstream: Upstream, folder: Path) -> dict[str, Any]:
    return {
        "clients": {
            "api-keys": [
                {"key": CLIENT_KEY, "name": "alice", "project": "yard"},
                {"key": "sk-blocked-of-ours", "name": "bob", "blocked": True},
            ]
        },
        "providers": [
            {
                "name": "chat",
                "base-url": f"{upstream.url}/v1",
                "api-key": "sk-1",
                "billing": "per-token",
            },
            {"name": "anth", "format": "anthropic", "base-url": upstream.url, "api-key": "sk-2"},
        ],
        "combos": {"stack": ["chat/busy", "anth/good"], "lost": ["chat/busy"]},
        "prices": [{"provider": "chat", "input": 2, "output": 8, "cache-read": 0.5}],
        "retry": {"request-retry": 0},
        "usage": {"dir": str(folder)},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def router(
    upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> Iterator[Router]:
    yield start_router(config(upstream, folder))


def headers(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {CLIENT_KEY}", "user-agent": "claude-cli/2.1.36 (x)", **more}


def ask(router: Router, path: str, body: dict[str, Any], **more: str) -> httpx2.Response:
    sent = headers(**{name.replace("_", "-"): value for name, value in more.items()})
    return httpx2.post(router.url + path, json=body, headers=sent, trust_env=False, timeout=30)


def stopped(router: Router, folder: Path) -> list[dict[str, Any]]:
    """All rows, once the router has ended."""
    router.stop()
    check_sums(folder)
    return whole_rows(folder)


def test_a_row_and_its_attempts(router: Router, upstream: Upstream, folder: Path) -> None:
    upstream.on("busy", refusing(CHAT, 429), path=CHAT.path)
    upstream.on("good", saying(ANTHROPIC), path=ANTHROPIC.path)
    answer = ask(router, CHAT.path, {"model": "stack", "stream": True, "messages": MESSAGES},
                 x_switchyard_project="shed")  # fmt: skip
    assert answer.status_code == 200
    (row,) = stopped(router, folder)
    assert UUID(bytes=row["id"]) == UUID(answer.headers["x-switchyard-request"])
    assert row["tool"], row["tool_version"] == ("claude-code", "2.1.36")
    assert (row["client_key"], row["project"]) == ("alice", "shed")
    assert (row["asked_model"], row["combo"]) == ("stack", "stack")
    assert (row["provider"], row["model"]) == ("anth", "good")
    assert (row["state"], row["status"], row["streamed"]) == ("complete", 200, 1)
    assert (row["source"], row["billing"], row["cost"]) == ("reported", "free", 0)
    assert row["bytes_out"] == len(answer.content)
    first, second = row["tries"]
    assert (first["provider"], first["outcome"], first["status"]) == ("chat", "quota", 429)
    assert (second["provider"], second["outcome"], second["format"]) == ("anth", "ok", "anthropic")
    assert second["input"] == row["input"] and second["output"] == row["output"]
    times = [row[name] for name in ("head_ms", "first_output_ms", "end_ms")]
    assert times == sorted(times)


def test_projects(router: Router, upstream: Upstream, folder: Path) -> None:
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    body = {"model": "chat/good", "messages": MESSAGES}
    for path in (f"/p/my%20shed{CHAT.path}", CHAT.path, f"/p/no{CHAT.path.removeprefix('/v1')}"):
        assert ask(router, path, body).is_success
    assert ask(router, "/p/no/v1/nothing", body).status_code == 404
    rows = stopped(router, folder)
    assert [row["project"] for row in rows] == ["my shed", "yard", "no"]
    sent = upstream.requests if hasattr(upstream, "requests") else []
    assert not any(one.header("x-switchyard-project") for one in sent)


def test_a_key_asks_what_it_used(router: Router, upstream: Upstream, folder: Path) -> None:
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    assert ask(router, CHAT.path, {"model": "chat/good", "messages": MESSAGES}).is_success
    until(lambda: len(whole_rows(folder)) == 1)
    asked = httpx2.get(f"{router.url}/v0/usage", headers=headers(), trust_env=False)
    assert asked.json()["key"] == "alice" and asked.json()["totals"]["requests"] == 1
    for report, found in (("blocks", 1), ("caches", 0), ("windows", 0)):
        query = f"report={'quota' if report == 'windows' else report}"
        asked = httpx2.get(f"{router.url}/v0/usage?{query}", headers=headers(), trust_env=False)
        assert len(asked.json()[report]) == found
    assert httpx2.get(f"{router.url}/v0/usage", trust_env=False).status_code == 401
    wrong = httpx2.get(f"{router.url}/v0/usage?x=1", headers=headers(), trust_env=False)
    assert wrong.status_code == 400


def test_the_price_of_a_response(router: Router, upstream: Upstream, folder: Path) -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 600},
    }
    plain = json.loads(CHAT.whole(Answer())) | {"usage": usage}
    upstream.on("plain", whole(json.dumps(plain).encode()), path=CHAT.path)
    figure = plain | {"usage": usage | {"cost": 0.0042}}
    upstream.on("dear", whole(json.dumps(figure).encode()), path=CHAT.path)
    for model in ("plain", "dear"):
        assert ask(router, CHAT.path, {"model": f"chat/{model}", "messages": MESSAGES}).is_success
    listed, told = stopped(router, folder)
    assert (listed["input"], listed["cache_read"], listed["output"]) == (400, 600, 100)
    assert listed["cost"] == 400 * 2000 + 600 * 500 + 100 * 8000
    assert listed["price_source"] == "config"
    assert (told["cost"], told["price_source"]) == (4_200_000, "provider")


def test_refusals_are_rows_too(router: Router, upstream: Upstream, folder: Path) -> None:
    upstream.on("busy", refusing(CHAT, 429), path=CHAT.path)
    body = {"model": "lost", "messages": MESSAGES}
    assert ask(router, CHAT.path, body).status_code == 429
    assert ask(router, CHAT.path, body | {"model": "unknown"}).status_code == 404
    assert ask(router, CHAT.path, {"messages": MESSAGES}).status_code == 400
    assert ask(router, CHAT.path, body, authorization="Bearer sk-wrong-key").status_code == 401
    assert ask(router, CHAT.path, body, authorization="Bearer sk-blocked-of-ours").is_error
    ids = [ask(router, CHAT.path, {}).headers["x-switchyard-request"]]
    assert httpx2.get(router.url + "/health", trust_env=False).is_success  # no call to a model
    rows = stopped(router, folder)
    assert [(row["state"], row["status"], row["error"]) for row in rows] == [
        ("failed", 429, "quota"),
        ("refused", 404, "not_found"),
        ("refused", 400, "invalid_request"),
        ("refused", 401, "authentication"),
        ("refused", 403, "permission"),
        ("refused", 400, "invalid_request"),
    ]
    assert str(UUID(bytes=rows[-1]["id"])) == ids[0]
    whose = [row["client_key"] for row in rows]
    assert whose == ["alice", "alice", "alice", None, "bob", "alice"]
    assert not any(row["cost"] for row in rows)


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
def test_a_stream_whose_client_wants_no_usage_is_counted(
    router: Router, upstream: Upstream, folder: Path, options: dict[str, Any]
) -> None:
    events = CHAT.events(Answer())
    silent = [event for event in events if b'"usage"' not in event]
    assert len(silent) == len(events) - 1

    def reports_if_asked(request: Recorded) -> Behaviour:
        asked = (request.json.get("stream_options") or {}).get("include_usage")
        return chunked(*(events if asked else silent))

    upstream.on("quiet", reports_if_asked, path=CHAT.path)
    body = {"model": "chat/quiet", "stream": True, "messages": MESSAGES, **options}
    answer = ask(router, CHAT.path, body)
    assert answer.content == b"".join(silent)
    (row,) = stopped(router, folder)
    assert (row["state"], row["source"], row["output"]) == ("complete", "reported", 13)
    assert row["cost"] == 13 * 2_000 + 8 * 500 + 13 * 8_000


def test_broken_streams_count(router: Router, upstream: Upstream, folder: Path) -> None:
    words = " ".join(f"word{number}" for number in range(400))
    events = ANTHROPIC.events(Answer(text=words))
    upstream.on("good", chunked(*events[:-3], CUT), path=ANTHROPIC.path)
    body = {"model": "anth/good", "stream": True, "messages": MESSAGES, "max_tokens": 99}
    ask(router, ANTHROPIC.path, body)
    (row,) = stopped(router, folder)
    assert (row["state"], row["source"]) == ("cut", "partial")
    assert row["input"] and 200 < row["output"] < 2 * len(words)
    assert row["tries"][0]["outcome"] in ("cut", "network")


def test_a_client_that_leaves(router: Router, upstream: Upstream, folder: Path) -> None:
    events = ANTHROPIC.events(Answer(text=PARTIAL))
    plan = upstream.on("good", chunked(*events[:4], HANG), path=ANTHROPIC.path)
    body = {"model": "anth/good", "stream": True, "messages": MESSAGES, "max_tokens": 99}
    with httpx2.stream(
        "POST", router.url + ANTHROPIC.path, json=body, headers=headers(), trust_env=False
    ) as answer:
        next(answer.iter_bytes())
    plan.requests[0].gone.wait()
    (row,) = stopped(router, folder)
    assert (row["state"], row["source"]) == ("client-left", "partial")
    assert row["input"] is not None and row["output"]


def test_embeddings_and_counts(router: Router, upstream: Upstream, folder: Path) -> None:
    vector = {
        "object": "list",
        "model": "small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    upstream.on("small", whole(json.dumps(vector).encode()), path="/v1/embeddings")
    count = whole(json.dumps({"input_tokens": 9}).encode())
    upstream.on("good", count, path="/v1/messages/count_tokens")
    assert ask(router, "/v1/embeddings", {"model": "chat/small", "input": "x"}).is_success
    path = "/v1/messages/count_tokens"
    assert ask(router, path, {"model": "anth/good", "messages": MESSAGES}).is_success
    assert ask(router, path, {"model": "chat/any", "messages": MESSAGES}).is_success
    embedded, counted, estimated = stopped(router, folder)
    assert (embedded["operation"], embedded["input"]) == ("embeddings", 7)
    assert embedded["cost"] == 14_000
    assert (counted["operation"], counted["source"]) == ("count-tokens", "none")
    assert (counted["input"], counted["cost"]) == (None, None)
    assert (estimated["state"], estimated["attempts"]) == ("complete", 0)


def test_turns_of_a_websocket(router: Router, upstream: Upstream, folder: Path) -> None:
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    url = router.url.replace("http", "ws") + "/v1/responses"
    with connect(url, additional_headers=headers(), proxy=None) as socket:
        for _ in range(2):
            create = {"type": "response.create", "model": "chat/good", "input": "Well?"}
            socket.send(json.dumps(create))
            while json.loads(socket.recv(PATIENCE))["type"] != "response.completed":
                pass
    rows = stopped(router, folder)
    assert [(row["format_in"], row["state"], row["client_key"]) for row in rows] == [
        ("openai-responses", "complete", "alice")
    ] * 2
    assert all(row["input"] and row["output"] for row in rows)


def test_a_killed_router_tells_what_ran(
    upstream: Upstream, folder: Path, tmp_path: Path, start_router: Callable[..., Router]
) -> None:
    directory = tmp_path / "killed"
    directory.mkdir()
    router = Router(directory, config(upstream, folder)).start()
    upstream.on("good", always=chunked(*CHAT.events(Answer())[:2], HANG), path=CHAT.path)
    body = {"model": "chat/good", "stream": True, "messages": MESSAGES}
    held = httpx2.Client(trust_env=False, timeout=30)
    request = held.build_request("POST", router.url + CHAT.path, json=body, headers=headers())
    answer = held.send(request, stream=True)
    until(lambda: running_ids(folder) == [UUID(answer.headers["x-switchyard-request"]).bytes])
    router.kill()
    answer.close()
    held.close()
    again = start_router(config(upstream, folder))
    (row,) = stopped(again, folder)
    assert (row["state"], row["asked_model"]) == ("interrupted", "chat/good")
    assert "1 requests were interrupted" in again.log


def test_windows_of_a_key(
    router: Router, upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> None:
    limits = [
        ("x-ratelimit-limit-requests", "100"),
        ("x-ratelimit-remaining-requests", "25"),
        ("x-ratelimit-reset-requests", "1h"),
    ]
    good = whole(CHAT.whole(Answer()), headers=tuple(limits))
    upstream.on("good", good, path=CHAT.path)
    upstream.on("busy", refusing(CHAT, 429, headers=[("retry-after", "600")]), path=CHAT.path)
    for model in ("good", "busy"):
        ask(router, CHAT.path, {"model": f"chat/{model}", "messages": MESSAGES})

    def shown(running: Router) -> dict[str, Any]:
        url = f"{running.url}/v0/health/providers"
        windows = httpx2.get(url, headers=headers(), trust_env=False).json()["windows"]
        return {one["window"]: one for one in windows}

    now = shown(router)
    assert now["requests:good"]["owner"] == "chat#0" and now["requests:good"]["used"] == 0.75
    assert 3500 < now["requests:good"]["resets-in"] <= 3600
    assert now["limit:busy"]["used"] == 1.0 and 500 < now["limit:busy"]["resets-in"] <= 600
    router.stop()
    again = start_router(config(upstream, folder))
    assert shown(again)["requests:good"]["used"] == 0.75, "kept over the restart"


def test_nothing_is_recorded_where_that_is_off(
    upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> None:
    upstream.on("good", saying(CHAT), path=CHAT.path)
    router = start_router(config(upstream, folder) | {"usage": "off"})
    answer = ask(router, CHAT.path, {"model": "chat/good", "messages": MESSAGES})
    assert "x-switchyard-request" in answer.headers
    router.stop()
    assert not folder.exists() and not list(router.directory.rglob("*.sqlite"))


def test_a_folder_that_cannot_be_written(
    upstream: Upstream, folder: Path, start_router: Callable[..., Router]
) -> None:
    folder.write_text("a file where the folder should be")
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    router = start_router(config(upstream, folder))
    router.trouble_expected = True
    for _ in range(3):
        assert ask(router, CHAT.path, {"model": "chat/good", "messages": MESSAGES}).is_success
    router.stop()
    assert router.log.count("usage: cannot write records") == 1


def running_ids(folder: Path) -> list[bytes]:
    found = []
    for file in folder.glob("usage-*.sqlite"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            found += [row[0] for row in db.execute("SELECT id FROM running")]
    return found


def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what another process does to a file, which raises no event here."""
    given = threading.Event()
    for _ in range(int(seconds / 0.05)):
        try:
            if happened():
                return
        except sqlite3.Error:
            pass  # the file is only being made
        given.wait(0.05)
    raise AssertionError("it did not happen in time")
