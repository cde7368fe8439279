"""Listening sockets that this process was given: by its predecessor, its parent or systemd.

A socket that stays open while one process follows another loses no connection that waits on it.
systemd's protocol: sd_listen_fds(3).
"""

import contextlib
import os
import socket
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import MutableMapping

SOCKETS = "SWITCHYARD_SOCKETS"
"""Environment variable: the sockets by their numbers, with commas."""

BACKLOG = 4096
"""Connections that may wait to be accepted; asyncio's own hundred turns a burst into retries."""

_FIRST_OF_SYSTEMD = 3


class Listening(socket.socket):
    """A socket whose backlog asyncio does not lower when it begins to serve."""

    def listen(self, _backlog: int = BACKLOG) -> None:
        super().listen(BACKLOG)


def are_there(environ: Mapping[str, str]) -> bool:
    """Whether this process was given any."""
    return bool(environ.get(SOCKETS)) or environ.get("LISTEN_PID") == str(os.getpid())


class InheritedSockets:
    """The sockets that nobody listens on yet in this process."""

    def __init__(self) -> None:
        self._sockets: list[Listening] = []

    def read(self, environ: MutableMapping[str, str]) -> None:
        """Take over what the environment names, and no longer name it there.

        A number that is no socket of TCP is left alone.
        """
        numbers = [int(one) for one in environ.pop(SOCKETS, "").split(",") if one.isdecimal()]
        pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
        environ.pop("LISTEN_FDNAMES", None)
        if pid == str(os.getpid()) and count.isdecimal():
            numbers += range(_FIRST_OF_SYSTEMD, _FIRST_OF_SYSTEMD + int(count))
        for number in numbers:
            with contextlib.suppress(OSError):
                os.set_inheritable(number, False)
                found = Listening(fileno=number)
                if found.type == socket.SOCK_STREAM and found.family != socket.AF_UNIX:
                    self._sockets.append(found)
                else:
                    found.detach()

    def take(self, host: str, port: int) -> list[Listening]:
        """Take those that are bound where the router is to listen; 0 is any port."""
        wanted = addresses_of(host, port)
        found = [one for one in self._sockets if _fits(one, wanted)]
        self._sockets = [one for one in self._sockets if one not in found]
        return found

    def drop(self) -> list[str]:
        """Close the sockets that are left; return their addresses."""
        left, self._sockets = self._sockets, []
        places = [f"{one.getsockname()[0]}:{one.getsockname()[1]}" for one in left]
        for one in left:
            one.close()
        return places


inherited = InheritedSockets()
"""Those of this process."""


def addresses_of(host: str, port: int) -> list[tuple[int, str, int]]:
    """Return family, address and port of each place that a host and a port name.

    Raises OSError for a host that is not known.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0]), int(address[1])) for family, _, _, _, address in found]


def _fits(one: socket.socket, wanted: Iterable[tuple[int, str, int]]) -> bool:
    address, port, *_ = one.getsockname()
    return any(
        family == one.family and host == address and number in (0, port)
        for family, host, number in wanted
    )
