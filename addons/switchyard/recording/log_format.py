"""Writes records of the log for a terminal, for a file or pipe, or as JSON lines.

A record may have `facts`: plain data about a call. JSON has them as they are; a terminal shows
those of a call in columns.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Literal

from mitmproxy import ctx
from mitmproxy import log
from mitmproxy.contrib import click as colours

type LogFormat = Literal["text", "json"]

LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")

_WIDE = 120
"""Columns from which a line has room for a whole id."""
_SHORT_ID = 12
_COLOURS = {"ok": "green", "retried": "yellow", "failed": "red", "cut": "red", "left": "white"}


class TextFormatter(log.MitmFormatter):
    """As mitmproxy writes records; on a terminal, calls in columns."""

    def __init__(self, colorize: bool, columns: bool = False) -> None:
        super().__init__(colorize)
        self._columns = columns

    def format(self, record: logging.LogRecord) -> str:
        facts = facts_of(record) if self._columns else None
        if facts is None or facts.get("event") != "call":
            return super().format(record)
        line = call_line(facts, shutil.get_terminal_size().columns, self._painted)
        return self.without_client % (self.formatTime(record), line)

    def _painted(self, text: str, colour: str) -> str:
        return colours.style(text, fg=colour) if self.colorize else text


class JsonFormatter(logging.Formatter):
    """One JSON object a record: `time` (RFC 3339, UTC), `level`, `logger`, `message`, facts."""

    def __init__(self, colorize: bool = False) -> None:
        """Create the formatter; `colorize` is what mitmproxy asks its own for."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        return json.dumps({**told, **(facts_of(record) or {})}, default=str)


def facts_of(record: logging.LogRecord) -> Mapping[str, Any] | None:
    """Return what a record has as data, without keys; None where it is text alone."""
    safe = getattr(record, "safe_facts", None)
    return safe() if safe is not None else getattr(record, "facts", None)


def call_line(facts: Mapping[str, Any], width: int, painted: Any = None) -> str:
    """Return a call as columns: outcome, seconds, model, route, what it took, the request's id.

    The id is cut to its end, which no other has, on a terminal of less than 120 columns.
    """
    outcome, model = str(facts["outcome"]), str(facts["model"])
    tokens = facts.get("tokens") or {}
    rest = [" -> ".join(facts["route"])]
    if facts.get("reason"):
        rest[0] += f": {facts['reason']}"
    if tokens:
        rest.append(f"{tokens.get('input') or 0:,} in, {tokens.get('output') or 0:,} out")
    id = str(facts["id"])
    rest.append(id if width >= _WIDE else f"…{id[-_SHORT_ID:]}")
    shown = f"{outcome:<7}"
    if painted is not None:
        shown = painted(shown, _COLOURS.get(outcome, "white"))
    return f"{shown} {facts['seconds']:>6.1f} s  {model:<{_model_width(width)}}  {'  '.join(rest)}"


def _model_width(width: int) -> int:
    return 28 if width >= _WIDE else 16


def use_format(wanted: LogFormat) -> None:
    """Have mitmproxy's terminal log write so from now on."""
    termlog = ctx.master.addons.get("termlog")
    if termlog is None:
        return
    handler = termlog.logger
    if wanted == "json":
        handler.setFormatter(JsonFormatter())
        return
    terminal = bool(handler.has_vt_codes)
    handler.setFormatter(TextFormatter(terminal and not os.environ.get("NO_COLOR"), terminal))


class _Colourless(log.MitmFormatter):
    def __init__(self, colorize: bool) -> None:
        super().__init__(False)


def use_from_the_start(wanted: LogFormat) -> None:
    """Have the log that mitmproxy is about to make write so, before any option is read."""
    if wanted == "json":
        log.MitmFormatter = JsonFormatter  # type: ignore[misc, assignment]
    elif os.environ.get("NO_COLOR"):
        log.MitmFormatter = _Colourless  # type: ignore[misc]
