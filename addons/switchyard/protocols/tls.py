"""TLS towards servers that can be decrypted before mitmproxy's layers are given it."""

from logging import WARNING

from mitmproxy.proxy import events
from mitmproxy.proxy.commands import Log
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from OpenSSL import SSL

_AT_ONCE = 65535
"""Bytes that are taken from OpenSSL at once, as mitmproxy does."""


class ReadAheadTls(ServerTLSLayer):
    """mitmproxy's layer, which goes on where its connection was read ahead of it.

    Records are decrypted by the same OpenSSL object in the order of their arrival, whoever asks it.
    What was not only data (a key update that wants an answer, an alert, an end) is kept until the
    layer is given the next event.
    """

    _ahead: bytes | None = None
    """What was decrypted and is the layer's to hand on; None if nothing was read ahead of it."""
    _answer: bytes = b""
    """What OpenSSL has to say to the server."""
    _error: SSL.Error | None = None

    @classmethod
    def adopt(cls, layer: Layer) -> "ReadAheadTls | None":
        """Gives the layer of a server's connection this class; None if it is no layer of TLS."""
        if type(layer) is ServerTLSLayer:
            layer.__class__ = cls
        return layer if isinstance(layer, cls) else None

    @property
    def can_read_ahead(self) -> bool:
        """Whether there is a session, and nothing that came before is still to be handled."""
        return self.tunnel_state is TunnelState.OPEN and self._paused is None

    def read_ahead(self, data: bytes) -> tuple[bytes, bool]:
        """Decrypts what arrived from the server.

        Returns the data, and whether that is all there is to it. If not, the layer must be left
        what the caller does not use (`leave`), though it be nothing.
        """
        tls, plain, only_data = self.tls, b"", True
        tls.bio_write(data)
        try:
            while True:
                plain += tls.recv(_AT_ONCE)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            only_data = False  # which OpenSSL says again
        except SSL.Error as e:
            self._error, only_data = e, False
        try:
            self._answer, only_data = tls.bio_read(_AT_ONCE), False
        except SSL.WantReadError:
            pass
        return plain, only_data

    def leave(self, data: bytes) -> None:
        """Leaves decrypted data to the layer, which handles it before anything else that comes."""
        self._ahead = (self._ahead or b"") + data

    def receive_data(self, data: bytes) -> CommandGenerator[None]:
        return super().receive_data(data) if self._ahead is None else self._go_on(data)

    def _go_on(self, data: bytes) -> CommandGenerator[None]:
        """Does what mitmproxy's method would have done with what was read ahead, then its work."""
        ahead, answer, error = self._ahead, self._answer, self._error
        self._ahead, self._answer, self._error = None, b"", None
        if error is not None:
            yield Log(f"TLS Error: {error}", WARNING)
        if answer:
            yield SendData(self.conn, answer)
        if ahead:
            yield from self.event_to_child(events.DataReceived(self.conn, ahead))
        if data or error is None:
            yield from super().receive_data(data)
