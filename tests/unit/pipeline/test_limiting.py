"""Limits and budgets of client keys, from the request to what is charged in the end."""

import inspect
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from mitmproxy import http

from switchyard.failover.attempt import Attempt
from switchyard.pipeline.access import Access
from switchyard.pipeline.accounting import Accounting
from switchyard.pipeline.credentials import Credentials
from switchyard.pipeline.fallback import Fallback
from switchyard.pipeline.heartbeat import Heartbeat
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.limiting import Limiting
from switchyard.pipeline.masking import Masking
from switchyard.pipeline.reading import Reading
from switchyard.pipeline.release import Release
from switchyard.pipeline.routing import Routing
from switchyard.pipeline.sending import Sending
from switchyard.pipeline.translation import Translation
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import Limit
from tests.support.runtime import FakeRuntime
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

NOON = 1_800_014_400.0
"""A Friday in January 2027, UTC."""
CONFIG = """
    usage: null
    providers:
      - {name: paid, base-url: "https://paid.example/v1", models: [m], api-key: provider-key-1}
      - {name: local, base-url: "http://127.0.0.1:9/v1", models: [small]}
      - {name: other, base-url: "https://other.example/v1", models: [n], api-key: provider-key-2}
    combos:
      both: [paid/m, local/small]
    prices:
      - {provider: paid, models: ["*"], input: 1, output: 2}
      - {provider: other, models: ["*"], input: 10, output: 20}
    clients:
      contact: ops@example.com
      api-keys:
        - {key: free-to-do-all-1, name: ann}
        - {key: two-a-minute-22, name: ben, limits: {requests: 2/m}}
        - {key: budget-key-3333, name: cid, budgets: {day: "0.001 USD"}}
        - {key: strict-key-3333, name: dan, budgets: {day: "1 USD"}, strict: true}
        - {key: token-key-44444, name: eve, limits: {tokens: 100/m}}
        - {key: one-at-a-time-5, name: fay, concurrency: 1, queue: 0s}
        - {key: local-only-66666, name: gus, providers: ["local"]}
        - {key: shadow-key-7777, name: hal, limits: {requests: 1/m}, enforce: false}
        - {key: refusing-888888, name: ida, budgets: {day: "0.001 USD"}, over-budget: refuse}
        - {key: named-key-99999, name: jim, budgets: {day: "0.001 USD"}, over-budget: other/n}
        - key: per-model-aaaaa
          name: kim
          per-model: [{models: ["m"], limits: {requests: 1/m}}]
        - {key: waiting-bbbbbbb, name: lea, concurrency: 1}
        - key: named-local-ccc
          name: mia
          budgets: {day: "0.001 USD"}
          over-budget: other/n
          providers: [paid]
"""
_CALLED = (Access, Masking, Intake, Routing, Limiting, Credentials, Translation, Sending, Reading,
           Heartbeat, Fallback, Accounting, Release)  # fmt: skip


class Driven:
    """The addons of a call in their order; their hooks are awaited."""

    def __init__(self, runtime: FakeRuntime) -> None:
        self.runtime = runtime
        self._addons: list[Any] = [one for one in runtime.addons() if type(one) in _CALLED]

    async def tell(self, hook: str, subject: Any) -> None:
        for addon in self._addons:
            if handler := getattr(addon, hook, None):
                rest = handler(subject)
                if inspect.isawaitable(rest):
                    await rest

    async def ask(self, key: str, format: str = "openai-chat", **more: Any) -> http.HTTPFlow:
        """Everything up to the first attempt, or a refusal."""
        model = more.pop("model", "paid/m")
        more.setdefault("max_tokens", 100)
        headers = {"authorization": f"Bearer {key}"}
        flow = call_flow(self.runtime, format, model, headers=headers, **more)
        await self.tell("requestheaders", flow)
        await self.tell("request", flow)
        return flow

    async def attempt(self, flow: http.HTTPFlow) -> Attempt:
        attempt = Attempt(flow=flow, number=1)
        await self.tell("attempt", attempt)
        return attempt

    async def answer(self, flow: http.HTTPFlow, usage: tuple[int, int] = (5, 2)) -> http.Response:
        """Have the upstream answer, and the client get it."""
        attempt = await self.attempt(flow)
        assert attempt.receiver is not None, attempt.answer
        said = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        attempt.receiver.start(http.Response.make(200, b"", {"content-type": "application/json"}))
        attempt.receiver.data(json.dumps(reply(usage=said)).encode())
        attempt.receiver.end()
        flow.response = attempt.receiver.head()
        await self.over(flow)
        return flow.response

    async def over(self, flow: http.HTTPFlow) -> None:
        """The response is sent, or the client has left."""
        if flow.response is not None:
            await self.tell("responseheaders", flow)
            await self.tell("response", flow)
        else:
            await self.tell("error", flow)

    async def served(self, key: str, usage: tuple[int, int] = (5, 2), **more: Any) -> http.Response:
        flow = await self.ask(key, **more)
        assert flow.response is None, flow.response and flow.response.text
        return await self.answer(flow, usage)

    async def refused(self, key: str, status: int, **more: Any) -> http.Response:
        flow = await self.ask(key, **more)
        assert flow.response is not None
        assert flow.response.status_code == status, flow.response.text
        await self.over(flow)
        return flow.response

    async def used(self, name: str, kind: str, scope: str = "") -> tuple[int, int]:
        """What a key used of a kind, and what is reserved."""
        runtime = self.runtime
        (key,) = (one for one in runtime.snapshot.client_keys if one.name == name)
        limits = runtime.snapshot.key_rules.all_of(key)
        (limit,) = (one for one in limits if one.kind == kind and one.key.endswith(scope))
        [standing] = await runtime.state.shared.counters([limit])
        return standing.used, standing.reserved


