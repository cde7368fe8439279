"""A configuration comes into force as a whole or not at all."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from mitmproxy.test import tflow

from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config
from switchyard.config.watcher import ConfigWatcher
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.route import TargetKey
from switchyard.protocols.message_heads import upstream_heads
from switchyard.routing.routes import Routes
from switchyard.runtime import snapshot as module
from switchyard.runtime.runtime import Runtime
from switchyard.runtime.snapshot import Snapshot
from switchyard.wire.model.model_list import FoundModel
from tests.support.client_keys import in_clear
from tests.support.runtime import FakeRuntime
from tests.support.runtime import make_runtime
from tests.support.runtime import parsed
from tests.support.signals import PATIENCE

OLD = """
    providers:
      - {name: a, base-url: "https://a.example/v1", api-key: key-a-1, models: [m],
         proxy-url: "http://proxy.example:3128"}
    clients: {api-keys: [router-key-1]}
    cooldown: {base: 2s, cap: 9s, jitter: 0}
    limits: {upstream-body: 3kB, upstream-head: 5000, upstream-headers: 50}
"""
NEW = """
    providers:
      - {name: a, base-url: "https://moved.example/v1", api-key: key-a-2, models: [n],
         proxy-url: "http://other.example:3128",
         errors: [{status: 400, match: "odd word", class: quota}]}
    clients: {api-keys: [router-key-2]}
    cooldown: {base: 3s, cap: 8s, jitter: 0}
    combos: {extra: [a/n]}
    limits: {upstream-body: 4kB, upstream-head: 6000, upstream-headers: 60}
    retry: {request-retry: 7}
