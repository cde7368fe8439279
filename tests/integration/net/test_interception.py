"""`intercept:` rules for captured connections: the client's own login first, others after it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.net.conftest import CONFIG
from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import SECOND_KEY
from tests.integration.net.conftest import SECOND_ROUTER
from tests.integration.net.conftest import World
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import whole

TEXT = Answer().text
LOGIN = "sk-ant-oat-the-login-4711"


@pytest.fixture
def router(world: World, tmp_path: Path) -> Iterator[Router]:
    config = {
        **CONFIG,
        "providers": [one for one in CONFIG["providers"] if one["name"] != "first"],
        "combos": {},
        "intercept": {FIRST: ["passthrough", "second/s1"]},
    }
    modes = ("--listen-host", "127.0.0.1", "--mode", f"transparent@{SECOND_ROUTER}")
    dumps = ("--set", f"save_stream_file={tmp_path / 'flows'}")
    within = world.lab.gateway.command()
    with Router(tmp_path, config, *modes, *dumps, trust=world.ca, within=within) as running:
        world.up("--netns", world.lab.clients.name, port=SECOND_ROUTER)
        yield running


def call(world: World, router: Router, path: str, version: str, body: object = None) -> str:
    asked = ["-d", json.dumps(body)] if body else []
    done = subprocess.run(
        world.lab.clients.command(
            "curl", "-sS", "-m", "60", version, "--cacert", str(router.ca), *asked,
            "-H", f"authorization: Bearer {LOGIN}", "-H", "content-type: application/json",
            "-H", "anthropic-version: 2023-06-01", f"https://{FIRST}{path}",
        ),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_own_login_first_and_others_when_it_is_out(
    world: World, router: Router, tmp_path: Path, version: str
) -> None:
    question = {
        "model": "claude-x",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "?"}],
    }
    limit = refusing(ANTHROPIC, 429, "rate_limit_error")
    mine = world.first.on("claude-x", saying(ANTHROPIC), limit)
    other = world.second.on("s1", saying(CHAT))
    assert TEXT in call(world, router, ANTHROPIC.path, version, question)
    assert mine.requests[0].key == LOGIN, "passed on as it came"
    assert json.loads(mine.requests[0].body) == question
    assert TEXT in call(world, router, ANTHROPIC.path, version, question)
    assert other.requests[0].key == SECOND_KEY
    assert LOGIN not in str(other.requests[0].headers)

    world.first.on(None, whole(b'{"ok": true}'), path="/api/account/settings")
    assert json.loads(call(world, router, "/api/account/settings", version)) == {"ok": True}
    assert world.first.requests[-1].key == LOGIN, "no call of a model: it passes"
    router.stop()
    assert LOGIN.encode() not in (tmp_path / "flows").read_bytes()