@pytest.fixture
def driven() -> Driven:
    runtime, begun = make_runtime(CONFIG), time.monotonic()
    # No day and no month ends during a test, whenever it runs.
    runtime.state.shared = MemoryState(lambda: NOON + time.monotonic() - begun)
    return Driven(runtime)


def limits(flow_response: http.Response) -> Mapping[str, str]:
    return {k: v for k, v in flow_response.headers.items() if "ratelimit" in k}


def told(response: http.Response) -> str:
    return error_of(response, "openai-chat", response.status_code)[1]


async def test_a_key_without_limits_is_asked_for_nothing(driven: Driven) -> None:
    response = await driven.served("free-to-do-all-1")
    assert not limits(response) and not len(driven.runtime.gate)


async def test_requests_beyond_a_limit_get_429_with_the_true_time(driven: Driven) -> None:
    first = await driven.served("two-a-minute-22")
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    await driven.served("two-a-minute-22")
    response = await driven.refused("two-a-minute-22", 429)
    assert error_of(response, "openai-chat", 429)[1] == (
        "Key 'ben' may use 2 requests per min, and 2 are used. Try again in "
        f"{response.headers['retry-after']} s. Ask ops@example.com."
    )
    seconds = int(response.headers["retry-after"])
    assert 58 <= seconds <= 61 and response.headers["retry-after-ms"] == f"{seconds}000"
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
    assert await driven.used("ben", "requests") == (2, 0)


async def test_the_request_is_admitted_at_the_second_that_was_told(
    driven: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_800_000_000.25]
    driven.runtime.state.shared = MemoryState(lambda: clock[0])
    for _ in range(2):
        await driven.served("two-a-minute-22")
    response = await driven.refused("two-a-minute-22", 429)
    seconds = int(response.headers["retry-after"])
    clock[0] += seconds - 1
    await driven.refused("two-a-minute-22", 429)
    clock[0] += 1
    await driven.served("two-a-minute-22")


async def test_a_budget_is_charged_what_the_record_says_and_refuses_with_402(
    driven: Driven,
) -> None:
    await driven.served("budget-key-3333", usage=(300, 300))
    assert await driven.used("cid", "money") == (900_000, 0)
    response = await driven.refused("budget-key-3333", 402)
    assert error_of(response, "openai-chat", 402)[0] == "insufficient_quota"
    message = error_of(response, "openai-chat", 402)[1]
    assert message.startswith("Key 'cid' may spend 0.001 USD per day: 0.0009 USD are spent")
    assert "begins anew at" in message and message.endswith("Ask ops@example.com.")
    assert response.headers["x-should-retry"] == "false" and "retry-after" not in response.headers
    assert await driven.used("cid", "money") == (900_000, 0)


