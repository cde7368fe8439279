"""The status line: one line of what answered, what it cost, and what is left."""

import pytest

from switchyard.usage.forecast import Track
from switchyard.usage.records import NANO
from switchyard.usage.reports import Sums
from switchyard.usage.statusline import Facts
from switchyard.usage.statusline import countdown
from switchyard.usage.statusline import status_line
from switchyard.usage.statusline import tracks_in_use
from switchyard.usage.windows import Window

NOW = 1_764_331_200.0


def sums(**counts: int) -> Sums:
    found = Sums()
    found.sums.update(counts)
    return found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "now"), (59, "now"), (60, "1m"), (7500, "2h 5m"), (90_000, "1d 1h")],
)
def test_countdown(seconds: float, text: str) -> None:
    assert countdown(seconds) == text


def test_a_model_that_answers_in_anothers_place() -> None:
    facts = Facts(asked="claude-opus-4-6", provider="glm", model="glm-4.7")
    assert status_line(facts, NOW) == "glm/glm-4.7 (for claude-opus-4-6)"
    same = Facts(asked="claude-opus-4-6", provider="anthropic", model="claude-opus-4-6")
    assert status_line(same, NOW) == "anthropic/claude-opus-4-6"


def test_costs_that_are_not_known_are_marked() -> None:
    facts = Facts(session=sums(cost=2 * NANO, unpriced=1), today=sums(covered=3 * NANO))
    assert status_line(facts, NOW) == "session $2.00+? | today $0.00 + plan $3.00"
    facts = Facts(session=sums(uncovered=1), today=sums(covered=3 * NANO, uncovered=1))
    assert status_line(facts, NOW) == "session $0.00 + plan ? | today $0.00 + plan $3.00+?"


def test_a_window_that_is_over_shows_no_share() -> None:
    window = Window(name="5h", used=0.4, resets_at=NOW - 1, seen_at=NOW - 60, source="test")
    assert status_line(Facts(windows=(Track(window),)), NOW) == "5h ?"


def test_an_old_figure_is_marked() -> None:
    window = Window(name="7d", used=0.4, resets_at=NOW + 86_400, seen_at=NOW - 3600, source="test")
    assert status_line(Facts(windows=(Track(window),)), NOW) == "7d 40% resets 1d 0h (old)"


def owned(owner: str, used: float, seen_at: float = NOW, name: str = "5h") -> tuple[str, Track]:
    window = Window(name=name, used=used, resets_at=NOW + 60, seen_at=seen_at, source="test")
    return owner, Track(window)


KEYS = [owned("claude#0", 0.1), owned("claude#1", 0.2), owned("codex#0", 0.9)]
LOGINS = [
    owned("passthrough:api.anthropic.com login aa", 0.3, NOW - 60),
    owned("passthrough:api.anthropic.com login bb", 0.4),
    owned("passthrough:chatgpt.com login cc", 0.5),
]


@pytest.mark.parametrize(
    ("tracks", "provider", "credential", "used"),
    [
        (KEYS, "claude", "claude#1", [0.2]),
        (KEYS, "local", "local#0", []),
        (KEYS, None, None, []),
        (LOGINS, "passthrough:api.anthropic.com", "passthrough:api.anthropic.com", [0.4]),
        (LOGINS, "passthrough:chatgpt.com", "passthrough:chatgpt.com", [0.5]),
        (LOGINS[:1], None, None, [0.3]),
        ([*LOGINS[:1], owned("openai#0", 0.6, name="requests:gpt-5")], "local", None, [0.3]),
    ],
)
def test_windows_are_those_of_who_answered(
    tracks: list[tuple[str, Track]],
    provider: str | None,
    credential: str | None,
    used: list[float],
) -> None:
    found = tracks_in_use(tracks, provider, credential)
    assert [track.window.used for track in found] == used
