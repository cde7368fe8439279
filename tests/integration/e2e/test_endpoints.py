"""What our own address answers besides calls to models, and to calls that cannot be made."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import Stage
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.router import Router
from tests.support.upstream import Upstream

both_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)

LISTED = {
    "providers": [
        {
            "name": "openrouter",
            "prefix": "or",
            "base-url": "http://127.0.0.1:9/v1",
            "api-key-entries": ["sk-1"],
            "models": [
                {"name": "qwen3.5-plus", "alias": "smart", "context-window": 262144},
                {"name": "qwen-vision"},
                {"name": "glm-4.7-flash", "alias": "smart"},
            ],
            "excluded-models": ["*-vision"],
        },
        {
            "name": "cc",
            "format": "anthropic",
            "base-url": "http://127.0.0.1:9",
            "api-key-entries": ["sk-2"],
            "models": ["claude-opus-4-6"],
        },
    ],
    "combos": {"my-stack": ["cc/claude-opus-4-6", "smart"], "inner": ["my-stack"]},
    "responses-websocket": False,
    "aliases": {"fast": "or/glm-4.7-flash"},
    "retry": {"request-retry": 0},
}
NAMES = {
    "my-stack",
    "inner",
    "fast",
    "smart",
    "or/qwen3.5-plus",
    "or/glm-4.7-flash",
    "or/smart",
    "cc/claude-opus-4-6",
    "qwen3.5-plus",
    "glm-4.7-flash",
    "claude-opus-4-6",
}


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory):
    with Router(tmp_path_factory.mktemp("listing"), LISTED) as router:
        yield router


def test_model_lists_of_the_sdks(listing: Router) -> None:
    with openai.OpenAI(base_url=f"{listing.url}/v1", api_key="x") as client:
        models = list(client.models.list())
        assert {model.id for model in models} == NAMES
        assert len(models) == len(NAMES)
        assert all(model.object == "model" and model.created and model.owned_by for model in models)
    with anthropic.Anthropic(base_url=listing.url, api_key="x") as client:
        listed = list(client.models.list())
        assert {model.id for model in listed} == NAMES
        assert all(model.type == "model" and model.display_name for model in listed)


def test_the_two_shapes_of_model_lists(listing: Router) -> None:
    chat = httpx2.get(f"{listing.url}/v1/models").json()
    assert chat["object"] == "list"
    claude = httpx2.get(
        f"{listing.url}/v1/models", headers={"anthropic-version": "2023-06-01"}
    ).json()
    assert claude["has_more"] is False
    assert claude["first_id"] == claude["data"][0]["id"]
    assert claude["last_id"] == claude["data"][-1]["id"]


def test_what_is_listed_can_be_asked_for(listing: Router) -> None:
    """Nobody is there to answer, but every name leads somewhere: 502, not 404."""
    for name in NAMES:
        answer = httpx2.post(
            f"{listing.url}/v1/chat/completions", json={"model": name, "messages": []}
        )
        assert answer.status_code in (400, 502), f"{name}: {answer.text}"


def test_health(listing: Router) -> None:
    answer = httpx2.get(f"{listing.url}/health")
    assert answer.status_code == 200 and answer.json()["status"] == "ok"


@pytest.mark.parametrize("path", ["/", "/api/hello", "/v1/models", "/health", "/v1/messages"])
def test_head_probes_are_answered_without_a_body(listing: Router, path: str) -> None:
    """On one connection: a body after a HEAD would be taken for the next answer."""
    with httpx2.Client(base_url=listing.url) as client:
        for _ in range(2):
            answer = client.head(path)
            assert answer.status_code == 200 and answer.content == b""
        assert client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("POST", "/v1/nothing"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models"),
        ("PUT", "/v1/messages"),
        ("OPTIONS", "/x"),
        ("POST", "/health"),
        ("GET", "/v1/../etc/passwd"),
        ("GET", "//v1/nothing"),
    ],
)
def test_anything_else_is_a_404_in_json(listing: Router, method: str, path: str) -> None:
    answer = httpx2.request(method, f"{listing.url}{path}")
    assert answer.status_code in (404, 405)
    error = read_body("openai-chat", answer.content).error
    assert error and "/v1/chat/completions" in error["message"]
    claude = httpx2.request(
        method, f"{listing.url}{path}", headers={"anthropic-version": "2023-06-01"}
    )
    assert read_body("anthropic", claude.content).error


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/ws"])
def test_websocket_upgrades_are_refused_with_426(listing: Router, path: str) -> None:
    """Anything but 426 lets Codex try seven times, or give up."""
    answer = httpx2.get(
        f"{listing.url}{path}",
        headers={
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )
    assert answer.status_code == 426
    assert read_body("openai-chat", answer.content).error


@both_formats
@pytest.mark.parametrize("streams", [True, False])
def test_an_unknown_model_is_a_404_that_names_near_ones(
    listing: Router, dialect: Dialect, streams: bool
) -> None:
    for asked, near in {
        "cc/claude-opus-4-5": "cc/claude-opus-4-6",
        "my-stak": "my-stack",
        "or/qwen3.5-pluss": "or/qwen3.5-plus",
    }.items():
        answer = httpx2.post(
            f"{listing.url}{dialect.path}",
            json={"model": asked, "messages": [], "max_tokens": 1, "stream": streams},
        )
        assert answer.status_code == 404
        error = read_body(dialect.name, answer.content).error
        assert error and near in error["message"] and asked in error["message"]
        if dialect is CHAT:
            assert (error["code"], error["param"]) == ("model_not_found", "model")
        else:
            assert error["type"] == "not_found_error"


def test_unknown_models_raise_the_sdks_own_errors(listing: Router) -> None:
    question: list[Any] = [{"role": "user", "content": "x"}]
    with (
        openai.OpenAI(base_url=f"{listing.url}/v1", api_key="x", max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="my-stack"),
    ):
        client.chat.completions.create(model="my-stock", messages=question)
    with (
        anthropic.Anthropic(base_url=listing.url, api_key="x", max_retries=0) as client,
        pytest.raises(anthropic.NotFoundError, match="my-stack"),
    ):
        client.messages.create(model="my-stock", messages=question, max_tokens=1)


def test_excluded_models_cannot_be_asked_for(listing: Router) -> None:
    for name in ("or/qwen-vision", "qwen-vision", "or/QWEN-VISION"):
        answer = httpx2.post(
            f"{listing.url}/v1/chat/completions", json={"model": name, "messages": []}
        )
        assert answer.status_code == 404


@both_formats
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'"x"', "object"),
        (b"\xff\xfe", "JSON"),
        (b'{"messages": []}', "model"),
        (b'{"model": "", "messages": []}', "model"),
        (b'{"model": 7, "messages": []}', "model"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_bodies_that_are_no_request(
    listing: Router, dialect: Dialect, body: bytes, says: str
) -> None:
    answer = httpx2.post(
        f"{listing.url}{dialect.path}", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    error = read_body(dialect.name, answer.content).error
    assert error and says in error["message"]
    assert error["type"] == "invalid_request_error"


KEYS = {"clients": {"api-keys": [CLIENT_KEY, {"key": "sk-second-key", "name": "second"}]}}


@pytest.fixture
def guarded_router(upstream: Upstream, start_router: Callable[..., Router]) -> Router:
    upstream.on("m", always=saying(CHAT), path=CHAT.path)
    upstream.on("m", always=saying(ANTHROPIC), path=ANTHROPIC.path)
    provider = {
        "name": "p",
        "format": ["openai-chat", "anthropic"],
        "base-url": upstream.url,
        "api-key-entries": ["sk-up"],
    }
    return start_router({"providers": [provider], **KEYS})


def test_the_four_ways_to_show_a_key(guarded_router: Router, upstream: Upstream) -> None:
    ways = [
        ({"authorization": f"Bearer {CLIENT_KEY}"}, ""),
        ({"authorization": f"bearer {CLIENT_KEY}"}, ""),
        ({"x-api-key": CLIENT_KEY}, ""),
        ({"x-goog-api-key": "sk-second-key"}, ""),
        ({}, f"?key={CLIENT_KEY}"),
        ({}, f"?beta=true&key={CLIENT_KEY}"),
    ]
    for headers, query in ways:
        for dialect in (CHAT, ANTHROPIC):
            answer = httpx2.post(
                f"{guarded_router.url}{dialect.path}{query}",
                json={"model": "p/m", "messages": [], "max_tokens": 1},
                headers=headers,
            )
            assert answer.status_code == 200, answer.text
        assert httpx2.get(f"{guarded_router.url}/v1/models{query}", headers=headers).is_success
    for request in upstream.requests:
        assert request.key == "sk-up"
        everything = f"{request.target} {request.headers}"
        assert CLIENT_KEY not in everything and "sk-second-key" not in everything


@both_formats
def test_a_wrong_key_is_a_401(guarded_router: Router, dialect: Dialect) -> None:
    wrong = [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {CLIENT_KEY}"},
        {"x-api-key": CLIENT_KEY[:-1]},
        {"x-api-key": CLIENT_KEY.upper()},
    ]
    for headers in wrong:
        answer = httpx2.post(
            f"{guarded_router.url}{dialect.path}",
            json={"model": "p/m", "messages": [], "max_tokens": 1},
            headers=headers,
        )
        assert answer.status_code == 401, headers
        error = read_body(dialect.name, answer.content).error
        assert error and "wrong" not in error["message"]
        if dialect is ANTHROPIC:
            assert error["type"] == "authentication_error"
    assert httpx2.get(f"{guarded_router.url}/v1/models").status_code == 401
    assert httpx2.get(f"{guarded_router.url}/health").status_code == 200


def test_a_wrong_key_raises_the_sdks_own_errors(guarded_router: Router) -> None:
    question: list[Any] = [{"role": "user", "content": "x"}]
    url = guarded_router.url
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="p/m", messages=question)
    with (
        anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model="p/m", messages=question, max_tokens=1)


def test_keys_are_asked_for_in_proxy_mode_too(guarded_router: Router, upstream: Upstream) -> None:
    with httpx2.Client(proxy=guarded_router.url) as client:
        answer = client.post(
            f"{upstream.url}/v1/chat/completions", json={"model": "p/m", "messages": []}
        )
    assert answer.status_code == 401
    assert not upstream.requests


def test_the_answer_says_which_way_it_took(stage: Stage) -> None:
    model, _ = stage.on(CHAT, saying(CHAT))
    answer = httpx2.post(
        f"{stage.router.url}/v1/chat/completions", json={"model": model, "messages": []}
    )
    assert answer.headers["x-switchyard-provider"] == "chat"
    assert answer.headers["x-switchyard-model"] == model.partition("/")[2]
    assert answer.headers["x-switchyard-attempts"] == "1"
    assert "x-switchyard-dropped" not in answer.headers


@pytest.mark.parametrize("streams", [True, False])
def test_what_could_not_be_said_is_told(stage: Stage, streams: bool) -> None:
    model, plan = stage.on(ANTHROPIC, saying(ANTHROPIC))
    answer = httpx2.post(
        f"{stage.router.url}/v1/chat/completions",
        json={
            "model": model,
            "messages": [{"role": "user", "content": "x"}],
            "seed": 7,
            "logit_bias": {"50256": -100},
            "temperature": 0.5,
            "stop": ["END"],
            "stream": streams,
        },
    )
    dropped = set(answer.headers["x-switchyard-dropped"].split(", "))
    assert dropped == {"seed", "logit_bias"}
    sent = plan.requests[0].json
    assert sent["temperature"] == 0.5 and sent["stop_sequences"] == ["END"]
    assert "seed" not in json.dumps(sent)


@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda one: one.name)
def test_a_request_in_other_words_at_the_path_of_chat(stage: Stage, dialect: Dialect) -> None:
    """Cursor sends requests of the Responses API there, and reads chat completions."""
    model, plan = stage.on(dialect, saying(dialect))
    tool = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}}
    answer = httpx2.post(
        f"{stage.router.url}/v1/chat/completions",
        json={"model": model, "input": [{"role": "user", "content": "x"}], "tools": [tool]},
    )
    assert answer.json()["choices"][0]["message"]["content"] == Answer().text
    sent = plan.requests[0].json
    assert "input" not in sent
    assert sent["messages"] == [{"role": "user", "content": "x"}] or dialect is ANTHROPIC
    (told,) = sent["tools"]
    assert (told["function"] if dialect is CHAT else told)["name"] == "read"

    bad = {"model": model, "input": [{}]}
    refused = httpx2.post(f"{stage.router.url}/v1/chat/completions", json=bad)
    assert refused.status_code == 400
    assert "neither type nor role" in refused.json()["error"]["message"]


async def test_a_client_cannot_set_our_headers(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, plan = stage.on(CHAT, saying(CHAT))
    await http.post(
        "/v1/chat/completions",
        json={"model": model, "messages": []},
        headers={"x-switchyard-provider": "evil", "x-forwarded-for": "1.2.3.4"},
    )
    names = plan.requests[0].header_names()
    assert not {"x-switchyard-provider", "x-forwarded-for"} & names
