"""Requests of a WebSocket as mitmproxy's user sees them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader
from websockets.exceptions import InvalidStatus

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import good
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import chunked
from tests.support.upstream import Upstream


def test_each_request_is_a_flow_of_its_own_without_secrets(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path
) -> None:
    dump = tmp_path / "flows"
    providers = [
        {"name": name, "base-url": f"{upstream.url}/v1", "api-key": f"{KEY}-{name}"}
        for name in ("bad", "good")
    ]
    config = {
        "providers": providers,
        "combos": {"stack": ["bad/m1", "good/m2"]},
        "clients": {"api-keys": [CLIENT_KEY]},
    }
    router = start_router(config, "-w", str(dump))
    upstream.on("m1", always=refusing(CHAT, 500))
    plan = upstream.on("m2", good("chat"), chunked(*CHAT.events(Answer()), HANG))
    world = World(upstream, router)
    with pytest.raises(InvalidStatus) as refused:
        world.socket(authorization="Bearer sk-nobodys")
    assert refused.value.response.status_code == 401
    talk = world.socket()
    warm = talk.ask("stack", "one", generate=False, store=False)[-1]["response"]["id"]
    before = talk.ask("stack", "two", previous_response_id=warm, store=False)[-1]["response"]["id"]
    talk.ask("stack", "three", previous_response_id=before)
    # It leaves while the provider has not closed the answer that it saw complete.
    talk.connection.close()
    plan.requests[-1].gone.wait()
    router.stop()

    with dump.open("rb") as saved:
        flows = [flow for flow in FlowReader(saved).stream() if isinstance(flow, HTTPFlow)]
    calls = [flow for flow in flows if flow.request.path == "/v1/responses"]
    assert [
        (flow.request.method, flow.response and flow.response.status_code) for flow in calls
    ] == [
        ("GET", 401),
        ("GET", 101),
        ("POST", 200),
        ("POST", 200),
        ("POST", 200),
    ]
    comments = [flow.comment for flow in calls]
    assert "a flow of its own" in comments[1] and "warm-up" in comments[2]
    assert all("bad 500 -> good ok, 2 attempts" in comment for comment in comments[3:4])
    assert comments[4].startswith("stack: ") and "good ok" in comments[4]
    assert not any(flow.error for flow in calls)
    attempts = [flow for flow in flows if flow.request.path.endswith("/chat/completions")]
    assert len(attempts) >= 3
    answer = calls[3].response
    assert answer and GOOD in (answer.get_text() or "")
    content = dump.read_bytes()
    assert KEY.encode() not in content and CLIENT_KEY.encode() not in content
