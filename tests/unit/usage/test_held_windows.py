"""Figures of windows that wait to be kept."""

from switchyard.usage.held_windows import HeldWindows
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot


def figure(used: float, name: str = "5h", owner: str = "k") -> WindowSnapshot:
    window = Window(name=name, used=used, resets_at=None, seen_at=used, source="test")
    return WindowSnapshot(owner, window)


def test_a_later_figure_takes_the_place_and_the_time_of_one_that_waits() -> None:
    held = HeldWindows()
    held.hold(figure(0.1), 0.0)
    held.hold(figure(0.2), 600.0)
    held.hold(figure(0.3, "7d"), 600.0)
    held.hold(figure(0.4, owner="other"), 600.0)
    assert held.take() == [figure(0.2)]
    assert held.take() == []
    assert held.take(every=True) == [figure(0.3, "7d"), figure(0.4, owner="other")]


def test_what_a_later_figure_was_kept_of_waits_no_more() -> None:
    held = HeldWindows()
    held.hold(figure(0.1), 0.0)
    held.drop(figure(0.2))
    assert held.take(every=True) == []
