"""Slows down clients that try wrong keys, and names them in the log."""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from switchyard.listener.bounds import address_of
from switchyard.listener.forwarded import Peer
from switchyard.values.counts import counted

logger = logging.getLogger(__name__)

WINDOW = 60.0
"""Seconds for which wrong keys of an address count, and between two log lines about it."""

FIRST_DELAY = 0.1
LONGEST_DELAY = 2.0
"""Seconds that the refusal of a wrong key waits: the first, doubled with each that follows."""

LONGEST_WAIT = 10.0
"""Seconds that a refusal waits at most where others of the same address wait before it."""

MOST_ADDRESSES = 1024

type KeyKind = Literal["client", "management"]
"""What a key was sent for: calls to models and the proxy, or the management API."""

_REMEDIES: dict[KeyKind, str] = {
    "client": "Check clients.api-keys",
    "management": "Check management.key, and the role of client keys",
}


@dataclass(slots=True)
class _Tries:
    """What one address did."""

    since: float
    wrong: int = 0
    free_at: float = 0.0
    """When the last refusal that waits is sent: the next one waits after it."""
    logged: float = -WINDOW
    unlogged: dict[KeyKind, int] = field(default_factory=dict)
    """Requests with a wrong key since the last log line, by what it was sent for."""
    keyless: int = 0
    """Requests without a key since the last log line."""


class WrongKeys:
    """Counts wrong and missing keys by the address of the peer.

    Right keys never wait, wherever they come from: behind a proxy or a shared address, one client's
    mistake would otherwise slow all others.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def slow_down(self, client: Peer, kind: KeyKind = "client") -> float:
        """Note a wrong key of a client; returns the seconds that its refusal has to wait."""
        return self.count(address_of(client), time.monotonic(), kind)

    def note_missing(self, client: Peer) -> None:
        """Note a request without a key; its refusal need not wait."""
        self.count_missing(address_of(client), time.monotonic())

    def count(self, address: str, now: float, kind: KeyKind = "client") -> float:
        """Note a wrong key; returns the seconds that its refusal has to wait.

        `now` is on the clock of `time.monotonic`.
        """
        tries = self._tries_of(address, now)
        tries.wrong += 1
        tries.unlogged[kind] = tries.unlogged.get(kind, 0) + 1
        self._log(address, tries, now)
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries.wrong - 1, 10))
        # Whoever tries on many connections at once learns no more than on one.
        wait = min(LONGEST_WAIT, max(0.0, tries.free_at - now) + delay)
        tries.free_at = max(tries.free_at, now + wait)
        return wait

    def count_missing(self, address: str, now: float) -> None:
        """Note a request without a key. `now` is on the clock of `time.monotonic`."""
        tries = self._tries_of(address, now)
        tries.keyless += 1
        self._log(address, tries, now)

    def _tries_of(self, address: str, now: float) -> _Tries:
        tries = self._tries.get(address)
        if tries is None or now - tries.since >= WINDOW:
            before = tries or _Tries(now, logged=now - WINDOW)
            tries = _Tries(now, 0, before.free_at, before.logged, before.unlogged, before.keyless)
            self._tries[address] = tries
        self._tries.move_to_end(address)
        if len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return tries

    @staticmethod
    def _log(address: str, tries: _Tries, now: float) -> None:
        if now - tries.logged < WINDOW:
            return
        for kind, count in tries.unlogged.items():
            logger.warning(
                "switchyard: refused %s from %s (%d since the last such line). %s",
                f"a wrong {kind} key" if count == 1 else f"wrong {kind} keys",
                address,
                count,
                _REMEDIES[kind],
                extra={"facts": {**_facts(address, "wrong", count), "kind": kind}},
            )
        if tries.keyless:
            logger.warning(
                "switchyard: refused %s without a client key from %s. "
                "Have the client send one of clients.api-keys",
                counted(tries.keyless, "request"),
                address,
                extra={"facts": _facts(address, "missing", tries.keyless)},
            )
        tries.logged, tries.unlogged, tries.keyless = now, {}, 0


def _facts(address: str, key: str, count: int) -> dict[str, object]:
    return {"event": "refused", "address": address, "key": key, "count": count}
