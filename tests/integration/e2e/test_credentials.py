"""Which key goes where, and who is asked next when one does not do."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import SHORT
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import fresh_model
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.router import Router
from tests.support.steps import CUT
from tests.support.upstream import Upstream

both_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
KEYS = ["sk-k1", "sk-k2", "sk-k3"]


def question(model: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Well?"}]
    return {"model": model, "messages": said, "max_tokens": 9, **more}


@both_formats
async def test_keys_take_turns(stage: Stage, http: httpx2.AsyncClient, dialect: Dialect) -> None:
    model = fresh_model()
    plan = stage.plain.on(model, always=saying(dialect), path=dialect.path)
    for _ in range(9):
        await http.post(dialect.path, json=question(f"{SHORT[dialect.name]}-keys/{model}"))
    used = [request.key for request in plan.requests]
    assert Counter(used) == {"sk-k1": 3, "sk-k2": 3, "sk-k3": 3}
    assert used[:3] == used[3:6] == used[6:]


@both_formats
def test_the_next_key_is_tried(
    start_router: Callable[..., Router], upstream: Upstream, dialect: Dialect
) -> None:
    statuses = (401, 402, 403, 429, 500, 503, 529)
    providers = [
        {
            "name": f"p{status}",
            "format": dialect.name,
            "base-url": upstream.url,
            "api-key-entries": KEYS,
        }
        for status in statuses
    ]
    router = start_router({"providers": providers})
    for status in statuses:
        plan = upstream.on(f"m{status}", *[refusing(dialect, status)] * 2, saying(dialect))
        answer = httpx2.post(f"{router.url}{CHAT.path}", json=question(f"p{status}/m{status}"))
        assert GOOD in answer.text, status
        assert answer.headers["x-switchyard-attempts"] == "3"
        assert sorted(str(request.key) for request in plan.requests) == KEYS


async def test_a_key_without_quota_rests_and_the_others_go_on(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    limited = [("retry-after", "60")]
    upstream.on("m", always=refusing(CHAT, 429, headers=limited), key="sk-k1")
    upstream.on("m", always=saying(CHAT))
    router = start_router(provider_config(upstream))
    with httpx2.Client(base_url=router.url) as client:
        for _ in range(6):
            assert GOOD in client.post(CHAT.path, json=question("p/m")).text
    assert Counter(request.key for request in upstream.requests)["sk-k1"] == 1


async def test_a_wrong_key_is_out_for_all_models(
    start_router: Callable[..., Router], upstream: Upstream
) -> None:
    upstream.on("m", always=refusing(CHAT, 401, "invalid_api_key"), key="sk-k2")
    upstream.on(always=saying(CHAT))
    router = start_router(provider_config(upstream))
    with httpx2.Client(base_url=router.url) as client:
        for number in range(9):
            model = "m" if number < 3 else f"other-{number}"
            assert GOOD in client.post(CHAT.path, json=question(f"p/{model}")).text
    assert Counter(request.key for request in upstream.requests)["sk-k2"] == 1


@both_formats
async def test_when_every_key_rests_the_client_is_told_until_when(
    start_router: Callable[..., Router], upstream: Upstream, dialect: Dialect
) -> None:
    for key, seconds in zip(KEYS, ("900", "400", "800"), strict=True):
        limited = refusing(CHAT, 429, "rate_limit_exceeded", headers=[("retry-after", seconds)])
        upstream.on("m", always=limited, key=key)
    config = provider_config(upstream)
    config["retry"] = {"request-retry": 0}
    router = start_router(config)
    with httpx2.Client(base_url=router.url) as client:
        first = client.post(dialect.path, json=question("p/m"))
        second = client.post(dialect.path, json=question("p/m"))
    for answer in (first, second):
        assert answer.status_code == 429
        assert 300 <= int(answer.headers["retry-after"]) <= 400
        assert read_body(dialect.name, answer.content).error
    assert len(upstream.requests) == 3, "a key was asked although its provider said when to return"


def provider_config(upstream: Upstream) -> dict[str, Any]:
    provider = {"name": "p", "base-url": f"{upstream.url}/v1", "api-key-entries": KEYS}
    return {"providers": [provider]}


@both_formats
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {CLIENT_KEY}"},
        {"x-api-key": CLIENT_KEY},
        {"x-goog-api-key": CLIENT_KEY},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
async def test_forwarding_the_clients_own_key(
    stage: Stage, http: httpx2.AsyncClient, dialect: Dialect, client: Dialect, headers: dict
) -> None:
    """Once: as the client put it where the upstream speaks the client's format (an OAuth token is
    a Bearer and no API key), else in the header that the upstream's format has for it."""
    model = fresh_model()
    plan = stage.plain.on(model, saying(dialect), path=dialect.path)
    name = f"{SHORT[dialect.name]}-forward/{model}"
    answer = await http.post(client.path, json=question(name), headers=headers)
    assert GOOD in answer.text
    (request,) = plan.requests
    as_it_was = dialect is client and "x-goog-api-key" not in headers
    usual = (
        {"authorization": f"Bearer {CLIENT_KEY}"} if dialect is CHAT else {"x-api-key": CLIENT_KEY}
    )
    carried = {name: value for name, value in request.headers if CLIENT_KEY in value}
    assert carried == (headers if as_it_was else usual)
    assert CLIENT_KEY not in request.target


