"""What is left of connections that are over, before the garbage collector comes by: nothing."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trustme

from tests.support.answers import CHAT
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Head
from tests.support.steps import Note
from tests.support.upstream import Upstream

TIMES = 4
PROBE = str(ROOT / "tests" / "support" / "alive.py")
BEGUN = (
    Head(headers=(("content-type", "text/event-stream"),)),
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"}}]}\n\n',
)

type Ask = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.on("good", always=saying(CHAT))
        server.on("busy", always=refusing(CHAT, 503))
        server.on("cut", always=(*BEGUN, CUT))
        server.on("reset", always=(*BEGUN, RESET))
        yield server


@pytest.fixture(scope="module")
def router(
    upstream: Upstream, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("alive")
    certificate = folder / "router.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    gone = {"name": "gone", "base-url": f"http://127.0.0.1:{free_port()}/v1", "api-key": "sk-2"}
    config = {
        "providers": [{"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}, gone],
        "combos": {"stack": ["gone/m", "p/busy", "p/good"]},
        "retry": {"request-retry": 0},
        "cooldown": {"base": "1ms", "cap": "1ms"},
        "tls": {"cert": str(certificate)},
    }
    with Router(folder, config, "-s", PROBE) as running:
        yield running


def body(model: str, stream: bool = True) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "?"}], "stream": stream}


def alive(router: Router) -> dict[str, int]:
    return httpx2.get(f"{router.url}/alive", headers={"connection": "close"}).json()


def left_by(router: Router, use: Callable[[], None]) -> dict[str, int]:
    """What is alive after connections were used and closed, and was not before."""
    use()
    before = alive(router)  # with the connections to upstreams that are kept
    for _ in range(TIMES):
        use()
    end = time.monotonic() + PATIENCE
    while True:
        after = alive(router)
        left = {name: n - before.get(name, 0) for name, n in after.items()}
        if not any(n > 0 for n in left.values()) or time.monotonic() > end:
            return {name: n for name, n in left.items() if n > 0}
        time.sleep(0.05)


@pytest.mark.parametrize("model", ["p/good", "stack", "p/cut", "p/reset", "gone/m", "none/m"])
@pytest.mark.parametrize(
    ("path", "stream"),
    [("chat/completions", False), ("chat/completions", True), ("messages", True)],
    ids=["whole", "streamed", "translated"],
)
def test_nothing_is_left_of_a_connection(
    router: Router, path: str, model: str, stream: bool
) -> None:
    asked = body(model, stream) | {"max_tokens": 10}

    def use() -> None:
        with httpx2.Client(timeout=PATIENCE, verify=False) as client:
            for _ in range(2):
                client.post(f"{router.url}/v1/{path}", json=asked)

    assert left_by(router, use) == {}


def test_nothing_is_left_of_a_connection_that_asked_nothing(router: Router) -> None:
    def use() -> None:
        socket.create_connection(("127.0.0.1", router.port)).close()

    assert left_by(router, use) == {}


@pytest.mark.parametrize("steps", [(), BEGUN], ids=["waiting", "streamed"])
def test_nothing_is_left_of_a_client_that_left(
    router: Router, upstream: Upstream, steps: tuple[Any, ...]
) -> None:
    model = f"held-{len(steps)}"
    asked = json.dumps(body(f"p/{model}")).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"

    def use() -> None:
        arrived = Signal()
        upstream.on(model, (*steps, Note(arrived), HANG))
        with socket.create_connection(("127.0.0.1", router.port)) as client:
            client.sendall(head % len(asked) + asked)
            arrived.wait()
            if steps:
                assert client.recv(12) == b"HTTP/1.1 200"

    assert left_by(router, use) == {}


@pytest.mark.parametrize("http2", [False, True], ids=["http/1", "http/2"])
def test_nothing_is_left_of_a_connection_by_tls(
    router: Router, trusting: ssl.SSLContext, http2: bool
) -> None:
    def use() -> None:
        with httpx2.Client(http2=http2, verify=trusting, timeout=PATIENCE) as client:
            url = f"https://localhost:{router.port}/v1/chat/completions"
            assert client.post(url, json=body("p/good")).status_code == 200

    assert left_by(router, use) == {}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_is_left_of_a_client_with_a_proxy(
    router: Router, trusting: ssl.SSLContext, scheme: str
) -> None:
    """Whose proxy is the router, as its base URL is: with TLS in a tunnel."""

    def use() -> None:
        with httpx2.Client(proxy=router.url, verify=trusting, timeout=PATIENCE) as client:
            url = f"{scheme}://localhost:{router.port}/v1/chat/completions"
            assert client.post(url, json=body("p/good")).status_code == 200

    assert left_by(router, use) == {}


def test_a_connection_that_is_kept_serves_the_next_client(
    router: Router, upstream: Upstream
) -> None:
    """It outlives the layers of the client that it was made for."""
    plan = upstream.on("kept", always=saying(CHAT))
    for _ in range(TIMES):
        asked = body("p/kept", stream=False)
        answer = httpx2.post(f"{router.url}/v1/chat/completions", json=asked)
        assert answer.status_code == 200
    assert len({request.connection for request in plan.requests}) == 1
