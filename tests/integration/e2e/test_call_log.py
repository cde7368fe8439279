"""What the log of a running router tells of its calls, as text and as JSON lines."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import ClosedPort
from tests.support.upstream import Upstream

KEYS = ("sk-upstream-one-1", "sk-upstream-two-2", "client-key-of-a-team-7")
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ASKED = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(params=["engine", "mitmdump"])
def launched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "mitmdump":
        monkeypatch.setenv(LAUNCHER, "mitmdump")


def config(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {
        "providers": [
            {"name": "one", "base-url": f"{upstream.url}/v1", "api-key": KEYS[0]},
            {"name": "two", "base-url": f"{upstream.url}/v1", "api-key": KEYS[1]},
        ],
        "combos": {"stack": ["one/a", "two/b"]},
        "retry": {"request-retry": 0},
        **more,
    }


def ask(router: Router, model: str, key: str = "", **more: Any) -> int:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        body = {"model": model, **ASKED, **more}
        return client.post(CHAT.path, json=body, headers=headers).status_code


def events(router: Router, event: str) -> list[dict[str, Any]]:
    lines = [line for line in router.log.splitlines() if line.startswith("{")]
    return [told for line in lines if (told := json.loads(line)).get("event") == event]


def test_calls_cooldowns_and_the_end(
    launched: None, upstream: Upstream, start_router: Callable[..., Router]
) -> None:
    upstream.on("a", refusing(CHAT, 529), always=saying(CHAT, Answer(text="fine")))
    upstream.on("b", always=saying(CHAT, Answer(text="hello")))
    router = start_router(config(upstream, cooldown={"base": "50ms", "jitter": 0}))
    told = router.will_log("call answered: stack: one 529 -> two ok, 2 attempts, ")
    assert ask(router, "stack") == 200
    told.wait()
    back = router.will_log("one/a with key one#0 works again")
    while not back:  # the first call after the cooldown is its probe
        assert ask(router, "one/a") == 200
    missing = router.will_log("There is no model 'nosuch'")
    assert ask(router, "nosuch") == 404
    missing.wait()
    router.stop()
    assert re.search(rf"two ok, 2 attempts, .*, request {ID}\n", router.log)
    assert "one/a with key one#0 cools down for " in router.log, router.log
    assert "call answered: one/a" not in router.log, "one attempt, and fine"
    last = router.log.splitlines()[-1]
    assert re.search(
        r"stopped after .*: \d+ calls, 1 answered after several attempts, 1 fail", last
    )
    assert not any(key in router.log for key in KEYS)


def test_the_id_is_that_of_the_response(
    launched: None, upstream: Upstream, start_router: Callable[..., Router]
) -> None:
    upstream.on("a", always=refusing(CHAT, 500))
    upstream.on("b", always=saying(CHAT))
    router = start_router(config(upstream), "--set", "switchyard_log_calls=all")
    ids = []
    with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        for body in ({"model": "stack", **ASKED}, {"model": "stack", **ASKED, "stream": True}):
            ids.append(client.post(CHAT.path, json=body).headers["x-switchyard-request"])
    router.stop()
    assert re.findall(rf"call answered: stack: .*, request ({ID})\n", router.log) == ids


def test_json_lines(upstream: Upstream, start_router: Callable[..., Router]) -> None:
    upstream.on("a", always=refusing(CHAT, 401))
    upstream.on("b", always=saying(CHAT, Answer(text="hello", input=7, cached=0, output=3)))
    keys = {"clients": {"api-keys": [{"key": KEYS[2], "name": "team"}]}}
    options = ("--log-format", "json", "--log-calls")
    router = start_router(config(upstream, **keys), *options)
    assert ask(router, "stack", KEYS[2]) == 200
    assert ask(router, "two/b", KEYS[2]) == 200
    assert ask(router, "two/b", "not-a-client-key") == 401
    assert ask(router, "two/b") == 401
    router.stop()
    every = [json.loads(line) for line in router.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in every)
    first, second = events(router, "call")
    assert (first["outcome"], second["outcome"]) == ("retried", "ok")
    assert first["route"] == ["one 401", "two ok"] and first["client"] == "team"
    assert second["tokens"]["input"] == 7 and second["provider"] == "two"
    assert re.fullmatch(ID, first["id"]) and first["id"] < second["id"]
    (cooldown,) = events(router, "cooldown")
    assert (cooldown["scope"], cooldown["credential"]) == ("key", "one#0")
    (refused,) = events(router, "refused")
    assert refused["address"] == "127.0.0.1" and refused["key"] == "wrong"
    assert not any(key in router.log for key in (*KEYS, "not-a-client-key"))


def test_a_cut_stream_and_one_who_left(
    launched: None, upstream: Upstream, start_router: Callable[..., Router]
) -> None:
    begun = CHAT.events(Answer(text="some words and more"))[:3]
    hold = Signal()
    upstream.on("a", always=chunked(*begun, CUT))
    upstream.on("b", always=chunked(*begun, Wait(hold)))
    router = start_router(config(upstream))
    cut = router.will_log("call cut off: one/a: one cut, 1 attempt, ")
    assert ask(router, "one/a", stream=True) == 200
    cut.wait()
    left = router.will_log("call left by its client: two/b: two unfinished, 1 attempt, ")
    with (
        httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client,
        client.stream(
            "POST", CHAT.path, json={"model": "two/b", **ASKED, "stream": True}
        ) as answer,
    ):
        next(answer.iter_bytes())
    left.wait()
    hold.set()


def test_who_waits_is_told_why(
    launched: None, upstream: Upstream, start_router: Callable[..., Router]
) -> None:
    hold = Signal()
    whole = CHAT.events(Answer(text="late"))
    upstream.on("a", always=chunked(Wait(hold), *whole))
    router = start_router(config(upstream), "--set", "switchyard_log_waiting=1")
    waits = router.will_log(
        "s: one/a: a response without output from one/a yet, attempt 1, request"
    )
    body = {"model": "one/a", **ASKED, "stream": True}
    with (
        httpx2.Client(base_url=router.url, trust_env=False, timeout=60) as client,
        client.stream("POST", CHAT.path, json=body) as answer,
    ):
        waits.wait()
        hold.set()
        assert b"[DONE]" in b"".join(answer.iter_bytes())


def test_a_stream_that_stalls_is_told_while_it_does(
    launched: None, upstream: Upstream, start_router: Callable[..., Router]
) -> None:
    hold = Signal()
    events = CHAT.events(Answer(text="late"))
    upstream.on("a", always=chunked(*events[:-1], Wait(hold), events[-1]))
    router = start_router(config(upstream), "--set", "switchyard_log_waiting=1")
    stalls = router.will_log("s: one/a: no more output from one/a, attempt 1, request")
    body = {"model": "one/a", **ASKED, "stream": True}
    with (
        httpx2.Client(base_url=router.url, trust_env=False, timeout=60) as client,
        client.stream("POST", CHAT.path, json=body) as answer,
    ):
        stalls.wait()
        hold.set()
        assert b"[DONE]" in b"".join(answer.iter_bytes())
    assert "call has stalled for " in router.log


def test_texts_of_connections_that_are_not_made(
    launched: None, start_router: Callable[..., Router]
) -> None:
    shut = ClosedPort()
    providers = [
        {"name": "shut", "base-url": f"{shut.url}/v1", "api-key": KEYS[0]},
        {"name": "unknown", "base-url": "http://no.such.host.invalid/v1", "api-key": KEYS[1]},
    ]
    router = start_router({"providers": providers, "retry": {"request-retry": 0}})
    with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        refused = client.post(CHAT.path, json={"model": "shut/m", **ASKED}).json()["error"]
        unknown = client.post(CHAT.path, json={"model": "unknown/m", **ASKED}).json()["error"]
    shut.close()
    assert f"cannot connect to 127.0.0.1:{shut.port}: Connection refused" in refused["message"]
    assert "cannot resolve the name no.such.host.invalid: " in unknown["message"]
    assert "Errno" not in router.log + str(refused) + str(unknown)
