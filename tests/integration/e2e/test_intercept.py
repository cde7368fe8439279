"""Clients with a login of their own, through the router as a proxy: their provider first, others
when that is out, and no credential anywhere else."""

import gzip
import itertools
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zstandard

from tests.integration.e2e.test_transport import trusting
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_stream
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import Head
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.tls import authority
from tests.support.tls import server_context
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

_numbers = itertools.count(1)


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


@pytest.fixture(scope="module")
def whole_world(upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    one = Upstream(tls=server_context("http/1.1", names=HOSTS))
    two = Upstream(tls=server_context("h2", "http/1.1", names=HOSTS))
    with one as home, two as copilot, Upstream() as other:
        ports = dict.fromkeys(HOSTS, home.port) | {COPILOT: copilot.port}
        config = {
            "providers": [{"name": "glm", "base-url": f"{other.url}/v1", "api-key": KEY}],
            "combos": {"net": {"members": ["glm/glm-net"], "wait-for-recovery": "1s"}},
            "intercept": {
                CLAUDE: {
                    "members": ["passthrough", "glm/glm-4.7"],
                    "return": "at-once",
                    "models": {"*haiku*": ["passthrough", "glm/flash"], "*opus*": "net"},
                },
                CODEX: {"members": ["passthrough", "glm/glm-4.7"], "return": "at-once"},
                GOOGLE: {"members": ["passthrough", "glm/glm-4.7"], "return": "at-once"},
                COPILOT: {"members": ["glm/glm-4.7", "passthrough"], "return": "at-once"},
                ALONE: "passthrough",
            },
            "retry": {"request-retry": 0},
            "cooldown": {"base": "50ms", "cap": "100ms"},
        }
        directory = tmp_path_factory.mktemp("intercept")
        router = Router(
            directory,
            config,
            *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
            *("-w", str(directory / "flows.mitm")),
            env={"TEST_HOSTS": json.dumps(ports)},
            trust=upstream_ca,
        )
        with router:
            yield World(home, copilot, other, router)


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """Every request to an upstream must have been planned for."""
    yield whole_world
    for upstream in (whole_world.home, whole_world.copilot, whole_world.other):
        unplanned = [(r.target, r.body[:200]) for r in upstream.unscripted]
        upstream.unscripted.clear()
        upstream.forget()
        assert not unplanned


@pytest.fixture
def token() -> str:
    """The login of a client of the test's own, so that nothing of another test is held against
    it."""
    return f"sk-ant-oat01-login-{next(_numbers)}"


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


@pytest.mark.parametrize("stream", [True, False])
def test_the_clients_own_provider_answers_first(world: World, token: str, stream: bool) -> None:
    events = ANTHROPIC.events(Answer())
    body = ANTHROPIC.whole(Answer())
    limits = (("anthropic-ratelimit-unified-status", "allowed"), ("request-id", "req_1"))
    plan = world.home.on(
        None, chunked(*events, headers=limits) if stream else whole(body, headers=limits)
    )
    answer = post(world, token, stream=stream)
    assert answer.content == (b"".join(events) if stream else body)
    assert answer.headers["anthropic-ratelimit-unified-status"] == "allowed"
    assert answer.headers["request-id"] == "req_1"
    assert route(answer) == (OWN, "1")
    assert answer.headers["x-switchyard-model"] == "claude-sonnet-4-5"
    (request,) = plan.requests
    assert request.target == "/v1/messages?beta=true"
    assert request.header("host") == CLAUDE
    assert request.key == token
    assert request.json == question(stream=stream)


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


@pytest.mark.parametrize("out", OUT)
def test_another_provider_answers_when_it_is_out(world: World, token: str, out: str) -> None:
    home = world.home.on(None, OUT[out])
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    answer = post(world, token, stream=True)
    assert answer.status_code == 200
    assert read_stream("anthropic", answer.content).text == OTHER.text
    assert route(answer) == ("glm", "2")
    assert home.requests[0].key == token
    (request,) = other.requests
    assert request.key == KEY
    assert token not in str(request.headers) and token.encode() not in request.body


def test_what_is_asked_of_other_tiers_goes_to_their_members(world: World, token: str) -> None:
    world.home.on(None, OUT["429"])
    world.other.on("flash", saying(CHAT, OTHER))
    world.other.on("glm-net", saying(CHAT, OTHER))
    small = post(world, token, model="claude-haiku-4-5")
    assert (small.headers["x-switchyard-model"], *route(small)) == ("flash", "glm", "2")
    large = post(world, token, model="claude-opus-4-6")
    assert (large.headers["x-switchyard-model"], *route(large)) == ("glm-net", "glm", "1")


def test_it_is_used_again_when_its_term_is_over(world: World, token: str) -> None:
    """And not before. Other logins are not concerned."""
    other = world.other.on("glm-4.7", always=saying(CHAT, OTHER))
    short = refusing(
        ANTHROPIC, 429, "rate_limit_error", "slow down", headers=(("retry-after", "2"),)
    )
    home = world.home.on(None, short, always=saying(ANTHROPIC), key=token)
    world.home.on(None, always=saying(ANTHROPIC), key=f"{token}-of-another")
    with world.client(token) as client:

        def ask() -> str:
            answer = client.post(at(CLAUDE, "/v1/messages"), json=question())
            assert answer.status_code == 200
            return answer.headers["x-switchyard-provider"]

        assert [ask(), ask()] == ["glm", "glm"]
        assert len(home.requests) == 1 and len(other.requests) == 2
        assert route(post(world, f"{token}-of-another")) == (OWN, "1")
        while (provider := ask()) == "glm":
            assert len(home.requests) == 1
        assert provider == OWN and len(home.requests) == 2


def test_without_anything_better_it_is_asked_all_the_same(world: World, token: str) -> None:
    """And its own words are what the client hears, with the headers that clients go by."""
    world.other.on("glm-4.7", always=refusing(CHAT, 500))
    world.home.on(None, OUT["usage-limit"], OUT["usage-limit"])
    first, second = post(world, token), post(world, token)
    for answer in (first, second):
        assert answer.status_code == 429
        assert answer.content == OUT["usage-limit"][1]
        assert answer.headers["anthropic-ratelimit-unified-reset"] == "4102444800"
        assert answer.headers["retry-after"] == "18000"


def test_a_host_of_its_own_alone(world: World, token: str) -> None:
    refusal = refusing(CHAT, 429, "rate_limit", "used up", headers=(("retry-after", "900"),))
    plan = world.home.on("gpt-9", refusal, saying(CHAT))
    with world.client(token) as client:
        for status in (429, 200):
            answer = client.post(at(ALONE, "/v1/chat/completions"), json=question("gpt-9"))
            assert answer.status_code == status
    assert [request.key for request in plan.requests] == [token, token]


def test_a_wrong_request_is_the_clients_own_matter(world: World, token: str) -> None:
    wrong = refusing(ANTHROPIC, 400, "invalid_request_error", "max_tokens: too high")
    world.home.on(None, wrong)
    answer = post(world, token)
    assert (answer.status_code, answer.content) == (400, wrong[1])


def test_a_login_that_ran_out_is_renewed_by_its_client(world: World, token: str) -> None:
    """It must hear of it once. The same token again will not be renewed."""
    refused = refusing(ANTHROPIC, 401, "authentication_error", "OAuth token has expired")
    home = world.home.on(None, refused)
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    first = post(world, token)
    assert (first.status_code, first.content) == (401, refused[1])
    assert route(post(world, token)) == ("glm", "1")
    assert len(home.requests) == 1


def test_a_key_that_is_refused_is_not(world: World) -> None:
    world.home.on(None, refusing(ANTHROPIC, 401, "authentication_error", "invalid x-api-key"))
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    with world.client() as client:
        answer = client.post(
            at(CLAUDE, "/v1/messages"),
            json=question(),
            headers={"x-api-key": f"sk-ant-api03-{next(_numbers)}"},
        )
    assert route(answer) == ("glm", "2")


def test_it_may_come_last(world: World, token: str) -> None:
    world.other.on("glm-4.7", refusing(CHAT, 503))
    home = world.copilot.on("gpt-5", saying(CHAT), path="/chat/completions")
    with world.client(token) as client:
        answer = client.post(at(COPILOT, "/chat/completions?v=1"), json=question("gpt-5"))
    assert route(answer) == (f"passthrough:{COPILOT}", "2")
    (request,) = home.requests
    assert (request.http_version, request.key) == ("HTTP/2", token)
    assert (request.target, request.header("host")) == ("/chat/completions?v=1", COPILOT)


def _gzipped(pieces: list[bytes]) -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out, packer.flush()]


