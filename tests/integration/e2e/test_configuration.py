"""The configuration file: what is wrong with it ends the start, or leaves the running one alone."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.router import write_config
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Upstream

GOOD_PROVIDER = """\
providers:
  - name: p
    base-url: http://127.0.0.1:9/v1
    api-key-entries: [sk-secret-5577]
"""

BAD: dict[str, tuple[str, list[str]]] = {
    "wrong-type": (GOOD_PROVIDER + "    timeouts: {connect: soon}\n", ["timeouts", ":5"]),
    "unknown-key": (
        GOOD_PROVIDER + "    base-uri: http://x\n",
        [":5", "base-uri", "base-url"],
    ),
    "unknown-section": (GOOD_PROVIDER + "combo: {}\n", [":5", "combo", "combos"]),
    "unknown-provider-in-combo": (
        GOOD_PROVIDER + "combos:\n  stack: [p/m, q/m]\n",
        [":6", "q", "stack"],
    ),
    "unset-variable": (
        "providers:\n  - name: p\n    base-url: http://x\n    api-key-entries: ['${NOT_SET_77}']\n",
        [":4", "NOT_SET_77"],
    ),
    "duplicate-name": (
        GOOD_PROVIDER + "combos: {one: [p/m]}\naliases: {one: p/m}\n",
        [":6", "one"],
    ),
    "duplicate-provider": (
        GOOD_PROVIDER + "  - {name: p, base-url: http://y, api-key-entries: [k]}\n",
        [":5", "'p'"],
    ),
    "circle": (
        GOOD_PROVIDER + "combos:\n  a: [b]\n  b: [c]\n  c: [a]\n",
        ["circle", "a -> b -> c -> a"],
    ),
    "no-providers": ("combos: {}\n", ["providers"]),
    "empty": ("", ["empty", "provider"]),
    "no-yaml": ("providers: [\n  - {name: ]\n", [":2"]),
    "a-list": ("- 1\n", ["mapping"]),
    "bad-format": (GOOD_PROVIDER + "    format: smtp\n", [":5", "format", "openai-chat"]),
    "bad-url": (
        "providers:\n  - {name: p, base-url: 'ftp://x', api-key-entries: [k]}\n",
        [":2", "base-url", "http"],
    ),
    "bad-regex": (
        GOOD_PROVIDER + "routes: [{pattern: '(', provider: p}]\n",
        [":5", "pattern"],
    ),
    "several-at-once": (
        GOOD_PROVIDER + "    strategy: best\ncombos: {x: [nobody/m]}\nretry: {deadline: -1}\n",
        ["strategy", "nobody", "deadline", ":5", ":6", ":7"],
    ),
}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("config", "said"), BAD.values(), ids=BAD)
def test_a_bad_file_ends_the_start(tmp_path: Path, config: str, said: list[str]) -> None:
    router = Router(tmp_path, config)
    router.launch()
    code = router.wait()
    assert code == 1
    assert not listens(router.port)
    log = router.log
    assert "not started" in log and "switchyard.yaml" in log
    for words in said:
        assert words in log, log
    assert "Traceback" not in log
    assert "sk-secret" not in log
    assert "listening at" not in log, "half of it was started"


def test_a_bad_file_is_told_alone_though_clients_wait(tmp_path: Path) -> None:
    router = Router(tmp_path, "providers: []\n")
    router.launch()
    ended = threading.Event()

    def knock() -> None:
        while not ended.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", router.port)) as client:
                client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                client.recv(1)

    clients = [threading.Thread(target=knock) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        assert router.wait() == 1
    finally:
        ended.set()
        for client in clients:
            client.join()
    assert "not started" in router.log
    assert "Traceback" not in router.log and "Error:" not in router.log


def test_a_missing_file_ends_the_start(tmp_path: Path) -> None:
    router = Router(tmp_path, GOOD_PROVIDER)
    router.config_path.unlink()
    router.launch()
    assert router.wait() == 1
    assert "switchyard.yaml" in router.log and "Traceback" not in router.log


def test_a_secret_in_a_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    config = GOOD_PROVIDER + "    strategy: ${KEY_77}\n    headers: {x: [sk-secret-5577]}\n"
    router = Router(tmp_path, config, env={"KEY_77": "sk-from-env-3311"})
    router.launch()
    assert router.wait() == 1
    assert "sk-" not in router.log, router.log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_others_can_reach_it_only_with_client_keys(tmp_path: Path, host: str) -> None:
    args = ("--listen-host", host) if host else ("--mode", "regular@0.0.0.0:0")
    router = Router(tmp_path, GOOD_PROVIDER, *args)
    router.launch()
    assert router.wait() == 1
    assert "client keys" in router.log and "clients.api-keys" in router.log
    assert not listens(router.port)


def test_with_client_keys_it_listens_anywhere(start_router: Callable[..., Router]) -> None:
    config = GOOD_PROVIDER + "clients: {api-keys: [sk-client-1]}\n"
    router = start_router(config, "--listen-host", "0.0.0.0")
    assert httpx2.get(f"{router.url}/health").status_code == 200
    assert httpx2.get(f"{router.url}/v1/models").status_code == 401


def test_the_environment_names_the_file(
    tmp_path: Path, start_router: Callable[..., Router]
) -> None:
    path = write_config(tmp_path / "other.yaml", GOOD_PROVIDER.replace("name: p", "name: from-env"))
    router = start_router(GOOD_PROVIDER, env={"SWITCHYARD_CONFIG": str(path)}, named=False)
    assert "from-env" in router.log


def test_keys_come_from_the_environment(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    plan = upstream.on("m", saying(CHAT))
    config = config_of(upstream, "p")
    config["providers"][0]["api-key-entries"] = ["${KEY_ONE}"]
    router = start_router(config, env={"KEY_ONE": "sk-from-env-3311"})
    assert GOOD in ask(router, "p/m").text
    assert plan.requests[0].key == "sk-from-env-3311"


def config_of(upstream: Upstream, name: str) -> dict[str, Any]:
    provider = {"name": name, "base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    return {"providers": [provider], "retry": {"request-retry": 0}}


def ask(router: Router, model: str) -> httpx2.Response:
    return httpx2.post(f"{router.url}{CHAT.path}", json={"model": model, "messages": []})


def test_a_changed_file_comes_into_force(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    upstream.on("m", always=saying(CHAT))
    router = start_router(config_of(upstream, "before"))
    assert GOOD in ask(router, "before/m").text
    assert ask(router, "after/m").status_code == 404

    in_force = router.will_log("applied the changed")
    write_config(router.config_path, config_of(upstream, "after"))
    in_force.wait()

    assert GOOD in ask(router, "after/m").text
    assert ask(router, "before/m").status_code == 404


@pytest.mark.parametrize("kind", ["wrong", "gone", "empty"])
def test_a_bad_change_leaves_the_running_one_in_force(
    start_router: Callable[..., Router], upstream: Upstream, kind: str
) -> None:
    upstream.on("m", always=saying(CHAT))
    router = start_router(config_of(upstream, "p"))
    reported = router.will_log("keeping the previous configuration")
    if kind == "gone":
        router.config_path.unlink()
    else:
        wrong = {**config_of(upstream, "q"), "strange": 1} if kind == "wrong" else ""
        write_config(router.config_path, wrong)
    reported.wait()

    assert GOOD in ask(router, "p/m").text
    assert ask(router, "q/m").status_code == 404

    in_force = router.will_log("applied the changed")
    write_config(router.config_path, config_of(upstream, "r"))
    in_force.wait()
    assert GOOD in ask(router, "r/m").text


def test_a_running_request_ends_with_the_configuration_it_began_with(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    gate = Signal()
    events = CHAT.events(Answer())
    upstream.on("m", (*chunked(*events[:3], Wait(gate)), *events[3:]))
    router = start_router(config_of(upstream, "before"))
    body = {"model": "before/m", "messages": [], "stream": True}
    with httpx2.stream("POST", f"{router.url}{CHAT.path}", json=body) as answer:
        pieces = answer.iter_raw()
        got = next(pieces)
        in_force = router.will_log("applied the changed")
        write_config(router.config_path, config_of(upstream, "after"))
        in_force.wait()
        gate.set()
        got += b"".join(pieces)
    assert read_stream("openai-chat", got).text == Answer().text


PROBE = """
import asyncio
from mitmproxy import ctx

async def running():
    await asyncio.sleep(0)
    for script in ctx.master.addons.get("scriptloader").addons:
        print("watched:", script.path, not script.reloadtask.cancelled(), flush=True)
    print("watched: all", flush=True)
"""


def test_an_update_of_the_files_does_not_reach_a_running_router(tmp_path: Path) -> None:
    """mitmproxy would load the entry point anew, beside modules of before."""
    (tmp_path / "probe.py").write_text(PROBE)
    router = Router(tmp_path, GOOD_PROVIDER, "-s", str(tmp_path / "probe.py"))
    seen = router.will_log("watched: all")
    with router:
        seen.wait()
        told = [line for line in router.log.splitlines() if line.startswith("watched: ")]
    assert any(line.endswith("router.py False") for line in told)
    assert any(line.endswith("probe.py True") for line in told)
