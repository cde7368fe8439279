"""What the log tells of calls, of cooldowns, and at the end."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy import http
from mitmproxy.test import taddons

from switchyard.pipeline import call_log
from switchyard.pipeline.call_log import CallLog
from switchyard.policy.cooldown import CooldownChange
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

SLOW = {"error": {"message": "slow down"}}


class Watched:
    """A runtime whose calls are logged."""

    def __init__(self, context: taddons.context, records: list[logging.LogRecord]) -> None:
        self.runtime = make_runtime()
        self.pipeline = Pipeline(self.runtime)
        self.records = records
        self.addon = CallLog(self.runtime.exchanges, self.runtime.state)
        context.master.addons.add(self.addon)
        # Before the exchange is forgotten, as in the pipeline.
        self.pipeline._addons.insert(len(self.pipeline._addons) - 1, self.addon)

    def call(self, model: str, *answers: tuple[dict[str, Any], int]) -> http.HTTPFlow:
        flow = call_flow(self.runtime, "openai-chat", model)
        self.pipeline.begin(flow)
        response = None
        for body, status in answers:
            attempt = self.pipeline.attempt(flow)
            assert attempt.receiver is not None
            self.pipeline.answer(attempt, body, status)
            response = attempt.receiver.head() if status == 200 else None
        self.pipeline.over(flow, response or self.pipeline.attempt(flow).answer)
        return flow

    def of(self, event: str) -> list[tuple[str, dict[str, Any]]]:
        """Text and facts of an event's records."""
        found = [(record, getattr(record, "facts", None)) for record in self.records]
        return [
            (record.getMessage(), facts)
            for record, facts in found
            if facts and facts["event"] == event
        ]


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def watched() -> Iterator[Watched]:
    kept, level = _Kept(), call_log.logger.level
    call_log.logger.addHandler(kept)
    call_log.logger.setLevel(logging.INFO)
    with taddons.context() as context:
        yield Watched(context, kept.records)
    call_log.logger.removeHandler(kept)
    call_log.logger.setLevel(level)


def test_an_answer_at_once_is_not_logged(watched: Watched) -> None:
    watched.call("chat/m", (reply(), 200))
    assert watched.of("call") == []


def test_a_call_with_several_attempts_has_its_route_and_id(watched: Watched) -> None:
    flow = watched.call("chat/m", (SLOW, 429), (reply(), 200))
    ((text, facts),) = watched.of("call")
    assert text.startswith("switchyard: call answered: chat/m: chat 429 -> chat ok, 2 attempts, ")
    assert text.endswith(f", request {facts['id']}")
    assert facts["outcome"] == "retried" and facts["route"] == ["chat 429", "chat ok"]
    assert facts["attempts"] == 2 and facts["tokens"]["input"] == 5
    assert flow.comment in text


def test_a_failed_call_is_a_warning_with_the_reason(watched: Watched) -> None:
    watched.call("c", ({"error": {"message": "Incorrect key own-claude-key"}}, 401))
    ((text, facts),) = watched.of("call")
    assert text.startswith("switchyard: call failed: c: claude 401, 1 attempt, ")
    assert facts["reason"].startswith("Incorrect key") and facts["reason"] in text
    assert watched.records[-1].levelno == logging.WARNING
    assert not any(key in text + str(facts) for key in OWN_KEYS)


def test_the_reason_of_a_refusal_is_written_once(watched: Watched) -> None:
    flow = call_flow(watched.runtime, "openai-chat", "m")
    watched.pipeline.begin(flow)
    said = {"error": {"message": "Key 'ann' may use 1 request. Ask ops@acme.example."}}
    flow.response = http.Response.make(429, json.dumps(said), {"content-type": "application/json"})
    watched.pipeline.over(flow)
    ((text, facts),) = watched.of("call")
    assert text.count("Ask ops@acme.example") == 1 and text.startswith("switchyard: call failed: ")
    assert facts["reason"] == f"429 {said['error']['message']}"


def test_a_client_that_left_is_told(watched: Watched) -> None:
    flow = call_flow(watched.runtime, "openai-chat", "m")
    watched.pipeline.begin(flow)
    watched.pipeline.attempt(flow)
    watched.pipeline.over(flow)
    ((text, facts),) = watched.of("call")
    assert facts["outcome"] == "left" and "call left by its client: m: chat unfinished" in text