def test_compressed_answers_stay_compressed(world: World, token: str) -> None:
    """And begin when there is output, not before."""
    pieces = _gzipped(ANTHROPIC.events(Answer()))
    gate = Signal()
    encoding = (("content-encoding", "gzip"),)
    world.home.on(None, chunked(*pieces[:4], Wait(gate), *pieces[4:], headers=encoding))
    with (
        world.client(token) as client,
        client.stream(
            "POST",
            at(CLAUDE, "/v1/messages"),
            json=question(stream=True),
            headers={"accept-encoding": "gzip"},
        ) as answer,
    ):
        assert answer.headers["content-encoding"] == "gzip"
        raw = answer.iter_raw()
        got = next(raw)
        gate.set()
        got += b"".join(raw)
    assert got == b"".join(pieces)
    assert read_stream("anthropic", gzip.decompress(got)).text == Answer().text


def test_a_compressed_failure_is_seen_as_one(world: World, token: str) -> None:
    body = gzip.compress(OUT["529"][1])  # type: ignore[arg-type]
    fields = (("content-type", "application/json"), ("content-encoding", "gzip"))
    world.home.on(None, (Head(529, fields), body))
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    assert route(post(world, token, stream=True)) == ("glm", "2")


def test_a_stream_that_breaks_off_is_ended_in_its_own_words(world: World, token: str) -> None:
    events = ANTHROPIC.events(Answer())
    world.home.on(None, chunked(*events[:4], events[4][:-5], CUT))
    answer = post(world, token, stream=True)
    assert answer.content.startswith(b"".join(events[:4]))
    assert events[4][:-5] not in answer.content
    assert b"event: error" in answer.content


