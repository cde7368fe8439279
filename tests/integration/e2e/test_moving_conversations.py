"""Conversations that change their provider, through the real proxy and strict upstreams."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.integration.e2e.stage import KEY
from tests.support.histories import CLIENTS
from tests.support.histories import AnthropicClient
from tests.support.histories import Client
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.support.vendors import Claude
from tests.support.vendors import DeepSeek
from tests.support.vendors import Google
from tests.support.vendors import OpenAI
from tests.support.vendors import OpenRouter
from tests.support.vendors import Vendor

VENDORS: dict[str, type[Vendor]] = {
    "claude": Claude,
    "glm": Claude,
    "openai": OpenAI,
    "google": Google,
    "deepseek": DeepSeek,
    "openrouter": OpenRouter,
}
RINGS = [
    ("claude", "glm", "openai"),
    ("google", "deepseek", "openrouter"),
    ("glm", "google", "glm"),
]


class Street:
    """Strict upstreams behind one address, told apart by the model."""

    def __init__(self, upstream: Upstream) -> None:
        self.vendors = {name: kind(name) for name, kind in VENDORS.items()}
        self.refused: list[str] = []
        self.down: set[str] = set()
        for name in VENDORS:
            upstream.on(name, always=self.react)

    def react(self, request: Recorded) -> Behaviour:
        vendor = self.vendors[request.model]
        if vendor.name in self.down:
            return whole(b'{"error": {"message": "overloaded"}}', 503)
        complaints = list(vendor.complaints(request.json))
        if complaints:
            self.refused.append(complaints[0])
            status, body = vendor.refusal(complaints[0])
            return whole(json.dumps(body).encode(), status)
        reply = vendor.answers()
        if request.json.get("stream"):
            return chunked(vendor.stream(reply))
        return whole(json.dumps(reply).encode())


@pytest.fixture
def street(upstream: Upstream) -> Street:
    return Street(upstream)


@pytest.fixture
def router(upstream: Upstream, street: Street, start_router: Callable[..., Router]) -> Router:
    providers: list[dict[str, Any]] = []
    for vendor in street.vendors.values():
        path = "" if vendor.format == "anthropic" else "/v1"
        own = vendor.provider(f"{upstream.url}{path}")
        del own["api-key"]
        providers.append({**own, "api-key-entries": [KEY]})
    combos = {"mix": {"members": ["claude/claude", "glm/glm"], "return": "at-once"}}
    return start_router(
        {"providers": providers, "combos": combos, "retry": {"request-retry": 0},
         "cooldown": {"base": "1ms", "cap": "2ms"}}
    )  # fmt: skip


def ask(router: Router, client: Client, model: str, streams: bool) -> httpx2.Response:
    body = client.body(model, streams)
    url = f"{router.url}{client.path(model, streams)}"
    response = httpx2.post(url, json=body, timeout=30)
    assert response.status_code == 200, response.text
    client.take(response.content if streams else response.json())
    return response


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_nobody_is_shown_what_another_one_made(
    router: Router, street: Street, streams: bool
) -> None:
    for ring in RINGS:
        for kind in CLIENTS.values():
            client = kind()
            for number in range(8):
                name = ring[number % len(ring)]
                ask(router, client, f"{name}/{name}", streams)
                assert street.refused == [], (ring, kind.format)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_combo_fails_over_and_comes_back_within_one_format(
    router: Router, street: Street, streams: bool
) -> None:
    client = AnthropicClient()
    for down in (False, True, True, False, True, False):
        street.down = {"claude"} if down else set()
        ask(router, client, "mix", streams)
    assert street.refused == []
    turns = {name: street.vendors[name].turns for name in ("claude", "glm")}
    assert turns == {"claude": 3, "glm": 3}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_the_router_does_not_know_is_tried_once(
    router: Router, street: Street, streams: bool
) -> None:
    """After a restart of the router, or a conversation that began elsewhere."""
    elsewhere = Claude("elsewhere")
    client = AnthropicClient()
    client.take(elsewhere.answers())
    ask(router, client, "claude/claude", streams)
    assert len(street.refused) == 1
    for _ in range(3):
        ask(router, client, "claude/claude", streams)
    assert len(street.refused) == 1
