"""Maps paths at providers' hosts to wire formats, and formats to default hosts.

The table is data (`config/shipped/hosts.yaml`, which documents its keys); nothing here reads files.
"""

import re
from collections.abc import Container
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.config.problems import nearest

type CallKind = Literal["generate", "count", "embed", "compact"]

_KINDS = ("generate", "count", "embed", "compact")
_NEARLY = 0.9
"""Likeness of a name to what it was meant to be; other hosts of one provider are less alike."""

_NAME = re.compile(r"\{\w+\}")


class HostTableError(ValueError):
    """The table is not of the right form; the text names the host."""


@dataclass(frozen=True, slots=True)
class HostCall:
    """A path that is a call to a model."""

    path: str
    """As the table writes it."""
    pattern: re.Pattern[str]
    format: str
    kind: CallKind = "generate"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """What is known of a provider's host."""

    name: str
    calls: tuple[HostCall, ...] = ()
    home: tuple[str, ...] = ()
    """The formats whose home it is."""
    home_header: str = ""
    """The header that a request must have for that; empty where none."""
    login: re.Pattern[str] | None = None
    """What tokens of a login look like, which the client renews when one is refused."""
    maker: str = ""
    """Whose proofs of thinking its models make and take back; empty where that is not known."""

    def call(self, path: str) -> HostCall | None:
        """Return what a path asks for (its query does not matter); None if no model."""
        bare = path.partition("?")[0].rstrip("/")
        return next((call for call in self.calls if call.pattern.fullmatch(bare)), None)

    def call_of(self, format: str, kind: CallKind) -> HostCall | None:
        """The first call of that format and kind."""
        found = (c for c in self.calls if (c.format, c.kind) == (format, kind))
        return next(found, None)


class HostTable:
    """All known hosts. Immutable."""

    def __init__(self, hosts: Sequence[KnownHost]) -> None:
        self._hosts = {host.name: host for host in hosts}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], formats: Container[str]) -> "HostTable":
        """Build the table from the parsed file; `formats` are the valid names.

        Raises HostTableError.
        """
        return cls([_host(name, entry or {}, formats) for name, entry in data.items()])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._hosts)

    def get(self, host: str) -> KnownHost | None:
        """What is known of a host, named without its port."""
        return self._hosts.get(host.lower())

    def misspelt(self, host: str) -> str | None:
        """The known host that a host's name is nearly, if it is none itself."""
        if self.get(host) is not None:
            return None
        return next(iter(nearest(host, self._hosts, likeness=_NEARLY)), None)

    def home(self, format: str, headers: Container[str]) -> KnownHost | None:
        """Return the default host of a format for a request with these headers.

        Header names are in lower case, or in a container that ignores case.
        """
        for host in self._hosts.values():
            if format in host.home and (not host.home_header or host.home_header in headers):
                return host
        return None


def _host(name: str, entry: Mapping[str, Any], formats: Container[str]) -> KnownHost:
    home = tuple(entry.get("home", ()))
    for format in home:
        if format not in formats:
            raise HostTableError(f"{name}: unknown format {format!r}")
    calls = tuple(_calls(name, entry.get("calls", ()), formats))
    login = entry.get("login")
    return KnownHost(
        name=name.lower(),
        calls=calls,
        home=home,
        home_header=str(entry.get("home-header", "")),
        login=re.compile(login) if login else None,
        maker=str(entry.get("maker", "")),
    )


def _calls(
    host: str, entries: Sequence[Mapping[str, Any]], formats: Container[str]
) -> Iterator[HostCall]:
    for one in entries:
        path, format = str(one.get("path", "")), str(one.get("format", ""))
        kind = one.get("kind", "generate")
        if not path.startswith("/"):
            raise HostTableError(f"{host}: {path!r} is not a path")
        if format not in formats or kind not in _KINDS:
            raise HostTableError(f"{host}{path}: unknown format {format!r} or kind {kind!r}")
        yield HostCall(path, _pattern(path), format, kind)


def _pattern(path: str) -> re.Pattern[str]:
    """Compile a path of the table into a pattern.

    Each name but the last ends at the first possible place and is not tried again: with several
    wildcards, long paths would take time by the square of their length.
    """
    first, *others = map(re.escape, _NAME.split(path))
    if not others:
        return re.compile(first, re.IGNORECASE)
    *between, last = others
    middle = "".join(f"(?>[^?]+?{one})" for one in between)
    return re.compile(f"{first}{middle}[^?]+{last}", re.IGNORECASE)