def test_keepalives_and_odd_framing_are_left_alone(world: World, token: str) -> None:
    events = [event.replace(b"\n", b"\r\n") for event in ANTHROPIC.events(Answer())]
    pieces = [b": hello\r\n\r\n", *events[:3], b": still here\r\nid: 7\r\n\r\n", *events[3:]]
    world.home.on(None, chunked(*pieces))
    assert post(world, token, stream=True).content == b"".join(pieces)


def test_a_compressed_request_is_sent_as_it_came(world: World, token: str) -> None:
    """Codex with a ChatGPT login packs its requests; others are asked without that."""
    body = {"model": "gpt-6.1", "stream": True, "store": False, "input": "Well?"}
    packed = zstandard.ZstdCompressor().compress(json.dumps(body).encode())
    refused = {"error": {"type": "usage_limit_reached", "message": "The usage limit has been "
               "reached", "plan_type": "plus", "resets_in_seconds": 7200}}  # fmt: skip
    home = world.home.on(None, whole(json.dumps(refused).encode(), 429))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    headers = {
        "content-encoding": "zstd",
        "content-type": "application/json",
        "chatgpt-account-id": f"acc-{token}",
        "cookie": "__cf_bm=1",
    }
    with world.client(token) as client:
        url = at(CODEX, "/backend-api/codex/responses")
        answer = client.post(url, content=packed, headers=headers)
    assert GOOD in answer.text and "response.completed" in answer.text
    (request,) = home.requests
    assert request.body == packed
    assert {name: request.header(name) for name in headers} == headers
    assert other.requests[0].json["model"] == "glm-4.7"
    assert not {"chatgpt-account-id", "cookie"} & other.requests[0].header_names()
    assert token not in str(other.requests[0].headers)


