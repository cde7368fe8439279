"""Ports for servers that want to be told one, in other processes as a rule."""

import socket
import sys

_held: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, and that nothing else is given meanwhile.

    It stays bound here until this process ends, so that the system hands it to no other socket:
    neither to one that asks for any port nor to a connection going out. A server can listen there
    all the same, as often as it likes, if it sets SO_REUSEADDR as asyncio and most others do.
    Linux permits that as long as the other socket does not listen; elsewhere the port is let go.
    """
    probe = socket.socket()
    if sys.platform != "linux":
        with probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    _held.append(probe)
    return probe.getsockname()[1]
