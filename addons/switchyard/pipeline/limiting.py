"""Admits calls within the limits and budgets of their client keys, before any provider is asked."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable

from mitmproxy import http

from switchyard.clients.estimates import Estimates
from switchyard.clients.estimates import price_sources
from switchyard.clients.key_rules import KeyRule
from switchyard.clients.limit_gate import NO_USE
from switchyard.clients.limit_gate import LimitGate
from switchyard.clients.limit_gate import Passage
from switchyard.clients.limit_headers import tells_limits
from switchyard.clients.limit_refusals import refusal_of
from switchyard.clients.spare_plans import allowed_plan
from switchyard.clients.spare_plans import spare_plan
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import is_over
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.management.announcing import announce_budgets
from switchyard.runtime.snapshot import Snapshot
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.runtime.usage_rules import rules_of
from switchyard.state.shared.protocol import RENEW_EVERY
from switchyard.state.shared.protocol import Denied
from switchyard.webhooks.webhooks import Webhooks
from switchyard.wire.model.errors import ApiError

logger = logging.getLogger(__name__)

FIRST_WAIT = 1.0
"""Seconds that a request waits for a place before its stream may get keep-alives."""

LOOK_EVERY = 0.25
"""Seconds between two looks at whether a place was found; keep-alives go out meanwhile."""


class Limiting:
    """The one gate of limits, for every way in that becomes a call.

    It stands behind `Routing`, since what a call may cost depends on its plan, and before
    `Credentials`, so that a refused call takes no turn. `Accounting` settles.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        exchanges: Exchanges,
        state: State,
        gate: LimitGate,
        webhooks: Webhooks,
    ) -> None:
        self._snapshots = snapshots
        self._state = state
        self._webhooks = webhooks
        self._exchanges = exchanges
        self._gate = gate
        self._estimates: Estimates | None = None
        self._config: object = None
        """The configuration that `_estimates` were made from."""
        self._renewing: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._renewing = asyncio.get_running_loop().create_task(self._keep_renewing())

    def done(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.plan is None or flow.response is not None:
            return None
        snapshot, client = self._snapshots.current, exchange.call.client
        if client is not None:
            client = snapshot.key_rules.known(client) or snapshot.client_keys.again(client)
            if client is None:
                message = "The key is no client key of this router any more."
                raise Refused(ApiError(message=message, kind="authentication"))
            contact = snapshot.config.clients.contact
            exchange.plan = allowed_plan(exchange.plan, client, contact)
        rule = snapshot.key_rules.of(client, exchange.call.model)
        if rule is None:
            return None
        passage = self._passage(exchange, rule, self._known(snapshot))
        if self._gate.enter_quickly(flow.id, passage):
            return None
        return self._enter(flow, exchange, passage)

    @guarded
    def attempt(self, attempt: Attempt) -> Awaitable[None] | None:
        """Has the attempts of a call wait that has no place yet."""
        passage = self._gate.waiting_of(attempt.flow.id)
        if passage is None or passage.waits is None:
            return None
        if not passage.waits.done():
            attempt.wait = LOOK_EVERY
            return None
        exchange = self._exchanges.get(attempt.flow)
        denied = self._gate.take_answer(attempt.flow.id, passage)
        if exchange is None:
            return None
        exchange.trail = None  # its time begins now
        return self._spare(attempt.flow, exchange, passage, denied) if denied else None

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        passage = self._gate.of(flow.id)
        if passage is None or passage.waits is not None:
            return
        exchange, response = self._exchanges.get(flow), flow.response
        if exchange is None or response is None:
            return
        headers, shown = response.headers, exchange.winner
        if (
            shown is not None
            and shown.target.kind == "passthrough"
            and tells_limits(headers.fields)
        ):
            return  # the client's own provider tells of its login's limits
        anthropic = exchange.call.format.name == "anthropic"
        headers.fields = self._gate.told(passage, headers.fields, anthropic)

    async def _enter(self, flow: http.HTTPFlow, exchange: Exchange, passage: Passage) -> None:
        denied = await self._gate.enter(flow.id, passage, FIRST_WAIT)
        if denied is not None:
            await self._spare(flow, exchange, passage, denied)
        if is_over(flow) and (left := self._gate.leave(flow.id)) is not None:
            self._gate.settle(left, NO_USE)

    async def _spare(
        self, flow: http.HTTPFlow, exchange: Exchange, passage: Passage, denied: Denied
    ) -> None:
        """Has a call over its budget go on where its policy says so. Raises Refused."""
        snapshot, rule = self._snapshots.current, passage.rule
        announce_budgets(self._webhooks, denied, rule.client, time.time())
        estimates = self._known(snapshot)
        plan = spare_plan(exchange, rule, denied, snapshot.catalog, estimates.prices)
        if plan is not None:
            exchange.plan = plan
            again = self._passage(exchange, rule.without_budgets, estimates)
            rest = await self._gate.enter(flow.id, again, FIRST_WAIT)
            if rest is None:
                return
            denied = rest
        clients, format = snapshot.config.clients, exchange.call.format.name
        refused = refusal_of(
            denied, rule, format, clients.contact, time.time(), clients.budget_status
        )
        exchange.denial = refused.error
        raise refused

    def _passage(self, exchange: Exchange, rule: KeyRule, estimates: Estimates) -> Passage:
        call, pools = exchange.call, ()
        if self._state.choosing is not None:
            pools = self._state.turns_ahead.expected(call.client_label, call.model)
        return Passage(call.asked.id, rule, estimates.of(exchange, rule), call.model, pools)

    def _known(self, snapshot: Snapshot) -> Estimates:
        if self._estimates is None or snapshot.config is not self._config:
            rules = rules_of(snapshot)
            sources = price_sources(rules.pricing, rules.billing, rules.base_url)
            self._estimates, self._config = Estimates(sources, self._gate.expected), snapshot.config
        return self._estimates

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                with contextlib.suppress(asyncio.TimeoutError):
                    await self._gate.renew()
            except Exception:  # limits of requests under way must not run out for good
                logger.exception("limits: renewing failed")
