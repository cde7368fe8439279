"""Knows where the router listens, and what clients showed on their connections."""

from mitmproxy import http

from switchyard.egress.table import Environment
from switchyard.listener.addresses import is_ours
from switchyard.listener.addresses import names_us


class Listeners:
    """The router's addresses, and the client connections that they accepted."""

    def __init__(self) -> None:
        self.environment = Environment()
        """The proxies and addresses around the router, as the snapshot in force was built."""
        self.ports: frozenset[int] = frozenset()
        """The ports that the router listens on."""
        self.addressed: set[str] = set()
        """Ids of the flows whose clients spoke to the router as to a web server."""
        self.certified: set[str] = set()
        """Ids of the clients that showed a certificate which `tls.client-ca` asks for."""
        self.own_doors: set[str] = set()
        """Ids of the clients that are being shown the certificate of `tls:`."""

    def is_own(self, flow: http.HTTPFlow) -> bool:
        """Whether a request is addressed to the router itself, not to a proxied host."""
        return flow.id in self.addressed or names_us(flow, self.ports)

    def is_own_address(self, host: str, port: int) -> bool:
        """Whether the router listens on an address."""
        return is_ours(host, port, self.ports)

    def disconnected(self, client: str) -> None:
        """Forgets a client by its id."""
        self.certified.discard(client)
        self.own_doors.discard(client)
