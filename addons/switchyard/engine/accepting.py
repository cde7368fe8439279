"""Says how many connections are accepted in one turn of the event loop."""

import time

MOST = 16
"""Connections of one turn at most."""

_STALE = 1.0
"""Seconds after which requests say nothing about the turn that is under way."""


class AcceptedAtOnce:
    """The number of connections to accept now; asyncio asks for it in each turn, as an index.

    A new connection brings a request, which takes far longer than a piece of a stream that is under
    way. Tokens of streams wait for one newcomer a turn at most: with four, the latest hundredth of
    the tokens of 32 to 256 streams that begin together comes two to three times as late. Where a
    turn is spent on requests of other connections, though, one newcomer a turn would wait for
    request after request of those who came first. There is one for every two requests then, which
    takes a third of the turn at most, however long a request takes.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._last = 0.0

    def note_request(self) -> None:
        """A client sent something."""
        self._asked += 1

    def __index__(self) -> int:
        now = time.monotonic()
        fresh = now - self._last < _STALE
        number = min(max(1, self._asked // 2), MOST) if fresh else 1
        self._asked, self._last = 0, now
        return number

    def __add__(self, more: int) -> int:
        """Later releases of Python accept one more than they are told; here they do not."""
        return self.__index__()
