"""Choosing what becomes of a connection: at once where its destination says enough, or after more
of it was seen than its first piece."""

from collections.abc import Callable

from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

type Passes = Callable[[Context], bool]
"""Whether a connection, of which only the destination is known, is none of ours to look into."""


class AwaitMore(layer.NextLayer):
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
    passes: Passes

    def finish_start(self) -> layer.CommandGenerator[str | None]:
        """The destination is known, and the client was not heard yet: where the server speaks
        first (SSH, mail), waiting for the client would be waiting for ever."""
        tcp = self.context.client.transport_protocol == "tcp"
        if tcp and self.passes(self.context):
            self.child_layer = layers.TCPLayer(self.context, ignore=True)
        return (yield from super().finish_start())


class CapturedTop(_EarlyDecision, modes.TransparentProxy):
    """The top layer of modes that capture connections."""


class Socks5Top(_EarlyDecision, modes.Socks5Proxy):
    """The top layer of SOCKS5 mode."""


def decide_early(top: layer.Layer, passes: Passes) -> None:
    """Have the top layer of a new connection ask `passes` once the destination is known."""
    if type(top) is modes.TransparentProxy:
        top.__class__ = CapturedTop
    elif type(top) is modes.Socks5Proxy:
        top.__class__ = Socks5Top
    else:
        return
    assert isinstance(top, _EarlyDecision)
    top.passes = passes
