"""Finds calls whose clients have waited long, and words why."""

from collections.abc import Iterable

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


def why(exchange: Exchange, now: float) -> str:
    """Return what a call waits for."""
    trail, state = exchange.trail, exchange.latest
    if trail is not None and (waits := trail.waits) is not None:
        if waits.reason == "busy":
            return "every key is at its limit of concurrent requests"
        return f"all targets cool down; the next attempt is in {max(0.0, waits.at - now):.0f} s"
    if state is None:
        return "no attempt has begun"
    place = f"{state.target.provider.name}/{model_name(state.target.model or exchange.call.model)}"
    heard = "no response" if state.upstream_headers is None else "a response without output"
    return f"{heard} from {place} yet, attempt {state.number}"
