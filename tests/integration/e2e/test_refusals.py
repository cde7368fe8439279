"""Each endpoint of each format, and a proxied host, with each kind of key that is refused."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import ollama
import pytest
from google import genai
from google.genai import types
from google.genai.errors import ClientError

from tests.integration.e2e.test_transport import trusting
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.upstream import Upstream

KEYS = {
    "blocked": {"blocked": True},
    "expired": {"expires": "2020-01-01"},
    "picky": {"models": ["nothing"]},
    "hidden": {"models": ["nothing"], "hide": True},
    "away": {"providers": ["elsewhere"], "hide": True},
    "rate": {"limits": {"requests": "1/d"}},
    "spent": {"budgets": {"total": "0.000001 USD"}},
}
STATUS = {
    **{"none": 401, "wrong": 401, "expired": 401},
    **{"blocked": 403, "picky": 403, "rate": 429, "spent": 402},
    **{"hidden": 404, "away": 404},
}
WITH_A_KEY = [name for name in STATUS if name != "none"]
MODEL = "chat/good"
_TEXTS: list[Any] = [{"role": "user", "content": "hi"}]
_CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
_GOOGLE = f"/v1beta/models/{MODEL}:"
CALLS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": _TEXTS},
    "/v1/completions": {"model": MODEL, "prompt": "hi"},
    "/v1/embeddings": {"model": MODEL, "input": "hi"},
    "/v1/responses": {"model": MODEL, "input": "hi"},
    "/v1/responses/input_tokens": {"model": MODEL, "input": "hi"},
    "/v1/messages": {"model": MODEL, "messages": _TEXTS, "max_tokens": 9},
    "/v1/messages/count_tokens": {"model": MODEL, "messages": _TEXTS},
    f"{_GOOGLE}generateContent": {"contents": _CONTENTS},
    f"{_GOOGLE}streamGenerateContent?alt=sse": {"contents": _CONTENTS},
    f"{_GOOGLE}countTokens": {"contents": _CONTENTS},
    f"{_GOOGLE}embedContent": {"content": _CONTENTS[0]},
    "/api/chat": {"model": MODEL, "messages": _TEXTS},
    "/api/generate": {"model": MODEL, "prompt": "hi"},
    "/api/embed": {"model": MODEL, "input": "hi"},
    "/v2/chat": {"model": MODEL, "messages": _TEXTS},
}
HOSTS = {
    "/v1/messages": "api.anthropic.com",
    "/v1beta": "generativelanguage.googleapis.com",
    "/api/": "ollama.com",
    "/v1/": "api.openai.com",
}
"""Providers' own hosts by what their paths begin with."""
HEADERS = {"api.anthropic.com": "x-api-key", "generativelanguage.googleapis.com": "x-goog-api-key"}
"""Where clients of a host have their key, if it is not `Authorization`."""
OURS = ("/v2/chat",)
"""Paths at the router's own address alone: at its vendor's host it is no call, and passes."""
COUNTING = ("input_tokens", "count_tokens", "countTokens")
"""Ends of the paths of calls that cost nothing, which a budget does not refuse."""


def key(name: str) -> str:
    return f"sk-client-{name}-key"


@pytest.fixture(scope="module")
def chat() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.on("good", always=saying(CHAT), path=CHAT.path)
        yield upstream


