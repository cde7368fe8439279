"""Chooses the target and the key of each attempt."""

import time

from mitmproxy import http

from switchyard.attempt.exhausted import exhausted_response
from switchyard.attempt.operations import estimated
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import guarded
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.sessions import begins_session
from switchyard.exchange.sessions import find_session
from switchyard.failover.attempt import Attempt
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import Try
from switchyard.policy.trail import WaitUntil
from switchyard.routing.plans import ModelTarget
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State


class Credentials:
    """Gets the next target and key from the trail; answers the client if none is left."""

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges, state: State) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._state = state

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.plan is None or flow.response:
            return
        snapshot = self._snapshots.current
        exchange.routes = routes = snapshot.routes
        route = routes.of(exchange.plan, exchange.call.credential, exchange.call.operation)
        session, begins = "", False
        if route.sticky or route.stays:
            session, begins = find_session(exchange) or "", begins_session(exchange)
        exchange.trail = self._state.begin_trail(
            route, snapshot.retry_limits(exchange.plan), session, begins
        )

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._exchanges.get(attempt.flow)
        if exchange is None or exchange.trail is None:
            return
        now = time.monotonic()
        if attempt.hedge:
            self._hedge(exchange, attempt, now)
            return
        exchange.begin(None)
        attempt.hedge_after = exchange.plan.hedge_after if exchange.plan else None
        match exchange.trail.next(now):
            case WaitUntil(at=at):
                attempt.wait = max(0.0, at - now)
            case Exhausted() as end:
                attempt.answer = self._give_up(exchange, end, now)
            case Try() as chosen:
                attempt.context = state = self._take(exchange, chosen)
                exchange.begin(state)

    def _hedge(self, exchange: Exchange, attempt: Attempt, now: float) -> None:
        """Starts a hedge at another member beside a slow attempt, if there is one."""
        chosen = exchange.trail.hedge(now) if exchange.trail else None
        if chosen is not None:
            attempt.context = self._take(exchange, chosen)

    def _take(self, exchange: Exchange, chosen: Try) -> AttemptState:
        target = chosen.target.ref
        assert isinstance(target, ModelTarget)
        exchange.attempts = chosen.number
        if chosen.credential.forwarded:
            # If the router requires client keys, the client's credential is one of those.
            key = None if self._snapshots.current.client_keys else exchange.call.credential
        else:
            assert exchange.routes
            key = exchange.routes.key(chosen.credential.id)
        state = AttemptState(
            exchange=exchange,
            number=chosen.number,
            chosen=chosen,
            target=target,
            key=key,
            continues=exchange.committed_relay is not None,
            remedies=exchange.remedies.get(chosen.target.id, ()),
        )
        exchange.tries += (state,)
        return state

    def _give_up(self, exchange: Exchange, end: Exhausted, now: float) -> http.Response:
        """Returns the client's response if no target is left. Raises BadRequest."""
        answer = estimated(exchange)
        exchange.estimated = answer is not None
        return answer or exhausted_response(exchange, end, now)
