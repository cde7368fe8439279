"""The place whose servers clients try to reach."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import HOSTS
from tests.integration.net.conftest import OTHER
from tests.integration.net.conftest import PLAIN
from tests.integration.net.conftest import World
from tests.integration.net.reach.place import ALONE
from tests.integration.net.reach.place import BOX
from tests.integration.net.reach.place import CORPORATE
from tests.integration.net.reach.place import KEYLESS
from tests.integration.net.reach.place import PROXY
from tests.integration.net.reach.place import RAW
from tests.integration.net.reach.place import REGULAR
from tests.integration.net.reach.place import REVERSE
from tests.integration.net.reach.place import SAFE
from tests.integration.net.reach.place import SOCKS
from tests.integration.net.reach.place import TEXT
from tests.integration.net.reach.place import TRANSPARENT
from tests.integration.net.reach.place import UPSTREAM
from tests.integration.net.reach.place import Place
from tests.integration.net.reach.place import Server
from tests.integration.net.reach.place import configuration
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.proxies import ProxyProcess
from tests.support.router import MITMDUMP
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.tls import server_context
from tests.support.upstream import Recorded


@pytest.fixture(scope="package")
def place(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = whole_world
    net, gate = world.lab.internet, world.lab.gateway
    tls = server_context(names=(FIRST,))
    servers = {
        "box": Server("box", net.listening(HOSTS[PLAIN], BOX)),
        "safe": Server("safe", net.listening(HOSTS[FIRST], SAFE), tls),
        "other": Server("other", net.listening(HOSTS[OTHER], BOX)),
        "alone": Server("alone", gate.listening("127.0.0.1", ALONE)),
        "neighbour": Server("neighbour", gate.listening("127.0.0.1", BOX)),
    }
    started: list[Router] = []

    def start(config: dict[str, Any], *arguments: str) -> None:
        directory = tmp_path_factory.mktemp("reach")
        options = {"trust": world.ca, "within": gate.command()}
        started.append(Router(directory, config, *arguments, **options).start())

    everywhere = ("--listen-host", "0.0.0.0")
    modes = (f"regular@{REGULAR}", f"socks5@{SOCKS}", f"reverse:https://{FIRST}@{REVERSE}")
    modes = (*modes, f"transparent@{TRANSPARENT}", f"reverse:tcp://127.0.0.1:{ALONE}@{RAW}")
    proxy = ProxyProcess(
        tmp_path_factory.mktemp("corporate"),
        net.command(
            str(MITMDUMP), "--listen-host", CORPORATE, "-p", str(PROXY), "--ignore-hosts", ".*",
            "--set", "connection_strategy=lazy", "--set", "block_global=false",
        ),
        PROXY, "proxy listening at",
    )  # fmt: skip
    try:
        with proxy:
            start(configuration(), *everywhere, *(part for m in modes for part in ("--mode", m)))
            upstream = f"upstream:http://{CORPORATE}:{PROXY}@{UPSTREAM}"
            start(configuration(), *everywhere, "--mode", upstream)
            start(configuration(keys=False), "--mode", f"regular@{KEYLESS}")
            yield Place(world, servers)
            for router in started:
                router.stop()
    finally:
        for router in started:
            router.kill()
        for server in servers.values():
            server.close()


@pytest.fixture
def reached(place: Place) -> Iterator[Place]:
    place.world.first.on(None, always=answering)
    yield place
    place.world.first.forget()
    place.world.first.requests.clear()


def answering(recorded: Recorded) -> Behaviour:
    return saying(CHAT)(recorded) if recorded.body else whole(TEXT.encode())
