"""Words a call's outcome for people: its comment, its outcome, why it failed."""

import time
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Literal

from mitmproxy import http

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.redaction.text import redact
from switchyard.values.counts import counted
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.model.conversation import Usage

type CallEnd = Literal["ok", "retried", "failed", "cut", "left"]
"""`retried`: answered, after more than one attempt; `cut`: the stream ended in an error after
output; `left`: the client went before it had its answer."""

_LONGEST_NAME = 100
_LONGEST_REASON = 160


def comment_of(exchange: Exchange, flow: http.HTTPFlow, steps: Iterable[str] | None = None) -> str:
    """Return the route of a call in one line, with what it took.

    `steps`: those of the exchange, where they are known already.

    `my-stack: cc 429 -> glm ok, 2 attempts, 1.2 s, openai-chat for anthropic, 1,234 tokens in, 56
    out`; where nothing was attempted, with the error instead.
    """
    attempts = exchange.attempts
    facts = [
        " -> ".join(exchange.steps() if steps is None else steps),
        *([counted(attempts, "attempt")] if attempts else []),
        f"{time.monotonic() - exchange.call.started:.1f} s",
        *_particulars(exchange),
    ]
    if not attempts and (reason := reason_of(exchange, flow)):
        facts.append(reason.removesuffix("."))
    return f"{model_name(exchange.call.model)}: {', '.join(facts)}"


def outcome_of(exchange: Exchange, flow: http.HTTPFlow) -> CallEnd:
    """Return how a call that is over ended."""
    if exchange.answered:
        return "retried" if exchange.attempts > 1 else "ok"
    if exchange.broke_off:
        return "cut"
    if flow.error is not None:
        return "left"
    return "failed" if flow.response is not None or exchange.shown is None else "left"


def reason_of(exchange: Exchange, flow: http.HTTPFlow) -> str:
    """Return why a call failed, in few words without keys; empty where nobody knows."""
    if exchange.failures:
        return redact(exchange.failures[-1].error.message, _LONGEST_REASON)
    if (denial := exchange.denial) is not None:
        return f"{denial.http_status} {redact(denial.message, _LONGEST_REASON)}"
    response = flow.response
    if response is None or response.status_code < 400 or not response.raw_content:
        return ""
    error = exchange.call.format.find_error(loads_object(response.raw_content) or {})
    said = redact(error.message, _LONGEST_REASON) if error is not None else ""
    return f"{response.status_code} {said}".rstrip()


def model_name(model: str) -> str:
    """Return a model's name as a dump can hold it; clients may send anything."""
    if len(model) <= _LONGEST_NAME and model.isascii() and model.isprintable() and " " not in model:
        return model
    line = " ".join(model.encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def usage_of(state: AttemptState | None) -> Usage | None:
    """Return the tokens of an attempt's response, as far as it told them."""
    return state.relay.usage if state is not None and state.relay is not None else None


def _particulars(exchange: Exchange) -> Iterator[str]:
    """What only some answers have: another format behind them, and what they took."""
    state = exchange.shown
    if not exchange.answered or state is None:
        return
    upstream = state.upstream_format
    if upstream is not None and upstream.name != exchange.call.format.name:
        yield f"{upstream.name} for {exchange.call.format.name}"
    usage = usage_of(state)
    if usage is not None and (usage.input or usage.output):
        yield f"{usage.input or 0:,} tokens in"
        yield f"{usage.output or 0:,} out"