@pytest.fixture(scope="module")
def router(chat: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder: Path = tmp_path_factory.mktemp("refusals")
    keys = [{"key": key(name), "name": name, **more} for name, more in KEYS.items()]
    provider = {"name": "chat", "base-url": f"{chat.url}/v1", "api-key": "sk-1"}
    config = {
        "clients": {"api-keys": keys},
        "providers": [provider | {"billing": "per-token"}],
        "intercept": dict.fromkeys(HOSTS.values(), MODEL),
        "prices": [{"input": 2, "output": 8}],
        "retry": {"request-retry": 0},
        "usage": "off",
    }
    with Router(folder, config) as one:
        with client_from("127.0.0.1") as first:
            sent = {"authorization": f"Bearer {key('rate')}"}
            path = "/v1/chat/completions"
            assert first.post(one.url + path, json=CALLS[path], headers=sent).status_code == 200
        yield one


def client_from(address: str, verify: Any = False, **more: Any) -> httpx2.Client:
    """A client of its own address: answers to one with wrong keys are delayed."""
    transport = httpx2.HTTPTransport(local_address=address, verify=verify, **more)
    return httpx2.Client(transport=transport, timeout=60)


def refused_as(said: httpx2.Response, path: str) -> str:
    """What an error says, which has to be in the shape of the API that was asked."""
    body = said.json()
    if path.startswith("/api/"):
        return str(body["error"])
    if path.startswith("/v2/"):
        return str(body["message"])
    if path.startswith("/v1/messages"):
        assert body["type"] == "error"
    if path.startswith("/v1beta"):
        assert body["error"]["code"] == said.status_code
    return str(body["error"]["message"])


@pytest.mark.parametrize("name", STATUS)
def test_every_endpoint_refuses(router: Router, chat: Upstream, name: str) -> None:
    asked = len(chat.requests)
    for number, (path, body) in enumerate(CALLS.items()):
        if name == "spent" and path.endswith(COUNTING):
            continue
        sent = {} if name == "none" else {"authorization": f"Bearer {key(name)}"}
        with client_from(f"127.0.2.{number + 1}") as client:
            said = client.post(router.url + path, json=body, headers=sent)
        assert said.status_code == STATUS[name], (path, said.text)
        assert refused_as(said, path), path
        final = said.headers.get("x-should-retry") == "false"
        assert final == (STATUS[name] != 404), (path, said.headers)
        assert ("retry-after" in said.headers) == (name == "rate"), (path, said.headers)
        assert key(name) not in said.text
    assert len(chat.requests) == asked, "a provider was asked"


@pytest.mark.parametrize("name", ["hidden", "away"])
def test_what_is_hidden_is_like_what_does_not_exist(router: Router, name: str) -> None:
    sent = {"authorization": f"Bearer {key(name)}"}
    with client_from("127.0.0.1") as client:
        for path, body in CALLS.items():
            answers = []
            for model in (MODEL, "chat/none", "nowhere/x"):
                asked = path.replace(MODEL, model)
                whole = {**body, "model": model} if "model" in body else body
                said = client.post(router.url + asked, json=whole, headers=sent)
                fields = {one: value for one, value in said.headers.items()
                          if one not in ("content-length", "x-switchyard-request")}  # fmt: skip
                answers.append((said.status_code, said.text.replace(model, "M"), fields))
            assert answers[0] == answers[1] == answers[2], path
        listed = client.get(f"{router.url}/v1/models", headers=sent).json()["data"]
        assert [one["id"] for one in listed if one["id"].startswith("chat")] == []


@pytest.mark.parametrize("name", STATUS)
def test_a_proxied_host_refuses(router: Router, chat: Upstream, name: str) -> None:
    """By a proxy that is shown the key, as `Proxy-Authorization`; what is refused is a call."""
    asked = len(chat.requests)
    user = "" if name == "none" else f"any:{key(name)}@"
    proxy = router.url.replace("//", f"//{user}")
    address = f"127.0.3.{list(STATUS).index(name) + 1}"
    path = "/v1/chat/completions"
    with client_from(address, proxy=httpx2.Proxy(proxy)) as client:
        said = client.post(chat.url + path, json=CALLS[path])
    assert said.status_code == STATUS[name] and refused_as(said, path), said.text
    assert len(chat.requests) == asked, "a provider was asked"


def host_of(path: str) -> str:
    return next(host for start, host in HOSTS.items() if path.startswith(start))


@pytest.mark.parametrize("shown", ["to the proxy", "to the host"])
@pytest.mark.parametrize("name", STATUS)
def test_every_endpoint_of_a_host_in_a_tunnel_refuses(
    router: Router, chat: Upstream, name: str, shown: str
) -> None:
    """By `CONNECT` and TLS, as with `HTTPS_PROXY`. The key is the proxy's user and password, or
    stands where clients of the host have theirs."""
    asked, trust = len(chat.requests), trusting(router.ca)
    by_proxy = shown == "to the proxy"
    user = f"any:{key(name)}@" if by_proxy and name != "none" else ""
    proxy = httpx2.Proxy(router.url.replace("//", f"//{user}"))
    for number, (path, body) in enumerate(CALLS.items()):
        if (name == "spent" and path.endswith(COUNTING)) or path in OURS:
            continue
        host = host_of(path)
        field = HEADERS.get(host, "authorization")
        value = key(name) if field in HEADERS.values() else f"Bearer {key(name)}"
        sent = {} if by_proxy or name == "none" else {field: value}
        address = f"127.0.{6 + by_proxy}.{16 * list(STATUS).index(name) + number + 1}"
        with client_from(address, trust, proxy=proxy) as client:
            said = client.post(f"https://{host}{path}", json=body, headers=sent)
        assert said.status_code == STATUS[name], (path, said.text)
        assert refused_as(said, path), path
        final = said.headers.get("x-should-retry") == "false"
        assert final == (STATUS[name] != 404), (path, said.headers)
        assert ("retry-after" in said.headers) == (name == "rate"), (path, said.headers)
        assert key(name) not in said.text
    assert len(chat.requests) == asked, "a provider was asked"


_addresses = itertools.count(1)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        (name, call)
        for name in WITH_A_KEY
        for call in ("generate", "stream", "count", "embed")
        if (name, call) != ("spent", "count")
    ],
)
def test_googles_sdk_raises_once(router: Router, name: str, call: str) -> None:
    sent: list[Any] = []
    http = client_from(f"127.0.4.{next(_addresses)}")
    http.event_hooks = {"request": [sent.append]}
    options = types.HttpOptions(base_url=router.url, httpx_client=http)
    client = genai.Client(api_key=key(name), http_options=options)
    with pytest.raises(ClientError) as raised:
        match call:
            case "generate":
                client.models.generate_content(model=MODEL, contents="hi")
            case "stream":
                list(client.models.generate_content_stream(model=MODEL, contents="hi"))
            case "count":
                client.models.count_tokens(model=MODEL, contents="hi")
            case _:
                client.models.embed_content(model=MODEL, contents="hi")
    assert raised.value.code == STATUS[name] and raised.value.message
    assert len(sent) == 1


@pytest.mark.parametrize("name", WITH_A_KEY)
@pytest.mark.parametrize("call", ["chat", "generate", "embed"])
def test_ollamas_client_raises_once(router: Router, name: str, call: str) -> None:
    sent: list[Any] = []
    client = ollama.Client(
        host=router.url,
        headers={"authorization": f"Bearer {key(name)}"},
        transport=httpx.HTTPTransport(local_address=f"127.0.5.{next(_addresses)}", verify=False),
        event_hooks={"request": [sent.append]},
    )
    with pytest.raises(ollama.ResponseError) as raised:
        match call:
            case "chat":
                client.chat(model=MODEL, messages=_TEXTS)
            case "generate":
                client.generate(model=MODEL, prompt="hi")
            case _:
                client.embed(model=MODEL, input="hi")
    assert raised.value.status_code == STATUS[name] and raised.value.error
    assert len(sent) == 1
