"""The windows that are known, over many responses and a restart."""

from switchyard.usage import window_book
from switchyard.usage.window_book import WindowBook
from switchyard.usage.window_book import window_members
from switchyard.usage.windows import REFUSAL
from switchyard.usage.windows import Window

NOW = 1_764_331_200.0


def window(used: float, at: float, name: str = "5h") -> Window:
    return Window(name=name, used=used, resets_at=NOW + 3600, seen_at=at, source="test")


def test_a_window_is_kept_once_a_minute_while_it_moves() -> None:
    book = WindowBook()
    assert len(book.note("k", [window(0.1, NOW), window(0.1, NOW, "7d")])) == 2
    assert book.note("k", [window(0.2, NOW + 30)]) == []
    assert book.note("k", [window(0.1, NOW + 70)]) == []
    assert len(book.note("k", [window(0.2, NOW + 80)])) == 1
    track = book.track("k", "5h")
    assert track is not None and track.window.used == 0.2
    assert book.track("other", "5h") is None


def test_a_restart() -> None:
    book, again = WindowBook(), WindowBook()
    kept = book.note("k", [window(0.1, NOW)]) + book.note("k", [window(0.3, NOW + 600)])
    again.restore(kept)
    (one,) = again.tracks()
    assert one[0] == "k" and len(one[1].snapshots) == 2
    assert window_members(*one, NOW + 600)["used"] == 0.3


def test_a_refusal_is_shown_until_its_time_is_over() -> None:
    book = WindowBook()
    refusal = Window(name="limit:glm", used=1.0, resets_at=NOW + 30, seen_at=NOW, source=REFUSAL)
    book.note("k", [refusal, window(0.1, NOW)])
    assert [track.window.name for _, track in book.shown(NOW + 29)] == ["5h", "limit:glm"]
    # A window that began anew is one still.
    assert [track.window.name for _, track in book.shown(NOW + 7200)] == ["5h"]


def test_there_are_not_too_many(monkeypatch) -> None:
    monkeypatch.setattr(window_book, "_MOST", 3)
    book = WindowBook()
    for number in range(5):
        book.note(f"k{number}", [window(0.1, NOW)])
    assert [owner for owner, _ in book.tracks()] == ["k2", "k3", "k4"]


def test_figures_that_were_not_kept_are_told_of() -> None:
    book, first = WindowBook(), window(0.1, NOW)
    book.note("k", [first])
    assert list(book.unkept("k", [first])) == []
    moved, same, late = window(0.3, NOW + 20), window(0.1, NOW + 30), window(0.2, NOW + 10)
    for one, waits in ((moved, [60.0]), (same, [300.0]), (late, [])):
        assert book.note("k", [one]) == []
        assert [seconds for _, seconds in book.unkept("k", [one])] == waits
    kept = window(0.4, NOW + 61)
    assert len(book.note("k", [kept])) == 1 and list(book.unkept("k", [kept])) == []