def test_gemini_in_its_envelope(world: World, token: str) -> None:
    def envelope(text: str) -> bytes:
        part = {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": "STOP", "index": 0}]}  # fmt: skip
        return b"data: " + json.dumps({"response": part, "traceId": "t"}).encode() + b"\r\n\r\n"

    asked = {
        "model": "gemini-3.8-flash",
        "project": "p-1",
        "user_prompt_id": "u",
        "request": {"contents": [{"role": "user", "parts": [{"text": "Well?"}]}]},
    }
    spent = {"error": {"code": 429, "message": "You have exhausted your capacity on this model.",
             "status": "RESOURCE_EXHAUSTED"}}  # fmt: skip
    home = world.home.on(None, chunked(envelope("Fine.")), whole(json.dumps(spent).encode(), 429))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    url = at(GOOGLE, "/v1internal:streamGenerateContent?alt=sse")
    with world.client(token) as client:
        own = client.post(url, json=asked)
        assert own.content == envelope("Fine.")
        answer = client.post(url, json=asked)
    assert [request.json for request in home.requests] == [asked, asked]
    assert other.requests[0].json["messages"] == [{"role": "user", "content": "Well?"}]
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
    parts = [part for chunk in chunks for one in chunk["response"].get("candidates", [])
             for part in one["content"]["parts"]]  # fmt: skip
    assert "".join(part.get("text", "") for part in parts) == OTHER.text


def test_tokens_of_what_is_in_the_envelope(world: World, token: str) -> None:
    contents = [{"role": "user", "parts": [{"text": "How many are these?"}]}]
    asked = {"request": {"model": "models/gemini-3.8-flash", "contents": contents}}
    spent = {"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}}
    refusal = whole(json.dumps(spent).encode(), 429)
    world.home.on(None, whole(b'{"totalTokens":  5}'), refusal, path="/v1internal:countTokens")
    with world.client(token) as client:
        url = at(GOOGLE, "/v1internal:countTokens")
        assert client.post(url, json=asked).content == b'{"totalTokens":  5}'
        estimated = client.post(url, json=asked)
    assert estimated.json()["totalTokens"] > 0
    assert estimated.headers["x-switchyard-estimate"] == "true"


def test_tokens_are_counted_by_the_clients_own_provider(world: World, token: str) -> None:
    path = "/v1/messages/count_tokens"
    home = world.home.on(None, whole(b'{"input_tokens":  42}'), OUT["429"], path=path)
    with world.client(token) as client:
        own = client.post(at(CLAUDE, path), json=question())
        assert own.content == b'{"input_tokens":  42}'
        estimated = client.post(at(CLAUDE, path), json=question())
    assert estimated.status_code == 200 and estimated.json()["input_tokens"] > 0
    assert estimated.headers["x-switchyard-estimate"] == "true"
    assert [request.key for request in home.requests] == [token, token]


def test_after_another_provider_answered_the_conversation_is_fit_for_its_own(
    world: World, token: str
) -> None:
    """What the router sealed into thinking of others would be refused by the client's provider."""
    thinking = Answer(text=f"So: {GOOD}.", thinking="Let me think.")
    home = world.home.on(None, OUT["529"], always=saying(ANTHROPIC))
    world.other.on("glm-4.7", always=saying(CHAT, thinking))
    first = post(world, token)
    content = first.json()["content"]
    assert content[0]["type"] == "thinking"
    turns = [
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "And?"},
    ]
    while route(answer := post(world, token, messages=turns))[0] == "glm":
        pass
    assert answer.status_code == 200
    sent = home.requests[-1].json["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["text"]


def test_what_asks_no_model_passes_through_piece_by_piece(world: World, token: str) -> None:
    gate = Signal()
    plan = world.home.on(
        None,
        chunked(b"one", Wait(gate), b"two", content_type="text/plain"),
        path="/api/claude_cli/bootstrap",
    )
    with (
        world.client(token) as client,
        client.stream("GET", at(CLAUDE, "/api/claude_cli/bootstrap")) as answer,
    ):
        raw = answer.iter_raw()
        assert next(raw) == b"one"
        gate.set()
        assert b"".join(raw) == b"two"
    assert not [name for name in answer.headers if name.startswith("x-switchyard")]
    assert plan.requests[0].key == token


def test_other_hosts_are_not_opened(world: World, token: str) -> None:
    """The client sees the certificate of the server itself."""
    world.home.on(None, whole(b"private"), path="/v1/messages")
    theirs = ssl.create_default_context()
    authority().configure_trust(theirs)
    with httpx2.Client(proxy=world.router.url, verify=theirs, trust_env=False) as client:
        answer = client.post(at(STRANGER, "/v1/messages"), json=question())
    assert answer.content == b"private"
    assert not [name for name in answer.headers if name.startswith("x-switchyard")]


def test_http2_clients(world: World, token: str) -> None:
    events = ANTHROPIC.events(Answer())
    home = world.home.on(None, chunked(*events), OUT["529"])
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    with world.client(token, http2=True) as client:
        url = at(CLAUDE, "/v1/messages")
        beta = {"anthropic-beta": "context-management-2025-06-27,oauth-2025-04-20"}
        own = client.post(url, json=question(stream=True), headers=beta)
        assert own.http_version == "HTTP/2"
        assert own.content == b"".join(events)
        assert home.requests[0].header("anthropic-beta") == beta["anthropic-beta"]
        assert route(client.post(url, json=question(stream=True))) == ("glm", "2")


def picture(size: int) -> dict[str, Any]:
    data = "iVBORw0K" + "A" * size
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


@pytest.mark.parametrize("http2", [False, True])
def test_twenty_megabytes(world: World, token: str, http2: bool) -> None:
    said = question(messages=[{"role": "user", "content": [picture(20_000_000)]}])
    home = world.home.on(None, OUT["529"], saying(ANTHROPIC))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    body = json.dumps(said).encode()
    with world.client(token, http2=http2) as client:
        url, headers = at(CLAUDE, "/v1/messages"), {"content-type": "application/json"}
        answer = client.post(url, content=body, headers=headers)
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert route(answer) == ("glm", "2")
    assert home.requests[0].body == body
    assert len(other.requests[0].body) > 20_000_000


def test_megabytes_by_http2_on_both_sides(world: World, token: str) -> None:
    """Sent as the other end's windows permit, to a provider that fails and to the client's own."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000_000}}
    said = question("gpt-5", messages=[{"role": "user", "content": [image]}])
    world.other.on("glm-4.7", refusing(CHAT, 503))
    own = world.copilot.on(None, saying(CHAT), path="/chat/completions")
    body = json.dumps(said).encode()
    with world.client(token, http2=True) as client:
        url, headers = at(COPILOT, "/chat/completions"), {"content-type": "application/json"}
        answer = client.post(url, content=body, headers=headers)
    assert answer.http_version == own.requests[0].http_version == "HTTP/2"
    assert route(answer) == (f"passthrough:{COPILOT}", "2")
    assert own.requests[0].body == body


def _upgrade(token: str) -> dict[str, str]:
    return {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "authorization": f"Bearer {token}",
    }


def test_a_websocket_for_calls_is_refused_where_others_may_have_to_answer(
    world: World, token: str
) -> None:
    with world.client() as client:
        url = at(CODEX, "/backend-api/codex/responses")
        answer = client.get(url, headers=_upgrade(token))
    assert answer.status_code == 426


@pytest.mark.parametrize(
    ("host", "path"), [(ALONE, "/v1/responses"), (CLAUDE, "/api/ws/speech"), (COPILOT, "/ws")]
)
def test_other_websockets_pass_through(world: World, token: str, host: str, path: str) -> None:
    accepted = (("upgrade", "websocket"), ("connection", "Upgrade"),
                ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))  # fmt: skip
    upstream = world.copilot if host == COPILOT else world.home
    plan = upstream.on(None, (Head(101, accepted), CUT), path=path)
    status, _ = raw_request(world, host, path, _upgrade(token), b"")
    assert status == 101
    assert plan.requests[0].key == token


def raw_request(
    world: World, host: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    """Status and body that come for a request sent byte for byte, by CONNECT and TLS."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {host}"]
    head = "\r\n".join([*lines, *(f"{n}: {v}" for n, v in headers.items()), "", ""])
    return raw_exchange(world.router, host, head.encode() + body)


def raw_exchange(router: Router, host: str, data: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", router.port), timeout=20) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200")
        context = trusting(router.ca)
        with context.wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(data)
            answer = HTTPResponse(tls)
            answer.begin()
            return answer.status, answer.read()


def test_bytes_arrive_as_they_were_sent(world: World, token: str, upstream_ca: Path) -> None:
    """Names of headers in their spelling, all in their order; what is the proxy's is gone."""
    seen: list[bytes] = []
    body = b'{ "model":"claude-x" , "max_tokens": 5,\n "messages":[], "zz": 1.0e2}'
    head = [
        "POST /v1/messages?beta=true&x=%2F HTTP/1.1",
        f"Host: {CLAUDE}",
        "X-Stainless-Lang: js",
        f"Authorization: Bearer {token}",
        "anthropic-beta: a",
        "Anthropic-Version: 2023-06-01",
        "anthropic-beta: b",
        f"Content-Length: {len(body)}",
        "Accept-Encoding: br, zstd",
        "User-Agent: claude-cli/2",
        "Cookie: a=b",
    ]
    of_the_way = ["Connection: keep-alive, X-Hop", "X-Hop: 1", "Proxy-Connection: keep-alive"]
    answer = ANTHROPIC.whole(Answer())
    listener = socket.create_server(("127.0.0.1", 0))
    context = server_context("http/1.1", names=[CLAUDE])

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            got = b""
            while not got.endswith(body):
                got += tls.recv(65536)
            seen.append(got)
            said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer)
            tls.sendall(said + answer)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    directory = world.router.directory / f"bytes-{next(_numbers)}"
    directory.mkdir()
    router = Router(
        directory,
        {
            "providers": [{"name": "glm", "base-url": f"{world.other.url}/v1", "api-key": KEY}],
            "intercept": {CLAUDE: ["passthrough", "glm/x"]},
        },
        *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
        env={"TEST_HOSTS": json.dumps({CLAUDE: listener.getsockname()[1]})},
        trust=upstream_ca,
    )
    with router:
        sent = "\r\n".join([*head[:3], *of_the_way, *head[3:], "", ""]).encode() + body
        reply = raw_exchange(router, CLAUDE, sent)
    server.join(10)
    listener.close()
    assert reply == (200, answer)
    assert seen == ["\r\n".join([*head, "", ""]).encode() + body]


