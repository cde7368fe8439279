"""HTTP/3 in reverse mode: answers, live streams and failover, with our own certificate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.integration.e2e.stage import fresh_model
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.http3_client import post
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Upstream


class Door:
    """A router with a QUIC port."""

    def __init__(self, upstream: Upstream, directory: Path, own: bool) -> None:
        self.upstream = upstream
        self.ca = directory / "ca.pem"
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(str(directory / "own.pem"))
        authority.cert_pem.write_to_path(str(self.ca))
        provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "sk-own-1"}
        config: dict = {"providers": [provider], "combos": {"stack": ["p/bad", "p/good"]}}
        if own:
            config["tls"] = {"cert": str(directory / "own.pem")}
        self.port = free_port()
        mode = f"reverse:http3://api.example@127.0.0.1:{self.port}"
        self.router = Router(directory, config, "--mode", mode)
        if not own:
            self.ca = self.router.ca

    async def ask(self, model: str, heard=lambda _: None, **more: object) -> tuple[int, str]:
        question = {"model": model, "messages": [{"role": "user", "content": "Well?"}], **more}
        status, body = await post(self.port, CHAT.path, question, ca=self.ca, heard=heard)
        return status, body.decode()


@pytest.fixture(scope="module", params=[True, False], ids=["own certificate", "mitmproxy's"])
def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    with Upstream() as upstream:
        door = Door(upstream, tmp_path_factory.mktemp("http3"), request.param)
        with door.router:
            yield door


async def test_an_answer(door: Door) -> None:
    model = fresh_model()
    door.upstream.on(model, saying(CHAT))
    status, body = await door.ask(f"p/{model}")
    assert status == 200
    assert Answer().text in body


async def test_a_live_stream(door: Door) -> None:
    model, seen = fresh_model(), Signal()
    first, second, *rest = CHAT.events(Answer())
    door.upstream.on(model, chunked(first, second, Wait(seen), *rest))

    def heard(body: bytes) -> None:
        if b"All" in body:
            seen.set()

    status, body = await door.ask(f"p/{model}", heard, stream=True)
    assert status == 200
    assert body.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
async def test_failover(door: Door, stream: bool) -> None:
    event = CHAT.error_event("server_error", BAD)
    failing = chunked(CHAT.opening(Answer())[0], event) if stream else refusing(CHAT, 503)
    bad = door.upstream.on("bad", failing)
    good = door.upstream.on("good", saying(CHAT))
    status, body = await door.ask("stack", stream=stream)
    assert status == 200
    assert BAD not in body
    assert GOOD in body
    assert len(good.requests) == 1
    assert len(bad.requests) <= 1  # it may be resting from the test before
