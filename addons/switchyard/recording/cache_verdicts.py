"""Says of a request that read less from its prompt cache than the one before it why that is.

What is compared are the bodies that two requests of a conversation were sent with. The last one of
each conversation is kept, by reference: a request costs a few lookups, and only one whose cache
broke is looked into.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.translate.cache_life import HOUR
from switchyard.wire.translate.cache_life import cache_life
from switchyard.wire.translate.prompt_parts import changed_part

MOST_CONVERSATIONS = 1024
MOST_BYTES = 16 * 1024 * 1024
"""Of the requests that are kept, as their clients sent them."""

_LEAST = 1024
"""Tokens: what is below most providers' minimum is not missed."""

_KEPT = 0.8
"""The share of what was cached that must be read again; the rest are marks that moved."""


@dataclass(slots=True)
class _Last:
    """The last request of a conversation. Not frozen, since each request makes one."""

    member: tuple[str, str]
    credential: str
    format: str
    body: JsonObject
    at: float
    """On the clock of `time.monotonic`."""
    cached: int
    """Tokens that its provider then had in the cache."""
    size: int


class CacheVerdicts:
    """The last request of each conversation, within bounds. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._last: OrderedDict[Hashable, _Last] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._last)

    def judge(self, exchange: Exchange, record: RequestRecord) -> str | None:
        """Return what broke the prompt cache of a finished request; None where nothing did.

        Remembers the request for the next one of its conversation.
        """
        state = exchange.shown
        if state is None or not exchange.completed or record.session is None:
            return None
        if state.call.operation is not None or state.upstream_format is None:
            return None
        read = record.tokens.cache_read or 0
        cached = read + _written(record.tokens)
        if cached < _LEAST and not self._last:
            return None
        key = (record.client_key, record.session, state.call.model, _opening(state.call))
        last = self._last.get(key)
        if last is None and cached < _LEAST:
            return None
        now = _last_of(state, cached)
        self._keep(key, now if cached >= _LEAST else None)
        return None if last is None or read >= _KEPT * last.cached else _why(last, now)

    def _keep(self, key: Hashable, one: _Last | None) -> None:
        """Keep a conversation's last request; None forgets it, as one whose cache is not missed."""
        with self._lock:
            if (old := self._last.pop(key, None)) is not None:
                self._bytes -= old.size
            if one is None:
                return
            self._last[key] = one
            self._bytes += one.size
            while len(self._last) > MOST_CONVERSATIONS or self._bytes > self._most_bytes:
                self._bytes -= self._last.popitem(last=False)[1].size


def _written(tokens: Tokens) -> int:
    return (tokens.cache_write_5m or 0) + (tokens.cache_write_1h or 0)


def _last_of(state: AttemptState, cached: int) -> _Last:
    assert state.upstream_format is not None
    return _Last(
        member=(state.target.provider.name, state.target.model or state.call.model),
        credential=state.chosen.credential.id,
        format=state.upstream_format.name,
        body=state.sent_body or state.upstream_body,
        at=state.call.started,
        cached=cached,
        size=len(state.call.raw),
    )


def _why(last: _Last, now: _Last) -> str:
    if last.member != now.member or last.format != now.format:
        return "another member"
    if last.credential != now.credential:
        return "another key"
    if (part := changed_part(last.body, now.body)) is not None:
        return part
    life = cache_life(last.body)
    if now.at - last.at >= life:
        return "older than 1 h" if life == HOUR else "older than 5 min"
    return "not kept by the provider"


def _opening(call: Call) -> int:
    """Tells the conversations of a session apart, such as those of subagents: by first words."""
    body = call.format.unwrap(call.body)
    for name in ("messages", "input", "contents"):
        history = body.get(name)
        for one in history if isinstance(history, list) else ():
            if isinstance(one, dict) and one.get("role", "user") == "user":
                return hash(_first_text(one.get("content", one.get("parts"))))
        if isinstance(history, str):
            return hash(history)
    return 0


def _first_text(content: object) -> str:
    if isinstance(content, list):
        content = next((one.get("text") for one in content if isinstance(one, dict)), "")
    return content if isinstance(content, str) else ""
