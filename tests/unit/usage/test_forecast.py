"""What becomes of a window over time: resets, paces, forecasts."""

import pytest

from switchyard.usage.forecast import Track
from switchyard.usage.windows import Window

NOW = 1_764_331_200.0
RESET = 1_764_342_000


def window(used: float, at: float, resets: float | None = RESET) -> Window:
    return Window(name="5h", used=used, resets_at=resets, seen_at=at, source="test")


def track(*figures: Window) -> Track:
    course = Track(figures[0])
    for figure in figures:
        course.update(figure)
    return course


def test_jitter_of_a_reset_is_no_reset() -> None:
    course = track(*(window(0.1, NOW + i * 60, RESET + (-1) ** i * 1.5) for i in range(20)))
    assert course.resets == 0


def test_a_reset_begins_anew() -> None:
    course = track(window(0.9, NOW), window(0.01, RESET + 5, RESET + 18_000))
    assert course.resets == 1 and len(course.snapshots) == 1


def test_a_refund_is_no_reset() -> None:
    course = track(window(0.9, NOW), window(0.6, NOW + 120))
    assert course.resets == 0 and course.window.used == 0.6


def test_a_figure_of_a_response_that_began_earlier_changes_nothing() -> None:
    course = track(window(0.5, NOW + 60), window(0.4, NOW))
    assert course.window.used == 0.5


def test_the_forecast_of_a_steady_pace() -> None:
    """10% in ten minutes: what is left lasts as long as arithmetic says."""
    course = track(*(window(0.5 + i * 0.01, NOW + i * 60) for i in range(21)))
    forecast = course.forecast(NOW + 1200)
    assert forecast.kind == "empty" and forecast.sure
    assert forecast.empty_at == pytest.approx(NOW + 1200 + 30 * 60, rel=0, abs=180)
    slow = track(*(window(0.1 + i * 0.001, NOW + i * 60) for i in range(21)))
    assert slow.forecast(NOW + 1200).kind == "lasts"


def test_little_data_is_told_as_such() -> None:
    assert track(window(0.5, NOW)).forecast(NOW).kind == "unknown"
    assert not track(window(0.5, NOW), window(0.6, NOW + 60)).forecast(NOW + 60).sure
    assert track(window(1.0, NOW)).forecast(NOW).kind == "exhausted"
    assert track(window(0.5, NOW)).forecast(RESET + 1).kind == "unknown"


def test_old_figures_are_old() -> None:
    course = track(window(0.5, NOW))
    assert not course.is_old(NOW + 60)
    assert course.is_old(NOW + 3600) and course.is_old(RESET)
