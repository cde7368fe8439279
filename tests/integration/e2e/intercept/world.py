"""The providers' own hosts, another provider, and what clients with a login ask of them."""

import itertools
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx2

from tests.integration.e2e.test_transport import trusting
from tests.support.answers import ANTHROPIC
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.steps import CUT
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream

CLAUDE = "api.anthropic.com"
CODEX = "chatgpt.com"
GOOGLE = "cloudcode-pa.googleapis.com"
COPILOT = "api.githubcopilot.com"
ALONE = "api.openai.com"
STRANGER = "private.example"
HOSTS = (CLAUDE, CODEX, GOOGLE, COPILOT, ALONE, STRANGER)
KEY = "sk-glm-7c1f02"
OTHER = Answer(text=f"Another model says {GOOD}.")

numbers = itertools.count(1)


@dataclass(slots=True)
class World:
    """The providers' own hosts, another provider, and the router between them and clients."""

    home: Upstream
    """Every host of `HOSTS` but the next."""
    copilot: Upstream
    """`COPILOT`, by HTTP/2."""
    other: Upstream
    router: Router

    def client(self, token: str = "", **more: Any) -> httpx2.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx2.Client(
            proxy=self.router.url,
            verify=trusting(self.router.ca),
            headers=headers,
            timeout=30,
            trust_env=False,
            **more,
        )


def question(model: str = "claude-sonnet-4-5", **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": model, "max_tokens": 50, "messages": said, **more}


def at(host: str, path: str) -> str:
    return f"https://{host}{path}"


def post(world: World, token: str, *, host: str = CLAUDE, **more: Any) -> httpx2.Response:
    with world.client(token) as client:
        return client.post(at(host, "/v1/messages?beta=true"), json=question(**more))


def route(answer: httpx2.Response) -> tuple[str, str]:
    return answer.headers["x-switchyard-provider"], answer.headers["x-switchyard-attempts"]


OWN = f"passthrough:{CLAUDE}"


OUT = {
    "429": refusing(ANTHROPIC, 429, "rate_limit_error", "slow down"),
    "usage-limit": refusing(
        ANTHROPIC,
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit.",
        headers=(
            ("anthropic-ratelimit-unified-status", "rejected"),
            ("anthropic-ratelimit-unified-reset", "4102444800"),
            ("retry-after", "18000"),
        ),
    ),
    "529": refusing(ANTHROPIC, 529, "overloaded_error", "Overloaded"),
    "overloaded-event": chunked(ANTHROPIC.error_event("overloaded_error", "Overloaded")),
    "connection": (CUT,),
    "empty": chunked(),
    "page": whole(b"<html>maintenance</html>", 503, "text/html"),
}


def raw_request(
    world: World, host: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    """Status and body that come for a request sent byte for byte, by CONNECT and TLS."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {host}"]
    head = "\r\n".join([*lines, *(f"{n}: {v}" for n, v in headers.items()), "", ""])
    return raw_exchange(world.router, host, head.encode() + body)


def raw_exchange(router: Router, host: str, data: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200")
        context = trusting(router.ca)
        with context.wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(data)
            answer = HTTPResponse(tls)
            answer.begin()
            return answer.status, answer.read()