async def test_a_forwarded_key_goes_to_no_other_provider(
    stage: Stage, start_router: Callable[..., Router]
) -> None:
    model = fresh_model()
    first = stage.plain.on(f"{model}-a", refusing(CHAT, 429))
    second = stage.plain.on(f"{model}-b", saying(ANTHROPIC))
    router = start_router(
        {
            "providers": [
                {"name": "a", "base-url": f"{stage.plain.url}/v1", "credentials": "forward"},
                {
                    "name": "b",
                    "format": "anthropic",
                    "base-url": stage.plain.url,
                    "api-key-entries": ["sk-b"],
                },
            ],
            "combos": {"both": [f"a/{model}-a", f"b/{model}-b"]},
        }
    )
    answer = httpx2.post(
        f"{router.url}{CHAT.path}",
        json=question("both"),
        headers={
            "authorization": f"Bearer {CLIENT_KEY}",
            "x-goog-api-key": CLIENT_KEY,
            "cookie": f"session={CLIENT_KEY}",
        },
    )
    assert GOOD in answer.text
    assert first.requests[0].key == CLIENT_KEY
    assert second.requests[0].key == "sk-b"
    assert CLIENT_KEY not in str(second.requests[0].headers)


@pytest.fixture
def fleet(start_router: Callable[..., Router], upstream: Upstream) -> Router:
    """Three providers; models of one alias, combos, combos in combos."""
    providers = [
        {
            "name": name,
            "format": "anthropic" if name == "b" else "openai-chat",
            "base-url": upstream.url,
            "api-key-entries": [f"sk-{name}"],
            "models": [{"name": f"{name}1", "alias": "pool"}, {"name": f"{name}2"}],
        }
        for name in "abc"
    ]
    return start_router(
        {
            "providers": providers,
            "combos": {
                "in-order": ["a/a1", "b/b1", "c/c1"],
                "outer": ["a/a2", "inner", "c/c2"],
                "inner": ["b/b1", "b/b2"],
                "turns": {"members": ["a/a2", "b/b2", "c/c2"], "strategy": "round-robin"},
            },
            "aliases": {"one": "b/b2"},
            "routes": [{"pattern": "^gpt-", "provider": "c"}],
            "retry": {"request-retry": 0},
            "cooldown": {"base": "5m"},
        }
    )


def _ask(router: Router, model: str) -> httpx2.Response:
    return httpx2.post(f"{router.url}{CHAT.path}", json=question(model))


def _speaks(upstream: Upstream, *models: str) -> None:
    for model in models:
        upstream.on(model, always=saying(ANTHROPIC if model.startswith("b") else CHAT))


def _fails(upstream: Upstream, *models: str) -> None:
    for model in models:
        upstream.on(model, always=refusing(ANTHROPIC if model.startswith("b") else CHAT, 500))


def _asked(upstream: Upstream) -> list[str]:
    return [request.model for request in upstream.requests]


def test_a_combo_is_tried_in_order(fleet: Router, upstream: Upstream) -> None:
    _fails(upstream, "a1", "b1")
    _speaks(upstream, "c1")
    answer = _ask(fleet, "in-order")
    assert GOOD in answer.text
    assert _asked(upstream) == ["a1", "b1", "c1"]
    assert answer.headers["x-switchyard-provider"] == "c"
    assert answer.headers["x-switchyard-model"] == "c1"


def test_combos_in_combos_keep_their_order(fleet: Router, upstream: Upstream) -> None:
    _fails(upstream, "a2", "b1", "b2")
    _speaks(upstream, "c2")
    assert GOOD in _ask(fleet, "outer").text
    assert _asked(upstream) == ["a2", "b1", "b2", "c2"]


