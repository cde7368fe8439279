"""Answers requests that do not fit their key's limits, so that tools and people know what to do.

OpenAI's and Anthropic's SDKs obey `x-should-retry` and `retry-after-ms` before anything else, and
retry 429 and 5xx by themselves (`_base_client.py` of either).
"""

from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from decimal import Decimal

from switchyard.clients.holders import ask
from switchyard.clients.key_limits import ROUTER
from switchyard.clients.key_limits import parts_of
from switchyard.clients.key_rules import KeyRule
from switchyard.clients.limit_headers import told_limits
from switchyard.exchange.guard import Refused
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitExceeded
from switchyard.state.shared.protocol import Sliding
from switchyard.values.counts import counted
from switchyard.values.units import NANO_DOLLARS
from switchyard.wire.model.errors import ApiError

SOON = 60
"""Seconds from which a budget's end is told in words alone: tools would wait that long."""

LONG = 90
"""Seconds from which on a tool shall not send a request again by itself, but let its user decide.
Limits per minute take up to 61."""

SLOT_PAUSE = 2
"""Seconds after which a request without a free place may try again; nobody knows when one is."""

_FINAL = {"x-should-retry": "false"}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class LimitReached(Refused):
    """A request does not fit a limit of its key or of the router."""


def refusal_of(
    denied: Denied,
    rule: KeyRule,
    format: str,
    contact: str,
    now: float,
    budget_status: int = 402,
) -> LimitReached:
    """Returns the answer to a request that was refused at a moment (Unix seconds).

    `format` is the client's wire format, whose headers tell of the limits; `budget_status` the HTTP
    status of a refusal over a budget.
    """
    refused = _refusal(denied, rule, contact, now, budget_status)
    anthropic = format == "anthropic"
    known = {one.limit.counter: one for one in denied.standings}
    shown = [
        (one, standing.used, round((standing.resets_in or 0) * 1000))
        for one in rule.header_names(anthropic)
        if (standing := known.get(one.line.counter)) is not None
    ]
    fields = told_limits((), shown, anthropic)
    refused.headers.update((name.decode(), value.decode()) for name, value in fields)
    return refused


def _refusal(
    denied: Denied, rule: KeyRule, contact: str, now: float, budget_status: int
) -> LimitReached:
    if not denied.exceeded:
        message = "The router cannot reach what counts its limits (redis-failure: closed)."
        error = ApiError(message=message, kind="overloaded", retry_after=denied.retry_after)
        return LimitReached(error, {})
    money = [one for one in denied.exceeded if one.standing.limit.kind == "money"]
    if money:
        return _budget_refusal(money[0], rule, contact, now, budget_status)
    if (large := _too_large(denied.exceeded)) is not None:
        limit = large.standing.limit
        message = (
            f"The request is too large: it has about {large.wanted:,} tokens, and "
            f"{_who(limit, rule)} may use {_limit(limit)}. Send less at a time."
        )
        error = ApiError(message=ask(message, contact), kind="too_large", code="request_too_large")
        return LimitReached(error, {**_FINAL})
    if denied.only_slots:
        limit, seconds = denied.exceeded[0].standing.limit, SLOT_PAUSE
        message = (
            f"{_who(limit, rule)} may have {counted(limit.most, 'request')} under way at a time, "
            f"and {_no_place(denied, rule)}. Try again in {seconds} s."
        )
    else:
        # A place may be free long before the leases that hold it run out.
        rates = [one for one in denied.exceeded if one.standing.limit.kind != "slots"]
        first = rates[0]
        limit, seconds = first.standing.limit, max(1, first.retry_after or SLOT_PAUSE)
        if len(rates) < len(denied.exceeded):
            seconds = max(seconds, SLOT_PAUSE)
        used = first.standing.used
        message = (
            f"{_who(limit, rule)} may use {_limit(limit)}, and {used:,} "
            f"{'is' if used == 1 else 'are'} used. Try again in {seconds} s."
        )
    error = ApiError(
        message=ask(message, contact),
        kind="rate_limit",
        code="rate_limit_exceeded",
        retry_after=seconds,
    )
    final = _FINAL if seconds >= LONG else {}
    return LimitReached(error, {"retry-after-ms": str(seconds * 1000), **final})


def dollars(nano: int) -> str:
    """Returns an amount of money for people: two digits, or as many as it needs."""
    amount = Decimal(nano) / NANO_DOLLARS
    return f"{amount:.2f} USD" if nano % 10_000_000 == 0 else f"{amount.normalize():f} USD"


def period_name(limit: Limit) -> str:
    """Returns a limit's period in words, such as `per day` or `in 5 h`."""
    match limit.period:
        case Calendar(name="total"):
            return "in total"
        case Calendar(name="5h"):
            return "per 5 h"
        case Calendar(name=name):
            return f"per {name}"
        case Sliding(seconds=seconds):
            return f"per {_span(seconds)}"
    return "at a time"


def _budget_refusal(
    over: LimitExceeded, rule: KeyRule, contact: str, now: float, status: int
) -> LimitReached:
    standing, limit = over.standing, over.standing.limit
    spent = standing.used - standing.reserved
    message = (
        f"{_who(limit, rule)} may spend {dollars(limit.most)} {period_name(limit)}: "
        f"{dollars(spent)} are spent, {dollars(standing.reserved)} reserved by requests under way, "
        f"and this one may cost {dollars(over.wanted)}."
    )
    if over.retry_after is not None:
        # Of the time before now, room comes back bit by bit.
        begins = "There is room again" if isinstance(limit.period, Sliding) else "It begins anew"
        moment = datetime.fromtimestamp(now + over.retry_after, UTC)
        message += f" {begins} at {moment:%Y-%m-%d %H:%M} UTC."
    wait = over.retry_after
    error = ApiError(
        message=ask(message, contact),
        kind="billing",
        code="insufficient_quota",
        status=status,
        retry_after=wait if wait is not None and wait < SOON else None,
    )
    return LimitReached(error, {**_FINAL})


def _no_place(denied: Denied, rule: KeyRule) -> str:
    """Returns why a request got no slot, to end a sentence."""
    if denied.in_line:
        return f"{denied.in_line:,} more wait for their turn, the most that may"
    return f"none ended within {rule.queue:g} s" if rule.queue else "as many are"


def _too_large(exceeded: Sequence[LimitExceeded]) -> LimitExceeded | None:
    """The rate that a request will never fit."""
    for one in exceeded:
        limit = one.standing.limit
        if limit.kind in ("tokens", "input", "output") and one.wanted > limit.most:
            return one
    return None


def _who(limit: Limit, rule: KeyRule) -> str:
    if limit.key == ROUTER:
        return "This router"
    owner, models = parts_of(limit.key)
    if rule.client is not None and rule.client.name:
        owner = rule.client.name
    return f"Key {owner!r} (models {models})" if models else f"Key {owner!r}"


def _limit(limit: Limit) -> str:
    words = {"requests": ("request", ""), "tokens": ("token", "")}
    what, of = words.get(limit.kind, ("token", f" of {limit.kind}"))
    return f"{counted(limit.most, what)}{of} {period_name(limit)}"


def _span(seconds: int) -> str:
    for length, unit in _UNITS:
        if seconds % length == 0:
            count = seconds // length
            return unit if count == 1 else f"{count} {unit}"
    return f"{seconds} s"
