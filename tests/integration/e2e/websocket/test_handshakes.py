"""Who may open a WebSocket of the Responses API, at the router and at intercepted hosts."""

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.e2e.stage import KEY
from tests.integration.e2e.test_transport import trusting
from tests.integration.e2e.websocket.world import UPGRADE
from tests.integration.e2e.websocket.world import Talk
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import good
from tests.integration.e2e.websocket.world import text_of
from tests.support.answers import GOOD


def test_what_is_no_handshake_is_told_to_use_http(world: World) -> None:
    for path, headers in {
        "/v1/messages": {},
        "/v1/realtime": {},
        "/v1/responses/compact": {},
        "/v1/responses": {"sec-websocket-version": "8"},
        "/responses": {"sec-websocket-key": ""},
        "/codex/responses": {"connection": "keep-alive"},
    }.items():
        answer = httpx2.get(f"{world.router.url}{path}", headers={**UPGRADE, **headers})
        assert answer.status_code == 426, path
        assert "HTTP POST" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        ("https://evil.example", False),
        ("null", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8787", True),
    ],
)
def test_pages_of_other_sites_cannot_call(world: World, origin: str, admitted: bool) -> None:
    """Browsers let them open WebSockets to this machine, where no key is asked for."""
    if admitted:
        world.socket(origin=origin).connection.close()
        return
    with pytest.raises(InvalidStatus) as refused:
        world.socket(origin=origin)
    assert refused.value.response.status_code == 403


def by_proxy(world: World, host: str) -> Talk:
    return Talk(
        f"wss://{host}/v1/responses",
        additional_headers={"authorization": "Bearer sk-clients-own"},
        proxy=world.router.url,
        ssl=trusting(world.router.ca),
    )


def test_an_intercepted_host_is_answered_for(world: World) -> None:
    plan = world.upstream.on("home", good("resp"), path="/v1/responses")
    with by_proxy(world, "native.example") as talk:
        assert GOOD in text_of(talk.ask("gpt-5"))
    assert plan.requests[0].key == KEY
    assert "sk-clients-own" not in str(plan.requests[0].headers)


def test_a_host_with_passthrough_goes_on_over_http(world: World) -> None:
    with pytest.raises(InvalidStatus) as refused:
        by_proxy(world, "mixed.example")
    assert refused.value.response.status_code == 426
