import json
import time
from pathlib import Path

import pytest
from mitmproxy import http

from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.pipeline.credentials import Credentials
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import FORMATS
from tests.support.runtime import HOME
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running

BEARER = {"authorization": f"Bearer {CLIENT_KEY}"}
FORWARDING = """
    providers:
      - {name: fwd, base-url: https://fwd.example/v1, credentials: forward, models: [f]}
      - {name: own, base-url: https://own.example/v1, api-key: own-key-1, models: [o]}
      - {name: bare, base-url: https://bare.example/v1, models: [b]}
    combos:
      both: [fwd/f, own/o]
      raced: {members: [fwd/f, own/o], hedge-after: 800ms}
"""


def keys_sent(pipeline: Pipeline, model: str, count: int) -> list[str | None]:
    found = []
    for _ in range(count):
        flow = call_flow(pipeline.runtime, "openai-chat", model)
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        found.append(attempt.request.headers.get("authorization"))
        pipeline.over(flow)
    return found


def test_keys_take_turns() -> None:
    sent = keys_sent(Pipeline(make_runtime()), "m", 4)
    assert set(sent) == {"Bearer own-chat-key-1", "Bearer own-chat-key-2"}
    assert sent[0] != sent[1]
    assert sent[:2] == sent[2:]


def test_after_a_refusal_the_next_key_and_then_the_next_member_is_tried() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "stack")
    exchange = pipeline.begin(flow)
    sent = []
    for _ in range(2):
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        sent.append((attempt.request.host, attempt.request.headers["authorization"]))
        pipeline.answer(attempt, {"error": {"message": "bad key"}}, 401)
        assert attempt.again
    attempt = pipeline.attempt(flow)
    assert {key for _, key in sent} == {"Bearer own-chat-key-1", "Bearer own-chat-key-2"}
    assert {host for host, _ in sent} == {"chat.example"}
    assert attempt.request is not None
    assert attempt.request.host == "claude.example"
    assert attempt.request.headers["x-api-key"] == "own-claude-key"
    assert "authorization" not in attempt.request.headers
    assert exchange.attempts == 3


@pytest.mark.parametrize("format", FORMATS)
def test_when_nothing_is_left_the_client_is_answered(format: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, HOME["anthropic"])
    pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "bad"}}, 401)
    last = pipeline.attempt(flow)
    assert last.request is None
    assert last.receiver is None
    assert "provider 'claude'" in error_of(last.answer, format, 401)[1]


def test_a_forwarded_key_is_the_clients_and_goes_to_no_other_provider() -> None:
    runtime = make_runtime(FORWARDING)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "both", headers=BEARER)
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    assert first.request is not None
    assert first.request.headers["authorization"] == f"Bearer {CLIENT_KEY}"
    pipeline.fail(first)
    second = pipeline.attempt(flow)
    assert second.request is not None
    assert second.request.host == "own.example"
    assert second.request.headers["authorization"] == "Bearer own-key-1"
    assert CLIENT_KEY not in repr(second.request.headers.fields)
    assert running(exchange).key is not None
    assert "own-key-1" not in repr(exchange)


@pytest.mark.parametrize(("model", "key"), [("f", None), ("b", None)])
def test_without_a_key_none_is_sent(model: str, key: None) -> None:
    assert keys_sent(Pipeline(make_runtime(FORWARDING)), model, 1) == [key]


def test_a_wait_for_recovery_sends_nothing() -> None:
    runtime = make_runtime(FORWARDING + "    cooldown: {base: 20s, jitter: 0}\n")
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "o")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.fail(attempt, AttemptFailure("reset", "connection reset"))
    waiting = pipeline.attempt(flow)
    assert waiting.request is None
    assert waiting.answer is None
    assert waiting.wait is not None
    assert 15 < waiting.wait < 27
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None and exchange.shown is None


def test_a_slow_attempt_gets_a_rival_at_another_member() -> None:
    runtime = make_runtime(FORWARDING)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "raced", headers=BEARER)
    exchange = pipeline.begin(flow)
    slow = pipeline.attempt(flow)
    assert slow.hedge_after == 0.8
    rival = pipeline.attempt(flow, hedge=True)
    assert rival.request is not None
    assert rival.request.host == "own.example"
    assert rival.request.headers["authorization"] == "Bearer own-key-1"
    assert CLIENT_KEY not in repr(rival.request.headers.fields)
    assert slow.request is not None
    assert slow.request.host == "fwd.example"
    assert exchange.attempts == 2
    assert running(exchange).target.provider.name == "fwd", "one does not see what the other set"
    assert pipeline.attempt(flow, hedge=True).request is None, "there is no third member"
    pipeline.answer(rival, reply())
    winner = runtime.exchanges.get(flow)
    assert winner is not None
    assert running(winner).target.provider.name == "own"
    slow.lost = True
    pipeline.fail(slow)
    assert winner.failures == []
    assert not slow.again


STICKY = """
    providers:
      - {name: s, base-url: https://s.example/v1, strategy: sticky, models: [m],
         api-key-entries: [s-key-1, s-key-2, s-key-3, s-key-4]}
"""


def test_a_session_stays_with_its_key() -> None:
    pipeline = Pipeline(make_runtime(STICKY))
    sent: dict[str, set[str]] = {}
    for number in range(24):
        session = f"conversation-{number % 6}"
        body = {"messages": [{"role": "user", "content": session}], "user": session}
        flow = call_flow(pipeline.runtime, "openai-chat", "m", headers={"session_id": session},
                         **body)  # fmt: skip
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        sent.setdefault(session, set()).add(attempt.request.headers["authorization"])
        pipeline.over(flow)
    assert all(len(keys) == 1 for keys in sent.values()), sent
    assert len(set.union(*sent.values())) > 1, "sessions are spread over the keys"