def test_expect_continue(world: World, token: str) -> None:
    body = json.dumps(question()).encode()
    home = world.home.on(None, saying(ANTHROPIC))
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    status, _ = raw_request(world, CLAUDE, "/v1/messages", headers, body)
    assert status == 200
    assert home.requests[0].body == body
    assert "expect" not in home.requests[0].header_names()


def test_base_urls_work_beside_it(world: World, token: str) -> None:
    """On the same port: by name, and, for names that are nobody's, as if sent to the format's
    home."""
    world.other.on("direct", saying(CHAT, OTHER))
    home = world.home.on(None, saying(ANTHROPIC), OUT["529"])
    world.other.on("flash", saying(CHAT, OTHER))
    bearer = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=world.router.url, headers=bearer, trust_env=False) as client:
        named = client.post("/v1/chat/completions", json=question("glm/direct"))
        assert route(named) == ("glm", "1")
        own = client.post("/v1/messages?beta=true", json=question("claude-haiku-4-5"))
        assert route(own) == (OWN, "1")
        saved = client.post("/v1/messages", json=question("claude-haiku-4-5"))
        assert route(saved) == ("glm", "2")
    assert home.requests[0].target == "/v1/messages?beta=true"
    assert home.requests[0].key == token
    assert home.requests[0].header("host") == CLAUDE


