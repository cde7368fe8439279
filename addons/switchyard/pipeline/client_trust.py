"""Reports clients that do not trust the router's certificates, and their remedy."""

import logging
import re
import time
from collections.abc import Iterable
from pathlib import Path

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.proxy.context import Context
from mitmproxy.tls import TlsData

from switchyard.config.shipped import known_clients
from switchyard.egress.system_roots import CERTIFICATE
from switchyard.listener.addresses import may_pass
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots

logger = logging.getLogger(__name__)

QUIET = 600.0
"""Seconds in which a report is not repeated, since tools try many times."""

_MOST_TOLD = 1000
_ALERTS = re.compile(r"unknown ca|certificate unknown|bad certificate")
"""mitmproxy's texts for the alerts of clients that reject the certificate.

Source: RFC 8446, 6.2.
"""


class ClientTrust:
    """Reports a client that ends the TLS handshake of a host that the router opens.

    Some clients send the alert `unknown ca`, some only close the connection (Bun, and tools built
    with it). The client's name comes from its CONNECT; without one, the host may identify it.
    """

    def __init__(self, snapshots: Snapshots, listeners: Listeners) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._agents: dict[str, str] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._spared: dict[tuple[str, str, str], float] = {}
        """Ends of the periods in which connections are tunnelled, by client and host."""

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if self._snapshots.current.served.serves(flow.request.host, flow.request.port):
            self._agents[flow.client_conn.id] = flow.request.headers.get("user-agent", "")

    def client_disconnected(self, client: connection.Client) -> None:
        self._agents.pop(client.id, None)

    def spares(self, context: Context, hosts: Iterable[str]) -> bool:
        """Whether the client recently rejected the certificate for one of these hosts.

        Its connections to that host are then tunnelled.
        """
        if not self._spared or not may_pass(context.client):
            return False
        now = time.monotonic()
        return any(
            self._spared.get((*self._name(context.client), host.lower()), 0.0) > now
            for host in hosts
        )

    def _name(self, client: connection.Client) -> tuple[str, str]:
        peer = client.peername[0] if client.peername else ""
        return peer, self._agents.get(client.id, "")

    def _spare(self, data: TlsData, agent: str, host: str) -> None:
        wish = self._snapshots.current.config.on_tls_failure
        client = data.context.client
        if wish.action != "tunnel" or not may_pass(client):
            return
        if len(self._spared) >= _MOST_TOLD:
            self._spared.clear()
        until = time.monotonic() + wish.for_
        address = data.context.server.address
        for name in {host, address[0] if address else host}:
            self._spared[(*self._name(client), name.lower())] = until
        logger.warning(
            "switchyard: tunnelling connections of %s to %s for %g s without routing them "
            "(on-tls-failure: tunnel)",
            agent or "that client",
            host,
            wish.for_,
        )

    def tls_failed_client(self, data: TlsData) -> None:
        client = data.context.client
        if client.id in self._listeners.own_doors:
            return  # it concerns the router's own certificate, or a client certificate
        host = data.conn.sni or (data.context.server.address or ("an unnamed host",))[0]
        agent = self._agents.get(client.id, "")
        self._spare(data, agent, host)
        if not self._is_news(agent, host, time.monotonic()):
            return
        ca = Path(ctx.options.confdir).expanduser() / CERTIFICATE
        name, advice = known_clients().advice(agent, host, str(ca))
        alert = _ALERTS.search((data.conn.error or "").lower())
        logger.warning(
            "switchyard: %s %s this router's certificate for %s (%s): %s",
            name,
            "does not trust" if alert else "seems not to trust",
            host,
            f"TLS alert {alert[0]!r}"
            if alert
            else "it closed the connection during the TLS handshake",
            advice,
        )

    def _is_news(self, agent: str, host: str, now: float) -> bool:
        """Whether this has not been reported lately."""
        place = agent, host
        if now - self._told.get(place, -QUIET) < QUIET:
            return False
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[place] = now
        return True
