"""Windows as a table for terminals."""

import pytest

from switchyard.usage.forecast import Track
from switchyard.usage.quota_table import quota_table
from switchyard.usage.windows import Window

NOW = 1_764_331_200.0
OWNER = "passthrough:api.anthropic.com login 0123456789"


def tracks() -> list[tuple[str, Track]]:
    fresh = Window(name="5h", used=0.4, resets_at=NOW + 7200, seen_at=NOW, source="test")
    old = Window(name="7d:opus", used=0.9, resets_at=NOW + 90_000, seen_at=NOW - 3600, source="t")
    over = Window(name="7d", used=0.9, resets_at=NOW - 1, seen_at=NOW - 60, source="test")
    left = Window(name="credits", remaining=12, seen_at=NOW, source="test")
    return [(owner, Track(one)) for owner in (OWNER, "a#0") for one in (fresh, old, over, left)]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_windows_are_told_apart_in_any_terminal(width: int) -> None:
    _, _, *lines = quota_table(tracks(), NOW, width).splitlines()
    assert max(map(len, lines)) <= width
    names = [line[: line.index("  ")] for line in lines]
    assert len({*names}) == len(lines) == 8
    assert all("0123456789"[-4:] in name for name in names[:4])
    assert names[1].endswith(" 7d:opus") and "(old)" in lines[1] and "(old)" not in lines[0]


def test_what_windows_say() -> None:
    title, _, fresh, old, over, left, *_ = quota_table(tracks(), NOW, 120).splitlines()
    assert title.split() == ["Window", "Used", "Resets", "in", "Empty", "Seen", "ago"]
    assert fresh.split()[-5:] == ["40%", "2h", "0m", "unknown", "now"]
    assert old.split()[-7:] == ["90%", "1d", "1h", "unknown", "1h", "0m", "(old)"]
    assert over.split()[-5:] == ["?", "over", "unknown", "1m", "(old)"]
    assert "12 left" in left
