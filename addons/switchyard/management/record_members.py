"""Writes records of requests as JSON: snake case as in the store, money in US dollars."""

from dataclasses import fields
from uuid import UUID

from switchyard.usage.records import NANO
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.wire.encoding.jsonio import JsonObject

_MONEY = ("cost", "list_cost")
_APART = ("id", "tokens", "tries", "dropped", *_MONEY)
_OF_REQUEST = [one.name for one in fields(RequestRecord) if one.name not in _APART]
_OF_ATTEMPT = [one.name for one in fields(AttemptUsage) if one.name not in _APART]


def record_members(record: RequestRecord) -> JsonObject:
    """Returns a record with its attempts."""
    return {
        "id": str(UUID(bytes=record.id)),
        **{name: getattr(record, name) for name in _OF_REQUEST},
        "tokens": {name: getattr(record.tokens, name) for name in TOKEN_CLASSES},
        **{name: dollars(getattr(record, name)) for name in _MONEY},
        "dropped": list(record.dropped),
        "tries": [_attempt(one) for one in record.tries],
    }


def dollars(nano: int | None) -> float | None:
    """Returns nano-dollars as dollars."""
    return None if nano is None else nano / NANO


def _attempt(attempt: AttemptUsage) -> JsonObject:
    return {
        **{name: getattr(attempt, name) for name in _OF_ATTEMPT},
        "tokens": {name: getattr(attempt.tokens, name) for name in TOKEN_CLASSES},
        **{name: dollars(getattr(attempt, name)) for name in _MONEY},
    }