@pytest.mark.parametrize(("chosen", "count"), [("all", 2), ("failed", 1), ("none", 0)])
def test_which_calls_are_logged(watched: Watched, chosen: str, count: int) -> None:
    with taddons.context(watched.addon) as context:
        context.configure(watched.addon, switchyard_log_calls=chosen)
        watched.call("chat/m", (reply(), 200))
        watched.call("chat/m", (SLOW, 500), (reply(), 200))
    assert len(watched.of("call")) == count


def test_a_wrong_choice_is_refused(watched: Watched) -> None:
    with taddons.context(watched.addon) as context:
        with pytest.raises(exceptions.OptionsError, match="one of none, failed, all"):
            context.options.update(switchyard_log_calls="some")


def test_a_cooldown_is_told_when_it_begins_and_ends(watched: Watched) -> None:
    watched.call("c", (SLOW, 429))
    ((text, facts),) = watched.of("cooldown")
    assert "claude/c with key claude#0 cools down for " in text and text.endswith("429")
    assert facts["scope"] == "target" and facts["seconds"] > 0
    watched.runtime.state.health.use(watched.runtime.state.health.settings)
    watched.call("c", *[({"type": "message", "role": "assistant", "model": "c", "id": "1",
                          "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn",
                          "usage": {"input_tokens": 1, "output_tokens": 1}}, 200)])  # fmt: skip
    ((text, facts),) = watched.of("recovered")
    assert text == "switchyard: claude/c with key claude#0 works again"


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (("key", "cc", "cc#1", ""), "key cc#1"),
        (("model", "cc", "", "a\nb"), "model a b of cc"),
        (("host", "cc", "", ""), "provider cc"),
        (("host", "cc", "", "corp"), "provider cc by the proxy corp"),
        (("target", "cc", "cc#0", "m"), "cc/m with key cc#0"),
    ],
)
def test_what_cools_down(watched: Watched, place: Any, what: str) -> None:
    watcher = watched.runtime.state.health.watcher
    assert watcher is not None
    watcher(CooldownChange(place, 185.0, "quota", "HTTP status 429"))
    watcher(CooldownChange(place, None, "quota"))
    said = [record.getMessage() for record in watched.records]
    assert said == [
        f"switchyard: {what} cools down for 3 min 5 s: HTTP status 429",
        f"switchyard: {what} works again",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.05, "50 ms"),
        (0.94, "940 ms"),
        (0.96, "1.0 s"),
        (12.4, "12 s"),
        (60.0, "1 min"),
        (1800.0, "30 min"),
        (7800.0, "2 h 10 min"),
        (604_800.0, "7 d"),
    ],
)
def test_spans(seconds: float, said: str) -> None:
    assert call_log._span(seconds) == said


async def test_the_end_sums_up(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.addon.done()
    assert watched.records == [], "it never ran"
    watched.addon.running()
    watched.call("chat/m", (reply(), 200))
    watched.call("chat/m", (SLOW, 500), (reply(), 200))
    watched.call("g", (SLOW, 500))
    watched.pipeline.begin(call_flow(watched.runtime, "openai-chat", "m"))
    watched.addon.done()
    said = watched.records[-1].getMessage()
    assert said.startswith("switchyard: stopped after ")
    assert said.endswith(
        ": 4 calls, 1 answered after several attempts, 1 failed, 1 left by clients"
    )


async def test_a_call_that_waits_is_told(watched: Watched) -> None:
    runtime: FakeRuntime = watched.runtime
    with taddons.context(watched.addon) as context:
        context.configure(watched.addon, switchyard_log_waiting=1)
        flow = call_flow(runtime, "openai-chat", "chat/m", stream=True)
        exchange = watched.pipeline.begin(flow)
        watched.pipeline.attempt(flow)
        assert watched.addon._waiting is not None
        for due in watched.addon._waiting.due([exchange], exchange.call.started + 5):
            watched.addon._tell_waiting("waiting", "waited", *due)
        ((text, facts),) = watched.of("waiting")
        assert text == (
            "switchyard: call has waited 5 s: chat/m: no response from chat/m yet, attempt 1, "
            f"request {exchange.id}"
        )
        assert facts["id"] == str(exchange.id)
        context.configure(watched.addon, switchyard_log_waiting=0)
        assert watched.addon._waiting is None
