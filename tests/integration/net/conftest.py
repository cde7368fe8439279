"""A small internet with a router in transparent mode, and clients that know nothing of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Lab
from tests.support.netns import Namespace
from tests.support.netns import why_not
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.tls import authority
from tests.support.tls import server_context
from tests.support.upstream import Upstream

FIRST, SECOND, PLAIN, OTHER = "api.first.test", "api.second.test", "plain.test", "other.test"
HOSTS = {FIRST: "198.18.0.11", SECOND: "198.18.0.12", PLAIN: "198.18.0.13", OTHER: "198.18.0.14"}
REGULAR, TRANSPARENT, SECOND_ROUTER = 8787, 8788, 8789
FIRST_KEY, SECOND_KEY = "sk-own-first-71", "sk-own-second-72"

CONFIG: dict[str, Any] = {
    "providers": [
        {
            "name": "first",
            "format": ["openai-chat", "anthropic"],
            "base-url": f"https://{FIRST}",
            "api-key": FIRST_KEY,
            "models": ["m1", "m2"],
        },
        {
            "name": "second",
            "base-url": f"https://{SECOND}/v1",
            "api-key": SECOND_KEY,
            "models": ["s1"],
        },
        {
            "name": "plain",
            "base-url": f"http://{PLAIN}/v1",
            "api-key": SECOND_KEY,
            "models": ["p1"],
        },
    ],
    # The names of models that clients ask the first provider for: what fails there goes on.
    "combos": {"stack": ["first/m1", "second/s1"]},
    "retry": {"request-retry": 0},
    "cooldown": {"base": "50ms", "cap": "100ms"},
}


@dataclass(slots=True)
class World:
    lab: Lab
    router: Router
    first: Upstream
    second: Upstream
    plain: Upstream
    state: Path
    """Where `scripts/intercept` remembers what it did."""
    ca: Path
    """What upstreams' certificates are checked with."""

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        return self.first, self.second, self.plain

    def intercept(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `scripts/intercept` as root of the machine that the router is on. Not by `ip netns
        exec`, which would hide the cgroups."""
        return subprocess.run(
            [
                *("nsenter", f"--net=/run/netns/{self.lab.gateway.name}"),
                *(
                    sys.executable,
                    "-I",
                    str(ROOT / "scripts" / "launch.py"),
                    "intercept",
                    *arguments,
                ),
            ],
            env={**os.environ, "SWITCHYARD_INTERCEPT_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def second_router(self, directory: Path, *hosts: str) -> Router:
        """Another router, for tests that end it; `hosts` are where else it listens."""
        modes = ["--listen-host", "127.0.0.1", "--mode", f"transparent@{SECOND_ROUTER}"]
        for host in hosts:
            modes += ["--mode", f"transparent@{host}:{SECOND_ROUTER}"]
        within = self.lab.gateway.command()
        return Router(directory, CONFIG, *modes, trust=self.ca, within=within)

    def up(self, *arguments: str, port: int = TRANSPARENT) -> str:
        done = self.intercept("up", "--port", str(port), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self) -> None:
        done = self.intercept("down")
        assert done.returncode == 0, done.stderr


def trust(namespace: Namespace, ca: Path) -> None:
    """Puts certificates into the namespace's system store, as an installation would."""
    store = Path("/etc/netns") / namespace.name / "ssl"
    shutil.copytree("/etc/ssl", store, symlinks=True)
    bundle = store / "certs" / "ca-certificates.crt"
    bundle.write_bytes(bundle.read_bytes() + ca.read_bytes() + authority().cert_pem.bytes())


@pytest.fixture(scope="session")
def whole_world(upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if why := why_not():
        pytest.skip(f"NOT TRIED: {why}")
    with Lab(HOSTS) as lab:
        names = (FIRST, SECOND, OTHER)
        both = server_context("h2", "http/1.1", names=names)
        listen = lab.internet.listening
        first = Upstream(tls=both, listening=listen(HOSTS[FIRST], 443)).start()
        second = Upstream(tls=both, listening=listen(HOSTS[SECOND], 443)).start()
        plain = Upstream(listening=listen(HOSTS[PLAIN], 80)).start()
        directory = tmp_path_factory.mktemp("net")
        router = Router(
            directory,
            CONFIG,
            *("--mode", f"regular@{REGULAR}", "--mode", f"transparent@{TRANSPARENT}"),
            trust=upstream_ca,
            within=lab.gateway.command(),
        )
        world = World(lab, router, first, second, plain, directory / "state.json", upstream_ca)
        try:
            router.start()
            trust(lab.clients, router.ca)
            yield world
            world.down()
            router.stop()
        finally:
            router.kill()
            for upstream in world.upstreams:
                upstream.stop()


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The shared world. Every request to an upstream must have been planned for."""
    yield whole_world
    unplanned = [r.body for upstream in whole_world.upstreams for r in upstream.unscripted]
    for upstream in whole_world.upstreams:
        upstream.unscripted.clear()
        upstream._plans.clear()
        upstream.requests.clear()
    whole_world.down()
    assert not unplanned, f"unplanned: {unplanned}"
