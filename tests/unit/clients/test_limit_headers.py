"""Limits in the headers that OpenAI's and Anthropic's clients read."""

import time
from datetime import UTC
from datetime import datetime

import pytest

from switchyard.clients.limit_headers import headers_for
from switchyard.clients.limit_headers import tells_limits
from switchyard.clients.limit_headers import told_limits
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.quick_ledger import QuickLine


def lines(*kinds: tuple[AmountKind, int]) -> list[QuickLine]:
    made = []
    for kind, most in kinds:
        period = None if kind == "slots" else Calendar("day") if kind == "money" else Sliding(60)
        made.append(QuickLine(Limit(key="k", kind=kind, most=most, period=period)))
    return made


def test_openai() -> None:
    made = headers_for(lines(("slots", 1), ("requests", 10), ("tokens", 99), ("money", 1)), False)
    provider = [
        (name, b"of the provider") for name in (b"X-RateLimit-Limit-Requests", b"RateLimit")
    ]
    fields = ((b"content-type", b"x"), *provider)
    told = told_limits(fields, [(made[0], 4, 61_000), (made[1], 120, 5)], False)
    assert dict(told) == {
        b"content-type": b"x",
        b"x-ratelimit-limit-requests": b"10",
        b"x-ratelimit-remaining-requests": b"6",
        b"x-ratelimit-reset-requests": b"1m1s",
        b"ratelimit-policy": b'"requests";q=10;w=60',
        b"ratelimit": b'"requests";r=6;t=61',
        b"x-ratelimit-limit-tokens": b"99",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"5ms",
    }


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, b"0ms"), (1500, b"2s"), (360_000, b"6m0s"), (3_723_000, b"1h2m3s")],
)
def test_times_as_openai_writes_them(milliseconds: int, text: bytes) -> None:
    [one] = headers_for(lines(("requests", 10)), False)
    told = dict(told_limits((), [(one, 1, milliseconds)], False))
    assert told[b"x-ratelimit-reset-requests"] == text


def test_anthropic() -> None:
    made = headers_for(lines(("requests", 10), ("input", 50), ("output", 60)), True)
    before = time.time()
    told = dict(told_limits((), [(one, 1, 30_000) for one in made], True))
    assert told[b"anthropic-ratelimit-input-tokens-remaining"] == b"49"
    assert told[b"anthropic-ratelimit-output-tokens-limit"] == b"60"
    said = datetime.strptime(
        told[b"anthropic-ratelimit-requests-reset"].decode(), "%Y-%m-%dT%H:%M:%SZ"
    ).replace(tzinfo=UTC)
    assert before + 30 <= said.timestamp() <= time.time() + 31


def test_of_two_limits_of_a_kind_the_tighter_one_is_told() -> None:
    made = headers_for(lines(("requests", 100), ("requests", 10)), False)
    told = dict(told_limits((), [(made[0], 95, 1000), (made[1], 1, 2000)], False))
    assert told[b"x-ratelimit-remaining-requests"] == b"5"


def test_headers_of_a_provider_are_seen_in_any_letters() -> None:
    assert tells_limits(((b"Anthropic-RateLimit-Unified-Status", b"allowed"),))
    assert not tells_limits(((b"retry-after", b"1"),))
