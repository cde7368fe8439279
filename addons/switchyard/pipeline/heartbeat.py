"""Sends keep-alive events to clients that wait for a stream."""

from switchyard.attempt.heartbeat import ExchangeHeart
from switchyard.exchange.exchange import state_of
from switchyard.exchange.guard import guarded
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.failover.attempt import Attempt
from switchyard.runtime.snapshots import Snapshots


class Heartbeat:
    """Gives every attempt a heart, unless the client's format has no harmless event."""

    def __init__(
        self, snapshots: Snapshots, exchanges: Exchanges, sessions: WebsocketSessions
    ) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._sessions = sessions

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._exchanges.get(attempt.flow)
        if exchange is None or not exchange.call.streams or not exchange.call.format.heartbeat:
            return
        state = state_of(attempt)
        if state is not None and state.target.kind == "passthrough":
            return  # the client waits as long as without the router, and gets its provider's head
        settings = self._snapshots.current.config.heartbeat
        talks = self._sessions.request_of(attempt.flow) is not None
        attempt.heart = ExchangeHeart(exchange, settings.after, settings.every, talks)
