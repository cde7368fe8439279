"""The last figures of windows of which no snapshot was kept, until their time has come."""

import time

from switchyard.usage.windows import WindowSnapshot


class HeldWindows:
    """Figures that wait for a later one to take their place, for so long at most.

    One thread may add to them while another takes those that are due.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[float, WindowSnapshot]] = {}
        """By owner and name of the window; until when (monotonic)."""

    def hold(self, snapshot: WindowSnapshot, seconds: float) -> None:
        """Let a figure wait; one that waits already gives it its time."""
        key = snapshot.owner, snapshot.window.name
        held, until = self._held.get(key), time.monotonic() + seconds
        self._held[key] = (until if held is None else min(held[0], until)), snapshot

    def drop(self, snapshot: WindowSnapshot) -> None:
        """Forget a window's figure: a later one is kept."""
        self._held.pop((snapshot.owner, snapshot.window.name), None)

    def take(self, *, every: bool = False) -> list[WindowSnapshot]:
        """Take out what is due, or every figure."""
        now = time.monotonic()
        due = [key for key, (until, _) in self._held.copy().items() if every or now >= until]
        return [held[1] for key in due if (held := self._held.pop(key, None)) is not None]
