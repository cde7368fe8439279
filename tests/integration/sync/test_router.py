"""A running router takes over what its device pulls: keys of providers, and models."""

import io
from pathlib import Path

import httpx2
import pytest

from tests.integration.sync.conftest import Maker
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.devices import UserDevice
from tests.support.devices import begin_with
from tests.support.devices import let_in
from tests.support.router import Router
from tests.support.upstream import Upstream

FIRST, SECOND = "sk-first-0123456789abcdef", "sk-second-0123456789abcdef"

CONFIG = """\
providers:
  - name: up
    base-url: {url}/v1
    format: openai-chat
    api-key: {key}
    models: [{{name: small}}]
"""


def test_keys_reach_a_running_router(
    device: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop, server = device("laptop"), device("server")
    address = str(tmp_path / "remote")
    folders = {
        "XDG_CONFIG_HOME": str(server.config.parents[1]),
        "XDG_STATE_HOME": str(server.state),
    }
    with Upstream() as upstream:
        upstream.on(always=saying(CHAT))
        begin_with(laptop, address, CONFIG.format(url=upstream.url, key=FIRST))
        let_in(server, address, by=laptop)
        (tmp_path / "router").mkdir()
        with Router(tmp_path / "router", "", named=False, env=folders) as router:
            ask(router, "small")
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECOND}\n"))
            laptop.run("set", "UP_API_KEY")
            bring(laptop, server, router)
            ask(router, "small")
            laptop.edit("{name: small}", "{name: small}, {name: large}")
            bring(laptop, server, router)
            ask(router, "large")
            assert [one.key for one in upstream.requests] == [FIRST, SECOND, SECOND]
            assert FIRST not in router.log
            assert SECOND not in router.log


def bring(one: UserDevice, other: UserDevice, router: Router) -> None:
    """Have the router of the other device take over what the first one has."""
    one.run("push")
    in_force = router.will_log("applied the changed")
    other.run("pull")
    in_force.wait()


def ask(router: Router, model: str) -> None:
    """Ask for a model; it must be served."""
    body = {"model": model, "messages": [{"role": "user", "content": "Well?"}]}
    answer = httpx2.post(f"{router.url}{CHAT.path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
