"""Reads the members of a foreign configuration, and keeps account of each.

An importer takes the members that it maps and leaves out, with a reason, those that it does not.
What it did neither with is reported as unknown, so that no member is lost without a line.
"""

import math
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

UNKNOWN = "is not known to this importer"

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One thing that the new file does not have as the source had it."""

    path: str
    """Where it stands in the source, as `Providers[0].transformer`."""
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


_INDEX = re.compile(r"\[\d+\]")


def collapsed(lines: Sequence[ReportLine]) -> list[str]:
    """Returns lines as texts; those that differ by positions in lists alone are one line."""
    groups: dict[tuple[str, str], list[ReportLine]] = {}
    for line in lines:
        groups.setdefault((_INDEX.sub("[*]", line.path), line.why), []).append(line)
    return [
        str(group[0]) if len(group) == 1 else f"{path}: {why} ({len(group)} times)"
        for (path, why), group in groups.items()
    ]


@dataclass(slots=True)
class ImportReport:
    """What an import left out, and what works otherwise than in the source."""

    left_out: list[ReportLine] = field(default_factory=list)
    notes: list[ReportLine] = field(default_factory=list)

    def leave(self, path: str, why: str) -> None:
        self.left_out.append(ReportLine(path, why))

    def note(self, path: str, why: str) -> None:
        self.notes.append(ReportLine(path, why))


class SourceMembers:
    """The members of one object. Those that hold objects are read with `record` and `records`."""

    def __init__(self, data: Mapping[str, object], report: ImportReport, path: str = "") -> None:
        self.path = path
        self.report = report
        self._data = data
        self._seen: set[str] = set()
        self._inner: list[SourceMembers] = []

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def names(self) -> list[str]:
        """Returns the names of all members, which stay unread."""
        return list(self._data)

    def at(self, name: str) -> str:
        """Returns the path of a member."""
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        return f"{self.path}.{shown}" if self.path else shown

    def take(self, name: str) -> object:
        """Returns a member as it is; None if absent."""
        self._seen.add(name)
        return self._data.get(name)

    def text(self, name: str, usual: str = "") -> str:
        """Returns a text without white space around it; numbers as text."""
        value = self.take(name)
        if isinstance(value, str):
            return value.strip() or usual
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return self._wrong(name, value, "is no text", usual)

    def number(self, name: str) -> float | None:
        """Returns a finite number, also one that is written as text."""
        value = self.take(name)
        if isinstance(value, str) and value.strip():
            try:
                value = float(value)
            except ValueError:
                return self._wrong(name, value, "is no number", None)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
        return self._wrong(name, value, "is no number", None)

    def whole(self, name: str) -> int | None:
        """Returns a whole number."""
        value = self.number(name)
        if value is None or value == int(value):
            return None if value is None else int(value)
        return self._wrong(name, value, "is no whole number", None)

    def flag(self, name: str, usual: bool = False) -> bool:
        """Returns a truth value; 0 and 1 count."""
        value = self.take(name)
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        return self._wrong(name, value, "is neither true nor false", usual)

    def texts(self, name: str) -> list[str]:
        """Returns a list of texts; one text is a list of one. Others in it are reported."""
        value = self.take(name)
        if isinstance(value, str):
            return [value.strip()] if value.strip() else []
        if not isinstance(value, list):
            return self._wrong(name, value, "is no list of texts", [])
        found = []
        for index, one in enumerate(value):
            if isinstance(one, str) and one.strip():
                found.append(one.strip())
            else:
                self._wrong(f"{name}[{index}]", one, "is no text", None)
        return found

    def record(self, name: str) -> "SourceMembers":
        """Returns the members of an object; none if it is absent."""
        value = self.take(name)
        if not isinstance(value, dict):
            self._wrong(name, value, "is no mapping", None)
            value = {}
        return self.inner(value, self.at(name))

    def records(self, name: str) -> list["SourceMembers"]:
        """Returns the objects of a list. Others in it are reported."""
        value = self.take(name)
        if not isinstance(value, list):
            return self._wrong(name, value, "is no list", [])
        found = []
        for index, one in enumerate(value):
            if isinstance(one, dict):
                found.append(self.inner(one, f"{self.at(name)}[{index}]"))
            else:
                self._wrong(f"{name}[{index}]", one, "is no mapping", None)
        return found

    def inner(self, data: Mapping[str, object], path: str) -> "SourceMembers":
        """Returns further members to keep account of, which were read out of this object."""
        members = SourceMembers({str(name): one for name, one in data.items()}, self.report, path)
        self._inner.append(members)
        return members

    def leave(self, why: str, *names: str) -> None:
        """Reports members as left out, unless they were taken, are absent or say nothing."""
        for name in names:
            if name not in self._seen and not is_nothing(self.take(name)):
                self.report.leave(self.at(name), why)

    def drop(self, why: str, name: str) -> None:
        """Reports a member as left out that was looked at before."""
        self._seen.add(name)
        self.report.leave(self.at(name), why)

    def note(self, name: str, why: str) -> None:
        """Reports that a member works otherwise than in the source."""
        self.report.note(self.at(name) if name else self.path, why)

    def leave_all(self, why: str) -> None:
        """Reports this whole object, with all in it, in one line."""
        self._forget()
        self.report.leave(self.path, why)

    def _forget(self) -> None:
        self._seen.update(self._data)
        for members in self._inner:
            members._forget()

    def finish(self) -> None:
        """Reports every member that was neither taken nor left out, at any depth."""
        for name in self._data:
            if name not in self._seen:
                self.report.leave(self.at(name), UNKNOWN)
        for members in self._inner:
            members.finish()

    def _wrong[T](self, name: str, value: object, why: str, usual: T) -> T:
        if not is_nothing(value):
            self.report.leave(self.at(name), why)
        return usual


def is_nothing(value: object) -> bool:
    """Whether a value only says that something is off or empty."""
    return value is None or value is False or value in ("", [], {})


def values_of(members: SourceMembers) -> Iterator[tuple[str, str]]:
    """Yields the members of a mapping of names to texts."""
    for name in members.names():
        if text := members.text(name):
            yield name, text
