"""What broke the prompt cache of a conversation, from one request to the next."""

from dataclasses import replace
from typing import Any

import pytest

from switchyard.exchange.exchange import Exchange
from switchyard.recording.cache_verdicts import MOST_CONVERSATIONS
from switchyard.recording.cache_verdicts import CacheVerdicts
from switchyard.usage.records import Tokens
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.unit.usage.support import record

CONFIG = """
    providers:
      - {name: one, format: anthropic, base-url: "https://one.example", api-key-entries: [k1, k2],
         models: [c]}
      - {name: two, format: anthropic, base-url: "https://two.example", api-key: k, models: [d]}
    aliases: {m: [one/c, two/d]}
"""
SYSTEM = [{"type": "text", "text": "You help."}]
WARM = Tokens(input=10, cache_read=9000, cache_write_5m=1000, output=5)
COLD = Tokens(input=10, cache_read=0, cache_write_5m=10_000, output=5)


class Conversation:
    """Requests of one session, and what is said of their caches."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(make_runtime(CONFIG))
        self.verdicts = CacheVerdicts()

    def ask(self, tokens: Tokens, later: float = 0.0, model: str = "two/d", **body: Any) -> Any:
        messages = body.pop("messages", [{"role": "user", "content": "hi"}])
        flow = call_flow(
            self.pipeline.runtime, "anthropic", model, system=body.pop("system", SYSTEM),
            messages=messages, **body,
        )  # fmt: skip
        exchange = self.pipeline.begin(flow)
        exchange.call = replace(exchange.call, started=exchange.call.started + later)
        self.pipeline.attempt(flow)
        exchange.completed = True
        return self.judge(exchange, tokens)

    def judge(self, exchange: Exchange, tokens: Tokens) -> str | None:
        return self.verdicts.judge(exchange, record(session="s-1", tokens=tokens))


def test_a_cache_that_is_read_is_not_broken() -> None:
    one = Conversation()
    assert [one.ask(COLD), one.ask(WARM), one.ask(WARM)] == [None, None, None]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"system": [{"type": "text", "text": "You help now."}]}, "system block 1"),
        ({"tools": [{"name": "new", "input_schema": {}}]}, "tool list"),
        ({"later": 301.0}, "older than 5 min"),
        ({}, "not kept by the provider"),
        ({"model": "one/c"}, None),  # another conversation, by the name it was asked under
    ],
)
def test_what_changed(changes: dict[str, Any], verdict: str | None) -> None:
    one = Conversation()
    one.ask(WARM)
    assert one.ask(COLD, **changes) == verdict
    assert one.ask(WARM, **changes) is None


def test_a_cache_of_an_hour() -> None:
    one = Conversation()
    system = [{**SYSTEM[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    one.ask(WARM, system=system)
    assert one.ask(COLD, later=3000.0, system=system) == "not kept by the provider"
    assert one.ask(COLD, later=9000.0, system=system) == "older than 1 h"


def test_another_member_and_another_key() -> None:
    one = Conversation()
    told = {one.ask(COLD, model="m") for _ in range(6)}
    assert told == {None, "another member", "another key"} or told == {None, "another member"}
    one = Conversation()
    assert [one.ask(COLD, model="one/c") for _ in range(2)] == [None, "another key"]


def test_what_is_below_a_minimum_or_never_cached_is_not_missed() -> None:
    one = Conversation()
    one.ask(Tokens(input=900, cache_read=500))
    assert one.ask(Tokens(input=1400, cache_read=0)) is None
    one.ask(Tokens(input=5000))
    assert one.ask(Tokens(input=9000), system=[]) is None


def test_conversations_of_one_session_are_kept_apart() -> None:
    one = Conversation()
    one.ask(WARM)
    assert one.ask(COLD, messages=[{"role": "user", "content": "Find a title"}]) is None
    assert one.ask(WARM) is None


def test_memory_is_bounded() -> None:
    one = Conversation()
    one.verdicts = CacheVerdicts(most_bytes=1000)
    for place in range(40):
        one.ask(WARM, messages=[{"role": "user", "content": f"{place}"}])
    assert 0 < len(one.verdicts) < 20
    one.verdicts = CacheVerdicts()
    exchange = one.pipeline.begin(call_flow(one.pipeline.runtime, "anthropic", "two/d"))
    one.pipeline.attempt(exchange.call.flow)
    exchange.completed = True
    for place in range(MOST_CONVERSATIONS + 10):
        one.verdicts.judge(exchange, record(session=f"s-{place}", tokens=WARM))
    assert len(one.verdicts) == MOST_CONVERSATIONS


def test_requests_that_did_not_end_well_say_nothing() -> None:
    one = Conversation()
    exchange = one.pipeline.begin(call_flow(one.pipeline.runtime, "anthropic", "two/d"))
    assert one.judge(exchange, COLD) is None
    assert len(one.verdicts) == 0


def test_a_request_without_a_cache_is_not_kept() -> None:
    one = Conversation()
    one.ask(Tokens(input=10, output=5))
    assert len(one.verdicts) == 0
    one.ask(WARM)
    assert len(one.verdicts) == 1
    assert one.ask(Tokens(input=10, output=5)) == "not kept by the provider"
    assert len(one.verdicts) == 0
