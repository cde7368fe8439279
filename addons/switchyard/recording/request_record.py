"""Makes the record of a request from what its exchange knows, once it is over or while it runs.

Each request passes here once, on the event loop: what is the same for many is looked up, not worked
out.
"""

import hashlib
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from mitmproxy import http

from switchyard.config.client_keys import ClientKey
from switchyard.config.provider import Provider
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import only
from switchyard.exchange.input_tokens import input_tokens
from switchyard.exchange.project import PROJECT
from switchyard.exchange.sessions import find_session
from switchyard.policy.affinity import SESSION_HEADERS
from switchyard.policy.records import AttemptRecord
from switchyard.usage.pricing import UNKNOWN
from switchyard.usage.pricing import Bill
from switchyard.usage.pricing import Pricing
from switchyard.usage.pricing import Served
from switchyard.usage.pricing import context_of
from switchyard.usage.records import NO_TOKENS
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import Billing
from switchyard.usage.records import EndState
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Source
from switchyard.usage.records import Tokens
from switchyard.usage.tokens import sum_of
from switchyard.usage.tokens import tokens_of_usage
from switchyard.usage.tokens import with_counted_input
from switchyard.usage.tokens import with_counted_output
from switchyard.usage.tools import tool_of
from switchyard.values.remembering import remembering
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.relay.relay import Relay

OPERATIONS = {"count": "count-tokens", "embed": "embeddings"}
"""Kinds of endpoints whose operation has another name."""

_LONGEST = 200
_telling_name = only(("user-agent", PROJECT, *SESSION_HEADERS))


@dataclass(slots=True)
class Ending:
    """How a request ended, as the event loop saw it. Not frozen, since each request makes one."""

    status: int | None
    """What the client got; None if it left before."""
    left: bool
    """Whether the client left, or the connection broke."""
    size: int
    """Bytes of a response that was sent whole."""
    headed: float | None
    """When the response began, in Unix seconds."""
    at: float
    """When it ended, on the clock of `time.monotonic`."""
    now: float
    """The same in Unix seconds."""


