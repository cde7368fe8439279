"""Keeps the sessions of browsers: a cookie stands for a key for twelve hours.

They lie in a file that all workers of this machine share. Of a cookie only its hash is kept.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from switchyard.management.private_database import open_private

LASTS = 12 * 3600.0
"""Seconds."""

MOST_SESSIONS = 1000

_TABLE = """
CREATE TABLE IF NOT EXISTS sessions (
  token TEXT PRIMARY KEY, holder TEXT NOT NULL, csrf TEXT NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session in force."""

    holder: str
    """What identifies the key that it stands for."""
    csrf: str
    """What writes have to send besides the cookie."""
    expires: float
    """Unix seconds."""


class BrowserSessions:
    """Begins, finds and ends sessions. Methods block on the file; each raises sqlite3.Error."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "sessions.sqlite"

    def begin(self, holder: str, now: float) -> tuple[str, BrowserSession]:
        """Returns the cookie's value and the new session."""
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        session = BrowserSession(holder, csrf, now + LASTS)
        with open_private(self._file, _TABLE) as db:
            db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
            db.execute(
                "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions"
                " ORDER BY expires DESC LIMIT -1 OFFSET ?)",
                (MOST_SESSIONS - 1,),
            )
            db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)",
                (session_name(token), holder, csrf, session.expires),
            )
        return token, session

    def find(self, token: str, now: float) -> BrowserSession | None:
        """Returns the session of a cookie; None if it is over or there is none."""
        if not self._file.exists():
            return None
        with open_private(self._file, _TABLE) as db:
            row = db.execute(
                "SELECT holder, csrf, expires FROM sessions WHERE token = ? AND expires > ?",
                (session_name(token), now),
            ).fetchone()
        return BrowserSession(*row) if row is not None else None

    def end(self, token: str) -> None:
        """Ends the session of a cookie, if there is one."""
        if self._file.exists():
            with open_private(self._file, _TABLE) as db:
                db.execute("DELETE FROM sessions WHERE token = ?", (session_name(token),))


def session_name(token: str) -> str:
    """Returns what names the session of a cookie, and gives no right to it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
