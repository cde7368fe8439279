"""Values of rows as the PostgreSQL store sends them: by the names of columns, names as numbers."""

from collections.abc import Iterable
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING
from typing import Any

from switchyard.usage import postgres_statements as sql
from switchyard.usage import schema
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.schema import Column
from switchyard.usage.totals import Total
from switchyard.usage.totals import bucket_of
from switchyard.usage.totals import month_of_day
from switchyard.usage.windows import WindowSnapshot

if TYPE_CHECKING:
    from switchyard.usage.postgres_link import PostgresLink

_MOST_NAMES = 20_000
"""Names whose numbers a writer remembers."""
_LONGEST = 500
"""Characters of a name; an index takes no texts of any length."""

_OWN = ("id", "request", "dropped", "writer", "streamed")
"""Columns whose values are no attributes of that name."""


def _plain(columns: Sequence[Column]) -> list[str]:
    return [
        one.name
        for one in columns
        if one.kind != "name" and one.name not in (*TOKEN_CLASSES, *_OWN)
    ]


def _named(columns: Sequence[Column]) -> list[str]:
    return [one.name for one in columns if one.kind == "name" and one.name not in _OWN]


class _Fields:
    """Takes the values of a table's columns from an object."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.plain, self.named = _plain(columns), _named(columns)
        self.values_of = attrgetter(*self.plain)
        self.names_of = attrgetter(*self.named)


_REQUEST = _Fields(schema.REQUESTS)
_ATTEMPT = _Fields(schema.ATTEMPTS)


def month_of(moment: float) -> int:
    """Return the number of the calendar month (UTC) of a moment (Unix seconds)."""
    return month_of_day(bucket_of(moment, "daily"))


class PostgresRows:
    """Makes the values of rows, and fills the table `names`."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._numbers: dict[str | None, int] = {None: 0}
        """Numbers of names; 0 stands for none."""

    def forget(self) -> None:
        """Forget the numbers: a transaction was undone."""
        self._numbers = {None: 0}

    def learn(self, link: "PostgresLink", records: Iterable[RequestRecord]) -> None:
        """Have numbers for all names of some records."""
        texts: set[str | None] = {self._writer}
        for record in records:
            texts.update(_REQUEST.names_of(record))
            texts.add(_dropped(record))
            for one in record.tries:
                texts.update(_ATTEMPT.names_of(one))
        self._learn(link, texts)

    def learn_windows(self, link: "PostgresLink", snapshots: Iterable[WindowSnapshot]) -> None:
        """Have numbers for all names of some snapshots of windows."""
        texts: set[str | None] = set()
        for one in snapshots:
            texts |= {one.owner, one.window.name, one.window.status, one.window.source}
        self._learn(link, texts)

    def request(self, record: RequestRecord) -> dict[str, Any]:
        return {
            "month": month_of(record.started),
            "id": record.id.hex(),
            **dict(zip(_REQUEST.plain, _REQUEST.values_of(record), strict=True)),
            **record.tokens._asdict(),
            **self._named(_REQUEST, record),
            "streamed": int(record.streamed),
            "dropped": self._numbers[_dropped(record)],
            "writer": self._numbers[self._writer],
        }

    def attempts(self, record: RequestRecord) -> list[dict[str, Any]]:
        month, id = month_of(record.started), record.id.hex()
        return [
            {
                "month": month,
                "request": id,
                **dict(zip(_ATTEMPT.plain, _ATTEMPT.values_of(one), strict=True)),
                **one.tokens._asdict(),
                **self._named(_ATTEMPT, one),
            }
            for one in record.tries
        ]

    def total(
        self, columns: Sequence[Column], key: tuple[str | int | None, ...], total: Total
    ) -> dict[str, Any]:
        keys = {
            column.name: self._numbers[value] if column.kind == "name" else value  # pyright: ignore[reportArgumentType]
            for column, value in zip(columns, key, strict=False)
        }
        return {**keys, **total.sums, "first": total.first, "last": total.last}

    def window(self, snapshot: WindowSnapshot) -> dict[str, Any]:
        window, numbers = snapshot.window, self._numbers
        return {
            "owner": numbers[snapshot.owner],
            "window": numbers[window.name],
            "seen_at": window.seen_at,
            "used": window.used,
            "resets_at": window.resets_at,
            "max": window.limit,
            "remaining": window.remaining,
            "status": numbers[window.status],
            "source": numbers[window.source],
        }

    def _named(self, fields: _Fields, one: object) -> dict[str, int]:
        numbers = [self._numbers[text] for text in fields.names_of(one)]
        return dict(zip(fields.named, numbers, strict=True))

    def _learn(self, link: "PostgresLink", texts: set[str | None]) -> None:
        unknown = texts - self._numbers.keys()
        if not unknown:
            return
        if len(self._numbers) + len(unknown) > _MOST_NAMES:
            self.forget()
            unknown = texts - {None}
        written = {text: _writable(text) for text in unknown if text is not None}
        values = {"texts": sorted(set(written.values()))}
        link.execute(sql.ADD_NAMES, values)
        found = {text: number for text, number in link.execute(sql.FIND_NAMES, values)}
        self._numbers |= {text: found[name] for text, name in written.items()}


def _dropped(record: RequestRecord) -> str | None:
    return ",".join(record.dropped) or None


def _writable(text: str) -> str:
    """A text as PostgreSQL takes it: of bounded length, without NUL and lone surrogates."""
    return text[:_LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