def ending_of(flow: http.HTTPFlow) -> Ending:
    """Return how a flow ended, at the moment when it did."""
    response = flow.response
    content = response.raw_content if response is not None else None
    return Ending(
        response.status_code if response is not None else None,
        flow.error is not None,
        len(content) if content else 0,
        response.timestamp_start if response is not None else None,
        time.monotonic(),
        time.time(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a configuration says of records: who is billed how, and at which prices."""

    pricing: Pricing
    billing: Callable[[Provider, str | None], Billing]
    """By a provider and the credential that a client's request was forwarded with."""
    base_url: Callable[[Provider, str], str]
    """Where a provider speaks a format."""


def record_of(exchange: Exchange, rules: Rules, ending: Ending | None) -> RequestRecord:
    """Return the record of a request; of one that runs, without an ending."""
    call, plan, shown = exchange.call, exchange.plan, exchange.shown
    clock = time.time() - time.monotonic()
    tries, bills = _attempts(exchange, rules, ending, clock)
    used = [one.tokens for one in tries]
    spent = sum_of(used)
    cost, list_cost, price_source = _summed(bills)
    state = _state(exchange, ending)
    headed = _headed(call, ending)
    told = told_by(call.head.headers)
    tool, version = tool_of(told.get("user-agent"))
    return RequestRecord(
        id=bytes.fromhex(call.asked.id),
        started=call.flow.request.timestamp_start,
        operation=OPERATIONS.get(call.endpoint.kind, call.endpoint.kind),
        client_key=name_of_key(call.client) if call.client is not None else None,
        tool=tool,
        tool_version=version,
        session=find_session(exchange, told),
        project=project_of(told, call.client),
        format_in=call.format.name,
        format_out=shown.upstream_format.name if shown and shown.upstream_format else None,
        asked_model=bounded_name(call.model),
        combo=bounded_name(plan.base) if plan is not None and plan.kind == "combo" else None,
        provider=shown.target.provider.name if shown else None,
        model=bounded_name(shown.target.model or call.model) if shown else None,
        credential=shown.chosen.credential.id if shown else None,
        status=ending.status if ending else None,
        state=state,
        error=_error(exchange, state, ending),
        streamed=call.streams,
        attempts=exchange.attempts,
        tokens=spent,
        source=_source(exchange, state, spent),
        billing="free" if exchange.cached else _billing(shown, rules),
        cost=0 if exchange.cached else cost,
        list_cost=0 if exchange.cached else list_cost,
        price_source=price_source,
        queue_ms=milliseconds(exchange.tries[0].chosen.started - call.started) if tries else None,
        head_ms=headed,
        first_output_ms=_first_output(exchange, tries, headed),
        end_ms=None if ending is None else milliseconds(ending.at - call.started),
        bytes_in=len(call.raw),
        bytes_out=sum([one.sent for one in exchange.tries]) or (ending.size if ending else 0),
        dropped=exchange.shortfall.dropped,
        tries=tuple(tries),
    )


def spent_in(exchange: Exchange, rules: Rules | None) -> tuple[Tokens, int] | None:
    """Return the tokens of all attempts and what is known of their cost, in nano-dollars.

    As the record has them, without making one; None where no provider was asked. Without `rules`
    the cost is not asked for, and 0.
    """
    tries = exchange.tries
    if not exchange.attempts and not tries:
        return None
    if rules is None:
        return sum_of([_used(state)[0] for state in tries]), 0
    clock = time.time() - time.monotonic()
    spent = [_spent(state, rules, state.chosen.started + clock) for state in tries]
    return sum_of([tokens for tokens, _ in spent]), sum([bill.cost or 0 for _, bill in spent])


def _attempts(
    exchange: Exchange, rules: Rules, ending: Ending | None, clock: float
) -> tuple[list[AttemptUsage], list[Bill]]:
    """All attempts, and what those cost that may have cost something."""
    tries: list[AttemptUsage] = []
    bills: list[Bill] = []
    for state in exchange.tries:
        attempt, bill = _attempt(state, exchange, rules, ending, clock)
        tries.append(attempt)
        if bill is not UNKNOWN:
            bills.append(bill)
    return tries, bills


def _attempt(
    state: AttemptState, exchange: Exchange, rules: Rules, ending: Ending | None, clock: float
) -> tuple[AttemptUsage, Bill]:
    """One attempt, and what it costs. `clock`: Unix seconds when `time.monotonic` was 0."""
    record, format = _trail_record(exchange, state), state.upstream_format
    chosen, target, headed = state.chosen, state.target, state.headed_at
    # Not the attempt's own exchange, which may be released meanwhile.
    shown = exchange.shown is state
    started = chosen.started
    tokens, bill = _spent(state, rules, started + clock)
    answered = record is not None and record.cls is None
    attempt = AttemptUsage(
        number=state.number,
        started=started + clock,
        provider=target.provider.name,
        model=bounded_name(target.model or exchange.call.model) or "",
        credential=chosen.credential.id,
        format=format.name if format is not None else "",
        status=record.status if record is not None else None,
        outcome=_outcome(shown, record, ending),
        head_ms=None if headed is None else milliseconds(headed - started),
        first_output_ms=milliseconds(record.seconds) if record is not None and answered else None,
        end_ms=_end_of(shown, record, ending, started),
        tokens=tokens,
        cost=bill.cost,
        list_cost=bill.list_cost,
    )
    return attempt, bill


def _spent(state: AttemptState, rules: Rules, at: float) -> tuple[Tokens, Bill]:
    """What an attempt used, as far as its provider reported it, and what that costs."""
    tokens, usage = _used(state)
    if usage is None and tokens == NO_TOKENS:
        return tokens, UNKNOWN
    provider, format = state.target.provider, state.upstream_format
    served = Served(
        provider.name,
        state.target.model or _model_of(state),
        rules.base_url(provider, format.name if format is not None else ""),
        at,
        _billing(state, rules),
        context_of(usage, state.upstream_body.get("service_tier")),
    )
    return tokens, rules.pricing.bill(tokens, usage, served)


def _used(state: AttemptState) -> tuple[Tokens, Usage | None]:
    """What an attempt used, and the usage that its provider reported."""
    relay = state.relay
    usage = relay.usage if relay is not None else None
    tokens = tokens_of_usage(usage) if usage is not None else NO_TOKENS
    # A run in the provider's background goes on, and is counted when it has ended.
    if (
        isinstance(relay, Relay)
        and (relay.failed or not relay.outcome.done)
        and state.run_id is None
    ):
        if words := relay.words:
            tokens = with_counted_output(tokens, words)
        if tokens.input is None and (words or _is_begun(relay)):
            tokens = with_counted_input(tokens, input_tokens(state.call))
    return tokens, usage


def _model_of(state: AttemptState) -> str:
    run = state.exchange.run
    return run.model if run is not None else state.call.model


def _is_begun(relay: Relay) -> bool:
    """Whether a provider has begun an answer: then it has read the prompt, and charges for it.

    Not where it failed before any output: another one is asked then, and it charges nothing.
    """
    return not relay.failed and 200 <= relay.outcome.status < 300


def _trail_record(exchange: Exchange, state: AttemptState) -> AttemptRecord | None:
    place = state.chosen.record
    return None if place is None or exchange.trail is None else exchange.trail.records[place]


def _outcome(shown: bool, record: AttemptRecord | None, ending: Ending | None) -> str:
    """`ok`, the class of a failure, or how it ended without either.

    `shown`: whether the attempt represents its exchange.
    """
    if record is not None and record.cls is not None:
        return record.cls
    if record is not None and record.after_output:
        return "cut"
    if not shown:
        return "running" if ending is None else "lost"
    if ending is None:
        return "running"
    return "client-left" if ending.left else "ok"


def _end_of(
    shown: bool, record: AttemptRecord | None, ending: Ending | None, started: float
) -> int | None:
    if record is not None and record.cls is not None:
        return milliseconds(record.seconds)
    if ending is None or not shown:
        return None
    return milliseconds(ending.at - started)


def told_by(headers: http.Headers) -> Mapping[str, str]:
    """The headers of a request that say whose it is, by lower-case names."""
    return lower_items(headers, _telling_name)


def project_of(told: Mapping[str, str], client: ClientKey | None) -> str | None:
    """The project of a request, by `told_by`, else that of its client key."""
    return bounded_name(told.get(PROJECT) or (client.project if client is not None else None))


def name_of_key(client: ClientKey) -> str:
    """A client key as records name it: by its name, else by a hash that does not give it away."""
    if name := bounded_name(client.label):
        return name
    assert client.key is not None, "a key without its text has its hash for a label"
    key = client.key.get_secret_value().encode("utf-8", "surrogateescape")
    return f"key-{hashlib.blake2b(key, digest_size=4, person=b'switchyard').hexdigest()}"


def _state(exchange: Exchange, ending: Ending | None) -> EndState:
    if ending is None:
        return "running"
    if ending.left:
        return "client-left"
    if exchange.broke_off:
        return "cut"
    if exchange.cached:
        return "cached"
    if exchange.answered:
        return "complete"
    return "failed" if exchange.attempts else "refused"


def _error(exchange: Exchange, state: EndState, ending: Ending | None) -> str | None:
    """The class of the failure, or of what the router refused."""
    if state in ("cut", "failed") and exchange.trail is not None:
        if exchange.failures:
            last = exchange.failures[-1]
            telling = exchange.trail.most_telling()
            cls = telling.cls if telling is not None and state == "failed" else last.record.cls
            return cls or last.kind
    if state == "refused" and exchange.denial is not None:
        return exchange.denial.kind
    if state in ("failed", "refused") and ending is not None and ending.status is not None:
        return kind_of_status(ending.status)
    return None


def _source(exchange: Exchange, state: EndState, spent: Tokens) -> Source:
    if exchange.estimated:
        return "counted"
    if spent == NO_TOKENS:
        return "none"
    shown = exchange.shown
    relay = shown.relay if shown is not None else None
    whole = relay is not None and relay.outcome.done and not relay.failed
    if whole and state in ("complete", "client-left"):
        return "reported"
    reported = any(one.relay is not None and one.relay.usage is not None for one in exchange.tries)
    return "partial" if reported else "counted"


def _billing(state: AttemptState | None, rules: Rules) -> Billing:
    if state is None:
        return "per-token"
    credential = None
    if state.chosen.credential.forwarded and state.call.credential is not None:
        credential = state.call.credential.get_secret_value()
    return rules.billing(state.target.provider, credential)


def _first_output(
    exchange: Exchange, tries: Sequence[AttemptUsage], headed: int | None
) -> int | None:
    """Milliseconds until the client saw output, which is not before the head."""
    begun, earliest = exchange.call.started, None
    for state, one in zip(exchange.tries, tries, strict=True):
        if (first := one.first_output_ms) is not None:
            first += milliseconds(state.chosen.started - begun)
            if earliest is None or first < earliest:
                earliest = first
    if earliest is None or headed is None or earliest > headed:
        return earliest
    return headed


def _headed(call: Call, ending: Ending | None) -> int | None:
    if ending is None or ending.headed is None:
        return None
    return milliseconds(ending.headed - (ending.now - (ending.at - call.started)))


def _summed(bills: Sequence[Bill]) -> Bill:
    """The sum; None where a part is not known, or there is none. The source is the last one's."""
    if len(bills) < 2:
        return bills[0] if bills else UNKNOWN
    return Bill(
        _total([bill.cost for bill in bills]),
        _total([bill.list_cost for bill in bills]),
        next((bill.source for bill in reversed(bills) if bill.source), None),
    )


def _total(amounts: list[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def milliseconds(seconds: float) -> int:
    """Whole milliseconds; 0 for a time that a clock set back made negative."""
    return int(seconds * 1000 + 0.5) if seconds > 0 else 0


def bounded_name(text: str | None) -> str | None:
    """A name that clients chose, of bounded length and one line; None for none."""
    return _short(text) if text else None


@remembering
def _short(text: str) -> str | None:
    if len(text) <= _LONGEST and text.isprintable():
        return text.strip() or None
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line[:_LONGEST] or None
