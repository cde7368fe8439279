"""Calls leave through real proxies, and a proxy's failure is held against its way alone."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.egress.calls import ask
from tests.integration.egress.calls import question
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.proxies import ProxyProcess
from tests.support.proxies import http_proxy
from tests.support.proxies import socks_proxy
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.tls import authority
from tests.support.tls import server_context
from tests.support.upstream import ClosedPort
from tests.support.upstream import Upstream

USER, PASSWORD = "somebody", "p@ss/w%rd-7311"
QUOTED = "p%40ss%2Fw%25rd-7311"
TEXT = Answer().text
SCHEMES = ("http", "https", "socks5", "socks5h")

type Start = Callable[..., Router]


def targets(router: Router) -> dict[str, dict[str, Any]]:
    """The state of each key, by its id."""
    with httpx2.Client(timeout=60, trust_env=False) as client:
        providers = client.get(f"{router.url}/v0/health/providers").json()["providers"]
    return {one["credential"]: one for provider in providers for one in provider["targets"]}


def provider(upstream: Upstream, **more: object) -> dict[str, Any]:
    return {"name": "p", "base-url": f"{upstream.url}/v1", "api-key": "sk-one", **more}


@pytest.fixture
def localhost_cert(tmp_path: Path) -> Path:
    cert = authority().issue_cert("localhost")
    path = tmp_path / "localhost.pem"
    path.write_bytes(
        cert.private_key_pem.bytes() + b"".join(one.bytes() for one in cert.cert_chain_pems)
    )
    return path


@pytest.fixture
def proxy_of(tmp_path: Path, localhost_cert: Path) -> Callable[[str, str], ProxyProcess]:
    def make(scheme: str, auth: str = "") -> ProxyProcess:
        if scheme.startswith("socks"):
            return socks_proxy(tmp_path, auth)
        return http_proxy(tmp_path, auth, localhost_cert if scheme == "https" else None)

    return make


@pytest.mark.parametrize("scheme", SCHEMES)
def test_calls_go_through_the_proxy(
    start_router: Start,
    proxy_of: Callable[..., ProxyProcess],
    upstream_ca: Path,
    scheme: str,
) -> None:
    """To a plain upstream, one with TLS, and one with HTTP/2."""
    upstreams = {
        "plain": Upstream(),
        "tls": Upstream(tls=server_context("http/1.1")),
        "h2": Upstream(tls=server_context("h2")),
    }
    with (
        proxy_of(scheme, f"{USER}:{PASSWORD}") as proxy,
        upstreams["plain"],
        upstreams["tls"],
        upstreams["h2"],
    ):
        url = f"{scheme}://{USER}:{QUOTED}@localhost:{proxy.port}"
        providers = [
            provider(upstream, **{"name": name, "proxy-url": url})
            for name, upstream in upstreams.items()
        ]
        router = start_router({"providers": providers}, trust=upstream_ca)
        for name, upstream in upstreams.items():
            upstream.on(always=saying(CHAT))
            assert read_body("openai-chat", ask(router, f"{name}/m").content).text == TEXT
            assert read_stream("openai-chat", ask(router, f"{name}/m", True).content).text == TEXT
            assert upstream.requests[0].http_version == ("HTTP/2" if name == "h2" else "HTTP/1.1")
        router.stop()
        proxy.stop()
        assert PASSWORD not in router.log and QUOTED not in router.log
    for name, upstream in upstreams.items():
        # The upstreams listen on 127.0.0.1 alone, so an address can be no other.
        named = name != "plain" and scheme != "socks5"
        place = f"{'localhost' if named else '127.0.0.1'}:{upstream.port}"
        sign = "dst=" if scheme.startswith("socks") else "server connect "
        assert sign + place in proxy.log


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wrong_password_is_a_failure_of_that_keys_way(
    start_router: Start,
    proxy_of: Callable[..., ProxyProcess],
    upstream: Upstream,
    upstream_ca: Path,
    scheme: str,
) -> None:
    """The other key goes directly: it answers, and stays up."""
    upstream.on(always=saying(CHAT))
    with proxy_of(scheme, f"{USER}:{PASSWORD}") as proxy:
        wrong = f"{scheme}://{USER}:wrong-secret-99@localhost:{proxy.port}"
        keys = [{"api-key": "sk-proxied", "proxy-url": wrong}, "sk-direct"]
        named = {"name": "p", "base-url": upstream.url, "api-key-entries": keys}
        router = start_router(
            {"providers": [{**named, "strategy": "fill-first"}], "cooldown": {"base": "5m"}},
            trust=upstream_ca,
        )
        answer = ask(router, "p/m")
        assert GOOD in answer.text and answer.headers["x-switchyard-attempts"] == "2"
        assert upstream.requests[-1].key == "sk-direct"
        assert ask(router, "p/m").headers["x-switchyard-attempts"] == "1"
        states = targets(router)
        assert states["p#0"]["state"] == "open" and states["p#1"]["state"] == "closed"
        said = states["p#0"]["last-error"]["message"]
        assert f"localhost:{proxy.port}" in said
        assert "refused" in said or "user and password" in said
        router.stop()
        assert "wrong-secret-99" not in router.log + json.dumps(states)


def test_a_dead_proxy_is_named_in_the_error(start_router: Start, upstream: Upstream) -> None:
    closed = ClosedPort()
    urls = {scheme: f"{scheme}://{USER}:{QUOTED}@127.0.0.1:{closed.port}" for scheme in SCHEMES}
    router = start_router(through(upstream, urls))
    for scheme in SCHEMES:
        answer = ask(router, f"{scheme}/m")
        assert answer.status_code == 502
        assert f"the proxy {scheme}://127.0.0.1:{closed.port}" in answer.text
        assert QUOTED not in answer.text and PASSWORD not in answer.text
        assert USER not in answer.text
    closed.close()


def through(upstream: Upstream, urls: dict[str, str], **more: object) -> dict[str, Any]:
    """A provider for each proxy, of its name."""
    providers = [
        provider(upstream, **{"name": name, "proxy-url": url, **more}) for name, url in urls.items()
    ]
    return {"providers": providers, "retry": {"request-retry": 0}}


def test_a_proxy_that_says_nothing_is_named_after_the_connect_deadline(
    start_router: Start, upstream: Upstream
) -> None:
    """And let go of; a request that can go elsewhere does."""
    upstream.on(always=saying(CHAT))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        urls = {scheme: f"{scheme}://127.0.0.1:{silent.getsockname()[1]}" for scheme in SCHEMES}
        config = through(upstream, urls, timeouts={"connect": "300ms"})
        config["providers"].append({"name": "q", "base-url": upstream.url})
        router = start_router({**config, "combos": {"c": [*(f"{s}/m" for s in SCHEMES), "q/m"]}})
        for scheme in SCHEMES:
            assert f"through the proxy {urls[scheme]}" in ask(router, f"{scheme}/m").text
            connection, _ = silent.accept()
            with connection:
                connection.settimeout(60)
                while connection.recv(1000):
                    pass
        assert GOOD in ask(router, "c").text


def test_proxies_that_talk_nonsense(start_router: Start, upstream: Upstream) -> None:
    """They say it and hang up; the client gets an error that names them, at once."""
    nonsense = [b"HTTP/1.1 503 Full\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"\x05\xff", b"\x05\x07", b""]
    nonsense += [
        b"\x05\x00\x05\x01\x00\x01",
        b"\x05\x00\x05\x05\x00\x01" + bytes(6),
        b"\x05\x00" * 9,
    ]
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(Babbler(said)).port for said in nonsense]
        urls = {
            f"{scheme}-{n}": f"{scheme}://127.0.0.1:{port}"
            for n, port in enumerate(ports)
            for scheme in ("http", "socks5h")
        }
        router = start_router(through(upstream, urls))
        for name, url in urls.items():
            answer = ask(router, f"{name}/m")
            assert answer.status_code == 502
            assert f"the proxy {url}" in answer.text


class Babbler:
    """Says the same to whoever connects, and closes."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(self._said)

    def __enter__(self) -> "Babbler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def test_connections_by_different_ways_are_kept_apart(
    start_router: Start, tmp_path: Path, upstream: Upstream
) -> None:
    """One client connection, one upstream, three keys by three ways: each has its own connection
    and uses it again."""
    with http_proxy(tmp_path) as one, socks_proxy(tmp_path) as other:
        keys = [
            {"api-key": "sk-http", "proxy-url": f"http://127.0.0.1:{one.port}"},
            {"api-key": "sk-socks", "proxy-url": f"socks5://127.0.0.1:{other.port}"},
            {"api-key": "sk-direct", "proxy-url": "direct"},
        ]
        named = {"name": "p", "base-url": upstream.url, "api-key-entries": keys}
        router = start_router({"providers": [named]})
        upstream.on(always=saying(CHAT))
        with httpx2.Client(timeout=60, trust_env=False) as client:
            for stream in (False, False, False, True, True, True):
                body = question("p/m", stream)
                assert GOOD in client.post(f"{router.url}{CHAT.path}", json=body).text
    assert [request.key for request in upstream.requests] == [
        "sk-http",
        "sk-socks",
        "sk-direct",
    ] * 2
    by_key = {request.key: set() for request in upstream.requests}
    for request in upstream.requests:
        by_key[request.key].add(request.connection)
    assert [len(connections) for connections in by_key.values()] == [1, 1, 1]
    assert len(set.union(*by_key.values())) == 3


