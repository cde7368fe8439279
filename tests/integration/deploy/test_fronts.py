"""nginx and Caddy in front of a real router, with the configurations of `deploy/`."""

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.fronts import FRONTS
from tests.support.fronts import NAME
from tests.support.fronts import Front
from tests.support.fronts import find_program
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import HANG
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream

KEY = "key-of-a-client-0001"
KEY_OF_HERE, KEY_OF_ELSEWHERE = "key-for-127-0002", "key-for-10-0003"
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server
    assert not server.unscripted


@pytest.fixture(scope="module")
def router(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    config = {
        "clients": {
            "api-keys": [
                KEY,
                {"key": KEY_OF_HERE, "name": "here", "addresses": ["127.0.0.0/8"]},
                {"key": KEY_OF_ELSEWHERE, "name": "elsewhere", "addresses": ["10.0.0.0/8"]},
            ]
        },
        "trusted-proxies": ["127.0.0.1"],
        "providers": [{"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}],
        "usage": "off",
    }
    with Router(tmp_path_factory.mktemp("router"), config) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(FRONTS))
def front(
    request: pytest.FixtureRequest, router: Router, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """One of its two routers takes no connections, where it can do with that."""
    if find_program(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    kind = FRONTS[request.param]
    ports = (free_port(), router.port) if kind.passes_over() else (router.port,)
    with kind(tmp_path_factory.mktemp(request.param), ports) as running:
        yield running


class Asking(httpx2.Client):
    """A client that knows where the front's name is."""

    def __init__(self, front: Front, http2: bool = False) -> None:
        super().__init__(
            base_url=f"https://127.0.0.1:{front.port}",
            headers={"authorization": f"Bearer {KEY}", "host": f"{NAME}:{front.port}"},
            verify=front.context(),
            http2=http2,
            trust_env=False,
            timeout=PATIENCE,
        )

    def build_request(self, *args: Any, **options: Any) -> httpx2.Request:
        options["extensions"] = {**(options.get("extensions") or {}), "sni_hostname": NAME}
        return super().build_request(*args, **options)


def question(model: str, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": f"chat/{model}", "messages": messages, **more}


def test_the_program_finds_nothing_wrong(front: Front) -> None:
    done = front.check()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_pieces_of_a_stream_arrive_as_they_come(
    front: Front, upstream: Upstream, http2: bool
) -> None:
    """Each piece is sent after the client has read the one before."""
    words = [f"word{number}" for number in range(5)]
    read = [Signal() for _ in words]
    steps: list[Any] = [*CHAT.opening(Answer())]
    for word, done in zip(words, read, strict=True):
        steps += [CHAT.text(word), Wait(done)]
    model = f"pieces-{front.name}-{http2}"
    upstream.on(model, chunked(*steps, *CHAT.closing(Answer())))
    with (
        Asking(front, http2) as client,
        client.stream("POST", PATH, json=question(model, stream=True)) as response,
    ):
        assert response.status_code == 200
        assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        text = ""
        for line in response.iter_lines():
            text += line
            if line.startswith("data: {") and (choices := json.loads(line[6:])["choices"]):
                content = choices[0]["delta"].get("content")
                if content in words:
                    read[words.index(content)].set()
    assert all(read) and text.endswith("[DONE]")


def test_a_client_that_leaves_ends_the_stream(front: Front, upstream: Upstream) -> None:
    model = f"left-{front.name}"
    plan = upstream.on(model, chunked(*CHAT.opening(Answer()), CHAT.text("one"), HANG))
    with (
        Asking(front) as client,
        client.stream("POST", PATH, json=question(model, stream=True)) as response,
    ):
        assert any("one" in line for line in response.iter_lines())
    plan.requests[0].gone.wait()


def test_large_requests_arrive_whole(front: Front, upstream: Upstream) -> None:
    model = f"large-{front.name}"
    plan = upstream.on(model, whole(CHAT.whole(Answer(text="yes"))))
    text = "long " * 400_000
    with Asking(front) as client:
        messages = [{"role": "user", "content": text}]
        answer = client.post(PATH, json=question(model, messages=messages))
    assert answer.json()["choices"][0]["message"]["content"] == "yes"
    assert plan.requests[0].json["messages"][0]["content"] == text


def test_a_wrong_key_is_refused_by_the_router(front: Front) -> None:
    with Asking(front) as client:
        answer = client.get("/v1/models", headers={"authorization": "Bearer wrong-key-00000"})
    assert answer.status_code == 401 and "error" in answer.json()


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_a_client_cannot_choose_its_address(front: Front, header: str) -> None:
    with Asking(front) as client:
        for key, status in ((KEY_OF_HERE, 200), (KEY_OF_ELSEWHERE, 403)):
            address = "10.1.2.3" if header == "x-forwarded-for" else "for=10.1.2.3"
            headers = {"authorization": f"Bearer {key}", header: address}
            assert client.get("/v1/models", headers=headers).status_code == status


def test_a_websocket_goes_through(front: Front) -> None:
    handshake = (
        f"GET /v1/responses HTTP/1.1\r\nhost: {NAME}\r\nauthorization: Bearer {KEY}\r\n"
        "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    context: ssl.SSLContext = front.context()
    with (
        socket.create_connection(("127.0.0.1", front.port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secure,
    ):
        secure.sendall(handshake.encode())
        assert secure.recv(4096).startswith(b"HTTP/1.1 101 ")