async def test_a_combo_over_budget_goes_on_with_its_free_members(driven: Driven) -> None:
    await driven.served("budget-key-3333", usage=(400, 400))
    flow = await driven.ask("budget-key-3333", model="both")
    assert flow.response is None
    exchange = driven.runtime.exchanges.get(flow)
    assert exchange and exchange.plan
    assert [one.provider.name for one in exchange.plan.targets] == ["local"]
    await driven.answer(flow)
    assert await driven.used("cid", "money") == (1_200_000, 0)


async def test_over_budget_may_refuse_or_name_a_model(driven: Driven) -> None:
    await driven.served("refusing-888888", usage=(400, 400))
    await driven.refused("refusing-888888", 402, model="both")
    await driven.served("named-key-99999", usage=(400, 400))
    flow = await driven.ask("named-key-99999", model="both")
    exchange = driven.runtime.exchanges.get(flow)
    assert exchange and exchange.plan
    assert [one.provider.name for one in exchange.plan.targets] == ["other"]
    await driven.answer(flow, (10, 10))
    assert await driven.used("jim", "money") == (1_200_000 + 300_000, 0)


async def test_only_providers_of_a_key_stand_in_for_what_it_asked_for(driven: Driven) -> None:
    await driven.served("named-local-ccc", usage=(400, 400))
    response = await driven.refused("named-local-ccc", 402)
    assert "Key 'mia' may spend 0.001 USD per day" in told(response)


async def test_the_log_names_a_model_that_no_budget_counts(
    driven: Driven, caplog: pytest.LogCaptureFixture
) -> None:
    text = CONFIG.replace('{provider: paid, models: ["*"]', '{provider: paid, models: ["priced"]')
    driven = Driven(make_runtime(text))
    for _ in range(2):
        await driven.served("budget-key-3333")
    told = [one.getMessage() for one in caplog.records if "price" in one.getMessage()]
    assert told == [
        "switchyard: no price of paid/m is known, so budgets do not count it. Give it one by prices"
    ]


async def test_strict_reserves_the_most_that_an_answer_may_cost(driven: Driven) -> None:
    flow = await driven.ask("strict-key-3333", max_tokens=100_000)
    used, reserved = await driven.used("dan", "money")
    assert used == reserved and 200_000_000 < used < 200_100_000
    await driven.answer(flow, (1, 1))
    assert await driven.used("dan", "money") == (3000, 0)


async def test_a_request_that_never_fits_is_too_large(driven: Driven) -> None:
    response = await driven.refused("token-key-44444", 413, user="x" * 1000)
    assert "and Key 'eve' may use 100 tokens per min" in told(response)
    assert response.headers["x-should-retry"] == "false"
    # What it may perhaps need is cut to what there is.
    await driven.served("token-key-44444", max_tokens=5000)


async def test_a_place_is_given_back_however_a_request_ends(driven: Driven) -> None:
    flow = await driven.ask("one-at-a-time-5")
    response = await driven.refused("one-at-a-time-5", 429)
    assert "1 request under way at a time" in told(response)
    flow.error = None
    await driven.tell("error", flow)
    other = await driven.ask("one-at-a-time-5")
    assert other.response is None
    other.response = http.Response.make(500)
    await driven.over(other)
    await driven.served("one-at-a-time-5")
    assert await driven.used("fay", "slots") == (0, 0)


async def test_only_providers_of_a_key_answer_it(driven: Driven) -> None:
    flow = await driven.ask("local-only-66666", model="both")
    exchange = driven.runtime.exchanges.get(flow)
    assert exchange and exchange.plan
    assert [one.provider.name for one in exchange.plan.targets] == ["local"]
    response = await driven.refused("local-only-66666", 403)
    assert response.headers["x-should-retry"] == "false"


async def test_a_shadow_limit_counts_and_refuses_nothing(driven: Driven) -> None:
    for _ in range(3):
        await driven.served("shadow-key-7777")
    assert await driven.used("hal", "requests") == (3, 0)


async def test_limits_of_some_models(driven: Driven) -> None:
    await driven.served("per-model-aaaaa", model="m")
    await driven.refused("per-model-aaaaa", 429, model="m")
    await driven.served("per-model-aaaaa", model="paid/m")
    assert await driven.used("kim", "requests", "/m") == (1, 0)


