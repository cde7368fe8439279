"""Clients that have nothing but a WireGuard tunnel to the router."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.net.conftest import CONFIG
from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import FIRST_KEY
from tests.integration.net.conftest import HOSTS
from tests.integration.net.conftest import OTHER
from tests.integration.net.conftest import PLAIN
from tests.integration.net.conftest import World
from tests.integration.net.conftest import trust
from tests.integration.net.test_transparent import answering
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.netns import sh
from tests.support.router import Router
from tests.unit.pipeline.test_tunnels import client_hello

TEXT = Answer().text
LINK = "sw-wg7"


@pytest.fixture(scope="module")
def tunnel(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = {**CONFIG, "clients": {"api-keys": ["a-key-that-nobody-has"]}}
    with tunnelled(whole_world, tmp_path_factory.mktemp("wireguard"), config):
        yield whole_world
        for upstream in whole_world.upstreams:
            upstream._plans.clear()


@contextmanager
def tunnelled(world: World, directory: Path, config: dict[str, Any]) -> Iterator[Router]:
    """A router in WireGuard mode, through which everything of the clients' namespace goes."""
    for tool in ("wireguard-go", "wg"):
        if shutil.which(tool) is None:
            pytest.skip(
                f"NOT TRIED: {tool} is not installed (Debian: wireguard-go, wireguard-tools)"
            )
    if not Path("/dev/net/tun").exists():
        pytest.skip("NOT TRIED: there is no /dev/net/tun")
    inside = world.lab.clients
    router = Router(
        directory,
        config,
        *("--mode", "wireguard@10.231.7.1:51820"),
        trust=world.ca,
        within=world.lab.gateway.command(),
    )
    before = world.lab.clients.sh("ip", "route", "show", "default")
    with router:
        secret = re.search(r"PrivateKey = (\S+)", router.log)
        public = re.search(r"PublicKey = (\S+)", router.log)
        assert secret and public
        settings = directory / "wg.conf"
        settings.write_text(
            f"[Interface]\nPrivateKey = {secret[1]}\n[Peer]\nPublicKey = {public[1]}\n"
            "AllowedIPs = 0.0.0.0/0\nEndpoint = 10.231.7.1:51820\n"
        )
        inside.sh("wireguard-go", LINK)
        try:
            inside.sh("wg", "setconf", LINK, str(settings))
            inside.sh("ip", "address", "add", "10.0.0.1/32", "dev", LINK)
            inside.sh("ip", "link", "set", LINK, "up")
            inside.sh("ip", "route", "replace", "default", "dev", LINK)
            shutil.rmtree(Path("/etc/netns") / inside.name / "ssl")
            trust(inside, router.ca)
            yield router
        finally:
            inside.sh("ip", "link", "del", LINK)
            inside.sh("ip", "route", "replace", *before.split())
            shutil.rmtree(Path("/etc/netns") / inside.name / "ssl")
            trust(inside, world.router.ca)


def ask(world: World, url: str, model: str, *more: str, **about: object):
    body = {"model": model, "messages": [{"role": "user", "content": "Well?"}], **about}
    return subprocess.run(
        world.lab.clients.command(
            "curl", "-sS", "-m", "60", "-H", "content-type: application/json",
            "-H", "authorization: Bearer sk-the-tools-own", "-d", json.dumps(body), *more, url,
        ),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_calls_are_routed_without_a_key_of_the_routers(tunnel: World, version: str) -> None:
    """Whoever has the tunnel's key is known."""
    plan = tunnel.first.on("m2", saying(CHAT))
    done = ask(tunnel, f"https://{FIRST}{CHAT.path}", "m2", version, stream=True)
    assert "[DONE]" in done.stdout, done
    assert plan.requests[0].key == FIRST_KEY


def test_failover(tunnel: World) -> None:
    tunnel.first.on("m1", refusing(CHAT, 503))
    tunnel.second.on("s1", saying(CHAT))
    assert TEXT in ask(tunnel, f"https://{FIRST}{CHAT.path}", "stack").stdout


def test_plain_http(tunnel: World) -> None:
    tunnel.plain.on("p1", saying(CHAT))
    assert TEXT in ask(tunnel, f"http://{PLAIN}{CHAT.path}", "p1").stdout


def test_others_pass_byte_for_byte(tunnel: World) -> None:
    hello = client_hello(OTHER)
    with answering(tunnel, OTHER, 443, b"not what TLS says") as heard:

        def talk() -> bytes:
            with socket.create_connection((HOSTS[OTHER], 443), 60) as client:
                client.sendall(hello)
                return client.recv(99)

        assert tunnel.lab.clients.do(talk) == b"not what TLS says"
    assert b"".join(heard) == hello


def test_a_server_that_speaks_first_is_heard(tunnel: World) -> None:
    door = tunnel.lab.internet.listening(HOSTS[OTHER], 2222)

    def greet() -> None:
        connection, _ = door.accept()
        with connection:
            connection.sendall(b"SSH-2.0-x\r\n")

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()

    def listen() -> bytes:
        with socket.create_connection((HOSTS[OTHER], 2222), 60) as client:
            return client.recv(99)

    try:
        assert tunnel.lab.clients.do(listen) == b"SSH-2.0-x\r\n"
        thread.join(60)
    finally:
        door.close()


def test_other_udp_passes(tunnel: World) -> None:
    def open_door() -> socket.socket:
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.bind((HOSTS[OTHER], 443))
        return door

    door = tunnel.lab.internet.do(open_door)
    door.settimeout(60)

    def talk() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            client.connect((HOSTS[OTHER], 443))
            client.send(b"\x01no QUIC at all")
            said, client_address = door.recvfrom(99)
            door.sendto(said[::-1], client_address)
            return client.recv(99)

    try:
        assert tunnel.lab.clients.do(talk) == b"\x01no QUIC at all"[::-1]
    finally:
        door.close()


def test_the_names_of_links_are_gone_afterwards() -> None:
    assert LINK not in sh("ip", "link", "show")
