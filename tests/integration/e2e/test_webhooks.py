"""Events of a running router at their receivers: signed, again after failures, over a restart."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.hook_receiver import SECRET
from tests.support.hook_receiver import HookReceiver
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import wait_until
from tests.support.steps import whole
from tests.support.upstream import Upstream

MANAGER, KEY, POOR = "key-of-a-manager-8", "key-of-a-client-7", "key-of-the-poor-1"
LIMITS = {
    "anthropic-ratelimit-unified-5h-utilization": "0.97",
    "anthropic-ratelimit-unified-5h-reset": "4102444800",
    "anthropic-ratelimit-unified-5h-status": "allowed_warning",
}


class World:
    """The router, its upstream, and the folder of both."""

    def __init__(self, folder: Path, *receivers: dict[str, Any]) -> None:
        self.upstream = Upstream().start()
        self.upstream.on("m", always=saying(CHAT), path=CHAT.path)
        self.upstream.on("bad", always=whole(b"{}", status=400), path=CHAT.path)
        soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400))
        spent = {"total": "0.000000001 USD"}
        poor = {"key": POOR, "name": "poor", "budgets": spent, "strict": True}
        provider = {
            "name": "p",
            "base-url": f"{self.upstream.url}/v1",
            "api-key": "sk-up-1",
            "billing": "per-token",
        }
        self.config = {
            "providers": [{**provider, "models": ["m", "bad"]}],
            "clients": {"api-keys": [{"key": KEY, "name": "alice", "expires": soon}, poor]},
            "prices": [{"input": 2, "output": 8}],
            "usage": {"dir": str(folder / "usage")},
            "management": {"key": MANAGER},
            "webhooks": list(receivers),
        }
        self.router = Router(folder, self.config)

    def ask(self, model: str = "p/m", key: str = KEY) -> httpx2.Response:
        return httpx2.post(
            f"{self.router.url}/v1/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": "Well?"}]},
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
        )

    def manage(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(
            method,
            f"{self.router.url}/v0/management{path}",
            headers={"authorization": f"Bearer {MANAGER}"},
            timeout=60,
            **more,
        )


@pytest.fixture(scope="module")
def dead() -> Iterator[socket.socket]:
    """A receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


@pytest.fixture(scope="module")
def receiver() -> Iterator[HookReceiver]:
    with HookReceiver() as made:
        yield made


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, receiver: HookReceiver, dead: socket.socket
) -> Iterator[World]:
    place = f"http://127.0.0.1:{dead.getsockname()[1]}/dead"
    inside = {"url": "https://127.0.0.1:9/inside", "secret": SECRET}
    silent = {"url": place, "secret": SECRET, "allow-private": True}
    made = World(tmp_path_factory.mktemp("hooks"), receiver.settings(), silent, inside)
    made.router.start()
    yield made
    made.router.stop()
    made.upstream.stop()


def test_a_request_that_went_well(world: World, receiver: HookReceiver) -> None:
    assert world.ask().status_code == 200
    told = receiver.wait_for_event("request.completed")
    assert (told["client_key"], told["provider"], told["model"]) == ("alice", "p", "m")
    assert told["state"] == "complete" and told["tokens"]["output"]
    assert "Well?" not in str(told)


def test_a_request_that_failed(world: World, receiver: HookReceiver) -> None:
    assert world.ask("p/bad").status_code == 400
    told = receiver.wait_for_event("request.failed")
    assert told["status"] == 400 and told["asked_model"] == "p/bad"


def test_a_key_that_expires_soon(world: World, receiver: HookReceiver) -> None:
    assert receiver.wait_for_event("key.expiring")["key"] == "alice"


def test_a_budget_that_is_spent(world: World, receiver: HookReceiver) -> None:
    assert world.ask(key=POOR).status_code in (402, 403, 429)
    told = receiver.wait_for_event("budget.exceeded")
    assert told["key"] == "poor" and told["budget"] == 1e-9


def test_a_window_that_is_nearly_used_up(world: World, receiver: HookReceiver) -> None:
    answer = whole(b"{}", status=400, headers=tuple(LIMITS.items()))
    world.upstream.on("bad", answer, path=CHAT.path)
    world.upstream._plans["bad"].reverse()
    world.ask("p/bad")
    told = receiver.wait_for_event("quota.warning")
    assert told["threshold"] == 0.95 and told["used"] == 0.97


def test_a_dead_receiver_costs_requests_nothing(world: World, dead: socket.socket) -> None:
    for _ in range(10):
        began = time.monotonic()
        assert world.ask().status_code == 200
        assert time.monotonic() - began < 10.0  # one try at the dead receiver takes that long

    def told() -> dict[str, Any]:
        receivers = world.manage("GET", "/webhooks").json()["receivers"]
        assert len(receivers) == 3
        return next(one for one in receivers if str(dead.getsockname()[1]) in one["receiver"])

    wait_until(lambda: told()["waiting"] >= 10)
    last = told()["last"]
    assert last is None or not last["ok"]


def test_a_trial_says_what_each_receiver_answered(world: World, receiver: HookReceiver) -> None:
    told = world.manage("POST", "/webhooks/test", json={"receiver": receiver.url}).json()
    assert told == {"results": [{"receiver": receiver.url, "ok": True, "status": 204, "why": None}]}
    assert receiver.wait_for_event("webhook.test") == {"receiver": receiver.url}
    inside = world.manage("POST", "/webhooks/test", json={"receiver": "https://127.0.0.1:9"})
    (result,) = inside.json()["results"]
    assert not result["ok"] and "public internet" in result["why"]
    assert world.manage("POST", "/webhooks/test", json={"receiver": "x"}).status_code == 404


def test_no_secret_is_shown(world: World) -> None:
    shown = world.manage("GET", "/config").text + world.manage("GET", "/config.yaml").text
    shown += world.manage("GET", "/webhooks").text + world.router.log
    assert "room=7" not in world.router.log
    assert SECRET not in shown and SECRET.removeprefix("whsec_") not in shown


def test_events_wait_over_a_restart(tmp_path: Path) -> None:
    port = free_port()
    with HookReceiver(*[503] * 200, port=port) as failing:
        given = failing.settings(pause="1s", events=["request.completed"])
        world = World(tmp_path, given)
        with world.router:
            assert world.ask().status_code == 200
            (first, *_) = failing.wait_for(1)
    with HookReceiver(port=port) as well, Router(tmp_path, world.config):
        again = well.wait_for(1, 90)[0]
        assert again.message == first.message
        assert again.event()["data"]["client_key"] == "alice"
    world.upstream.stop()
