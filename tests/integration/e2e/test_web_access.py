"""What pages of named origins and clients behind trusted proxies may do, and nobody else."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import whole
from tests.support.upstream import Upstream

APP, STRANGER = "https://app.example", "https://evil.example"
KEY, INNER_KEY, MANAGER = "key-of-a-page-4711", "key-of-the-office-1", "key-of-a-manager-8"
PROXY, NOBODY = "127.0.0.2", "127.0.0.1"
"""Addresses that requests come from: one of `trusted-proxies`, and another one."""
QUESTION = {"model": "p/m", "messages": [{"role": "user", "content": "Well?"}]}

ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    "/api/chat",
    "/api/generate",
    "/v2/chat",
    "/v1/models",
    "/p/shop/v1/chat/completions",
)


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    headers: dict[str, str]
    body: str


class World:
    """The router, its upstream, and a way to ask from an address."""

    def __init__(self, router: Router, upstream: Upstream) -> None:
        self.router, self.upstream = router, upstream

    def ask(
        self,
        method: str = "POST",
        target: str = "/v1/chat/completions",
        peer: str = NOBODY,
        body: object = None,
        **headers: str,
    ) -> Told:
        place = http.client.HTTPConnection(
            "127.0.0.1", self.router.port, timeout=30, source_address=(peer, 0)
        )
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            content = json.dumps(body).encode() if body is not None else None
            place.request(method, target, content, named)
            answer = place.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            tunnelled = method == "CONNECT" and answer.status == 200
            said = "" if tunnelled else answer.read().decode()  # a tunnel has no end
            return Told(answer.status, found, said)
        finally:
            place.close()

    def call(self, key: str = KEY, **more: str) -> Told:
        return self.ask(body=QUESTION, authorization=f"Bearer {key}", **more)

    def preflight(self, target: str, origin: str = APP) -> Told:
        return self.ask(
            "OPTIONS",
            target,
            origin=origin,
            access_control_request_method="POST",
            access_control_request_headers="authorization,content-type,x-stainless-os",
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Upstream() as upstream:
        upstream.on("m", always=saying(CHAT), path=CHAT.path)
        provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "sk-up-1234"}
        inner = {"key": INNER_KEY, "name": "office", "addresses": ["203.0.113.0/24"]}
        config = {
            "providers": [{**provider, "models": ["m"]}],
            "clients": {"api-keys": [KEY, inner], "origins": [APP, "http://localhost:3000"]},
            "trusted-proxies": [PROXY, "10.0.0.0/8"],
            "management": {"key": MANAGER},
        }
        with Router(tmp_path_factory.mktemp("web"), config) as router:
            yield World(router, upstream)


@pytest.mark.parametrize("target", ENDPOINTS)
def test_a_preflight_needs_no_key(world: World, target: str) -> None:
    answer = world.preflight(target)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == APP
    asked = "authorization,content-type,x-stainless-os"
    assert answer.headers["access-control-allow-headers"] == asked
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/v1/models"])
@pytest.mark.parametrize("origin", [STRANGER, "null", "https://app.example.evil.example"])
def test_no_other_page_is_told_anything(world: World, target: str, origin: str) -> None:
    answer = world.preflight(target, origin)
    assert answer.status == 401
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    answer = world.call(origin=origin)
    assert answer.status == 200 and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_with_a_key_reads_its_answer(world: World, stream: bool) -> None:
    answer = world.ask(
        body={**QUESTION, "stream": stream},
        authorization=f"Bearer {KEY}",
        origin=APP,
        sec_fetch_site="cross-site",
        sec_fetch_mode="cors",
    )
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-expose-headers"] == "*"
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_reads_why_it_is_refused(world: World) -> None:
    for answer in (world.ask(body=QUESTION, origin=APP), world.call("wrong-key-1", origin=APP)):
        assert answer.status == 401
        assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "target",
    [
        "/v0/management/config",
        "/v0/management",
        "/dashboard/",
        "/dashboard",
        "/p/shop/v0/management/config",
        "/p/shop/dashboard/",
    ],
)
def test_management_and_the_dashboard_stay_closed(world: World, target: str) -> None:
    told = [world.preflight(target)]
    for method in ("GET", "POST"):
        told.append(world.ask(method, target, origin=APP, authorization=f"Bearer {MANAGER}"))
    for answer in told:
        assert answer.status in (403, 404)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_key_for_some_addresses_behind_a_trusted_proxy(world: World) -> None:
    inside = "203.0.113.7"
    assert world.call(INNER_KEY, peer=PROXY, x_forwarded_for=inside).status == 200
    assert world.call(INNER_KEY, peer=PROXY, x_forwarded_for=f"{inside}, 10.1.1.1").status == 200
    assert world.call(INNER_KEY, peer=PROXY, forwarded=f"for={inside}").status == 200
    refused = [
        world.call(INNER_KEY, peer=PROXY),
        world.call(INNER_KEY, peer=PROXY, x_forwarded_for=f"{inside}, 198.51.100.1"),
        world.call(INNER_KEY, peer=PROXY, x_forwarded_for="x", forwarded=f"for={inside}"),
        world.call(INNER_KEY, peer=NOBODY, x_forwarded_for=inside),
        world.call(INNER_KEY, peer=NOBODY, forwarded=f"for={inside}"),
    ]
    for answer in refused:
        assert answer.status == 403 and "may not be used from this address" in answer.body


def test_a_forwarded_client_is_not_on_this_machine(world: World) -> None:
    """Only who is on this machine uses the router as a proxy without a key."""
    target = f"{world.upstream.url}/elsewhere"
    for forwarded in ("127.0.0.1", "203.0.113.7", "10.1.1.1", "what"):
        told = world.ask("GET", target, peer=PROXY, x_forwarded_for=forwarded)
        assert told.status == 407, forwarded
    world.upstream.on(always=whole(b"{}"), path="/elsewhere")
    for peer in (NOBODY, PROXY):
        assert world.ask("GET", target, peer=peer).status == 200
    assert world.ask("GET", target, peer=NOBODY, x_forwarded_for="203.0.113.7").status == 200


def test_no_tunnel_is_opened_for_a_forwarded_client(world: World) -> None:
    host = f"127.0.0.1:{world.upstream.port}"
    told = world.ask("CONNECT", host, peer=PROXY, x_forwarded_for="203.0.113.7")
    assert told.status == 403 and "trusted-proxies" in told.body
    assert world.ask("CONNECT", host, peer=PROXY).status == 200


@pytest.mark.parametrize("peer", [PROXY, NOBODY])
@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
def test_management_takes_a_forwarded_request_for_a_remote_one(
    world: World, peer: str, name: str
) -> None:
    target, key = "/v0/management/config", f"Bearer {MANAGER}"
    assert world.ask("GET", target, peer=peer, authorization=key).status == 200
    told = world.ask("GET", target, peer=peer, authorization=key, **{name: "127.0.0.1"})
    assert told.status == 403 and "allow-remote" in told.body


def test_wrong_keys_count_for_the_forwarded_address(world: World) -> None:
    seen = world.router.will_log("from 198.51.100.77")
    assert world.call("wrong-key-2", peer=PROXY, x_forwarded_for="198.51.100.77").status == 401
    seen.wait()


def test_trusted_proxies_need_client_keys(tmp_path: Path) -> None:
    config = {
        "providers": [{"name": "p", "base-url": "http://127.0.0.1:9/v1", "api-key": "sk-1"}],
        "trusted-proxies": [PROXY],
    }
    router = Router(tmp_path, config)
    router.launch()
    assert router.wait() != 0
    assert "behind trusted-proxies without client keys" in router.log
