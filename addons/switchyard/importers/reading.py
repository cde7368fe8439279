"""Reads the files of other routers: JSON with comments, YAML, SQLite. Never writes to them."""

import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from switchyard.values.files import read_regular

_SQLITE = b"SQLite format 3\0"
_MOST_ROWS = 10_000
"""Rows that are read of one table; tables of settings have far fewer."""
_STRING_OR_COMMENT = re.compile(
    r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.DOTALL
)
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


class UnreadableSource(ValueError):
    """A file cannot be read as any configuration; the text has none of its content."""


def read_source(path: Path) -> Mapping[str, object]:
    """Returns what a file holds: its members, or the rows of its tables by the tables' names.

    Raises UnreadableSource.
    """
    try:
        content = read_regular(path)
    except OSError as error:
        raise UnreadableSource(f"cannot be read: {error.strerror or error}") from None
    if content.startswith(_SQLITE):
        return _read_tables(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableSource("is neither text nor an SQLite database") from None
    data = read_text(text)
    if not isinstance(data, dict):
        raise UnreadableSource("is no mapping of names to values")
    return data


def read_text(text: str) -> object:
    """Returns the value of a text in JSON, JSON with comments and commas at ends, or YAML.

    Raises UnreadableSource.
    """
    if text.lstrip().startswith(("{", "[", "//", "/*")):
        try:
            return json.loads(text)
        except ValueError:
            text = _TRAILING_COMMA.sub(r"\1", _STRING_OR_COMMENT.sub(_without_comment, text))
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        raise UnreadableSource("is neither JSON nor YAML") from None


def _without_comment(match: re.Match[str]) -> str:
    return " " if match[0].startswith("/") else match[0]


def _read_tables(path: Path) -> dict[str, object]:
    """Reads a database, with what stands in its write-ahead log.

    SQLite may have to create files beside a database to read it, so a copy is read.
    """
    with tempfile.TemporaryDirectory(prefix="switchyard-import-") as folder:
        copy = Path(folder, "source.sqlite")
        for end in ("", "-wal"):
            original = path.with_name(path.name + end)
            if original.is_file():
                shutil.copyfile(original, copy.with_name(copy.name + end))
        try:
            connection = sqlite3.connect(copy)
            try:
                return _tables_of(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise UnreadableSource(f"is no SQLite database that can be read: {error}") from None


def _tables_of(connection: sqlite3.Connection) -> dict[str, object]:
    connection.row_factory = sqlite3.Row
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    tables: dict[str, object] = {}
    for (name,) in names:
        quoted = '"' + name.replace('"', '""') + '"'
        rows = connection.execute(f"SELECT * FROM {quoted} LIMIT {_MOST_ROWS}")
        tables[name] = [{key: _value(row[key]) for key in row.keys()} for row in rows]
    return tables


def _value(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
