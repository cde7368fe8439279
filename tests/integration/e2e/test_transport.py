"""Every way in and out: base URL, absolute form, CONNECT, HTTP/1.0 to HTTP/2, TLS on both sides."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest
import trustme

from tests.integration.e2e.asking import ask
from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import SHORT
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import fresh_model
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.http2_client import Http2Client
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.tls import authority
from tests.support.tls import server_context
from tests.support.upstream import Upstream

TEXT = Answer().text

both_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)


def sdk(dialect: Dialect, base_url: str, **options) -> openai.OpenAI | anthropic.Anthropic:
    """The official client of a format, its base URL as that format's users write it."""
    common = {"api_key": CLIENT_KEY, "max_retries": 0, "timeout": PATIENCE, **options}
    if dialect is CHAT:
        return openai.OpenAI(base_url=f"{base_url}/v1", **common)
    return anthropic.Anthropic(base_url=base_url, **common)


def question(dialect: Dialect, model: str, **more) -> dict:
    body = {"model": model, "messages": [{"role": "user", "content": "Well?"}], **more}
    return body if dialect is CHAT else {**body, "max_tokens": 50}


@both_formats
@pytest.mark.parametrize("how", ["json", "helper"])
def test_absolute_form_through_http_proxy(
    stage: Stage, dialect: Dialect, how, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that believes to speak to the provider itself."""
    model, plan = stage.on(dialect, saying(dialect))
    monkeypatch.setenv("HTTP_PROXY", stage.router.url)
    with sdk(dialect, stage.plain.url) as client:
        assert ask(client, model, how).text == TEXT
    assert plan.requests[0].key == KEY
    assert CLIENT_KEY not in str(plan.requests[0].headers)


@both_formats
def test_the_base_url_through_the_proxy_itself(
    stage: Stage, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude Code does this where HTTP_PROXY is set without NO_PROXY: it must not loop."""
    model, plan = stage.on(dialect, saying(dialect))
    monkeypatch.setenv("HTTP_PROXY", stage.router.url)
    with sdk(dialect, stage.router.url) as client:
        assert ask(client, model, "helper").text == TEXT
    assert plan.requests[0].key == KEY


@both_formats
@pytest.mark.parametrize("how", ["json", "helper"])
@pytest.mark.parametrize("upstream", ["tls", "h2"])
def test_connect_with_tls_on_both_sides(
    stage: Stage, dialect: Dialect, how, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stage.tls if upstream == "tls" else stage.http2
    model = fresh_model()
    plan = server.on(model, saying(dialect), path=dialect.path)
    monkeypatch.setenv("HTTPS_PROXY", stage.router.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(stage.router.ca))

    with sdk(dialect, server.url) as client:
        told = ask(client, f"{SHORT[dialect.name]}-{upstream}/{model}", how)

    assert told.text == TEXT
    assert plan.requests[0].key == KEY
    assert plan.requests[0].http_version == ("HTTP/1.1" if upstream == "tls" else "HTTP/2")


@both_formats
@pytest.mark.parametrize("how", ["json", "helper"])
def test_http2_on_both_sides(stage: Stage, dialect: Dialect, how) -> None:
    model = fresh_model()
    stage.http2.on(model, saying(dialect), path=dialect.path)
    versions = []
    with (
        httpx2.Client(
            http2=True,
            proxy=stage.router.url,
            verify=trusting(stage.router.ca),
            event_hooks={"response": [lambda answer: versions.append(answer.http_version)]},
        ) as http,
        sdk(dialect, stage.http2.url, http_client=http) as client,
    ):
        assert ask(client, f"{SHORT[dialect.name]}-h2/{model}", how).text == TEXT
    assert versions == ["HTTP/2"]


@both_formats
def test_http2_upstream_for_a_plain_client(stage: Stage, dialect: Dialect) -> None:
    model = fresh_model()
    plan = stage.http2.on(model, saying(dialect), path=dialect.path)
    with sdk(dialect, stage.router.url) as client:
        assert ask(client, f"{SHORT[dialect.name]}-h2/{model}", "helper").text == TEXT
    assert plan.requests[0].http_version == "HTTP/2"


@both_formats
@pytest.mark.parametrize("upstream", ["", "-tls", "-h2"])
def test_the_upstream_is_called_by_its_own_name(
    stage: Stage, dialect: Dialect, upstream: str
) -> None:
    """HTTP/1.1 demands a `Host`, and many providers' fronts route by it."""
    server = {"": stage.plain, "-tls": stage.tls, "-h2": stage.http2}[upstream]
    model = fresh_model()
    plan = server.on(model, saying(dialect), path=dialect.path)
    with sdk(dialect, stage.router.url) as client:
        ask(client, f"{SHORT[dialect.name]}{upstream}/{model}", "json")
    named = [value for name, value in plan.requests[0].headers if name == "host"]
    assert named == [server.url.partition("//")[2]]


async def test_many_http2_streams_to_one_upstream_at_once(stage: Stage) -> None:
    """mitmproxy allows five connections per client and server, and lets a sixth wait."""
    count, gate = 12, Signal()
    model = fresh_model()

    def held(request):
        return (*chunked(CHAT.events(Answer())[0], Wait(gate)), *CHAT.events(Answer())[1:])

    plans = [stage.tls.on(f"{model}-{n}", held) for n in range(count)]
    async with httpx2.AsyncClient(
        http2=True, proxy=stage.router.url, verify=trusting(stage.router.ca), timeout=30
    ) as client:
        url = f"{stage.tls.url}/v1/chat/completions"
        asking = [
            asyncio.ensure_future(
                client.post(url, json=question(CHAT, f"chat-tls/{model}-{n}", stream=True))
            )
            for n in range(count)
        ]
        for plan in plans:
            await plan.arrived.seen()  # all of them, before the first is answered
        gate.set()
        answers = await asyncio.gather(*asking)
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert [read_stream("openai-chat", answer.content).text for answer in answers] == [TEXT] * count


async def test_one_http2_stream_is_cancelled_and_the_others_go_on(stage: Stage) -> None:
    gate = Signal()
    model = fresh_model()
    events = CHAT.events(Answer())
    stays = stage.http2.on(f"{model}-a", (*chunked(*events[:3], Wait(gate)), *events[3:]))
    goes = stage.http2.on(f"{model}-b", chunked(*events[:3], Wait(gate)))
    router = stage.router
    async with Http2Client(router.port, "localhost", stage.http2.port, router.ca) as client:
        path = "/v1/chat/completions"
        staying = client.post(path, question(CHAT, f"chat-h2/{model}-a", stream=True))
        going = client.post(path, question(CHAT, f"chat-h2/{model}-b", stream=True))
        await client.first_bytes(staying)
        await client.first_bytes(going)

        client.cancel(going)

        await goes.requests[0].gone.seen()
        assert not stays.requests[0].gone
        gate.set()
        assert read_stream("openai-chat", await client.whole(staying)).text == TEXT
    assert stays.requests[0].connection == goes.requests[0].connection


async def test_http_1_0_clients_get_a_stream_that_ends_with_the_connection(stage: Stage) -> None:
    model, _ = stage.on(CHAT, saying(CHAT))
    body = httpx2.Request("POST", "http://x", json=question(CHAT, model, stream=True)).content
    head = (
        "POST /v1/chat/completions HTTP/1.0\r\nhost: 127.0.0.1\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.router.port)
    writer.write(head.encode() + body)
    raw = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    head_, _, stream = raw.partition(b"\r\n\r\n")
    assert b" 200 " in head_.split(b"\r\n")[0] and b"chunked" not in head_.lower()
    assert read_stream("openai-chat", stream).text == TEXT


async def test_a_connection_serves_one_request_after_another(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    """Good ones and failures, streams and JSON, on the same client connection."""
    good, _ = stage.on(CHAT, always=saying(CHAT))
    bad, _ = stage.on(CHAT, always=whole(b"{}", 500))
    addresses = set()
    for model, streams in [(good, True), (bad, True), (good, False), (bad, False), (good, True)]:
        answer = await http.post("/v1/chat/completions", json=question(CHAT, model, stream=streams))
        assert answer.status_code == (200 if model == good else 500)
        assert (GOOD in answer.text) == (model == good)
        connection = answer.extensions["network_stream"]
        addresses.add(connection.get_extra_info("client_addr"))
    assert len(addresses) == 1


async def test_upstream_connections_are_used_again(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, plan = stage.on(CHAT, always=saying(CHAT))
    for streams in (True, False, True):
        body = question(CHAT, model, stream=streams)
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
    assert len({request.connection for request in plan.requests}) == 1


@both_formats
def test_reverse_mode(stage: Stage, dialect: Dialect, start_router: Callable[..., Router]) -> None:
    model, plan = stage.on(dialect, saying(dialect))
    config = {
        "providers": [
            {
                "name": SHORT[dialect.name],
                "format": dialect.name,
                "base-url": stage.plain.url,
                "api-key-entries": [KEY],
            }
        ]
    }
    router = start_router(config, "--mode", "reverse:http://127.0.0.1:9")
    with sdk(dialect, router.url) as client:
        assert ask(client, model, "helper").text == TEXT
        assert [each.id for each in client.models.list()] == []
    assert plan.requests[0].key == KEY
    assert httpx2.get(f"{router.url}/health").json()["status"] == "ok"
    assert httpx2.get(f"{router.url}/nothing-here").status_code == 404


async def test_other_hosts_are_tunnelled_unopened(stage: Stage) -> None:
    """The client sees the certificate of the server itself."""
    with Upstream(tls=server_context("http/1.1")) as stranger:
        stranger.on(always=whole(b"private"))
        theirs = ssl.create_default_context()
        authority().configure_trust(theirs)
        async with httpx2.AsyncClient(proxy=stage.router.url, verify=theirs) as client:
            answer = await client.post(
                f"{stranger.url}/v1/chat/completions",
                json={},
                headers={"authorization": "Bearer x"},
            )
        assert answer.text == "private"
        assert stranger.requests[0].header("authorization") == "Bearer x"


async def test_plain_requests_to_other_hosts_pass_unchanged(stage: Stage) -> None:
    with Upstream() as stranger:
        stranger.on(always=whole(b"hello", content_type="text/plain"))
        async with httpx2.AsyncClient(proxy=stage.router.url) as client:
            answer = await client.get(f"{stranger.url}/page", headers={"authorization": "Bearer x"})
        assert answer.text == "hello"
        assert not [name for name in answer.headers if name.startswith("x-switchyard")]
        assert stranger.requests[0].header("authorization") == "Bearer x"


async def test_other_paths_of_a_provider_pass_unchanged(stage: Stage) -> None:
    """A client in proxy mode still reaches what is no call to a model."""
    plan = stage.plain.on(path="/v1/files", always=whole(b'{"data": []}'))
    async with httpx2.AsyncClient(proxy=stage.router.url) as client:
        answer = await client.get(
            f"{stage.plain.url}/v1/files", headers={"authorization": f"Bearer {CLIENT_KEY}"}
        )
    assert answer.json() == {"data": []}
    assert plan.requests[0].key == CLIENT_KEY


async def test_error_answers_through_a_tunnel(stage: Stage) -> None:
    async with httpx2.AsyncClient(
        proxy=stage.router.url, verify=trusting(stage.router.ca)
    ) as client:
        answer = await client.post(
            f"{stage.tls.url}/v1/messages", json=question(ANTHROPIC, "no-such-model")
        )
    assert answer.status_code == 404
    error = read_body("anthropic", answer.content).error
    assert error and error["type"] == "not_found_error"


def test_an_untrusted_certificate_is_a_502(start_router: Callable[..., Router]) -> None:
    """And leaves no traceback in the log, which the end of the router's run checks."""
    with Upstream(tls=server_context(ca=trustme.CA())) as untrusted:
        provider = {
            "name": "p",
            "base-url": f"{untrusted.url}/v1",
            "api-key-entries": [KEY],
        }
        router = start_router({"providers": [provider], "retry": {"request-retry": 0}})
        answer = httpx2.post(f"{router.url}{CHAT.path}", json=question(CHAT, "p/m"))
        assert answer.status_code == 502
        error = read_body("openai-chat", answer.content).error
        assert error and "ertificate" in error["message"]
        assert not untrusted.requests


def test_it_does_not_listen_on_every_address_when_ready(stage: Stage) -> None:
    """mitmproxy itself does, where it is told no address, until the router's script is loaded."""
    before, ready, _ = stage.router.log.partition("switchyard: ready")
    assert ready
    assert before.rpartition("listening at ")[2].startswith(f"127.0.0.1:{stage.router.port}")
    assert before.count("listening at *") == before.count("at *") - before.count("listening at *")


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))
