"""`on-tls-failure`: a client that does not take our certificate is tunnelled, or fails."""

import json
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.proxy import context
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.test import taddons
from mitmproxy.test import tflow
from mitmproxy.test import tutils
from mitmproxy.tls import TlsData

from switchyard.clients.clients import Clients
from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.pipeline import client_trust as module
from switchyard.pipeline.client_trust import ClientTrust
from switchyard.pipeline.tunnels import Tunnels
from switchyard.reach import Reach
from tests.integration.e2e.stage import KEY
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.runtime import addon_of
from tests.support.runtime import make_runtime
from tests.support.signals import PATIENCE
from tests.support.tls import server_context
from tests.support.upstream import Upstream

TEXT = Answer().text
ONE = "providers: [{name: one, base-url: 'https://one.example/v1', api-key: k}]\n"


@pytest.fixture
def server() -> Iterator[Upstream]:
    with Upstream(tls=server_context("http/1.1")) as running:
        running.on("m", always=saying(CHAT))
        yield running


def call(router: Router, server: Upstream, ca: Path, agent: str = "codex/1") -> int:
    """curl's exit code: 0, or 60 where it does not trust."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]})
    done = subprocess.run(
        ["curl", "-sS", "-m", "45", "-x", router.url, "--cacert", str(ca), "-A", agent,
         "-H", "authorization: Bearer sk-clients", "-d", body, f"{server.url}{CHAT.path}"],
        capture_output=True, text=True, timeout=2 * PATIENCE,
    )  # fmt: skip
    assert done.returncode or TEXT in done.stdout
    return done.returncode


def configuration(server: Upstream, **more: object) -> dict:
    provider = {"name": "p", "base-url": f"{server.url}/v1", "api-key-entries": [KEY]}
    return {"providers": [{**provider, "models": ["m"]}], **more}


def test_a_client_without_trust_is_tunnelled_from_then_on(
    start_router: Callable[..., Router], server: Upstream, upstream_ca: Path
) -> None:
    config = configuration(server, **{"on-tls-failure": "tunnel"})
    router = start_router(config, trust=upstream_ca)
    told = router.will_log("for 600 s without routing them")
    assert call(router, server, upstream_ca) == 60
    told.wait()
    assert call(router, server, upstream_ca) == 0
    assert server.requests[-1].key == "sk-clients", "untouched"
    assert call(router, server, router.ca, agent="curl/7") == 0
    assert server.requests[-1].key == KEY, "other clients are routed"
    assert call(router, server, router.ca) == 60, "it meets the real certificate now"


def test_else_it_fails(
    start_router: Callable[..., Router], server: Upstream, upstream_ca: Path
) -> None:
    router = start_router(configuration(server), trust=upstream_ca)
    for _ in range(2):
        assert call(router, server, upstream_ca) == 60
    assert not server.requests


def refused(trust: ClientTrust, host: str, peer: str = "127.0.0.1") -> context.Context:
    """A connection within whose CONNECT the client refused our certificate."""
    flow = tflow.tflow(req=tutils.treq(method=b"CONNECT", host=host, port=443))
    flow.client_conn.peername = (peer, 5)
    trust.http_connect(flow)
    with taddons.context() as running:
        ctx = context.Context(flow.client_conn, running.options)
        ctx.server.address = (host, 443)
        ctx.client.sni = host
        trust.tls_failed_client(TlsData(ctx.client, ctx))
        ctx.layers.append(HttpStream(ctx, 1))
    return ctx


def is_tunnelled(trust: ClientTrust, ctx: context.Context) -> bool:
    chosen = layer.NextLayer(ctx)
    listeners = trust._listeners
    reach = Reach(trust._snapshots, listeners, Clients())
    Tunnels(trust._snapshots, listeners, reach, trust.spares).next_layer(chosen)
    return type(chosen.layer) is layers.TCPLayer


@pytest.mark.parametrize(("peer", "tunnelled"), [("127.0.0.1", True), ("203.0.113.5", False)])
def test_for_a_while_and_not_for_strangers(
    monkeypatch: pytest.MonkeyPatch, peer: str, tunnelled: bool
) -> None:
    trust = addon_of(make_runtime(ONE + "on-tls-failure: {action: tunnel, for: 90s}"), ClientTrust)
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    ctx = refused(trust, "one.example", peer)
    assert is_tunnelled(trust, ctx) is tunnelled
    now[0] += 91
    assert not is_tunnelled(trust, ctx)


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        ("sometimes", "on-tls-failure.action", "is none of fail, tunnel"),
        ("{action: tunnel, for: soon}", "on-tls-failure.for", "soon"),
        ("{action: tunnel, after: 1m}", "on-tls-failure.after", "unknown key"),
    ],
)
def test_a_wrong_wish_is_told_with_its_place(written: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse_config(f"{ONE}on-tls-failure: {written}\n".encode(), Path("x.yaml"), {})
    (problem,) = wrong.value.problems
    assert problem.line == 2
    assert (problem.key, said in problem.message) in ((key, True), ("on-tls-failure", True))
    assert problem.hint or "write 500ms" in problem.message
