"""Providers are asked for their models: in the background, by the same ways, and again."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from tests.integration.egress.calls import ask
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.proxies import http_proxy
from tests.support.proxies import socks_proxy
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Behaviour
from tests.support.steps import Wait
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

type Start = Callable[..., Router]

KEY = "sk-discovery-41f7"


def chat_list(*names: str) -> Behaviour:
    return whole(json.dumps({"data": [{"id": name} for name in names]}).encode())


def listed(router: Router) -> list[str]:
    with httpx2.Client(timeout=60, trust_env=False) as client:
        return [one["id"] for one in client.get(f"{router.url}/v1/models").json()["data"]]


def paged(request: Recorded) -> Behaviour:
    """The second page for whoever asks behind the first."""
    path, _, query = request.target.partition("?")
    if path == "/v1/models":
        more = "after_id=claude-a" not in query
        page = {"data": [{"id": "claude-a" if more else "claude-b"}]}
        return whole(json.dumps({**page, "has_more": more, "last_id": "claude-a"}).encode())
    more = "pageToken=t2" not in query
    name = "models/gemini-a" if more else "models/gemini-b"
    return whole(json.dumps({"models": [{"name": name}], "nextPageToken": "t2" * more}).encode())


def test_every_format(start_router: Start, upstream: Upstream) -> None:
    """With its own key and headers, page by page; prefixes, aliases and exclusions apply; then the
    names can be asked for without a prefix."""
    chat = upstream.on(path="/chat/v1/models", always=chat_list("gpt-a", "gpt-vision"))
    upstream.on(path="/chat/v1/chat/completions", always=saying(CHAT))
    upstream.on(path="/v1/models", always=paged)
    upstream.on(path="/v1beta/models", always=paged)
    upstream.on(path="/api/tags", always=whole(b'{"models": [{"name": "qwen3:8b"}]}'))
    router = start_router(
        {
            "providers": [
                {
                    "name": "chat",
                    "prefix": "c",
                    "base-url": f"{upstream.url}/chat/v1",
                    "api-key": KEY,
                    "excluded-models": ["*-vision"],
                    "headers": {"X-Title": "me"},
                    "host-header": "chat.example",
                },
                {"name": "anth", "format": "anthropic", "base-url": upstream.url, "api-key": KEY},
                {"name": "goog", "format": "gemini", "base-url": upstream.url, "api-key": KEY},
                {"name": "olla", "format": "ollama", "base-url": upstream.url},
                {"name": "fixed", "base-url": upstream.url, "models": ["m"]},
                {"name": "open", "base-url": upstream.url, "discover-every": 0},
            ],
            "aliases": {"mine": "c/gpt-a"},
        },
        discovery=True,
    )
    wait_for(router, "chat has 2 models", "anth has 2", "goog has 2", "olla has 1")
    names = listed(router)
    prefixed = {"c/gpt-a", "anth/claude-a", "anth/claude-b", "goog/gemini-a", "goog/gemini-b"}
    assert set(names) == prefixed | {one.partition("/")[2] for one in prefixed} | {
        *("mine", "olla/qwen3:8b", "qwen3:8b", "fixed/m", "m"),
    }
    for name in ("gpt-a", "mine", "c/gpt-a", "c/not-in-any-list"):
        assert GOOD in ask(router, name).text
    assert ask(router, "gpt-vision").status_code == 404
    request = chat.requests[0]
    assert (request.key, request.header("x-title")) == (KEY, "me")
    assert request.header("host") == "chat.example"
    asked = [one for one in upstream.requests if one.method == "GET"]
    assert len(asked) == 6  # one of each but two with two pages; none of the last two providers
    anthropic = next(one for one in asked if one.path == "/v1/models")
    assert anthropic.header("x-api-key") == KEY and anthropic.header("anthropic-version")
    gemini = next(one for one in asked if one.path == "/v1beta/models")
    assert gemini.header("x-goog-api-key") == KEY and KEY not in gemini.target


def wait_for(router: Router, *texts: str) -> None:
    """Until the router has logged these."""
    for text in texts:
        happened = router.will_log(text)
        if text not in router.log:
            try:
                happened.wait()
            except TimeoutError:
                raise AssertionError(f"no {text!r} in:\n{router.log}") from None


def test_nobody_waits_for_it(start_router: Start, upstream: Upstream) -> None:
    gate = Signal()
    plan = upstream.on(path="/v1/models", always=(Wait(gate), *chat_list("late")))
    upstream.on(path=CHAT.path, always=saying(CHAT))
    router = start_router({"providers": [{"name": "p", "base-url": upstream.url}]}, discovery=True)
    plan.arrived.wait()
    assert listed(router) == []
    assert GOOD in ask(router, "p/m").text
    gate.set()
    wait_for(router, "p has 1 model")
    assert listed(router) == ["p/late", "late"]


def test_the_last_list_is_kept_for_when_the_provider_is_down(
    start_router: Start, tmp_path: Path, upstream: Upstream
) -> None:
    """Across a restart. The failure is told once, and not with the key."""
    refused = whole(json.dumps({"error": f"wrong key {KEY}"}).encode(), 401)
    upstream.on(None, chat_list("a", "b"), path="/v1/models", always=refused)
    config = {
        "providers": [
            {"name": "p", "base-url": upstream.url, "api-key": KEY, "discover-every": "100ms"}
        ]
    }
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    first = start_router(config, env=env, discovery=True)
    wait_for(first, "p has 2 models", "p does not list its models: it answered 401")
    assert "The last list of 2 stays in use." in first.log
    assert listed(first) == ["p/a", "p/b", "a", "b"]
    asked = len(upstream.requests)
    again = Signal()
    upstream.on("never", chat_list())
    first.stop()
    assert first.log.count("does not list its models") == 1
    second = start_router(config, env=env, discovery=True)
    wait_for(second, "p has 2 models", "p does not list its models")
    assert listed(second) == ["p/a", "p/b", "a", "b"]
    assert len(upstream.requests) > asked and not again
    kept = (tmp_path / "state" / "switchyard" / "models.json").read_text()
    assert KEY not in first.log + second.log + kept


def test_it_is_asked_again_after_a_while_and_after_a_change(
    start_router: Start, upstream: Upstream
) -> None:
    upstream.on(None, chat_list("one"), path="/v1/models", always=chat_list("one", "two"))
    provider: dict[str, Any] = {"name": "p", "base-url": upstream.url, "discover-every": "300ms"}
    router = start_router({"providers": [provider]}, discovery=True)
    wait_for(router, "p has 1 model", "p has 2 models")
    assert listed(router) == ["p/one", "p/two", "one", "two"]
    upstream.on(path="/new/v1/models", always=chat_list("three"))
    has_one = router.will_log("p has 1 model")
    provider |= {"base-url": f"{upstream.url}/new/v1"}
    router.config_path.write_text(json.dumps({"providers": [provider]}))
    has_one.wait()
    assert listed(router) == ["p/three", "three"]


@pytest.mark.parametrize("scheme", ["", "http", "socks5", "socks5h"])
def test_by_the_providers_own_way(start_router: Start, tmp_path: Path, scheme: str) -> None:
    """Through its key's proxy with user and password, with a private authority, a certificate to
    show, and another name to ask for."""
    private, clients = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private.issue_cert("inner.example").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    clients.configure_trust(context)
    asked: list[str | None] = []
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    private.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = clients.issue_cert("me.example").private_key_and_cert_chain_pem
    mine.write_to_path(str(tmp_path / "me.pem"))
    tls = {"ca": "ca.pem", "client-cert": "me.pem", "server-name": "inner.example"}
    folder = {name: str(tmp_path / file) for name, file in tls.items() if file.endswith(".pem")}
    proxy = (socks_proxy if scheme.startswith("socks") else http_proxy)(tmp_path, "me:secret-81")
    with proxy, Upstream(tls=context) as upstream:
        upstream.on(path="/v1/models", always=chat_list("found"))
        way = {"proxy-url": f"{scheme}://me:secret-81@localhost:{proxy.port}"} if scheme else {}
        key = {"api-key": KEY, **way}
        described = {"name": "p", "base-url": upstream.url, "tls": {**tls, **folder}}
        router = start_router(
            {"providers": [{**described, "api-key-entries": [key]}]}, discovery=True
        )
        wait_for(router, "p has 1 model")
        assert asked == ["inner.example"]
        assert upstream.requests[0].key == KEY
        router.stop()
        proxy.stop()
        assert (str(upstream.port) in proxy.log) == bool(scheme)
        assert "secret-81" not in router.log


def test_on_a_unix_socket(start_router: Start, tmp_path: Path) -> None:
    with Upstream(socket=tmp_path / "llm.sock") as upstream:
        upstream.on(path="/v1/models", always=chat_list("local"))
        provider = {"name": "p", "base-url": f"unix:{tmp_path}/llm.sock", "models": "discover"}
        router = start_router({"providers": [provider]}, discovery=True)
        wait_for(router, "p has 1 model")


def test_a_dead_proxy_is_named(start_router: Start, upstream: Upstream) -> None:
    way = {"proxy-url": f"http://me:secret-81@127.0.0.1:{free_port()}"}
    router = start_router(
        {"providers": [{"name": "p", "base-url": upstream.url, **way}]}, discovery=True
    )
    wait_for(router, "p does not list its models")
    assert "through the proxy http://127.0.0.1:" in router.log and "secret-81" not in router.log
