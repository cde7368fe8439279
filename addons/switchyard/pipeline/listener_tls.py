"""Serves the certificate of `tls:` to clients that connect to the router itself."""

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy import connection
from mitmproxy import tls
from mitmproxy.addons.tlsconfig import AppData
from mitmproxy.addons.tlsconfig import alpn_select_callback
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.quic import QuicTlsData
from mitmproxy.proxy.layers.quic import QuicTlsSettings
from OpenSSL import SSL

from switchyard.config.schema import ServerTls
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots

logger = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds after which a handshake checks whether the files were renewed."""

_SESSIONS = b"switchyard"
"""Name of the router's TLS sessions, which OpenSSL needs with client certificates."""


class ListenerTls:
    """Serves the certificate of `tls:` to clients that begin TLS with the router.

    Inside a tunnel to a provider's host the certificate stays mitmproxy's. If clients must have
    certificates, it notes which connections had one; `Access` checks that.
    """

    def __init__(self, snapshots: Snapshots, listeners: Listeners) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._context: SSL.Context | None = None
        self._quic: QuicTlsSettings | None = None
        self._made_of: ServerTls | None = None
        self._stamps: tuple[int, ...] = ()
        self._looked = 0.0

    def tls_start_client(self, data: tls.TlsData) -> None:
        settings = self._snapshots.current.config.tls
        if settings is None or data.ssl_conn is not None or data.is_dtls:
            return
        if not self._is_ours(data.context):
            return
        data.ssl_conn = SSL.Connection(self._context_for(settings))
        self._listeners.own_doors.add(data.context.client.id)
        # mitmproxy accepts CONNECT in HTTP/1 only.
        alpn = b"http/1.1" if _begins_with_tls(data.context) else None
        http2 = data.context.options.http2
        data.ssl_conn.set_app_data(AppData(client_alpn=alpn, server_alpn=None, http2=http2))
        data.ssl_conn.set_accept_state()

    def quic_start_client(self, data: QuicTlsData) -> None:
        """Sets the certificate for HTTP/3, which mitmproxy serves in reverse mode only.

        It cannot request client certificates there.
        """
        settings = self._snapshots.current.config.tls
        if settings is None or data.settings is not None or not self._is_ours(data.context):
            return
        self._context_for(settings)  # checks whether the files were renewed
        assert self._quic
        alpn = [offer.decode("ascii", "replace") for offer in data.context.client.alpn_offers]
        data.settings = replace(self._quic, alpn_protocols=alpn)

    def tls_established_client(self, data: tls.TlsData) -> None:
        self._listeners.own_doors.discard(data.context.client.id)
        ours = data.ssl_conn is not None and data.ssl_conn.get_context() is self._context
        if ours and self._made_of is not None and self._made_of.client_ca:
            self._listeners.certified.add(data.conn.id)

    def client_disconnected(self, client: connection.Client) -> None:
        self._listeners.disconnected(client.id)

    def _context_for(self, settings: ServerTls) -> SSL.Context:
        """Returns the context of these settings, made anew if the files were renewed.

        If the files are unusable, for example half written, the previous context stays in use.
        """
        now = time.monotonic()
        same = self._context is not None and self._made_of is settings
        if same and now - self._looked < LOOK_EVERY:
            assert self._context
            return self._context
        self._looked = now
        try:
            stamps = tuple(
                os.stat(file).st_mtime_ns
                for file in (settings.cert, settings.key, settings.client_ca)
                if file
            )
            if not same or stamps != self._stamps:
                self._context, self._quic = make_context(settings), make_quic(settings)
                self._made_of, self._stamps = settings, stamps
        except (OSError, ValueError, SSL.Error):
            logger.warning("switchyard: cannot use the files of tls:", exc_info=True)
            if self._context is None:
                raise
        assert self._context
        return self._context

    def _is_ours(self, context: Context) -> bool:
        if _begins_with_tls(context) or isinstance(context.layers[0], modes.ReverseProxy):
            return True
        address = context.server.address
        return address is not None and self._listeners.is_own_address(address[0], address[1])


def _begins_with_tls(context: Context) -> bool:
    """Whether this TLS begins the connection to a proxy's port, before any CONNECT."""
    top, second, *further = context.layers
    return (
        isinstance(top, modes.HttpProxy | modes.HttpUpstreamProxy)
        and isinstance(second, ClientTLSLayer)
        and not any(isinstance(layer, ClientTLSLayer) for layer in further)
    )


def make_context(settings: ServerTls) -> SSL.Context:
    """Returns OpenSSL's context of a listener.

    Raises OSError or SSL.Error for files that changed since they were checked.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(settings.cert)
    context.use_privatekey_file(settings.key or settings.cert)
    context.set_alpn_select_callback(alpn_select_callback)
    context.set_session_id(_SESSIONS)
    if settings.client_ca is not None:
        context.load_verify_locations(settings.client_ca)
        context.load_client_ca(settings.client_ca.encode())
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    return context


def make_quic(settings: ServerTls) -> QuicTlsSettings:
    """Returns the settings for HTTP/3. Raises OSError or ValueError."""
    first, *others = x509.load_pem_x509_certificates(Path(settings.cert).read_bytes())
    key = Path(settings.key or settings.cert).read_bytes()
    return QuicTlsSettings(
        certificate=first,
        certificate_chain=others,
        certificate_private_key=load_pem_private_key(key, None),  # type: ignore[arg-type]
    )
