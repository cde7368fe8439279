"""The table of handlers behaves as asking every add-on at every event does."""

import asyncio
import types
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy import http
from mitmproxy.addons import default_addons
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.hooks import all_hooks
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.proxy.layers.http import HttpResponseHook
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.engine.hooks import CachedAddonManager


class Recorder:
    """An add-on that notes what it is asked; `does` is called then."""

    def __init__(self, name: str, seen: list[str], does: Any = None) -> None:
        self.name = name
        self._seen = seen
        self._does = does or (lambda: None)

    def request(self, flow: http.HTTPFlow) -> None:
        self._seen.append(self.name)
        self._does()


class Slow(Recorder):
    async def request(self, flow: http.HTTPFlow) -> None:  # pyright: ignore
        self._seen.append(f"{self.name} begins")
        await asyncio.sleep(0)
        self._does()
        self._seen.append(f"{self.name} ends")


def fails() -> None:
    raise ValueError("oh no")


def halts() -> None:
    raise exceptions.AddonHalt


def group(*addons: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(name="group", addons=list(addons))


@pytest.fixture
def seen() -> list[str]:
    return []


async def both_ways(*addons: Any, seen: list[str]) -> list[str]:
    """What is seen of one request, which must be what mitmproxy's own manager gives."""
    outcomes = []
    for cached in (False, True):
        with taddons.context(loadcore=False) as context:
            manager = context.master.addons
            if cached:
                CachedAddonManager.adopt(manager)
            manager.add(*addons)
            await manager.handle_lifecycle(HttpRequestHook(tflow.tflow()))
            outcomes.append(list(seen))
            seen.clear()
    assert outcomes[0] == outcomes[1]
    return outcomes[1]


async def test_handlers_are_called_in_order(seen: list[str]) -> None:
    made = [Recorder(name, seen) for name in "abc"]
    assert await both_ways(made[0], group(*made[1:]), seen=seen) == ["a", "b", "c"]


async def test_who_has_to_wait_is_waited_for(seen: list[str]) -> None:
    addons = Recorder("a", seen), Slow("b", seen), Recorder("c", seen), Slow("d", seen)
    got = await both_ways(*addons, seen=seen)
    assert got == ["a", "b begins", "b ends", "c", "d begins", "d ends"]


@pytest.mark.parametrize("kind", [Recorder, Slow])
async def test_a_failure_ends_its_group_alone(seen: list[str], kind: Any) -> None:
    bad = kind("bad", seen, fails)
    got = await both_ways(group(bad, Recorder("b", seen)), Recorder("c", seen), seen=seen)
    assert "b" not in got and got[-1] == "c"


@pytest.mark.parametrize("kind", [Recorder, Slow])
async def test_a_halt_ends_everything(seen: list[str], kind: Any) -> None:
    last = Recorder("b", seen)
    assert "b" not in await both_ways(kind("a", seen, halts), last, seen=seen)


async def test_a_failure_is_logged(seen: list[str], caplog: pytest.LogCaptureFixture) -> None:
    await both_ways(Recorder("bad", seen, fails), seen=seen)
    said = [record.getMessage() for record in caplog.records]
    assert said.count("Addon error: oh no") == 2


async def test_addons_that_come_and_go_are_noticed(seen: list[str]) -> None:
    first, second, third = (Recorder(name, seen) for name in "abc")
    outer = group(first)
    with taddons.context(loadcore=False) as context:
        manager = context.master.addons
        CachedAddonManager.adopt(manager)
        manager.add(outer)
        hook = HttpRequestHook(tflow.tflow())
        assert isinstance(manager, CachedAddonManager)
        manager.start(hook)
        manager.add(second)
        manager.start(hook)
        # As scripts do: an add-on registers what it holds.
        manager.register(third)
        outer.addons.append(third)
        manager.start(hook)
        manager.remove(second)
        manager.start(hook)
        assert seen == ["a", "a", "b", "a", "c", "b", "a", "c"]
        manager.clear()
        manager.start(hook)
        assert len(seen) == 8


async def test_updates_follow_what_concerns_a_flow() -> None:
    updates = []

    class View:
        def update(self, flows: Any) -> None:
            updates.append(flows)

    with taddons.context(loadcore=False) as context:
        manager = context.master.addons
        CachedAddonManager.adopt(manager)
        manager.add(View())
        assert isinstance(manager, CachedAddonManager)
        flow = tflow.tflow(resp=True)
        assert manager.lifecycle(HttpResponseHook(flow)) is None
        assert updates == [[flow]]


async def test_the_page_of_mitm_it_costs_no_task_where_nobody_asks_for_it() -> None:
    onboarding = Onboarding()
    with taddons.context(loadcore=False) as context:
        manager = context.master.addons
        CachedAddonManager.adopt(manager)
        manager.add(onboarding)
        assert isinstance(manager, CachedAddonManager)
        other, asked = tflow.tflow(live=True), tflow.tflow(live=True)
        assert manager.start(HttpRequestHook(other)) is None
        asked.request.host = asked.request.host_header = "mitm.it"
        asked.request.port = 80
        rest = manager.start(HttpRequestHook(asked))
        assert rest is not None
        await rest
        assert asked.response


def mitmproxys(name: str) -> Any:
    return next(one for one in default_addons() if type(one).__name__ == name)


@pytest.mark.parametrize(
    ("name", "hook", "option", "value"),
    [
        ("AntiCache", "request", "anticache", True),
        ("AntiComp", "request", "anticomp", True),
        ("BlockList", "request", "block_list", ["/~u x/404"]),
        ("Dumper", "response", "flow_detail", 1),
        ("MapLocal", "request", "map_local", ["|x|/tmp"]),
        ("MapRemote", "request", "map_remote", ["|x|http://y"]),
        ("ModifyBody", "request", "modify_body", ["/a/b"]),
        ("ModifyHeaders", "requestheaders", "modify_headers", ["/a/b"]),
        ("ProxyAuth", "requestheaders", "proxyauth", "any"),
        ("Save", "response", "save_stream_file", "{folder}/flows"),
        ("SaveHar", "response", "hardump", "{folder}/har"),
        ("StickyAuth", "request", "stickyauth", "~all"),
        ("StickyCookie", "request", "stickycookie", "~all"),
        ("UpstreamAuth", "requestheaders", "upstream_auth", "a:b"),
    ],
)
def test_who_has_nothing_to_do_is_asked_once_that_changes(
    name: str, hook: str, option: str, value: Any, tmp_path: Path
) -> None:
    addon = Dumper() if name == "Dumper" else mitmproxys(name)
    kind = all_hooks[hook]
    with taddons.context(loadcore=False) as context:
        manager = context.master.addons
        CachedAddonManager.adopt(manager)
        assert isinstance(manager, CachedAddonManager)
        manager.add(addon)
        options = context.options
        before = getattr(options, option)
        options.update(**{option: 0 if name == "Dumper" else before})
        assert not manager.has(kind)
        value = value.format(folder=tmp_path) if isinstance(value, str) else value
        options.update(**{option: value})
        assert manager.has(kind)
        options.update(**{option: 0 if name == "Dumper" else before})
        assert not manager.has(kind)


def test_a_certificates_revocation_list_is_still_answered(tmp_path: Path) -> None:
    config = TlsConfig()
    with taddons.context(config) as context:
        context.configure(config, confdir=str(tmp_path))
        CachedAddonManager.adopt(context.master.addons)
        manager = context.master.addons
        assert isinstance(manager, CachedAddonManager)
        for path, answered in ((config.crl_path(), True), ("/a", False), ("/a.crl", False)):
            flow = tflow.tflow()
            flow.request.path = path
            manager.start(HttpRequestHook(flow))
            assert (flow.response is not None) is answered