def test_no_login_is_left_in_what_is_shown(world: World, token: str) -> None:
    world.home.on(None, saying(ANTHROPIC), path="/v1/messages")
    world.home.on(None, whole(b"{}"), path="/api/claude_cli/bootstrap")
    post(world, token)
    with world.client(token) as client:
        client.get(at(CLAUDE, "/api/claude_cli/bootstrap"), headers={"cookie": f"s={token}"})
    dump = (world.router.directory / "flows.mitm").read_bytes()
    assert token.encode() not in dump
    assert token not in world.router.log


def test_uploads_pass_through_piece_by_piece(world: World, token: str) -> None:
    """A server may look at the beginning of one before its end is sent."""
    plan = world.home.on(None, whole(b"{}"), path="/v1/files")
    sent = [b"a" * 1000, b"b" * 1000]
    with world.client(token) as client:
        answer = client.post(at(CLAUDE, "/v1/files"), content=iter(sent))
    assert answer.status_code == 200
    assert plan.requests[0].body == b"".join(sent)


@pytest.fixture
def own_world(world: World, upstream_ca: Path, tmp_path: Path) -> Callable[[dict[str, Any]], World]:
    """The same hosts behind a router of the test's own configuration."""

    def start(more: dict[str, Any], *args: str) -> World:
        provider = {"name": "glm", "base-url": f"{world.other.url}/v1", "api-key": KEY}
        router = Router(
            tmp_path,
            {"providers": [provider], "retry": {"request-retry": 0}, **more},
            *("-s", str(ROOT / "tests" / "support" / "elsewhere.py"), *args),
            env={"TEST_HOSTS": json.dumps(dict.fromkeys(HOSTS, world.home.port))},
            trust=upstream_ca,
        )
        return World(world.home, world.copilot, world.other, router)

    return start


