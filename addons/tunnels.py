"""What passes through unopened."""

from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers.http import HttpStream

from addons.own_address import is_loopback
from addons.runtime import Runtime


class Tunnels:
    """Tunnels every CONNECT to a host that is no configured provider's, byte for byte.

    Its TLS is not opened, so clients that pin certificates work, and nothing private is seen.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context = nextlayer.context
        if nextlayer.layer is not None or context.server.address is None:
            return
        if not isinstance(context.client.proxy_mode, mode_specs.RegularMode):
            return
        if not isinstance(context.layers[-1], HttpStream):
            return  # not directly within a CONNECT
        host, port = context.server.address[:2]
        if self._runtime.serves_host(host, port):
            return
        if is_loopback(host) and port == context.client.sockname[1]:
            return  # our own address through ourselves: a request, no tunnel
        nextlayer.layer = layers.TCPLayer(context, ignore=True)
