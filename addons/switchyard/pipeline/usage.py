"""Counts tokens, once for each exchange."""

import logging
import time
from collections import defaultdict

from mitmproxy import http

from switchyard.attempt.operations import Learning
from switchyard.exchange.registry import Exchanges
from switchyard.usage.tally import Tally
from switchyard.wire.operations.count_tokens import Calibration

logger = logging.getLogger(__name__)


class UsageCounting:
    """Adds up the usage of every exchange, whatever its outcome."""

    def __init__(self, exchanges: Exchanges, calibration: Calibration) -> None:
        self._exchanges = exchanges
        self._learning = Learning(calibration)
        self.totals: dict[tuple[str, str], Tally] = defaultdict(Tally)

    def response(self, flow: http.HTTPFlow) -> None:
        self._count(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._count(flow)

    def _count(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None:
            return
        for failure in exchange.failures:
            tally = self.totals[failure.record.provider, failure.record.model]
            tally.requests += 1
            tally.failures += 1
        if (state := exchange.shown) is None:
            return
        tally = self.totals[state.target.provider.name, state.target.model]
        if not exchange.broke_off:
            tally.requests += 1
        usage = state.relay.usage if state.relay else None
        if usage is None:
            tally.unknown += exchange.call.operation is None
            return
        self._learning.look(state, usage.input or 0, time.monotonic())
        tally.input += usage.input or 0
        tally.output += usage.output or 0
        tally.cache_read += usage.cache_read or 0
        tally.cache_write += usage.cache_write or 0
        tally.reasoning += usage.reasoning or 0