def test_after_a_broken_connection_another_provider_comes_first(
    fleet: Router, upstream: Upstream
) -> None:
    """Nobody there: what else is asked of the same provider waits until the others were tried."""
    _fails(upstream, "a2", "c2")
    _speaks(upstream, "b2")
    upstream.on("b1", always=(CUT,))
    assert GOOD in _ask(fleet, "outer").text
    assert _asked(upstream) == ["a2", "b1", "c2", "b2"]


def test_members_take_turns_where_a_combo_says_so(fleet: Router, upstream: Upstream) -> None:
    _speaks(upstream, "a2", "b2", "c2")
    for _ in range(6):
        assert GOOD in _ask(fleet, "turns").text
    assert Counter(_asked(upstream)) == {"a2": 2, "b2": 2, "c2": 2}


def test_a_pool_takes_turns_and_fails_over(fleet: Router, upstream: Upstream) -> None:
    _speaks(upstream, "a1", "b1")
    _fails(upstream, "c1")
    for _ in range(6):
        assert GOOD in _ask(fleet, "pool").text
    asked = Counter(_asked(upstream))
    assert asked["a1"] >= 2 and asked["b1"] >= 2
    assert 1 <= asked["c1"] <= 2


def test_aliases_routes_and_bare_names(fleet: Router, upstream: Upstream) -> None:
    _speaks(upstream, "b2", "gpt-9", "c2")
    for name in ("one", "gpt-9", "c2"):
        assert GOOD in _ask(fleet, name).text
    assert _asked(upstream) == ["b2", "gpt-9", "c2"]


def test_each_attempt_starts_from_the_original_request(fleet: Router, upstream: Upstream) -> None:
    """What one member's format could not say is there for the next."""
    _fails(upstream, "b1")
    upstream.on("a1", (CUT,))
    _speaks(upstream, "c1")
    body = question("in-order", seed=7, logit_bias={"1": 2}, zz_unknown=[1, {"x": None}])
    original = json.loads(json.dumps(body))
    answer = httpx2.post(f"{fleet.url}{CHAT.path}", json=body)
    first, second, third = upstream.requests
    assert GOOD in answer.text
    assert "seed" not in second.json and "zz_unknown" not in second.json
    for request, model in ((first, "a1"), (third, "c1")):
        assert request.json == {**original, "model": model}
    assert "x-switchyard-dropped" not in answer.headers


def test_all_failed_tells_the_most_telling_error_and_all_attempts(
    fleet: Router, upstream: Upstream
) -> None:
    upstream.on("a1", always=refusing(CHAT, 429, "rate_limit_exceeded", "slow down a1"))
    upstream.on("b1", always=refusing(ANTHROPIC, 500, "api_error", "b1 is ill"))
    upstream.on("c1", always=(CUT,))
    for dialect in (CHAT, ANTHROPIC):
        answer = httpx2.post(f"{fleet.url}{dialect.path}", json=question("in-order"))
        assert answer.status_code == 429
        error = read_body(dialect.name, answer.content).error
        assert error is not None
        assert "slow down a1" in error["message"]
        if dialect is CHAT:
            attempts = error["switchyard"]["attempts"]
            assert [(a["provider"], a["model"]) for a in attempts] == [
                ("a", "a1"),
                ("b", "b1"),
                ("c", "c1"),
            ]
            assert [a["status"] for a in attempts] == [429, 500, None]
            assert all(a["reason"] for a in attempts)
        for key in ("sk-a", "sk-b", "sk-c"):
            assert key not in answer.text


def test_a_wrong_request_is_returned_at_once_and_locks_nothing(
    fleet: Router, upstream: Upstream
) -> None:
    upstream.on("a1", refusing(CHAT, 400, "invalid_request_error", "bad field", code="bad"))
    upstream.on("a1", always=saying(CHAT))
    answer = _ask(fleet, "in-order")
    assert answer.status_code == 400
    error = read_body("openai-chat", answer.content).error
    assert error and error["message"] == "bad field" and error["code"] == "bad"
    assert GOOD in _ask(fleet, "in-order").text
    assert _asked(upstream) == ["a1", "a1"]


def test_a_lone_failing_target_is_asked_again_rather_than_refused(
    fleet: Router, upstream: Upstream
) -> None:
    """A blip of a lone provider must not make it unreachable."""
    upstream.on("b2", refusing(ANTHROPIC, 500), refusing(ANTHROPIC, 500))
    upstream.on("b2", always=saying(ANTHROPIC))
    statuses = [_ask(fleet, "one").status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
