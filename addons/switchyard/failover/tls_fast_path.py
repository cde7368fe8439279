"""The way of `WireFastPath` where the upstream's connection is encrypted."""

from mitmproxy.proxy import events

from switchyard.protocols.driver import LayerDriver
from switchyard.protocols.driver import Taker
from switchyard.protocols.tls import ReadAheadTls


class TlsFastPath:
    """Decrypts what an upstream sends, and offers it to a connection's fast path.

    It uses the OpenSSL object of the connection's layer. Data that the path leaves, and all that is
    more than data, the layer is given at once, in order.
    """

    __slots__ = ("_driver", "_path", "_tls")

    def __init__(self, path: Taker, tls: ReadAheadTls, driver: LayerDriver) -> None:
        self._path = path
        self._tls = tls
        self._driver = driver

    def take(self, data: bytes) -> bytes:
        """Returns the encrypted bytes that are left for the layers: none, but after a failure."""
        if not self._tls.can_read_ahead:
            return self.let_go() + data
        plain, only_data = self._tls.read_ahead(data)
        left = self._path.take(plain) if plain else b""
        if not only_data:
            self._leave(left + self._path.let_go())
        elif left:
            self._leave(left)
        return b""

    def let_go(self) -> bytes:
        """Leaves to the layers what is held back, since no more will come. Returns nothing."""
        if held := self._path.let_go():
            self._leave(held)
        return b""

    def _leave(self, plain: bytes) -> None:
        self._tls.leave(plain)
        self._driver.process(events.DataReceived(self._tls.conn, b""))
