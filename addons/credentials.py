"""Which target and which key an attempt goes to."""

import time

from mitmproxy import http

from addons.asides import estimated
from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.giving_up import give_up
from addons.guard import guarded
from addons.messages import lower_items
from addons.policy.affinity import session_of
from addons.policy.catalog import Target
from addons.policy.trail import Exhausted
from addons.policy.trail import Try
from addons.policy.trail import WaitUntil
from addons.runtime import Runtime


class Credentials:
    """Asks the request's trail for the next target and key; answers the client if there is none."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None or exchange.plan is None or flow.response:
            return
        exchange.routes = routes = self._runtime.routes
        route = routes.of(exchange.plan, exchange.credential, exchange.aside)
        session = ""
        if route.sticky:
            headers = lower_items(exchange.head.headers)
            found = session_of(headers, exchange.body)
            session = found.id if found else ""
        exchange.trail = self._runtime.begin_trail(route, exchange.plan, session)

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.get(attempt.flow)
        if exchange is None or exchange.trail is None:
            return
        now = time.monotonic()
        if attempt.hedge:
            self._hedge(exchange, attempt, now)
            return
        exchange.target = None
        attempt.context = exchange
        attempt.hedge_after = exchange.plan.hedge_after if exchange.plan else None
        match exchange.trail.next(now):
            case WaitUntil(at=at):
                attempt.wait = max(0.0, at - now)
            case Exhausted() as end:
                attempt.answer = estimated(exchange) or give_up(exchange, end, now)
            case Try() as chosen:
                self._take(exchange, chosen)

    def _hedge(self, exchange: Exchange, attempt: Attempt, now: float) -> None:
        """Give a slow attempt a rival at another member, if one is there."""
        attempt.context = rival = exchange.beside()
        chosen = exchange.trail.hedge(now) if exchange.trail else None
        if chosen is not None:
            self._take(rival, chosen)
            exchange.attempts = rival.attempts

    def _take(self, exchange: Exchange, chosen: Try) -> None:
        target = chosen.target.ref
        assert isinstance(target, Target)
        exchange.attempts = chosen.number
        exchange.current = chosen
        exchange.resumes = exchange.told is not None
        exchange.target = target
        exchange.refusal = None
        if chosen.credential.forwarded:
            # Where the router asks for keys of its own, what a client came with is one of those.
            exchange.key = None if self._runtime.client_keys else exchange.credential
        else:
            assert exchange.routes
            exchange.key = exchange.routes.key(chosen.credential.id)
