"""Marks connections that carry no further request."""

from weakref import WeakSet

from mitmproxy.connection import Connection

_RETIRED: WeakSet[Connection] = WeakSet()


def retire(connection: Connection) -> None:
    """Send no more requests on a connection; those that run may end there."""
    _RETIRED.add(connection)


def is_retired(connection: Connection) -> bool:
    return connection in _RETIRED
