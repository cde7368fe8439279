"""The router's own certificate, certificates of clients, and calls to the router through itself."""

import json
import ssl
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import trustme

from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import fresh_model
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.ports import free_port
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.upstream import Upstream

TEXT = Answer().text
HOST = "router.test"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Of the router's own certificate and of its clients'; not of upstreams'."""
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    issued = authority.issue_cert(HOST, "localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "router.pem"))
    client = authority.issue_cert("a-client")
    client.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    stranger = trustme.CA().issue_cert("a-stranger")
    stranger.private_key_and_cert_chain_pem.write_to_path(str(folder / "stranger.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def configuration(upstream: Upstream, **tls: str) -> dict[str, Any]:
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": [KEY]}
    return {"providers": [provider], "tls": tls}


@pytest.fixture(scope="module")
def router(
    upstream: Upstream, files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Router]:
    config = configuration(upstream, cert=str(files / "router.pem"))
    other = free_port()
    modes = ("--mode", "regular", "--mode", f"reverse:https://x.example@{other}")
    with Router(tmp_path_factory.mktemp("router"), config, *modes) as running:
        running.other_port = other  # pyright: ignore[reportAttributeAccessIssue]
        yield running


def curl(url: str, model: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    body = json.dumps({"model": f"p/{model}", "messages": [{"role": "user", "content": "?"}]})
    return subprocess.run(
        ["curl", "-sS", "-m", "45", "-H", "content-type: application/json", "-d", body,
         *arguments, f"{url}{CHAT.path}"],
        capture_output=True, text=True, timeout=2 * PATIENCE,
    )  # fmt: skip


def test_base_urls_with_https_and_http_on_one_port(
    router: Router, upstream: Upstream, files: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(files / "ca.pem"))
    for url in (router.url, router.url.replace("http://127.0.0.1", "https://localhost")):
        model = fresh_model()
        upstream.on(model, saying(CHAT))
        with (
            httpx2.Client(verify=trusting) as http,
            openai.OpenAI(base_url=f"{url}/v1", api_key="x", http_client=http) as client,
        ):
            asked = [{"role": "user", "content": "Well?"}]
            answer = client.chat.completions.create(model=f"p/{model}", messages=asked)  # type: ignore
        assert answer.choices[0].message.content == TEXT


def test_both_addresses_are_announced(router: Router) -> None:
    assert f"http://127.0.0.1:{router.port}" in router.log
    assert f"https://127.0.0.1:{router.port}" in router.log


@pytest.mark.parametrize(
    "through", ["absolute form", "CONNECT", "CONNECT and TLS", "TLS, CONNECT and TLS"]
)
@pytest.mark.parametrize("to", ["its own port", "the port of another mode"])
def test_the_router_through_itself(
    router: Router, upstream: Upstream, files: Path, through: str, to: str
) -> None:
    """As with a base URL and HTTPS_PROXY that name the same router: answered, and no loop."""
    model = fresh_model()
    plan = upstream.on(model, saying(CHAT))
    other: int = router.other_port  # pyright: ignore[reportAttributeAccessIssue]
    port = router.port if to == "its own port" else other
    ca = str(files / "ca.pem")
    proxy = f"http://127.0.0.1:{router.port}"
    if through.startswith("TLS"):
        proxy = f"https://localhost:{router.port}"
    scheme = "https" if through.endswith("TLS") else "http"
    arguments = ["-x", proxy, "--proxy-cacert", ca, "--cacert", ca]
    if through == "CONNECT":
        arguments.append("-p")
    done = curl(f"{scheme}://127.0.0.1:{port}", model, *arguments)
    assert TEXT in done.stdout, done
    assert len(plan.requests) == 1


def test_a_proxy_in_our_own_environment_that_is_ourselves_is_passed_over(
    upstream: Upstream, tmp_path: Path
) -> None:
    config = configuration(upstream)
    del config["tls"]
    config["providers"].append({"name": "far", "base-url": "https://far.test/v1", "api-key": "k1"})
    port = free_port()
    proxy = f"http://127.0.0.1:{port}"
    env = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
    router = Router(tmp_path, config, env=env)
    router.port = port
    model = fresh_model()
    upstream.on(model, saying(CHAT))
    with router:
        assert TEXT in curl(router.url, model).stdout
    assert "is this router, and requests would loop" in router.log


def test_http2_on_the_own_certificate_of_reverse_mode(
    router: Router, upstream: Upstream, files: Path
) -> None:
    model = fresh_model()
    upstream.on(model, saying(CHAT))
    other: int = router.other_port  # pyright: ignore[reportAttributeAccessIssue]
    arguments = ("--http2", "--cacert", str(files / "ca.pem"), "-w", "%{http_version}")
    done = curl(f"https://localhost:{other}", model, *arguments)
    assert TEXT in done.stdout, done
    assert done.stdout.endswith("}2")


def test_twenty_megabytes_by_http2_in_reverse_mode(
    router: Router, upstream: Upstream, files: Path
) -> None:
    """An image, translated on its way."""
    model = fresh_model()
    plan = upstream.on(model, saying(CHAT))
    other: int = router.other_port  # pyright: ignore[reportAttributeAccessIssue]
    data = "iVBORw0K" + "A" * 20_000_000
    source = {"type": "base64", "media_type": "image/png", "data": data}
    said = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    trust = ssl.create_default_context(cafile=str(files / "ca.pem"))
    with httpx2.Client(http2=True, verify=trust, timeout=60) as client:
        url = f"https://localhost:{other}/v1/messages"
        body = {"model": f"p/{model}", "max_tokens": 50, "messages": said}
        answer = client.post(url, json=body, headers={"x-api-key": "any"})
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert TEXT in answer.text
    (sent,) = plan.requests[0].json["messages"][-1]["content"]
    assert sent["image_url"]["url"] == f"data:image/png;base64,{data}"


def test_clients_without_the_certificate_that_is_asked_for(
    start_router: Callable[..., Router], upstream: Upstream, files: Path
) -> None:
    tls = {"cert": str(files / "router.pem"), "client-ca": str(files / "ca.pem")}
    router = start_router(configuration(upstream, **tls))
    url, ca = f"https://localhost:{router.port}", ("--cacert", str(files / "ca.pem"))
    model = fresh_model()
    plan = upstream.on(model, always=saying(CHAT))
    assert TEXT in curl(url, model, *ca, "--cert", str(files / "client.pem")).stdout
    assert TEXT in curl(router.url, model).stdout, "plain HTTP from this machine needs none"
    for refused in ([], ["--cert", str(files / "stranger.pem")]):
        done = curl(url, model, *ca, *refused)
        assert done.returncode in (35, 52, 56), done
        assert TEXT not in done.stdout
    assert len(plan.requests) == 2


def test_a_renewed_certificate_is_shown(
    start_router: Callable[..., Router], upstream: Upstream, tmp_path: Path
) -> None:
    first, second = trustme.CA(), trustme.CA()
    file, model = tmp_path / "router.pem", fresh_model()
    upstream.on(model, always=saying(CHAT))

    def install(ca: trustme.CA) -> tuple[str, str]:
        issued = ca.issue_cert("localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        return "--cacert", str(tmp_path / "ca.pem")

    trust = install(first)
    router = start_router(configuration(upstream, cert=str(file)))
    url = f"https://localhost:{router.port}"
    assert TEXT in curl(url, model, *trust).stdout
    trust = install(second)
    in_force = router.will_log("applied the changed")
    router.config_path.write_text(router.config_path.read_text() + " ")
    in_force.wait()
    assert TEXT in curl(url, model, *trust).stdout