def test_two_users_of_one_proxy_do_not_share_a_connection(
    start_router: Start, tmp_path: Path, upstream: Upstream
) -> None:
    with http_proxy(tmp_path, auth="any") as proxy:
        keys = [
            {"api-key": f"sk-{user}", "proxy-url": f"http://{user}:x@127.0.0.1:{proxy.port}"}
            for user in ("a", "b")
        ]
        named = {"name": "p", "base-url": upstream.url, "api-key-entries": keys}
        router = start_router({"providers": [named]})
        upstream.on(always=saying(CHAT))
        with httpx2.Client(timeout=60, trust_env=False) as client:
            for _ in range(2):
                client.post(f"{router.url}{CHAT.path}", json=question("p/m"))
    assert len({request.connection for request in upstream.requests}) == 2


@pytest.mark.parametrize("of_file", [False, True], ids=["environment", "configuration"])
def test_a_proxy_for_all_providers(
    start_router: Start, tmp_path: Path, upstream: Upstream, of_file: bool
) -> None:
    """`HTTP_PROXY` is for what is not this machine and not in `NO_PROXY`; so is the `proxy-url` of
    the whole configuration, which goes before it. `proxy-url: direct` goes before both. The name
    leads nowhere but through the proxy."""
    upstream.on(always=saying(CHAT))
    away = f"http://provider.test:{upstream.port}"
    with http_proxy(tmp_path) as proxy:
        router = start_router(
            {
                "providers": [
                    {"name": "through", "base-url": away},
                    {"name": "local", "base-url": upstream.url},
                    {"name": "spared", "base-url": f"http://spared.test:{upstream.port}"},
                    {"name": "direct", "base-url": away, "proxy-url": "direct"},
                ],
                "retry": {"request-retry": 0},
                **({"proxy-url": f"http://127.0.0.1:{proxy.port}"} if of_file else {}),
            },
            env={
                "http_proxy": "127.0.0.1:9" if of_file else f"127.0.0.1:{proxy.port}",
                "NO_PROXY": "other.com, .spared.test",
            },
        )
        assert GOOD in ask(router, "through/m").text
        assert GOOD in ask(router, "local/m").text
        assert ask(router, "spared/m").status_code == 502
        assert ask(router, "direct/m").status_code == 502
        proxy.stop()
    assert proxy.log.count("server connect") == 1


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_is_ourselves_is_passed_over(
    tmp_path: Path, upstream: Upstream, variable: str
) -> None:
    port = free_port()
    name = socket.gethostname()
    upstream.on(always=saying(CHAT))
    config = {
        "providers": [
            {"name": "p", "base-url": f"http://{name}.invalid/v1"},
            {"name": "q", "base-url": upstream.url, "proxy-url": f"http://127.0.0.1:{port}"},
        ],
        "retry": {"request-retry": 0},
    }
    router = Router(tmp_path, config, env={variable: f"http://localhost:{port}"})
    router.port = port
    with router:
        answer = ask(router, "p/m")
        assert answer.status_code == 502 and "proxy" not in answer.text
        assert GOOD in ask(router, "q/m").text
    assert f"{variable}: http://localhost:{port} is this router" in router.log
    assert "proxy-url of q" in router.log


def test_a_variable_that_makes_no_sense_stops_the_start(tmp_path: Path) -> None:
    config = {"providers": [{"name": "p", "base-url": "https://p.example"}]}
    router = Router(tmp_path, config, env={"HTTPS_PROXY": "socks4://secret@h:1"})
    router.launch()
    assert router.wait() == 1
    assert "HTTPS_PROXY: must be an http, https, socks5 or socks5h URL" in router.log
    assert "secret" not in router.log
