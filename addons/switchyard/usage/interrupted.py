"""Makes the records of requests that ran when their router stopped, from their rows."""

from dataclasses import replace

from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens


def interrupted_record(row: dict[str, object]) -> RequestRecord:
    """Return the record of a row of `running`, given by the names of its columns."""
    tokens = Tokens(**{name: row.pop(name) for name in TOKEN_CLASSES})  # pyright: ignore[reportArgumentType]
    row.pop("writer")
    dropped = str(row.pop("dropped") or "")
    identity = row.pop("id")
    assert isinstance(identity, bytes)
    record = RequestRecord(
        id=identity,
        tokens=tokens,
        dropped=tuple(filter(None, dropped.split(","))),
        **row,  # pyright: ignore[reportArgumentType]
    )
    return replace(record, state="interrupted", streamed=bool(record.streamed))
