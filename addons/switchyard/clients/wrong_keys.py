"""Slows down clients that try wrong keys, and names them in the log."""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

from mitmproxy import connection

from switchyard.listener.bounds import address_of

logger = logging.getLogger(__name__)

WINDOW = 60.0
"""Seconds for which wrong keys of an address count, and between two log lines about it."""

FIRST_DELAY = 0.1
LONGEST_DELAY = 2.0
"""Seconds that the refusal of a wrong key waits: the first, doubled with each that follows."""

MOST_ADDRESSES = 1024


@dataclass(slots=True)
class _Tries:
    """What one address did."""

    since: float
    wrong: int = 0
    logged: float = -WINDOW
    unlogged: int = 0


class WrongKeys:
    """Counts wrong keys by the address of the peer, never by a header.

    Right keys never wait, wherever they come from: behind a proxy or a shared address, one client's
    mistake would otherwise slow all others.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def slow_down(self, client: connection.Client) -> float:
        """Note a wrong key of a client; returns the seconds that its refusal has to wait."""
        return self.count(address_of(client), time.monotonic())

    def count(self, address: str, now: float) -> float:
        """Note a wrong key; returns the seconds that its refusal has to wait.

        `now` is on the clock of `time.monotonic`.
        """
        tries = self._tries.get(address)
        if tries is None or now - tries.since >= WINDOW:
            logged, unlogged = (tries.logged, tries.unlogged) if tries else (now - WINDOW, 0)
            tries = self._tries[address] = _Tries(now, 0, logged, unlogged)
        self._tries.move_to_end(address)
        if len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        tries.wrong += 1
        tries.unlogged += 1
        if now - tries.logged >= WINDOW:
            keys = "a wrong client key" if tries.unlogged == 1 else "wrong client keys"
            logger.warning(
                "switchyard: refused %s from %s (%d since the last such line). "
                "Check clients.api-keys",
                keys,
                address,
                tries.unlogged,
            )
            tries.logged, tries.unlogged = now, 0
        return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries.wrong - 1, 10))
