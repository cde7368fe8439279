"""TLS towards providers: private authorities, client certificates, other names, no checks."""

import ssl
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from tests.integration.egress.calls import ask
from tests.integration.egress.calls import question
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import saying
from tests.support.proxies import http_proxy
from tests.support.proxies import socks_proxy
from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.upstream import Upstream

type Start = Callable[..., Router]

PRIVATE = trustme.CA()
CLIENTS = trustme.CA()


def private_context(*names: str, asks: bool = False) -> ssl.SSLContext:
    """A server of the private authority; one that `asks` demands a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    PRIVATE.issue_cert(*(names or ("localhost",))).configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        CLIENTS.configure_trust(context)
    return context


@pytest.fixture
def files(tmp_path: Path) -> Path:
    PRIVATE.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name, authority in (("me", CLIENTS), ("stranger", trustme.CA())):
        authority.issue_cert(f"{name}.example").private_key_and_cert_chain_pem.write_to_path(
            str(tmp_path / f"{name}.pem")
        )
    return tmp_path


@pytest.fixture
def private() -> Iterator[Upstream]:
    with Upstream(tls=private_context()) as upstream:
        upstream.on(always=saying(CHAT))
        yield upstream


@pytest.fixture
def mutual() -> Iterator[Upstream]:
    with Upstream(tls=private_context(asks=True)) as upstream:
        upstream.on(always=saying(CHAT))
        yield upstream


def config(upstream: Upstream, **tls: Mapping[str, object]) -> dict[str, Any]:
    """A provider for each TLS setting, of its name."""
    return {
        "providers": [
            {"name": name, "base-url": upstream.url, "api-key": "sk-1", "tls": setting}
            for name, setting in tls.items()
        ],
        "retry": {"request-retry": 0},
    }


def test_a_private_authority(start_router: Start, files: Path, private: Upstream) -> None:
    """Each provider trusts what it names, and no other does."""
    router = start_router(config(private, without={}, trusting={"ca": str(files / "ca.pem")}))
    refused = ask(router, "without/m")
    assert refused.status_code == 502 and "ertificate verify failed" in refused.text
    assert not private.requests
    assert GOOD in ask(router, "trusting/m").text
    assert ask(router, "without/m").status_code == 502


def test_the_authority_is_trusted_besides_the_others(
    start_router: Start, files: Path, upstream_ca: Path, private: Upstream
) -> None:
    with Upstream(tls=server_context("h2")) as usual:
        usual.on(always=saying(CHAT))
        router = start_router(config(usual, both={"ca": str(files / "ca.pem")}), trust=upstream_ca)
        assert GOOD in ask(router, "both/m").text
        assert usual.requests[0].http_version == "HTTP/2"


def test_a_client_certificate(start_router: Start, files: Path, mutual: Upstream) -> None:
    ca = str(files / "ca.pem")
    router = start_router(
        config(
            mutual,
            without={"ca": ca},
            stranger={"ca": ca, "client-cert": str(files / "stranger.pem")},
            me={"ca": ca, "client-cert": str(files / "me.pem")},
        )
    )
    for name in ("without", "stranger"):
        assert ask(router, f"{name}/m").status_code == 502
    assert not mutual.requests
    assert GOOD in ask(router, "me/m").text


def test_a_certificate_is_shown_for_its_own_provider_alone(
    start_router: Start, files: Path, mutual: Upstream
) -> None:
    """On one client connection, where another provider has the same address: a connection that was
    made with a certificate serves nobody else, nor what the client itself sends there."""
    ca = str(files / "ca.pem")
    router = start_router(
        config(mutual, me={"ca": ca, "client-cert": str(files / "me.pem")}, without={"ca": ca})
    )
    with httpx2.Client(timeout=60, trust_env=False) as client:
        for name, status in (("me", 200), ("without", 502), ("me", 200)):
            answer = client.post(f"{router.url}{CHAT.path}", json=question(f"{name}/m"))
            assert answer.status_code == status
    assert len(mutual.requests) == 2
    trusting = ssl.create_default_context(cafile=str(router.ca))
    with httpx2.Client(proxy=router.url, verify=trusting, timeout=60, trust_env=False) as client:
        assert client.post(f"{mutual.url}{CHAT.path}", json=question("me/m")).status_code == 200
        assert client.get(f"{mutual.url}/v1/files").status_code == 502
    assert [request.path for request in mutual.requests] == [CHAT.path] * 3


def test_another_name_and_another_host(start_router: Start, files: Path) -> None:
    """The server is asked for by the name in `server-name`, which its certificate must have, and
    the request names the host in `host-header`."""
    asked: list[str | None] = []
    context = private_context("inner.example")
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    with Upstream(tls=context) as upstream:
        upstream.on(always=saying(CHAT))
        ca = str(files / "ca.pem")
        described = config(
            upstream,
            right={"ca": ca, "server-name": "inner.example"},
            wrong={"ca": ca, "server-name": "other.example"},
            none={"ca": ca},
        )
        for provider in described["providers"]:
            provider["host-header"] = "outer.example"
        router = start_router(described)
        assert GOOD in ask(router, "right/m").text
        assert ask(router, "wrong/m").status_code == 502
        assert ask(router, "none/m").status_code == 502
        assert asked == ["inner.example", "other.example", "localhost"]
        assert [request.header("host") for request in upstream.requests] == ["outer.example"]


def test_unchecked_only_with_a_warning(start_router: Start, private: Upstream) -> None:
    router = start_router(config(private, unchecked={"verify": False}, checked={}))
    assert GOOD in ask(router, "unchecked/m").text
    assert ask(router, "checked/m").status_code == 502
    warnings = [line for line in router.log.splitlines() if "can pose as this provider" in line]
    assert len(warnings) == 1
    assert "switchyard.yaml:" in warnings[0] and "providers[0].tls.verify" in warnings[0]


@pytest.mark.parametrize("kind", [http_proxy, socks_proxy])
def test_through_a_proxy(
    start_router: Start, files: Path, mutual: Upstream, kind: Callable[[Path], Any]
) -> None:
    settings = {"ca": str(files / "ca.pem"), "client-cert": str(files / "me.pem")}
    described = config(mutual, me=settings)
    with kind(files) as proxy:
        scheme = "http" if kind is http_proxy else "socks5h"
        described["providers"][0]["proxy-url"] = f"{scheme}://127.0.0.1:{proxy.port}"
        router = start_router(described)
        assert GOOD in ask(router, "me/m").text
        proxy.stop()
    assert str(mutual.port) in proxy.log


def test_a_renewed_certificate_comes_into_force(
    start_router: Start, files: Path, mutual: Upstream
) -> None:
    """Without a restart, and without a change of the configuration file."""
    shown = files / "shown.pem"
    shown.write_bytes((files / "stranger.pem").read_bytes())
    settings = {"ca": str(files / "ca.pem"), "client-cert": str(shown)}
    described = config(mutual, me=settings)
    router = start_router({**described, "cooldown": {"base": "10ms", "cap": "10ms"}})
    assert ask(router, "me/m").status_code == 502
    in_force = router.will_log("applied the changed")
    shown.write_bytes((files / "me.pem").read_bytes())
    in_force.wait()
    assert GOOD in ask(router, "me/m").text


def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    described = {
        "providers": [
            {"name": "p", "base-url": "https://p.example", "tls": {"client-cert": "nowhere.pem"}}
        ]
    }
    router = Router(tmp_path, described)
    router.launch()
    assert router.wait() == 1
    assert "providers[0].tls.client-cert: cannot be read: No such file" in router.log
    assert "Hint: name a PEM file of certificate and key" in router.log