async def test_anthropics_clients_read_their_own_headers(driven: Driven) -> None:
    flow = await driven.ask("token-key-44444", "anthropic", model="paid/m", max_tokens=9)
    response = await driven.answer(flow)
    assert response.headers["anthropic-ratelimit-tokens-limit"] == "100"
    assert response.headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
    assert "x-ratelimit-limit-tokens" not in response.headers


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request waits for a place before its stream may get keep-alives."""
    monkeypatch.setattr("switchyard.pipeline.limiting.FIRST_WAIT", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_who_waits_goes_on_when_a_place_is_free(driven: Driven) -> None:
    first = await driven.ask("waiting-bbbbbbb")
    second = await driven.ask("waiting-bbbbbbb", stream=True)
    assert second.response is None and driven.runtime.gate.waiting == 1
    attempt = await driven.attempt(second)
    assert attempt.wait is not None and attempt.heart is not None and attempt.request is None
    await driven.answer(first)
    waits = driven.runtime.gate.of(second.id)
    assert waits is not None and waits.waits is not None
    await waits.waits
    attempt = await driven.attempt(second)
    assert attempt.request is not None and driven.runtime.gate.waiting == 0
    await driven.tell("error", second)
    assert await driven.used("lea", "slots") == (0, 0)


@pytest.mark.usefixtures("at_once")
async def test_who_leaves_while_waiting_uses_up_nothing(driven: Driven) -> None:
    first = await driven.ask("waiting-bbbbbbb")
    second = await driven.ask("waiting-bbbbbbb")
    await driven.tell("error", second)
    assert driven.runtime.gate.waiting == 0
    await driven.answer(first)
    assert await driven.used("lea", "slots") == (0, 0)
    await driven.served("waiting-bbbbbbb")


async def test_the_whole_router_may_have_limits() -> None:
    text = CONFIG.replace("      contact:", "      limits: {requests: 1/m}\n      contact:")
    driven = Driven(make_runtime(text))
    await driven.served("free-to-do-all-1")
    response = await driven.refused("two-a-minute-22", 429)
    assert "This router may use 1 request per min" in told(response)
    limit: Limit = driven.runtime.snapshot.key_rules.of(None, "m").limits[0]  # type: ignore
    [standing] = await driven.runtime.state.shared.counters([limit])
    assert standing.used == 1


@pytest.mark.parametrize("kind", ["count", "embed"])
async def test_other_calls_have_limits_too(driven: Driven, kind: str) -> None:
    path, body = {
        "count": ("/v1/messages/count_tokens", {"model": "paid/m", "messages": []}),
        "embed": ("/v1/embeddings", {"model": "paid/m", "input": "hi"}),
    }[kind]
    for status in (None, None, 429):
        headers = {"authorization": "Bearer two-a-minute-22"}
        flow = client_flow(driven.runtime, path, body, headers=headers)
        await driven.tell("requestheaders", flow)
        await driven.tell("request", flow)
        assert (flow.response.status_code if flow.response else None) == status


async def test_who_leaves_in_the_middle_is_charged_for_what_is_known(driven: Driven) -> None:
    flow = await driven.ask("budget-key-3333", stream=True)
    attempt = await driven.attempt(flow)
    assert attempt.receiver is not None
    attempt.receiver.start(http.Response.make(200, b"", {"content-type": "text/event-stream"}))
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {"content": "word " * 20}}]}  # fmt: skip
    attempt.receiver.data(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    size = len(flow.request.raw_content or b"")
    await driven.tell("error", flow)
    written = round(100 * 0.235)
    assert await driven.used("cid", "money") == (-(-size // 4) * 1000 + written * 2000, 0)


class Elsewhere:
    """State that others share: every verb takes the way of `SharedState`."""

    def __init__(self) -> None:
        self._state = MemoryState()

    def __getattr__(self, name: str) -> Any:
        if name.endswith("quickly") or name == "used_of":
            raise AttributeError(name)
        return getattr(self._state, name)


async def test_shared_state_is_asked_the_same(driven: Driven) -> None:
    driven.runtime.state.shared = Elsewhere()  # type: ignore[assignment]
    first = await driven.served("two-a-minute-22")
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    await driven.served("two-a-minute-22")
    await driven.refused("two-a-minute-22", 429)
    await driven.served("budget-key-3333", usage=(300, 300))
    assert await driven.used("cid", "money") == (900_000, 0)
    await driven.refused("budget-key-3333", 402)
    flow = await driven.ask("one-at-a-time-5")
    await driven.refused("one-at-a-time-5", 429)
    await driven.runtime.gate.renew()
    await driven.answer(flow)
    assert await driven.used("fay", "slots") == (0, 0)
    assert not len(driven.runtime.gate)
