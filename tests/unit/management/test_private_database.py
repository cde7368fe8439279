"""Small databases of the router's user alone."""

import sqlite3
from pathlib import Path

import pytest

from switchyard.management.private_database import open_private

TABLE = "CREATE TABLE IF NOT EXISTS notes (text TEXT)"


def test_a_new_one_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "notes.sqlite"
    with open_private(file, TABLE) as db:
        db.execute("INSERT INTO notes VALUES ('a')")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    with open_private(file, TABLE) as db:
        assert db.execute("SELECT text FROM notes").fetchall() == [("a",)]


def test_a_failure_leaves_nothing_half_written(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    with pytest.raises(sqlite3.Error), open_private(file, TABLE) as db:
        db.execute("INSERT INTO notes VALUES ('a')")
        db.execute("INSERT INTO nothing VALUES (1)")
    with open_private(file, TABLE) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (0,)
