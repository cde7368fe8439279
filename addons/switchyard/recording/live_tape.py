"""Shows a client's stream in mitmweb while it runs."""

import logging
import time

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.secrets import concealer_of
from switchyard.recording.flow_sinks import refresh_flow
from switchyard.recording.tape import Tape

logger = logging.getLogger(__name__)


_LIVE_EVERY = 1.0
"""Seconds between two looks at a stream that runs."""


class LiveTape(Tape):
    """Lets people watch a stream while it runs, as of every second."""

    __slots__ = ("_due", "_exchange")

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._due = 0.0

    def add(self, data: bytes) -> None:
        super().add(data)
        # What came last is put there at the end.
        now, response = time.monotonic(), self._exchange.call.flow.response
        if now < self._due or response is None:
            return
        self._due = now + _LIVE_EVERY
        try:
            response.data.content = concealer_of(self._exchange).data(self.kept)
            refresh_flow(self._exchange.call.flow)
        except Exception:  # the stream goes on, whoever watches it
            logger.exception("switchyard: a running stream cannot be shown")
