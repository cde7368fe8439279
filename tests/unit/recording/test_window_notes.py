"""Whose windows a response tells of."""

import json
from typing import Any

import pytest
from mitmproxy import http

from switchyard.exchange.exchange import Exchange
from switchyard.recording.window_notes import owner_of_passing
from switchyard.recording.window_notes import windows_in_message
from switchyard.recording.window_notes import windows_of
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

CODEX = {
    "x-codex-primary-used-percent": "42",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-after-seconds": "600",
}


def fingerprint(login: str) -> str:
    return f"<{login}>"


def noted(exchange: Exchange) -> dict[str, dict[str, float | None]]:
    return {
        owner: {one.name: one.used for one in windows}
        for owner, windows in windows_of(exchange, fingerprint)
    }


def begun(pipeline: Pipeline, **more: Any) -> tuple[Any, Exchange]:
    flow = call_flow(pipeline.runtime, "openai-chat", "m", **more)
    return flow, pipeline.begin(flow)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(make_runtime())


def test_a_key_by_its_label(pipeline: Pipeline) -> None:
    flow, exchange = begun(pipeline)
    pipeline.answer(pipeline.attempt(flow), reply(), headers=CODEX)
    assert noted(exchange) == {"chat#0": {"5h": 0.42}}


def test_limits_of_api_keys_belong_to_the_model(pipeline: Pipeline) -> None:
    flow, exchange = begun(pipeline)
    told = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "4"}
    pipeline.answer(pipeline.attempt(flow), reply(), headers=told)
    assert noted(exchange) == {"chat#0": {"requests:m": 0.6}}


def test_a_figure_is_as_old_as_its_head(pipeline: Pipeline) -> None:
    flow, exchange = begun(pipeline)
    pipeline.answer(pipeline.attempt(flow), reply(), headers=CODEX)
    ((_, (first,)),) = windows_of(exchange, fingerprint)
    (state,) = exchange.tries
    assert state.headed_at is not None
    assert list(windows_of(exchange, fingerprint)) == [], "a head is read once"
    state.headed_at -= 600  # the stream goes on for ten minutes
    state.windows_read = False
    ((_, (last,)),) = windows_of(exchange, fingerprint)
    assert first.seen_at - last.seen_at == pytest.approx(600, abs=30)


def test_a_week_of_a_family_goes_by_the_model_that_was_asked() -> None:
    runtime = make_runtime(
        """
        providers:
          - {name: claude, format: anthropic, base-url: https://claude.example, api-key: own-key-1,
             models: [claude-fable-1]}
        """
    )
    flow = call_flow(runtime, "openai-chat", "claude-fable-1")
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    told = {
        "anthropic-ratelimit-unified-7d_oi-utilization": "0.4",
        "anthropic-ratelimit-unified-7d_opus-utilization": "0.1",
    }
    pipeline.answer(pipeline.attempt(flow), reply(), headers=told)
    assert noted(exchange) == {"claude#0": {"7d:fable": 0.4, "7d:opus": 0.1}}


def test_messages_of_websockets_that_pass() -> None:
    told = b'{"type": "codex.rate_limits", "rate_limits": {"primary": {"used_percent": 7,'
    told += b' "window_minutes": 300}}, "metered_limit_name": "codex"}'
    (window,) = windows_in_message(told, 1_764_331_200.0)
    assert (window.name, window.used) == ("5h", 0.07)
    for odd in (b"", b"codex.rate_limits", b'{"type": "x", "of": "codex.rate_limits"}',
                told + b" " * 70_000):  # fmt: skip
        assert windows_in_message(odd, 0.0) == []


def test_a_login_that_passes_by_websocket_has_the_owner_of_its_calls() -> None:
    headers = http.Headers(authorization="Bearer eyJ-login", host="chatgpt.com")
    request = http.Request.make("GET", "https://chatgpt.com/backend-api/codex/responses", b"",
                                headers)  # fmt: skip
    owner = owner_of_passing(request, fingerprint)
    assert owner == "passthrough:chatgpt.com login <eyJ-login>"
    request.headers["chatgpt-account-id"] = "acc-1"
    assert owner_of_passing(request, fingerprint) == "passthrough:chatgpt.com login <acc-1>"
    del request.headers["chatgpt-account-id"], request.headers["authorization"]
    assert owner_of_passing(request, fingerprint) is None


def test_a_response_without_windows(pipeline: Pipeline) -> None:
    flow, exchange = begun(pipeline)
    pipeline.answer(pipeline.attempt(flow), reply())
    assert noted(exchange) == {}


def test_a_refusal_that_says_when(pipeline: Pipeline) -> None:
    flow, exchange = begun(pipeline)
    body = {"error": {"message": "usage limit", "type": "usage_limit_reached",
                      "resets_in_seconds": 900}}  # fmt: skip
    pipeline.answer(pipeline.attempt(flow), body, 429)
    ((owner, (window,)),) = windows_of(exchange, fingerprint)
    assert (owner, window.name, window.used) == ("chat#0", "limit", 1.0)
    assert window.resets_at is not None and 800 < window.resets_at - window.seen_at <= 960


def test_events_of_codex() -> None:
    from switchyard.usage.windows import read_event

    event = json.loads(
        '{"type": "codex.rate_limits", "rate_limits": {"primary": {"used_percent": 12.5,'
        ' "window_minutes": 300, "reset_at": 1764340000}, "secondary": {"used_percent": 0,'
        ' "window_minutes": 0}}}'
    )
    (window,) = read_event(event, 1_764_331_200.0)
    assert (window.name, window.used, window.resets_at) == ("5h", 0.125, 1_764_340_000)
    for odd in ({}, {"rate_limits": []}, {"rate_limits": {"primary": {"used_percent": True}}}):
        assert read_event(odd, 0.0) == []
