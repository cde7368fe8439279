"""Run by a proxy of the tests' own: names under `.test` are this machine."""

from mitmproxy.proxy.server_hooks import ServerConnectionHookData


class Naming:
    def server_connect(self, data: ServerConnectionHookData) -> None:
        if data.server.address and data.server.address[0].endswith(".test"):
            data.server.address = ("127.0.0.1", data.server.address[1])


addons = [Naming()]
