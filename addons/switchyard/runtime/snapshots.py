"""Gives addons the snapshot in force."""

from switchyard.runtime.snapshot import Snapshot


class Snapshots:
    """Holds the snapshot in force.

    Code that needs several tables of one snapshot reads `current` once.
    """

    __slots__ = ("current",)

    current: Snapshot
    """The one in force; no such attribute before the first."""

    def __init__(self, first: Snapshot | None = None) -> None:
        if first is not None:
            self.current = first

    @property
    def latest(self) -> Snapshot | None:
        """The snapshot in force; None before the first."""
        return getattr(self, "current", None)
