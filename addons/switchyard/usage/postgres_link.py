"""One connection to PostgreSQL, by SQLAlchemy Core and psycopg.

Imported only once a server is in use.
"""

import contextlib
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import psycopg  # noqa: F401 - its absence is told here, not by the first statement
from sqlalchemy import Connection
from sqlalchemy import NullPool
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import DataError
from sqlalchemy.exc import SQLAlchemyError

from switchyard.usage.postgres_statements import SCHEMA

CONNECT_WITHIN = 5
"""Seconds; also for a server that takes the connection and says nothing."""

_SETTINGS = {"idle_in_transaction_session_timeout": 30_000, "lock_timeout": 5_000}
"""Milliseconds. A writer that hangs must not hold up the others for ever."""

_VALUE = re.compile(r"(?<!:):(\w+)")


class LinkError(Exception):
    """The server is gone, refuses, or did not answer in time; the message holds no password."""


class PostgresLink:
    """A connection whose names are those of the schema `switchyard`. For one thread at a time."""

    def __init__(self, server: str, seconds: float) -> None:
        """Connect; each statement has `seconds` to finish. Raises LinkError."""
        try:
            url = make_url(server).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):
            raise LinkError("usage.server cannot be read as a URL") from None
        # A server that vanished is noticed within seconds, by either side.
        alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
        arguments = {"connect_timeout": CONNECT_WITHIN, "application_name": "switchyard", **alive}
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
        with _told():
            self._connection: Connection = engine.connect()
        settings = {**_SETTINGS, "statement_timeout": max(1, round(seconds * 1000))}
        with self.transaction():
            for name, value in settings.items():
                self.execute(f"SET {name} = {value}")
            self.execute(f"SET search_path = {SCHEMA}")

    def execute(
        self, sql: str, values: Mapping[str, object] | Sequence[Mapping[str, object]] = ()
    ) -> Any:
        """Run a statement, once or for each of several sets of values.

        Returns SQLAlchemy's `CursorResult`. Raises LinkError, and ValueError for a value that the
        server cannot hold. Values that the statement does not
        name are left out.
        """
        if isinstance(values, Mapping):
            values = {name: values[name] for name in _VALUE.findall(sql) if name in values}
        with _told():
            return self._connection.execute(text(sql), values or None)  # pyright: ignore[reportArgumentType]

    def try_to(self, sql: str, values: Mapping[str, object]) -> None:
        """Run a statement that may fail, outside of any transaction."""
        with contextlib.suppress(LinkError), self.transaction():
            self.execute(sql, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or undo everything. Raises LinkError."""
        with _told(), self._connection.begin():
            yield

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DataError as e:
        raise ValueError(_first_line(e)) from None
    except SQLAlchemyError as e:
        raise LinkError(_first_line(e)) from None


def _first_line(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