"""

INPUTS = {"config", "found", "demo_url"}
BUILDERS: dict[str, tuple[Any, str]] = {
    "catalog": (module, "Catalog"),
    "client_keys": (Config, "client_keys"),
    "key_rules": (module, "KeyRules"),
    "served": (module, "ServedHosts"),
    "egress": (module, "EgressTable"),
    "routes": (module, "Routes"),
    "adjustments": (module, "Adjustments"),
    "passthroughs": (module, "Passthroughs"),
    "failure_tables": (module, "_failure_tables"),
    "cooldown": (module, "CooldownSettings"),
    "credentials": (Routes, "credentials"),
    "bounds": (module, "Bounds"),
    "the shipped hosts": (module, "known_hosts"),
    "what changed": (Snapshot, "changed_since"),
}


class Broken:
    """Raises, whatever is done with it."""

    def __call__(self, *_: object, **__: object) -> None:
        raise OSError("a certificate changed after the check")

    @property
    def of(self) -> None:
        self()

    def __get__(self, *_: object) -> None:
        self()


@pytest.fixture
def runtime() -> FakeRuntime:
    runtime = make_runtime(OLD)
    key = TargetKey("a", "m", "a#0")
    lease = runtime.state.health.begin(key, 0.0)
    verdict = Verdict(cls="credential", scope="key", announced=True, rule="test")
    runtime.state.health.report_failure(lease, verdict, 0.0, 600.0, "refused", 401)
    runtime.state.health.end(lease, 0.0)
    runtime.clients.admit_connection("one", runtime.snapshot.config.clients.api_keys[0])
    return runtime


def observed(runtime: FakeRuntime) -> dict[str, object]:
    """Everything that a configuration decides."""
    now, health = runtime.snapshot, runtime.state.health
    (provider,) = now.config.providers
    (model,) = provider.models or [None]
    assert model is not None
    seen = Seen(kind="status", status=400, message="an odd word indeed", provider="a")
    holder = runtime.clients.holder_of("one")
    return {
        "names": [name.name for name in now.catalog.names()],
        "client keys": in_clear(now.client_keys),
        "holder": holder and in_clear([holder]),
        "hosts": now.served,
        "url": now.base_url(provider, "openai-chat"),
        "key": now.routes.key("a#0"),
        "credentials": (now.credentials, now.routes.credentials()),
        "way": now.egress.of("a#0", "openai-chat"),
        "via": now.egress.label("a#0"),
        "verdict": now.failure_table(provider).classify(seen).cls,
        "retry": now.retry_limits(now.catalog.resolve(model.name)),
        "bounds": now.bounds,
        "heads": (upstream_heads.most_bytes, upstream_heads.most_headers),
        "cooldown": health.settings,
        "health": health.state(TargetKey("a", "m", "a#0"), 1.0).state,
        "environment": runtime.listeners.environment,
        "ports": runtime.listeners.ports,
    }


def test_every_table_has_its_builder_here() -> None:
    made = {field.name for field in fields(Snapshot)} - INPUTS
    assert made <= BUILDERS.keys()


def test_all_of_it_changes_where_nothing_raises(runtime: FakeRuntime) -> None:
    before = observed(runtime)
    runtime.apply(parsed(NEW))
    after = observed(runtime)
    same = {name for name in before if before[name] == after[name]}
    assert same == {"credentials", "environment", "ports"}


@pytest.mark.parametrize("table", BUILDERS)
async def test_a_builder_that_raises_changes_nothing(
    runtime: FakeRuntime,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Through the watcher, as a running router meets it; the log says so."""
    file = tmp_path / "router.yaml"
    file.write_text(dedent(OLD))
    source = ConfigSource(file, {})
    source.load()
    watcher = ConfigWatcher(source, lambda _: "", runtime.prepare)
    called: list[Config] = []
    runtime.on_change(lambda: called.append(runtime.snapshot.config))
    before, snapshot, proxy = observed(runtime), runtime.snapshot, runtime.listeners.environment
    file.write_text(dedent(NEW))
    with monkeypatch.context() as broken:
        broken.setattr(*BUILDERS[table], Broken())
        await watcher.poll()
    assert runtime.snapshot is snapshot
    assert observed(runtime) == before
    assert runtime.listeners.environment is proxy
    assert called == []
    (line,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert line.getMessage() == "switchyard: keeping the previous configuration"
    assert line.exc_info and "a certificate changed" in str(line.exc_info[1])


def test_callbacks_are_called_with_the_new_one_in_force(runtime: FakeRuntime) -> None:
    seen: list[dict[str, object]] = []
    runtime.on_change(lambda: seen.append(observed(runtime)))
    runtime.apply(parsed(NEW))
    assert seen == [observed(runtime)], "once, with nothing left to follow"


def test_a_callback_that_raises_undoes_nothing(
    runtime: FakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    runtime.on_change(lambda: called.append("first"))
    runtime.on_change(Broken())
    runtime.on_change(lambda: called.append("last"))
    config = parsed(NEW)
    runtime.apply(config)
    assert called == ["first", "last"]
    assert runtime.snapshot.config is config
    assert runtime.clients.holder_of("one") is None
    (line,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert "is in force, but" in line.getMessage()


OPEN = 'providers: [{name: a, base-url: "https://a.example/v1", api-key: key-a-1}]'
FOUND = {"a": (FoundModel("found-1", 1000),)}


def names(runtime: FakeRuntime) -> list[str]:
    return [name.name for name in runtime.snapshot.catalog.names()]


async def test_learned_models_are_a_snapshot_of_the_same_configuration() -> None:
    runtime = make_runtime(OPEN)
    before = runtime.snapshot
    plan = before.catalog.resolve("a/other")
    route = before.routes.of(plan, None)
    called: list[str] = []
    runtime.on_change(lambda: called.append("changed"))
    await runtime.learn(FOUND)
    now = runtime.snapshot
    assert "found-1" in str(names(runtime)) and "found-1" not in str(list(before.catalog.names()))
    assert now is not before and now.config is before.config and now.egress is before.egress
    assert now.routes.of(plan, None) is not route, "names lead elsewhere from now on"
    assert before.routes.of(plan, None) is route, "and not for who holds the one before"
    assert now.routes.key("a#0") is before.routes.key("a#0")
    assert called == []
    await runtime.learn(FOUND)
    assert runtime.snapshot is now, "nothing new"
    runtime.apply(parsed(OPEN))
    assert "found-1" in str(names(runtime)), "another configuration keeps them"


@pytest.mark.parametrize("broken", [(module, "Catalog"), (Routes, "emptied")])
async def test_models_that_cannot_be_taken_over_change_nothing(
    broken: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = make_runtime(OPEN)
    before = runtime.snapshot
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(*broken, Broken())
        await runtime.learn(FOUND)
    assert runtime.snapshot is before and before.found == {}


async def test_a_configuration_that_comes_meanwhile_stays_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime, made = make_runtime(OPEN), Snapshot.with_found
    other = parsed(OPEN.replace("key-a-1", "key-a-2"))

    def slow(self: Snapshot, found: Any) -> Snapshot:
        if runtime.snapshot.config is not other:
            runtime.apply(other)
        return made(self, found)

    monkeypatch.setattr(Snapshot, "with_found", slow)
    await runtime.learn(FOUND)
    assert runtime.snapshot.config is other
    assert "found-1" in str(names(runtime))


async def test_a_watcher_and_its_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "router.yaml"
    file.write_text(dedent(OLD))
    source = ConfigSource(file, {})
    source.load()
    applied: list[Config] = []

    async def prepare(config: Config) -> Callable[[], None]:
        return partial(applied.append, config)

    reasons = iter(["others can reach it", ""])
    watcher = ConfigWatcher(source, lambda _: next(reasons), prepare)
    await watcher.poll()
    assert applied == []
    file.write_text(dedent(NEW))
    await watcher.poll()
    assert applied == [] and "previous configuration: others can reach it" in caplog.text
    file.write_text(dedent(NEW) + "# again\n")
    await watcher.poll()
    (config,) = applied
    assert config.providers[0].base_url == "https://moved.example/v1"
    file.write_text("providers: [")
    await watcher.poll()
    assert len(applied) == 1 and "previous configuration:\n" in caplog.text
    other = ConfigSource(tmp_path / "other.yaml", {})
    with pytest.raises(ConfigError):
        other.load()
    watcher.follow(other)
    file.write_text(dedent(OLD))
    await watcher.poll()
    assert len(applied) == 1, "another file is watched now"


async def test_a_thread_builds_it_while_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, made = make_runtime(OPEN), Snapshot.build
    config = parsed(OPEN.replace("key-a-1", "key-a-2"))
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(*given: Any) -> Snapshot:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(PATIENCE)
        return made(*given)

    monkeypatch.setattr(Snapshot, "build", slow)
    building = asyncio.ensure_future(runtime.prepare(config))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    await runtime.learn(FOUND)
    before = runtime.snapshot
    may_end.set()
    put_in_force = await building
    assert runtime.snapshot is before
    put_in_force()
    assert runtime.snapshot.config is config
    assert "found-1" in str(names(runtime)), "models that were found meanwhile are kept"


@pytest.mark.parametrize("meanwhile", ["another file", "another listener"])
async def test_what_changes_while_a_configuration_is_prepared(
    tmp_path: Path, meanwhile: str
) -> None:
    file = tmp_path / "router.yaml"
    file.write_text(dedent(OLD))
    source = ConfigSource(file, {})
    source.load()
    applied: list[Config] = []
    refused = ""

    async def prepare(config: Config) -> Callable[[], None]:
        nonlocal refused
        if meanwhile == "another file":
            watcher.follow(ConfigSource(tmp_path / "other.yaml", {}))
        else:
            refused = "others can reach it"
        return partial(applied.append, config)

    watcher = ConfigWatcher(source, lambda _: refused, prepare)
    file.write_text(dedent(NEW))
    assert await watcher.poll() == refused
    assert applied == []


def test_a_client_and_its_flow_are_forgotten(runtime: FakeRuntime) -> None:
    client = tflow.tclient_conn()
    runtime.listeners.certified.add(client.id)
    runtime.listeners.own_doors.add(client.id)
    runtime.listeners.disconnected(client.id)
    assert not runtime.listeners.certified and not runtime.listeners.own_doors


def test_who_follows_is_called_at_once_and_after_each_change(runtime: FakeRuntime) -> None:
    seen: list[Snapshot] = []

    def look() -> None:
        seen.append(runtime.snapshot)

    runtime.follow(look)
    runtime.follow(look)
    assert seen == [runtime.snapshot]
    runtime.apply(parsed(NEW))
    assert len(seen) == 2 and seen[1] is runtime.snapshot


def test_who_follows_waits_for_the_first_configuration() -> None:
    seen: list[str] = []
    Runtime().follow(lambda: seen.append("called"))
    assert seen == []
