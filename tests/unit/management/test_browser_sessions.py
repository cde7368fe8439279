"""Sessions of browsers lie in a file that holds no cookie."""

from pathlib import Path

import pytest

from switchyard.management import browser_sessions
from switchyard.management.browser_sessions import LASTS
from switchyard.management.browser_sessions import BrowserSessions

NOW = 1_800_000_000.0
MOST = 5


def test_a_session_from_begin_to_end(tmp_path: Path) -> None:
    sessions = BrowserSessions(tmp_path / "new")
    token, begun = sessions.begin("management:1", NOW)
    assert BrowserSessions(tmp_path / "new").find(token, NOW) == begun
    assert begun.expires == NOW + LASTS
    sessions.end(token)
    assert sessions.find(token, NOW) is None


def test_it_lasts_for_twelve_hours(tmp_path: Path) -> None:
    sessions = BrowserSessions(tmp_path)
    token, _ = sessions.begin("page", NOW)
    assert sessions.find(token, NOW + LASTS - 1) is not None
    assert sessions.find(token, NOW + LASTS) is None


def test_a_guess_finds_nothing(tmp_path: Path) -> None:
    sessions = BrowserSessions(tmp_path)
    assert sessions.find("guess", NOW) is None
    token, begun = sessions.begin("page", NOW)
    assert sessions.find(f"{token}x", NOW) is None
    assert sessions.find("\udcff' OR 1=1 --", NOW) is None
    sessions.end("guess")
    assert sessions.find(token, NOW) == begun


def test_the_file_is_private_and_has_no_cookie(tmp_path: Path) -> None:
    token, _ = BrowserSessions(tmp_path).begin("page", NOW)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert token.encode() not in file.read_bytes()


def test_they_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_sessions, "MOST_SESSIONS", MOST)
    sessions = BrowserSessions(tmp_path)
    tokens = [sessions.begin("page", NOW + at)[0] for at in range(MOST + 3)]
    alive = [token for token in tokens if sessions.find(token, NOW + MOST)]
    assert len(alive) == MOST
    assert alive[-1] == tokens[-1]
