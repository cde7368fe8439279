"""Files of other routers are read in the forms they are written in."""

import sqlite3
from pathlib import Path

import pytest

from switchyard.importers.reading import UnreadableSource
from switchyard.importers.reading import read_source
from switchyard.importers.reading import read_text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": ["b//c", 1]}',
        '{"a": ["b//c", 1,],} // end',
        "/* begin */ {'a': ['b//c', 1]}",
        '{a: ["b//c",\n // between\n 1]}',
        'a:\n  - "b//c"\n  - 1\n',
    ],
)
def test_forms(text: str) -> None:
    assert read_text(text) == {"a": ["b//c", 1]}


def test_commas_within_texts_stay() -> None:
    assert read_text('{"a": ",]", "b": "\\",}",}') == {"a": ",]", "b": '",}'}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{: :", b"[1, 2]", b"just words"])
def test_what_is_no_configuration(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(UnreadableSource):
        read_source(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="cannot be read"):
        read_source(tmp_path / "gone")


def test_a_database_with_its_log(tmp_path: Path) -> None:
    """What another process has written and not yet moved from the log is read as well."""
    file = tmp_path / "data.sqlite"
    writer = sqlite3.connect(file)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute('CREATE TABLE "odd ""name" (a TEXT, b BLOB)')
        writer.execute('INSERT INTO "odd ""name" VALUES (?, ?)', ("x", b"\x01"))
        writer.commit()
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert f"{file.name}-wal" in before
        assert read_source(file) == {'odd "name': [{"a": "x", "b": "01"}]}
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    finally:
        writer.close()


def test_a_broken_database(tmp_path: Path) -> None:
    file = tmp_path / "data.sqlite"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 200)
    with pytest.raises(UnreadableSource):
        read_source(file)
