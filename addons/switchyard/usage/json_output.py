"""Writes reports as indented JSON, entry by entry: one of all sessions may be 100 MB."""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TextIO

import orjson

from switchyard.usage.cache_breaks import CacheBreak
from switchyard.usage.reports import Report
from switchyard.usage.reports import entry_members
from switchyard.usage.reports import total_members


def write_report(
    report: Report,
    more: Mapping[str, object],
    breaks: Sequence[CacheBreak] | None,
    out: TextIO,
) -> None:
    """Write a report, its total, and further members behind it.

    `breaks` are added to the sessions whose prompt caches they are of; None for other reports.
    """
    of_session: dict[str, dict[str, int]] = {}
    for one in breaks or ():
        of_session.setdefault(one.session, {})[one.verdict] = one.requests
    out.write(f'{{\n  "{report.kind}": [')
    separator = "\n    "
    for name, sums in report.entries:
        members = entry_members(report.kind, name, sums)
        if breaks is not None:
            members["cacheBreaks"] = of_session.get(name, {})
        out.write(separator + indented(members).replace("\n", "\n    "))
        separator = ",\n    "
    out.write("\n  ]" if report.entries else "]")
    for name, value in {"totals": total_members(report), **more}.items():
        out.write(f',\n  "{name}": ' + indented(value).replace("\n", "\n  "))
    out.write("\n}\n")


def indented(value: object) -> str:
    """Return indented JSON; the standard library takes six times as long."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:  # half a character, or a sum of more than 64 bits
        return json.dumps(value, indent=2)
