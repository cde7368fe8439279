"""Finds calls whose clients have waited long, and words why."""

from collections.abc import Iterable
from dataclasses import dataclass

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.recording.call_text import model_name

_WHOLE_ANSWERS = 3.0
"""How many times longer a call without a stream may take: nothing comes of it before its end."""


class Waiting:
    """Names each call that waits once its client has waited `after` seconds.

    And again whenever it has waited twice as long as then. Times are monotonic seconds.
    """

    def __init__(self, after: float) -> None:
        self._after = after
        self._next: dict[Exchange, float] = {}
        """When to name a call again, by its seconds."""

    def due(self, running: Iterable[Exchange], now: float) -> list[tuple[Exchange, float, str]]:
        """Return calls with the seconds that they have waited, and why they wait."""
        named: list[tuple[Exchange, float, str]] = []
        known, self._next = self._next, {}
        for exchange in running:
            waited = now - exchange.call.started
            if exchange.winner is not None or waited < self._after:
                continue
            at = known.get(exchange, self._after * self._patience(exchange))
            if waited >= at:
                at = 2 * waited
                named.append((exchange, waited, why(exchange, now)))
            self._next[exchange] = at
        return named

    @staticmethod
    def _patience(exchange: Exchange) -> float:
        trail = exchange.trail
        if exchange.call.streams or (trail is not None and trail.waits is not None):
            return 1.0
        return _WHOLE_ANSWERS


@dataclass(slots=True)
class _Silence:
    """A stream's lack of output."""

    attempt: AttemptState
    progress: int
    """The attempt's progress (see `wire.relay.outcome`), which pings do not add to."""
    since: float
    next: float
    """The seconds of silence after which it is named."""


class Stalls:
    """Names each stream that brings nothing more after output, once `after` seconds have passed.

    And again whenever it has been silent twice as long as then. Compares the progress of streams
    between two looks, so that a stream itself does nothing for it; a silence is therefore measured
    from the look that first sees it. Times are monotonic seconds.
    """

    def __init__(self, after: float) -> None:
        self._after = after
        self._silent: dict[Exchange, _Silence] = {}

    def due(self, running: Iterable[Exchange], now: float) -> list[tuple[Exchange, float, str]]:
        """Return calls with the seconds of their silence, and where nothing comes from."""
        named: list[tuple[Exchange, float, str]] = []
        known, self._silent = self._silent, {}
        for exchange in running:
            attempt = exchange.winner
            if attempt is None or (relay := attempt.relay) is None or relay.done or relay.failed:
                continue
            silence = known.get(exchange)
            if (
                silence is None
                or silence.attempt is not attempt
                or silence.progress != relay.progress
            ):
                silence = _Silence(attempt, relay.progress, now, self._after)
            self._silent[exchange] = silence
            if (silent := now - silence.since) >= silence.next:
                silence.next = 2 * silent
                place = f"{_place(exchange, attempt)}, attempt {attempt.number}"
                named.append((exchange, silent, f"no more output from {place}"))
        return named


def why(exchange: Exchange, now: float) -> str:
    """Return what a call waits for."""
    trail, state = exchange.trail, exchange.latest
    if trail is not None and (waits := trail.waits) is not None:
        if waits.reason == "busy":
            return "every key is at its limit of concurrent requests"
        return f"all targets cool down; the next attempt is in {max(0.0, waits.at - now):.0f} s"
    if state is None:
        return "no attempt has begun"
    heard = "no response" if state.upstream_headers is None else "a response without output"
    return f"{heard} from {_place(exchange, state)} yet, attempt {state.number}"


def _place(exchange: Exchange, state: AttemptState) -> str:
    model = model_name(state.target.model or exchange.call.model)
    return f"{state.target.provider.name}/{model}"
