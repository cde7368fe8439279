"""The windows that responses reported, by who has them, and how they move."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.usage.forecast import Track
from switchyard.usage.windows import REFUSAL
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot

_MOST = 2000
"""Windows remembered at most; the one that was seen first goes first."""


_NONE: dict[str, Track] = {}


class WindowBook:
    """The courses of windows in memory. Not for several threads."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str], Track] = {}
        self._owners: dict[str, dict[str, Track]] = {}
        """The same by owner, and by the name of the window."""

    def restore(self, snapshots: Iterable[WindowSnapshot]) -> None:
        """Take in snapshots of an earlier run, oldest first."""
        for snapshot in snapshots:
            self._update(snapshot.owner, snapshot.window)

    def note(self, owner: str, windows: Sequence[Window]) -> list[WindowSnapshot]:
        """Take in what a response reported; return the snapshots that are worth keeping."""
        return [WindowSnapshot(owner, one) for one in windows if self._update(owner, one)]

    def unkept(
        self, owner: str, windows: Sequence[Window]
    ) -> Iterator[tuple[WindowSnapshot, float]]:
        """Yield the figures in force of which no snapshot was kept, and the seconds they may wait.

        Without them files would never learn where a window stopped, nor that it was seen since.
        """
        for window in windows:
            track = self._tracks.get((owner, window.name))
            if track is not None and track.window is window and not track.is_kept:
                yield WindowSnapshot(owner, window), track.kept_within

    def track(self, owner: str, name: str) -> Track | None:
        """Return the course of one window; None where it was never reported."""
        return self._tracks.get((owner, name))

    def of(self, owner: str) -> list[Window]:
        """Return the last figures of an owner's windows."""
        return [track.window for track in self._owners.get(owner, _NONE).values()]

    def tracks(self) -> list[tuple[str, Track]]:
        """Return all courses with their owners, in the owners' order."""
        return [(owner, track) for (owner, _), track in sorted(self._tracks.items())]

    def shown(self, now: float) -> list[tuple[str, Track]]:
        """Return the courses that tell something at a moment, in the owners' order.

        The time that a refusal named is a window of its own; once it is over, it tells nothing.
        """
        return [
            (owner, track)
            for owner, track in self.tracks()
            if not (track.window.source == REFUSAL and track.is_over(now))
        ]

    def _update(self, owner: str, window: Window) -> bool:
        key = owner, window.name
        if (track := self._tracks.get(key)) is None:
            if len(self._tracks) >= _MOST:
                self._forget(next(iter(self._tracks)))
            track = self._tracks[key] = Track(window)
            self._owners.setdefault(owner, {})[window.name] = track
        return track.update(window)

    def _forget(self, key: tuple[str, str]) -> None:
        owner, name = key
        del self._tracks[key]
        tracks = self._owners[owner]
        del tracks[name]
        if not tracks:
            del self._owners[owner]


def window_members(owner: str, track: Track, now: float) -> dict[str, object]:
    """A window as JSON shows it; moments in Unix seconds."""
    window, forecast = track.window, track.forecast(now)
    return {
        "owner": owner,
        "window": window.name,
        "used": window.used,
        "limit": window.limit,
        "remaining": window.remaining,
        "resetsAt": window.resets_at,
        "status": window.status,
        "seenAt": window.seen_at,
        "old": track.is_old(now),
        "forecast": forecast.kind,
        "emptyAt": forecast.empty_at,
        "sure": forecast.sure,
    }
