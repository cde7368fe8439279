"""The sockets that workers listen on, which their parent keeps open."""

import contextlib
import socket

from switchyard.listener.inherited import Listening
from switchyard.listener.inherited import addresses_of
from switchyard.listener.inherited import inherited


class WorkerSockets:
    """A set of sockets for each worker, on the same addresses (SO_REUSEPORT).

    A worker and the one that follows it share theirs, so that connections that wait there are never
    lost between the two. Sockets of systemd are shared by all workers.
    """

    def __init__(self, host: str, port: int, count: int) -> None:
        """Bind sockets for `count` workers, without listening. Raises OSError if that fails."""
        self._given = inherited.take(host, port)
        self._own = {} if self._given else {n: _bind(host, port) for n in range(1, count + 1)}

    def of(self, number: int) -> list[int]:
        """Return the handles of a worker's sockets, by its number."""
        return [one.fileno() for one in self._own.get(number, self._given)]

    def rest(self, number: int) -> None:
        """Have the other workers take the connections of one that has died."""
        for one in self._own.get(number, ()):
            with contextlib.suppress(OSError):  # not every system can
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all."""
        for sockets in (self._given, *self._own.values()):
            for one in sockets:
                one.close()


def _bind(host: str, port: int) -> list[Listening]:
    """Bind to each address of a host that this machine has."""
    bound: list[Listening] = []
    problem: OSError | None = None
    for family, address, number in addresses_of(host, port):
        one = Listening(family, socket.SOCK_STREAM)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, number))
        except OSError as e:
            one.close()
            problem = e
        else:
            bound.append(one)
    if not bound and problem is not None:
        raise problem
    return bound
