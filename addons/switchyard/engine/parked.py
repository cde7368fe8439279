"""Holds a connection to a server while it has no client."""

from collections.abc import Callable

from mitmproxy.connection import ConnectionState

from switchyard.engine.connection import TcpConnection


class ParkedConnection:
    """Owns a connection until it is wanted again. Any byte or its end closes it.

    No `server_disconnected` hook reports that: the hook names a client, and there is none.
    """

    def __init__(self, wire: TcpConnection, gone: Callable[[], None]) -> None:
        self._wire = wire
        self._gone = gone
        wire.owner = self

    def release(self) -> TcpConnection:
        self._wire.owner = None
        return self._wire

    def close(self) -> None:
        self._wire.owner = None
        if self._wire.connection is not None:
            self._wire.connection.state = ConnectionState.CLOSED
        self._wire.close()

    def received(self, wire: TcpConnection, data: bytes) -> None:
        self._gone()

    def noticed(self) -> None:
        """Bytes are never written while parked."""

    def ended(self, wire: TcpConnection) -> None:
        self._gone()

    def close_soon(self, wire: TcpConnection) -> None:
        self._gone()

    def balance(self) -> None:
        """Bytes are never written while parked."""
