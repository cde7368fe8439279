"""Clients that stop reading for longer than an upstream may be silent."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trustme

from tests.integration.e2e.stage import question
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import chunked
from tests.support.tls import server_context
from tests.support.upstream import Upstream

PIECES = 800
WORDS = "x" * 40_000
"""Of one piece: all of them are more than what buffers on the way hold."""


@pytest.fixture(scope="module", params=["launch", "mitmdump"])
def router(
    request: pytest.FixtureRequest, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("slow")
    own = trustme.CA()
    own.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "own"))
    own.cert_pem.write_to_path(str(folder / "ca"))
    plain, tls = Upstream(), Upstream(tls=server_context("http/1.1"))
    long = chunked(*CHAT.opening(Answer()), *[CHAT.text(WORDS)] * PIECES, *CHAT.closing(Answer()))
    with plain, tls, pytest.MonkeyPatch.context() as patch:
        for upstream in (plain, tls):
            upstream.on("long", always=long)
            upstream.on("silent", always=(HANG,))
        providers = [
            {"name": "plain", "base-url": f"{plain.url}/v1", "api-key": "sk-1"},
            {"name": "tls", "base-url": f"{tls.url}/v1", "api-key": "sk-1"},
            {"name": "clock", "base-url": plain.url, "api-key": "sk-1",
             "timeouts": {"first-byte": "2500ms"}},
        ]  # fmt: skip
        config = {
            "providers": providers,
            "timeouts": {"first-output": "20s", "between-chunks": "1s"},
            "retry": {"request-retry": 0},
            "tls": {"cert": str(folder / "own")},
        }
        if request.param == "mitmdump":
            patch.setenv(LAUNCHER, "mitmdump")
        with Router(folder, config, trust=upstream_ca) as running:
            yield running


@pytest.mark.parametrize("client", ["plain", "encrypted"])
@pytest.mark.parametrize("upstream", ["plain", "tls"])
async def test_they_get_all_of_a_stream(router: Router, client: str, upstream: str) -> None:
    context = None
    if client == "encrypted":
        context = ssl.create_default_context(cafile=str(router.directory / "ca"))
    reader, writer = await asyncio.open_connection("localhost", router.port, ssl=context)
    body = json.dumps(question(f"{upstream}/long", stream=True)).encode()
    writer.write(b"POST %b HTTP/1.1\r\nhost: localhost\r\n" % CHAT.path.encode())
    writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
    came = await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as other:
        # What takes longer than the silence that is borne.
        late = await other.post(f"{router.url}{CHAT.path}", json=question("clock/silent"))
        assert late.status_code == 504
    writer.transport.resume_reading()  # pyright: ignore[reportAttributeAccessIssue]
    while not came.endswith(b"0\r\n\r\n"):
        piece = await reader.read(1_000_000)
        assert piece, came[-500:]
        came += piece
    writer.close()
    assert b'"error"' not in came and came.count(WORDS.encode()) == PIECES
    assert b"data: [DONE]" in came[-100:]
