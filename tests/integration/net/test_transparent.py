"""Clients behind a redirect, with nothing configured but whom to trust."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.net.conftest import CONFIG
from tests.integration.net.conftest import FIRST
from tests.integration.net.conftest import FIRST_KEY
from tests.integration.net.conftest import HOSTS
from tests.integration.net.conftest import OTHER
from tests.integration.net.conftest import PLAIN
from tests.integration.net.conftest import SECOND_KEY
from tests.integration.net.conftest import World
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.installing import search_path
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.unit.pipeline.test_tunnels import client_hello

TEXT = Answer().text
CLIENT_KEY = "sk-the-clients-own-88"


def curl(world: World, url: str, *more: str, body: object = None) -> subprocess.CompletedProcess:
    asked = ["-d", json.dumps(body), "-H", "content-type: application/json"] if body else []
    auth = ["-H", f"authorization: Bearer {CLIENT_KEY}"]
    return subprocess.run(
        world.lab.clients.command("curl", "-sS", "-m", "60", *auth, *asked, *more, url),
        capture_output=True,
        timeout=120,
    )


def question(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Well?"}], **more}


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_curl_by_https(world: World, version: str, stream: bool) -> None:
    world.up("--netns", world.lab.clients.name)
    plan = world.first.on("m1", saying(CHAT))
    url = f"https://{FIRST}{CHAT.path}"
    done = curl(world, url, version, "-w", "\n%{http_version}", body=question("m1", stream=stream))
    assert done.returncode == 0, done.stderr
    assert TEXT.split()[-1] in done.stdout.decode()
    assert done.stdout.decode().splitlines()[-1] == ("2" if version == "--http2" else "1.1")
    assert plan.requests[0].key == FIRST_KEY


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_fails_over_to_another_server_than_it_dialled(world: World, version: str) -> None:
    world.up("--netns", world.lab.clients.name)
    world.first.on("m1", refusing(CHAT, 503))
    plan = world.second.on("s1", saying(CHAT))
    done = curl(world, f"https://{FIRST}{CHAT.path}", version, body=question("stack"))
    assert TEXT in done.stdout.decode(), done
    assert plan.requests[0].key == SECOND_KEY
    assert CLIENT_KEY not in str(world.first.requests) + str(world.second.requests)


def test_curl_by_plain_http(world: World) -> None:
    world.up("--netns", world.lab.clients.name)
    plan = world.plain.on("p1", saying(CHAT))
    done = curl(world, f"http://{PLAIN}{CHAT.path}", body=question("p1"))
    assert TEXT in done.stdout.decode(), done
    assert plan.requests[0].key == SECOND_KEY
    assert CONFIG["providers"][2]["api-key"] == SECOND_KEY


SDK = {
    "openai": """
import openai
client = openai.OpenAI(base_url="https://api.first.test/v1", api_key="sk-x", max_retries=0)
asked = dict(model="stack", messages=[{"role": "user", "content": "Well?"}])
with client.chat.completions.stream(**asked) as stream:
    print(stream.get_final_completion().choices[0].message.content)
print(client.chat.completions.create(**asked).choices[0].message.content)
""",
    "anthropic": """
import anthropic
client = anthropic.Anthropic(base_url="https://api.first.test", api_key="sk-x", max_retries=0)
asked = dict(model="stack", max_tokens=99, messages=[{"role": "user", "content": "Well?"}])
with client.messages.stream(**asked) as stream:
    print(stream.get_final_message().content[0].text)
