"""Announces to webhooks what happens with requests: their ends, and budgets they exceed."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import partial

from switchyard.clients.key_limits import ROUTER
from switchyard.clients.key_limits import parts_of
from switchyard.config.client_keys import ClientKey
from switchyard.management.record_members import dollars
from switchyard.management.record_members import record_members
from switchyard.recording.request_record import name_of_key
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import zone_of
from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import RequestRecord
from switchyard.webhooks.webhooks import Webhooks
from switchyard.wire.encoding.jsonio import JsonObject

_BROKEN = (
    "id",
    "started",
    "client_key",
    "session",
    "project",
    "provider",
    "model",
    "cache_verdict",
)


def announce_request(webhooks: Webhooks, record: RequestRecord) -> None:
    """Publishes the end of a request, and that its prompt cache broke. For any thread.

    A client that left ends its request without an event.
    """
    make = partial(record_members, record)
    if record.state in FAILED_STATES:
        webhooks.publish("request.failed", make)
    elif record.state in ("complete", "cached"):
        webhooks.publish("request.completed", make)
    if record.cache_verdict is not None:
        webhooks.publish("cache.broken", partial(_broken, record))


def announce_budgets(
    webhooks: Webhooks, denied: Denied, client: ClientKey | None, now: float
) -> None:
    """Publishes once a period that a request of a client was refused for a budget.

    `now` is the moment in Unix seconds.
    """
    if not webhooks.wants("budget.exceeded"):
        return
    for one in denied.exceeded:
        standing = one.standing
        if standing.limit.kind != "money":
            continue
        ends = now + standing.resets_in if standing.resets_in else None
        once = f"{standing.limit.key} {standing.limit.counter} {_period(standing.limit, now)}"
        webhooks.publish("budget.exceeded", partial(_budget, standing, client, ends), once)


def _broken(record: RequestRecord) -> JsonObject:
    members = record_members(record)
    return {name: members[name] for name in _BROKEN}


def _period(limit: Limit, now: float) -> str:
    """Returns what tells the present period of a limit from others; sliding ones by the day."""
    if not isinstance(limit.period, Calendar):
        return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    moment = datetime.fromtimestamp(now, zone_of(limit.period.timezone))
    match limit.period.name:
        case "total":
            return ""
        case "month":
            return f"{moment:%Y-%m}"
        case "week":
            begun = moment - timedelta(days=(moment.weekday() - limit.period.week_starts) % 7)
            return f"{begun:%Y-%m-%d}"
        case "5h":
            return f"{moment:%Y-%m-%d} {moment.hour // 5}"
        case _:
            return f"{moment:%Y-%m-%d}"


def _budget(standing: LimitStanding, client: ClientKey | None, ends: float | None) -> JsonObject:
    owner, models = parts_of(standing.limit.key)
    return {
        "key": owner if owner == ROUTER or client is None else name_of_key(client),
        "models": models or None,
        "budget": dollars(standing.limit.most),
        "spent": dollars(standing.used - standing.reserved),
        "resets_at": ends,
    }
