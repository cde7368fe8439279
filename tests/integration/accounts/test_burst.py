"""One refresh for a burst of requests in several processes, and nothing of it anywhere."""

import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.store import AccountStore
from tests.integration.accounts.test_sources import ask
from tests.integration.accounts.test_sources import provider
from tests.support.authority import Asked
from tests.support.authority import Authority
from tests.support.authority import Reply
from tests.support.router import Router

PROCESSES, REQUESTS = 3, 50


@pytest.fixture
def authority() -> Iterator[Authority]:
    with Authority() as made:
        yield made


class SingleUse:
    """A token endpoint whose refresh tokens work once; reuse ends the whole account."""

    def __init__(self, authority: Authority, pause: float = 0.5) -> None:
        self.authority, self.pause = authority, pause
        self.refreshes = 0
        self.ended = False
        authority.paths["/token"] = self

    @property
    def token(self) -> str:
        return f"tok-Refreshed-{self.refreshes}-6f1d2c9a"

    @property
    def refresh_token(self) -> str:
        return f"ref-Single-{self.refreshes}-77aa3e4b"

    def __call__(self, asked: Asked) -> Reply:
        time.sleep(self.pause)
        with self.authority.lock:
            if self.ended or asked.body["refresh_token"] != self.refresh_token:
                self.ended = True
                self.authority.valid.discard(self.token)
                return 400, {"error": "invalid_grant", "error_description": str(asked.body)}
            self.refreshes += 1
            self.authority.valid = {self.token}
            return 200, {"access_token": self.token, "refresh_token": self.refresh_token,
                         "expires_in": 3600}  # fmt: skip


class Scene:
    def __init__(self, authority: Authority, folder: Path) -> None:
        self.server = SingleUse(authority)
        self.authority, self.folder = authority, folder
        self.store = AccountStore(folder)

    def config(self, *entries: object) -> dict[str, Any]:
        step = {"url": f"{self.authority.url}/token"}
        flow = {"client-id": "c", "device": step, "token": step}
        entries = entries or ({"api-key": {"oauth": "corp"}},)
        return {"providers": [provider(self.authority, list(entries))], "accounts": {"corp": flow}}

    @property
    def env(self) -> dict[str, str]:
        return {"SWITCHYARD_ACCOUNTS_DIR": str(self.folder)}

    def log_in(self, life: float) -> None:
        now = time.time()
        self.authority.valid = {self.server.token}
        self.store.save(
            AccountRecord(
                name="corp",
                access_token=self.server.token,
                refresh_token=self.server.refresh_token,
                expires_at=now + life,
                obtained_at=now - 3600,
            )
        )


@pytest.fixture
def scene(authority: Authority, tmp_path: Path) -> Scene:
    return Scene(authority, tmp_path / "accounts")


def burst(routers: list[Router]) -> list[httpx2.Response]:
    with ThreadPoolExecutor(PROCESSES * REQUESTS) as pool:
        asked = [pool.submit(ask, router) for _ in range(REQUESTS) for router in routers]
        return [one.result() for one in asked]


@pytest.mark.parametrize("ends", ["expired", "revoked"])
def test_a_burst_in_three_processes_is_one_refresh(tmp_path: Path, scene: Scene, ends: str) -> None:
    """`revoked`: the token looks valid, and is refused with 401."""
    routers: list[Router] = []
    try:
        for number in range(PROCESSES):
            folder = tmp_path / f"router-{number}"
            folder.mkdir()
            dump = ("-w", str(folder / "flows.dump"))
            router = Router(folder, scene.config(), *dump, env=scene.env)
            routers.append(router.start())
        scene.log_in(-60.0 if ends == "expired" else 3600.0)
        scene.authority.valid = set()
        answers = burst(routers)
        assert [answer.status_code for answer in answers] == [200] * PROCESSES * REQUESTS
        assert scene.server.refreshes == 1 and not scene.server.ended
    finally:
        for router in routers:
            router.stop()
    left = "".join(
        router.log + (router.directory / "flows.dump").read_bytes().decode("latin-1")
        for router in routers
    )
    left += "".join(answer.text + str(answer.headers) for answer in answers)
    assert "6f1d2c9a" not in left and "77aa3e4b" not in left


def test_a_token_is_renewed_ahead_without_a_request(
    start_router: Callable[..., Router], scene: Scene
) -> None:
    scene.log_in(200.0)
    first = scene.server.token
    start_router(scene.config(), env=scene.env)
    until = time.monotonic() + 60
    while scene.server.refreshes == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    record = scene.store.load("corp")
    while record and record.access_token == first:
        record = scene.store.load("corp")
    assert record and record.state == "ok" and record.access_token == scene.server.token


def test_a_dead_account_gives_way_and_a_login_brings_it_back(
    start_router: Callable[..., Router], scene: Scene
) -> None:
    scene.log_in(-60.0)
    scene.server.ended = True
    oauth = {"api-key": {"oauth": "corp"}, "priority": 1}
    router = start_router(scene.config(oauth, "plain-key-77aa"), env=scene.env)
    dead = router.will_log("must log in again")
    scene.authority.valid = {"plain-key-77aa"}
    assert ask(router).status_code == 200
    dead.wait()
    health = httpx2.get(f"{router.url}/v0/health/providers", timeout=60, trust_env=False).json()
    assert "scripts/login corp" in str(health["providers"])
    (account,) = health["credentials"]
    assert account["credential"] == "the account corp"
    assert "scripts/login corp" in account["problem"]
    back = router.will_log("the account corp gives a credential again")
    scene.server.ended = False
    scene.log_in(3600.0)
    back.wait()
    assert ask(router).status_code == 200
    assert scene.authority.calls[scene.server.token, 200] == 1


def test_403_refreshes_nothing(start_router: Callable[..., Router], scene: Scene) -> None:
    scene.log_in(3600.0)
    refused: Reply = (403, {"error": {"message": "not for your plan"}})
    scene.authority.paths["/v1/chat/completions"] = lambda asked: refused
    router = start_router(scene.config(), env=scene.env)
    assert ask(router).status_code == 403
    assert scene.server.refreshes == 0
