"""Hosts with folders of their own and one account, by a real Redis."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from switchyard.accounts.oauth_account import OAuthAccount
from switchyard.accounts.record import AccountRecord
from switchyard.accounts.shared_accounts import SharedAccounts
from switchyard.accounts.shared_accounts import SharedAccountsDown
from switchyard.accounts.store import AccountStore
from switchyard.accounts.store import AccountStoreError
from switchyard.accounts.token import SourceError
from switchyard.config.account_flows import AccountFlow
from tests.integration.accounts.test_burst import Scene
from tests.integration.accounts.test_sources import ask
from tests.integration.state.redis_server import PROGRAM
from tests.integration.state.redis_server import RedisServer
from tests.support.authority import Authority
from tests.support.router import Router

HOSTS = 4


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    if PROGRAM is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    pytest.importorskip("redis", reason="redis is not installed (the extra `redis`)")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        asyncio.run(server.start())
        try:
            yield server
        finally:
            server.kill()


class Hosts:
    """Several hosts, each with a copy of the account in a folder of its own."""

    def __init__(self, scene: Scene, folder: Path, redis_server: RedisServer) -> None:
        self.scene, self.folder, self.redis = scene, folder, redis_server
        self.learned: list[str] = []
        asyncio.run(redis_server.command("FLUSHALL"))

    def log_in(self, life: float) -> None:
        """Log in on one host, and copy its file to the others."""
        self.scene.log_in(life)
        for number in range(HOSTS):
            shutil.copytree(self.scene.folder, self.folder / str(number), dirs_exist_ok=True)

    def shared(self) -> SharedAccounts:
        return SharedAccounts(self.redis.url, "test")

    def host(self, number: int) -> OAuthAccount:
        """A process of a host that has just started."""
        flow = AccountFlow.model_validate(self.scene.config()["accounts"]["corp"])
        return OAuthAccount("corp", flow, self.store(number), self.learned.append, self.shared())

    def store(self, number: int) -> AccountStore:
        return AccountStore(self.folder / str(number))

    def record(self, number: int) -> AccountRecord:
        found = self.store(number).load("corp")
        assert found is not None
        return found

    def age(self, number: int) -> None:
        """Have the token of a host expire, as time would."""
        path = self.store(number).path("corp")
        record = self.record(number)
        path.write_text(record.as_json().replace(str(record.expires_at), str(time.time() - 1)))


@pytest.fixture
def hosts(tmp_path: Path, redis_server: RedisServer) -> Iterator[Hosts]:
    with Authority() as authority:
        scene = Scene(authority, tmp_path / "accounts")
        scene.server.pause = 0.1
        yield Hosts(scene, tmp_path, redis_server)


def text(account: OAuthAccount, refused: str = "") -> str:
    return account.read(refused).secret.get_secret_value()


def test_hosts_with_copies_of_a_single_use_token_make_one_refresh(hosts: Hosts) -> None:
    hosts.log_in(-60.0)
    with ThreadPoolExecutor(HOSTS) as pool:
        found = list(pool.map(lambda number: text(hosts.host(number)), range(HOSTS)))
    server = hosts.scene.server
    assert set(found) == {server.token}
    assert server.refreshes == 1 and not server.ended
    assert {hosts.record(number).refresh_token for number in range(HOSTS)} == {server.refresh_token}


def test_a_host_that_was_away_for_several_refreshes_finds_the_last_one(hosts: Hosts) -> None:
    hosts.log_in(-60.0)
    for number in (0, 1, 0):
        text(hosts.host(number))
        hosts.age(0)
        hosts.age(1)
    assert hosts.scene.server.refreshes >= 2
    text(hosts.host(0))
    refreshes = hosts.scene.server.refreshes
    assert text(hosts.host(3)) == hosts.scene.server.token
    assert hosts.scene.server.refreshes == refreshes and not hosts.scene.server.ended


def test_a_refused_token_is_replaced_by_that_of_another_host(hosts: Hosts) -> None:
    hosts.log_in(3600.0)
    old = hosts.scene.server.token
    assert text(hosts.host(0), refused=old) == text(hosts.host(1), refused=old) != old
    assert hosts.scene.server.refreshes == 1
    assert hosts.scene.server.token in hosts.learned, "it is masked"


def test_a_host_that_is_killed_before_it_saves_finds_its_tokens_in_redis(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.log_in(-60.0)
    save = AccountStore.save

    def full(store: AccountStore, record: AccountRecord) -> None:
        if record.state == "ok":
            raise AccountStoreError("cannot be saved: No space left on device")
        save(store, record)

    with monkeypatch.context() as patch:
        patch.setattr(AccountStore, "save", full)
        with pytest.raises(SourceError, match="No space"):
            hosts.host(0).read("")
    assert hosts.record(0).state == "refreshing"
    assert text(hosts.host(0)) == text(hosts.host(1)) == hosts.scene.server.token
    assert hosts.scene.server.refreshes == 1 and not hosts.scene.server.ended


def test_redis_holds_no_token(hosts: Hosts) -> None:
    hosts.log_in(-60.0)
    text(hosts.host(0))
    names = asyncio.run(hosts.redis.command("KEYS", "*"))
    assert isinstance(names, list) and len(names) == 1, "the lock has ended"
    kept = names[0].encode() + asyncio.run(dumped(hosts.redis, names[0]))
    for secret in ("6f1d2c9a", "77aa3e4b", "Refreshed", "Single"):
        assert secret.encode() not in kept


async def dumped(server: RedisServer, name: str) -> bytes:
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(server.url) as client:
        found = await client.get(name)
    assert isinstance(found, bytes)
    return found


def test_without_redis_nothing_is_refreshed_and_a_valid_token_is_used(hosts: Hosts) -> None:
    hosts.redis = RedisServer(hosts.folder / "nowhere")
    hosts.log_in(100.0)
    first = hosts.scene.server.token
    assert text(hosts.host(0)) == first
    hosts.age(0)
    with pytest.raises(SourceError, match="is not refreshed now: Redis fails") as caught:
        hosts.host(0).read("")
    assert not caught.value.lasting and hosts.scene.server.refreshes == 0


def test_a_lock_is_held_by_one_and_ends_only_for_its_holder(hosts: Hosts) -> None:
    one, other = hosts.shared(), hosts.shared()
    order: list[str] = []

    def waits(seconds: float) -> None:
        order.append("waits")
        raise SharedAccountsDown("the test has seen enough")

    with one.lock("corp"), pytest.raises(SharedAccountsDown), other.lock("corp", waits):
        order.append("both hold it")
    with other.lock("corp", waits):
        order.append("other holds it")
    assert order == ["waits", "other holds it"]


def test_a_router_takes_over_what_another_host_refreshed(
    start_router: Callable[..., Router], hosts: Hosts
) -> None:
    hosts.log_in(-60.0)
    text(hosts.host(0))
    config = {**hosts.scene.config(), "state": {"url": hosts.redis.url, "prefix": "test"}}
    env = {"SWITCHYARD_ACCOUNTS_DIR": str(hosts.folder / "1")}
    router = start_router(config, env=env)
    assert ask(router).status_code == 200
    assert hosts.scene.server.refreshes == 1 and not hosts.scene.server.ended
    assert hosts.record(1).access_token == hosts.scene.server.token