print(client.messages.create(**asked).content[0].text)
""",
}


@pytest.mark.parametrize("sdk", SDK)
def test_official_sdks_fail_over(world: World, sdk: str) -> None:
    """Their own certificates are all that they are told; the second provider speaks Chat alone."""
    world.up("--netns", world.lab.clients.name)
    failing = ANTHROPIC if sdk == "anthropic" else CHAT
    world.first.on("m1", always=refusing(failing, 529, "overloaded_error"))
    world.second.on("s1", always=saying(CHAT))
    done = subprocess.run(
        world.lab.clients.command(sys.executable, "-c", SDK[sdk]),
        env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == [TEXT, TEXT], done.stderr


@pytest.fixture(scope="session")
def pi(request: pytest.FixtureRequest) -> str:
    """A PATH with a coding agent from npm, as users install it."""
    if not request.config.getoption("--tools"):
        pytest.skip("only under scripts/test --tools")
    try:
        return search_path("pi")
    except NotInstalled as error:
        pytest.skip(f"NOT TRIED: pi cannot be installed here: {error}")


def test_a_real_command_line_client_fails_over(world: World, pi: str, tmp_path: Path) -> None:
    """It knows of a provider at its own address, and whom to trust; Node looks nowhere else."""
    world.up("--netns", world.lab.clients.name)
    world.first.on("m1", always=refusing(CHAT, 429, "rate_limit"))
    world.second.on("s1", always=saying(CHAT))
    settings = tmp_path / ".pi" / "agent"
    settings.mkdir(parents=True)
    provider = {
        "baseUrl": f"https://{FIRST}/v1",
        "api": "openai-completions",
        "apiKey": CLIENT_KEY,
        "models": [{"id": "stack"}],
    }
    (settings / "models.json").write_text(json.dumps({"providers": {"first": provider}}))
    done = subprocess.run(
        world.lab.clients.command(
            *("pi", "-p", "--no-session", "--provider", "first", "--model", "stack", "Well?")
        ),
        env={
            "PATH": pi,
            "HOME": str(tmp_path),
            "NODE_EXTRA_CA_CERTS": str(world.router.ca),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert TEXT in done.stdout, done.stdout + done.stderr


@contextmanager
def answering(world: World, host: str, port: int, greeting: bytes) -> Iterator[list[bytes]]:
    """A server that greets (once it heard something, unless there is nothing to hear), and keeps
    every byte that it hears until the client says no more."""
    heard: list[bytes] = []
    door = world.lab.internet.listening(HOSTS[host], port)

    def serve() -> None:
        connection, _ = door.accept()
        with connection:
            heard.append(connection.recv(65536))
            connection.sendall(greeting)
            while data := connection.recv(65536):
                heard.append(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
        thread.join(60)
    finally:
        door.close()


OTHERS = {
    "tls": (443, client_hello(OTHER) + bytes(range(256)) * 300),
    "tls-without-a-name": (443, client_hello(None) + b"\0" * 5000),
    "http": (80, b"GET  /odd?  HTTP/1.1\r\nhOsT:   other.test\r\nX:\t a\r\n\r\n" + b"\r\nz" * 999),
    "http-without-a-host": (80, b"GET / HTTP/1.0\r\n\r\n"),
    "no-http": (80, b"\x00\xff\x01 anything"),
    "cleartext-h2": (80, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("pieces", [1, 5])
def test_other_traffic_passes_untouched(world: World, kind: str, pieces: int) -> None:
    """Byte for byte, both ways, on the ports that are redirected."""
    world.up("--netns", world.lab.clients.name)
    port, said = OTHERS[kind]
    greeting = bytes(reversed(range(256))) * 40
    with answering(world, OTHER, port, greeting) as heard:

        def talk() -> bytes:
            with socket.create_connection((HOSTS[OTHER], port), 60) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for place in range(pieces):
                    step = 97 if place < pieces - 1 else len(said)
                    client.sendall(said[place * 97 :][:step])
                client.shutdown(socket.SHUT_WR)
                answer = b""
                while data := client.recv(65536):
                    answer += data
                return answer

        assert world.lab.clients.do(talk) == greeting
    assert b"".join(heard) == said


def test_other_ports_are_not_led_to_the_router(world: World) -> None:
    world.up("--netns", world.lab.clients.name)
    with answering(world, OTHER, 2222, b"SSH-2.0-x\r\n") as heard:

        def talk() -> bytes:
            with socket.create_connection((HOSTS[OTHER], 2222), 60) as client:
                client.sendall(b"hello")
                return client.recv(99)

        assert world.lab.clients.do(talk) == b"SSH-2.0-x\r\n"
    assert heard == [b"hello"]


def test_a_client_hello_in_two_pieces_is_understood(world: World) -> None:
    """Those with keys for after quantum computers always are."""
    world.up("--netns", world.lab.clients.name)
    hello = client_hello(FIRST)

    def talk() -> bytes:
        with socket.create_connection((HOSTS[FIRST], 443), 60) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(hello[:60])
            client.sendall(hello[60:])
            return client.recv(3)

    assert world.lab.clients.do(talk) == b"\x16\x03\x03"
    assert not world.first.open_connections


def test_quic_is_refused_at_once(world: World) -> None:
    """Clients then go on over TCP, where they would otherwise go past the router."""
    world.up("--netns", world.lab.clients.name)

    def knock() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            client.connect((HOSTS[FIRST], 443))
            client.send(b"\xc0" + b"\0" * 1199)
            try:
                client.recv(9)
            except ConnectionRefusedError:
                return "refused"
        return "answered"

    assert world.lab.clients.do(knock) == "refused"


def test_calls_to_the_router_itself_are_answered(world: World) -> None:
    """Whoever dials it does not make it dial itself."""
    world.up("--netns", world.lab.clients.name)
    world.first.on("m1", saying(CHAT))
    here = "http://127.0.0.1:8787"
    done = subprocess.run(
        world.lab.gateway.command(
            "curl", "-sS", "-m", "60", "-x", here, "-H", "content-type: application/json",
            "-d", json.dumps(question("m1")), f"http://127.0.0.1:8788{CHAT.path}",
        ),
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert TEXT in done.stdout.decode(), done
