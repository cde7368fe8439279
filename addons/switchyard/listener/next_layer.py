"""Chooses the next layer of a connection: at once by destination, or on more data."""

from typing import Protocol

from mitmproxy import connection
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

_VERSION = modes.SOCKS5_VERSION
_NO_METHOD = modes.SOCKS5_METHOD_NO_ACCEPTABLE_METHODS
_WITH_PASSWORD = modes.SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION
_UNREACHABLE = bytes((_VERSION, modes.SOCKS5_REP_HOST_UNREACHABLE))
_NOT_ALLOWED = bytes((_VERSION, 2))
"""How a refusal begins: "connection not allowed by ruleset" (RFC 1928, 6)."""


class Door(Protocol):
    """Decides over connections; of most, only the destination is known."""

    def passes(self, context: Context) -> bool:
        """Whether the router must not open a connection."""
        ...

    def admits(self, context: Context) -> bool:
        """Whether a connection may begin at all."""
        ...

    def checked(self, asked: layer.NextLayer) -> None:
        """The last word on the layer that was chosen."""
        ...

    def socks_method(self, client: connection.Client, offered: bytes) -> int | None:
        """Return the SOCKS5 method by which a client authenticates, of those it offers.

        RFC 1928, 3. None if no offered method will do.
        """
        ...


class NeedMoreData(layer.NextLayer):
    """Asks for the next layer anew when more data came.

    Where the `next_layer` hook leaves its question open, mitmproxy's own answer counts, which is
    one for the data at hand. A ClientHello often comes in two pieces.
    """

    def __init__(self, asked: layer.NextLayer) -> None:
        """Takes the place of a question that was `asked` too early."""
        super().__init__(asked.context)
        self._to_replay = len(asked.events)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self._to_replay:
            self._to_replay -= 1
            self.events.append(event)
            return
        yield from super()._handle_event(event)


class Refuse(layer.Layer):
    """Takes nothing, so that the client tries another way."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


def is_connect(within: layer.Layer) -> bool:
    """Whether what comes next is what a client sends after its CONNECT."""
    return isinstance(within, HttpStream | HttpUpstreamProxy)


class _EarlyDecision(modes.DestinationKnown):
    door: Door

    def finish_start(self) -> layer.CommandGenerator[str | None]:
        """Decide once the destination is known and before the client sends.

        Where the server speaks first (SSH, mail), waiting for the client would last for ever.
        """
        if not self.door.admits(self.context):
            self._handle_event = self.done  # type: ignore[method-assign]
            return "not allowed"
        tcp = self.context.client.transport_protocol == "tcp"
        if tcp and self.door.passes(self.context):
            self.child_layer = layers.TCPLayer(self.context, ignore=True)
        return (yield from super().finish_start())


class CapturedTop(_EarlyDecision, modes.TransparentProxy):
    """The top layer of modes that capture connections."""


class Socks5Top(_EarlyDecision, modes.Socks5Proxy):
    """The top layer of SOCKS5 mode; asks some clients to authenticate.

    What clients send here may contain a key: none of it is logged.
    """

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            self.buf = b""
        yield from super()._handle_event(event)

    def state_greet(self) -> layer.CommandGenerator[None]:
        """RFC 1928, 3."""
        data = self.buf
        if len(data) < 2 or data[0] != _VERSION or len(data) < 2 + data[1]:
            yield from super().state_greet()
            return
        end = 2 + data[1]
        method = self.door.socks_method(self.context.client, data[2:end])
        if method is None:
            yield commands.SendData(self.context.client, bytes((_VERSION, _NO_METHOD)))
            yield from self.socks_err("Client offers no method of SOCKS5 that shows a key.")
            return
        self.state = self.state_auth if method == _WITH_PASSWORD else self.state_connect
        yield commands.SendData(self.context.client, bytes((_VERSION, method)))
        self.buf = data[end:]
        yield from self.state()

    state = state_greet

    def state_connect(self) -> layer.CommandGenerator[None]:
        """As mitmproxy's, which has one word for all that fails."""
        steps = super().state_connect()
        reply = None
        while True:
            try:
                command = steps.send(reply)
            except StopIteration:
                return
            refused = isinstance(command, commands.SendData) and self._is_refused(command.data)
            if refused:
                assert isinstance(command, commands.SendData)
                command.data = _NOT_ALLOWED + command.data[2:]
            reply = yield command

    def _is_refused(self, data: bytes) -> bool:
        return data.startswith(_UNREACHABLE) and not self.door.admits(self.context)

    def socks_err(
        self, message: str, reply_code: int | None = None
    ) -> layer.CommandGenerator[None]:
        yield from super().socks_err(message.partition(":")[0], reply_code)


def decide_on_connect(top: layer.Layer, door: Door) -> None:
    """Make the top layer of a new connection decide once the destination is known."""
    if type(top) is modes.TransparentProxy:
        top.__class__ = CapturedTop
    elif type(top) is modes.Socks5Proxy:
        top.__class__ = Socks5Top
    else:
        return
    assert isinstance(top, _EarlyDecision)
    top.door = door
