"""Remembers which target has the prompt cache of each session, and until when.

Prompt caches are kept by each provider, for each account: after a failover a session's cache is
with the target that served it last. Going back to the first member at once would write the whole
prompt there anew.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from switchyard.policy.route import Route
from switchyard.policy.route import TargetKey

MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class WarmPlace:
    """The target and key that served a session last."""

    member: str
    """Id of the route's member."""
    key: TargetKey
    until: float
    """When its cache expires, in monotonic seconds."""


class WarmSessions:
    """The place of each session's cache, by route. Not thread-safe.

    Bounded by number; the least recently used goes first.
    """

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._places: OrderedDict[tuple[str, str], WarmPlace] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def of(self, route: Route, session: str, begins: bool = False) -> "WarmSession":
        """Return the view of one request on the place of its session's cache.

        `begins`: the request begins its session and asks for no place, but may leave one.
        """
        return WarmSession(self, (route.id, session), route.returns == "never", begins)

    def find(self, session: tuple[str, str], now: float) -> WarmPlace | None:
        """Return the place of a session's cache; None if there is none, or it has expired."""
        place = self._places.get(session)
        if place is None:
            return None
        if place.until <= now:
            del self._places[session]
            return None
        return place

    def note(self, session: tuple[str, str], place: WarmPlace) -> None:
        """Remember where a session's cache is, in place of what was known."""
        self._places[session] = place
        self._places.move_to_end(session)
        while len(self._places) > self._most:
            self._places.popitem(last=False)


class WarmSession:
    """The place of one session's cache on one route, as one request sees it."""

    __slots__ = ("_all", "_begins", "_session", "for_good")

    def __init__(
        self, all: WarmSessions, session: tuple[str, str], for_good: bool, begins: bool
    ) -> None:
        self._all = all
        self._session = session
        self.for_good = for_good
        """Whether the session stays until the member fails, whatever its cache."""
        self._begins = begins

    def place(self, now: float) -> WarmPlace | None:
        """Return where the session's cache is; None if nowhere any more."""
        return None if self._begins else self._all.find(self._session, now)

    def note(self, member: str, key: TargetKey, until: float) -> None:
        """Remember that a target serves the session; on a route that never returns, for good."""
        until = math.inf if self.for_good else until
        self._all.note(self._session, WarmPlace(member, key, until))