ROUTER_KEY = "key-of-this-router-1"


def test_with_client_keys_the_proxy_is_shown_one(
    own_world: Callable[..., World], tmp_path: Path, token: str
) -> None:
    """Then the tool's own login stays free for its provider, and only then is it used."""
    it = own_world(
        {
            "clients": {"api-keys": [ROUTER_KEY]},
            "intercept": {CLAUDE: ["passthrough", "glm/glm-4.7"], ALONE: ["passthrough"]},
            "combos": {"own": ["passthrough"]},
        },
        *("-w", str(tmp_path / "flows.mitm")),
    )
    url = at(CLAUDE, "/v1/messages")
    home = it.home.on(None, always=saying(ANTHROPIC))
    it.other.on("glm-4.7", saying(CHAT, OTHER))
    with it.router:
        assert "works only for clients that send their key to the proxy" in it.router.log
        proxy = it.router.url.replace("//", f"//any:{ROUTER_KEY}@")
        bearer = {"authorization": f"Bearer {token}"}
        with httpx2.Client(proxy=proxy, verify=trusting(it.router.ca), trust_env=False) as client:
            assert route(client.post(url, json=question(), headers=bearer)) == (OWN, "1")
        with it.client(token) as client:
            assert client.post(url, json=question()).status_code == 401
        with it.client(ROUTER_KEY) as client:
            assert route(client.post(url, json=question())) == ("glm", "1")
            refused = client.post(at(ALONE, "/v1/chat/completions"), json=question())
            assert refused.status_code == 400 and "HTTPS_PROXY" in refused.text
        direct = {"x-api-key": ROUTER_KEY}
        answer = httpx2.post(
            f"{it.router.url}/v1/messages", json=question("own"), headers=direct, trust_env=False
        )
        assert answer.status_code == 400 and "passthrough" in answer.text
    assert [request.key for request in home.requests] == [token]
    assert "proxy-authorization" not in home.requests[0].header_names()
    dump = (tmp_path / "flows.mitm").read_bytes()
    for secret in (token, ROUTER_KEY):
        assert secret.encode() not in dump and secret not in it.router.log


def test_after_signs_of_life_a_compressed_answer_is_unpacked(
    own_world: Callable[..., World], token: str
) -> None:
    """The head that went out with them says nothing of a content encoding."""
    it = own_world(
        {
            "intercept": {CLAUDE: ["glm/glm-4.7", "passthrough"]},
            "heartbeat": {"after": "50ms", "every": "50ms"},
        }
    )
    alive = Signal()
    it.other.on("glm-4.7", (Wait(alive), CUT))
    packed = _gzipped(ANTHROPIC.events(Answer()))
    it.home.on(None, chunked(*packed, headers=(("content-encoding", "gzip"),)))
    with (
        it.router,
        it.client(token) as client,
        client.stream(
            "POST",
            at(CLAUDE, "/v1/messages"),
            json=question(stream=True),
            headers={"accept-encoding": "gzip"},
        ) as answer,
    ):
        raw = answer.iter_raw()
        got = next(raw)
        alive.set()
        got += b"".join(raw)
        assert "content-encoding" not in answer.headers
    assert read_stream("anthropic", got).text == Answer().text


def test_another_member_goes_on_with_a_stream_that_broke_off(
    own_world: Callable[..., World], token: str
) -> None:
    it = own_world(
        {"intercept": {CLAUDE: {"members": ["passthrough", "glm/x"], "continue-streams": True}}}
    )
    events = ANTHROPIC.events(Answer(text="One two three four"))
    it.home.on(None, chunked(*events[:4], CUT))
    rest = it.other.on("x", saying(CHAT, Answer(text=f" and so on, {GOOD}.")))
    with it.router:
        told = read_stream("anthropic", post(it, token, stream=True).content)
    assert told.text.endswith(f"and so on, {GOOD}.") and told.text.startswith("One")
    assert token not in str(rest.requests[0].headers)
