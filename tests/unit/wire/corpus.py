"""Recorded traffic, where it exists.

The records belong to their projects and are not part of this repository. `SWITCHYARD_WIRE` names
the folder that holds them (`<format>.jsonl`, one exchange a line); the default is a folder
`shared/wire` beside the checkout. Without it the corpus tests are skipped, and say so.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from switchyard.wire.formats.gemini.paths import read_path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("SWITCHYARD_WIRE") or ROOT.parent / "shared" / "wire")

needs_corpus = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recorded traffic: set SWITCHYARD_WIRE (looked in {FOLDER})"
)


@dataclass(frozen=True)
class Record:
    """One recorded exchange; see the fields' meaning in the records' own README."""

    id: str
    format: str
    path: str | None
    stream: bool
    request: dict[str, Any] | None
    status: int
    response: Any
    sse: str | None
    features: tuple[str, ...]


@cache
def records(format: str) -> tuple[Record, ...]:
    """Every record of a format; none where the folder is missing."""
    path = FOLDER / f"{format}.jsonl"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8") as lines:
        return tuple(_record(json.loads(line)) for line in lines)


def _record(row: dict[str, Any]) -> Record:
    return Record(
        id=row["id"],
        format=row["format"],
        path=row["path"],
        stream=bool(row["stream"]),
        request=_taken_in(row),
        status=row["status"],
        response=row["response"],
        sse=row["sse"],
        features=tuple(row["features"]),
    )


def _taken_in(row: dict[str, Any]) -> dict[str, Any] | None:
    """The request as the router takes it in: Gemini's model and stream wish are in the path."""
    request = row["request"]
    if row["format"] != "gemini" or not isinstance(request, dict):
        return request
    called = read_path(row["path"] or "")
    return {"model": called.model if called else "unknown", "stream": row["stream"], **request}


def requests(format: str) -> list[Record]:
    """Records whose request was kept and accepted."""
    return [r for r in records(format) if isinstance(r.request, dict) and r.status < 400]


def replies(format: str) -> list[Record]:
    """Records that hold a whole successful answer."""
    return [
        r
        for r in records(format)
        if r.status < 400 and isinstance(r.response, dict) and not r.response.get("error")
    ]


def streams(format: str) -> list[Record]:
    """Records that hold a successful stream."""
    return [r for r in records(format) if r.status < 400 and r.sse]
