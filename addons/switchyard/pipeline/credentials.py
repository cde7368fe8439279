"""Chooses the target and the key of each attempt."""

import time
from collections.abc import Awaitable

from mitmproxy import http
from pydantic import SecretStr

from switchyard.accounts.accounts import Accounts
from switchyard.accounts.token import SourceError
from switchyard.attempt.exhausted import exhausted_response
from switchyard.attempt.operations import estimated
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.guard import guarded
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.sessions import begins_session
from switchyard.exchange.sessions import find_session
from switchyard.failover.attempt import Attempt
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.route import Route
from switchyard.policy.shared_turns import NotYet
from switchyard.policy.steering import Steering
from switchyard.policy.trail import Exhausted
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.policy.trail import WaitUntil
from switchyard.recording.window_notes import owner_of_login
from switchyard.routing.plans import ModelTarget
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.usage.ledger import Ledger
from switchyard.wire.model.errors import ApiError

_LOOK_EVERY = 0.02
"""Seconds between looks whether a token has been read; meanwhile the client gets keep-alives."""
_PAUSE = 5.0
"""Seconds for which a source that failed is left alone."""
_BEING_READ = SecretStr("")
"""Stands for a token that a thread is reading; a key has characters."""
_LASTING = Verdict("credential", "key", True, "no credential")
_PASSING = Verdict("overload", "key", False, "no credential for now", _PAUSE)


class Credentials:
    """Gets the next target and key from the trail; answers the client if none is left."""

    def __init__(
        self,
        snapshots: Snapshots,
        exchanges: Exchanges,
        state: State,
        ledger: Ledger,
        accounts: Accounts,
    ) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._state = state
        self._accounts = accounts
        self._ledger = ledger

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.plan is None or flow.response:
            return
        self._begin_trail(exchange)

    def _begin_trail(self, exchange: Exchange) -> None:
        assert exchange.plan is not None
        snapshot = self._snapshots.current
        exchange.routes = routes = snapshot.routes
        route = routes.of(exchange.plan, exchange.call.credential, exchange.call.operation)
        if exchange.run is not None:
            route = route.by_key(exchange.run.credential)
        session, begins = "", False
        if route.sticky or route.stays:
            session, begins = find_session(exchange) or "", begins_session(exchange)
        exchange.trail = self._state.begin_trail(
            route,
            snapshot.retry_limits(exchange.plan),
            session,
            self._steering(route, exchange),
            begins,
        )

    @guarded
    def attempt(self, attempt: Attempt) -> Awaitable[None] | None:
        exchange = self._exchanges.get(attempt.flow)
        if exchange is None or attempt.wait is not None or attempt.answer is not None:
            return None
        if exchange.trail is None:
            if exchange.plan is None:
                return None
            self._begin_trail(exchange)
            assert exchange.trail is not None
        if exchange.trail.turns is not None:
            return self._choose_with_others(exchange, exchange.trail, attempt)
        self._choose(exchange, attempt)
        return None

    async def _choose_with_others(self, exchange: Exchange, trail: Trail, attempt: Attempt) -> None:
        """Chooses by turns and quotas that other processes share."""
        choosing = self._state.choosing
        assert choosing is not None and trail.turns is not None and trail.shares is not None
        try:
            while True:
                try:
                    self._choose(exchange, attempt)
                    break
                except NotYet as wanted:
                    await choosing.provide(trail, wanted)
        finally:
            needed = trail.turns.use_up()
            if not trail.records and not attempt.hedge:
                call = exchange.call
                self._state.turns_ahead.note(call.client_label, call.model, needed)
            for claim in trail.shares.take_unused():
                choosing.release_claim(claim)

    def _choose(self, exchange: Exchange, attempt: Attempt) -> None:
        assert exchange.trail is not None
        now = time.monotonic()
        if attempt.hedge:
            self._hedge(exchange, attempt, now)
            return
        exchange.begin(None)
        attempt.hedge_after = exchange.plan.hedge_after if exchange.plan else None
        chosen, exchange.pending = exchange.pending, None
        while True:
            if chosen is None:
                match exchange.trail.next(now):
                    case WaitUntil(at=at):
                        attempt.wait = max(0.0, at - now)
                        return
                    case Exhausted() as end:
                        attempt.answer = self._give_up(exchange, end, now)
                        return
                    case Try() as chosen:
                        pass
            key = self._key(exchange, chosen)
            if not isinstance(key, SourceError):
                break
            self._fail(exchange, chosen, key, now)
            chosen = None
        if key is _BEING_READ:
            exchange.pending, attempt.wait = chosen, _LOOK_EVERY
            return
        attempt.context = state = self._take(exchange, chosen, key)
        exchange.begin(state)

    def _steering(self, route: Route, exchange: Exchange) -> Steering | None:
        """Returns the windows as a request sees them, where they decide anything."""
        if not (route.by_windows or route.keeps):
            return None
        self._accounts.show_interest()
        call = exchange.call
        return Steering(
            self._ledger.windows,
            time.time() - time.monotonic(),
            call.client_label,
            lambda provider: owner_of_login(call, provider, self._ledger.fingerprint),
        )

    def _hedge(self, exchange: Exchange, attempt: Attempt, now: float) -> None:
        """Starts a hedge at another member beside a slow attempt, if there is one.

        One whose token would have to be read first is no faster.
        """
        chosen = exchange.trail.hedge(now) if exchange.trail else None
        if chosen is None:
            return
        key = self._key(exchange, chosen)
        if isinstance(key, SourceError) or key is _BEING_READ:
            assert exchange.trail
            exchange.trail.finished(chosen, now)
        else:
            attempt.context = self._take(exchange, chosen, key)

    def _key(self, exchange: Exchange, chosen: Try) -> SecretStr | SourceError | None:
        """Returns the key of an attempt, why there is none, or that it is being read."""
        if chosen.credential.forwarded:
            # If the router requires client keys, the client's credential is one of those.
            return None if self._snapshots.current.client_keys else exchange.call.credential
        assert exchange.routes
        source = exchange.routes.source(chosen.credential.id)
        if source is None:
            return exchange.routes.key(chosen.credential.id)
        found = self._accounts.value(source)
        return _BEING_READ if found is None else found

    def _fail(self, exchange: Exchange, chosen: Try, problem: SourceError, now: float) -> None:
        """Records an attempt that was not sent, since its source gives no token."""
        assert exchange.trail
        message = f"its credential {problem}"
        seen = Seen(kind="connect", message=message, provider=chosen.target.provider)
        verdict = _LASTING if problem.lasting else _PASSING
        exchange.attempts = chosen.number
        exchange.trail.failed(chosen, seen, verdict, now)
        assert chosen.record is not None
        record = exchange.trail.records[chosen.record]
        error = ApiError(message=message, kind="overloaded")
        exchange.failures.append(
            FailedAttempt(record=record, kind="connect", status=None, error=error)
        )

    def _take(self, exchange: Exchange, chosen: Try, key: SecretStr | None) -> AttemptState:
        target = chosen.target.ref
        assert isinstance(target, ModelTarget)
        exchange.attempts = chosen.number
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