def test_a_session_in_an_envelope_stays_with_its_key() -> None:
    pipeline = Pipeline(make_runtime(STICKY))
    sent: dict[str, set[str]] = {}
    for number in range(24):
        opening = f"conversation {number % 6}"
        contents = [{"role": "user", "parts": [{"text": opening}]}]
        body = {"model": "m", "user_prompt_id": str(number), "request": {"contents": contents}}
        flow = client_flow(pipeline.runtime, "/v1internal:generateContent", body)
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        sent.setdefault(opening, set()).add(attempt.request.headers["authorization"])
        pipeline.over(flow)
    assert all(len(keys) == 1 for keys in sent.values()), sent
    assert len(set.union(*sent.values())) > 1, "sessions are spread over the keys"


def test_a_key_with_odd_bytes_does_not_break_the_request() -> None:
    runtime = make_runtime(FORWARDING)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "f", headers={"authorization": "Bearer \udcffodd"})
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    assert (b"authorization", b"Bearer \xffodd") in attempt.request.headers.fields
    assert json.loads(attempt.request.content or b"")["model"] == "f"


def test_what_has_no_exchange_is_left_alone() -> None:
    runtime = make_runtime()
    addon = addon_of(runtime, Credentials)
    flow = client_flow(runtime, "/health")
    addon.request(flow)
    attempt = Attempt(flow=flow, number=1)
    addon.attempt(attempt)
    assert (flow.response, attempt.answer, attempt.wait) == (None, None, None)


SOURCES = """
    providers:
      - name: p
        base-url: https://p.example/v1
        models: [m]
        api-key-entries:
          - {api-key: {file: "TOKEN"}, priority: 1}
          - plain-key-1
"""


def following(path: Path) -> Pipeline:
    return Pipeline(make_runtime(SOURCES.replace("TOKEN", str(path))))


def key_of(attempt: Attempt) -> str:
    assert attempt.request is not None
    return attempt.request.headers["authorization"]


def awaited(pipeline: Pipeline, flow: http.HTTPFlow) -> Attempt:
    """The next attempt that does not wait for a token."""
    while (attempt := pipeline.attempt(flow)).wait is not None:
        assert attempt.request is None and attempt.wait < 0.1
    return attempt


def test_an_attempt_waits_for_its_token_and_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-following-1")
    pipeline = following(path)
    flow = call_flow(pipeline.runtime, "openai-chat", "m")
    exchange = pipeline.begin(flow)
    assert key_of(awaited(pipeline, flow)) == "Bearer tok-following-1"
    assert exchange.attempts == 1 and exchange.pending is None
    again = call_flow(pipeline.runtime, "openai-chat", "m")
    pipeline.begin(again)
    assert key_of(pipeline.attempt(again)) == "Bearer tok-following-1", "nothing is waited for"
    pipeline.runtime.accounts.close()


def test_a_source_without_a_token_gives_way_to_the_next_key(tmp_path: Path) -> None:
    pipeline = following(tmp_path / "none")
    flow = call_flow(pipeline.runtime, "openai-chat", "m")
    exchange = pipeline.begin(flow)
    assert key_of(awaited(pipeline, flow)) == "Bearer plain-key-1"
    (failure,) = exchange.failures
    assert "its credential cannot be read" in failure.error.message
    rows = pipeline.runtime.state.health.snapshot(time.monotonic())
    assert any("its credential cannot be read" in row.last_error for row in rows)
    pipeline.runtime.accounts.close()


def test_a_refused_token_is_read_again_once_before_the_next_key(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-following-1")
    pipeline = following(path)
    flow = call_flow(pipeline.runtime, "openai-chat", "m")
    exchange = pipeline.begin(flow)
    first = awaited(pipeline, flow)
    path.write_text("tok-following-2")
    pipeline.answer(first, {"error": {"message": "expired"}}, 401)
    second = awaited(pipeline, flow)
    assert key_of(second) == "Bearer tok-following-2"
    pipeline.answer(second, {"error": {"message": "expired"}}, 401)
    assert key_of(awaited(pipeline, flow)) == "Bearer plain-key-1"
    assert [failure.status for failure in exchange.failures] == [401, 401]
    pipeline.runtime.accounts.close()


def test_a_token_that_is_forbidden_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-following-1")
    pipeline = following(path)
    flow = call_flow(pipeline.runtime, "openai-chat", "m")
    pipeline.begin(flow)
    pipeline.answer(awaited(pipeline, flow), {"error": {"message": "not for your plan"}}, 403)
    assert key_of(awaited(pipeline, flow)) == "Bearer plain-key-1"
    pipeline.runtime.accounts.close()


def test_a_token_is_masked_wherever_it_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-Following-9f31c7")
    pipeline = following(path)
    flow = call_flow(pipeline.runtime, "openai-chat", "m")
    exchange = pipeline.begin(flow)
    attempt = awaited(pipeline, flow)
    routes = pipeline.runtime.snapshot.routes
    quoted = "dear bearer of tok-Following-9f31c7"
    for concealer in (routes.concealer, routes.certain, routes.concealer_at("p")):
        assert concealer.text(quoted) == "dear bearer of ***"
    pipeline.answer(attempt, {"error": {"message": quoted}}, 403)
    assert "9f31c7" not in exchange.failures[0].error.message
    pipeline.runtime.accounts.close()
