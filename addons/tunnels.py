"""What passes through unopened."""

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers.http import HttpStream

from addons.answers import error_answer
from addons.own_address import comes_from_here
from addons.own_address import is_loopback
from addons.runtime import Runtime
from addons.wire.errors import ApiError
from addons.wire.registry import FORMATS


class Tunnels:
    """Tunnels every CONNECT to a host that is no configured provider's, byte for byte.

    Its TLS is not opened, so clients that pin certificates work, and nothing private is seen.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Only this machine's own clients are taken to hosts that are no provider's.

        Others are asked for a key with every call to a model; a tunnel has no place for one, and
        would let anybody reach whatever this machine can.
        """
        served = self._runtime.serves_host(flow.request.host, flow.request.port)
        if served or comes_from_here(flow.client_conn):
            return
        message = f"This router is no proxy to {flow.request.host} for clients on other machines."
        error = ApiError(message=message, kind="permission")
        flow.response = error_answer(FORMATS["openai-chat"], error)

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
