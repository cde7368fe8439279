"""Makes TLS towards providers that need more than mitmproxy's options offer."""

import ipaddress
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addons import tlsconfig
from mitmproxy.connection import Server
from mitmproxy.net import tls as net_tls
from OpenSSL import SSL


class UpstreamTls:
    """The TLS settings of one provider, read from files once.

    What they leave open follows mitmproxy's options, the trusted certificates included.
    """

    def __init__(self, *, ca: Path | None, client_cert: Path | None, verify: bool) -> None:
        """Read the files. `ca` is trusted besides the usual authorities.

        `client_cert` contains a certificate, its chain and its key. Raises RuntimeError for files
        that cannot be used.
        """
        options = ctx.options
        least = net_tls.Version[options.tls_version_server_min]
        check = verify and not options.ssl_insecure
        # Not the cached one: it is changed below, and its files may have been replaced.
        self._context = net_tls.create_proxy_server_context.__wrapped__(
            method=net_tls.Method.TLS_CLIENT_METHOD,
            min_version=least,
            max_version=net_tls.Version[options.tls_version_server_max],
            cipher_list=tuple(
                options.ciphers_server.split(":")
                if options.ciphers_server
                else tlsconfig._default_ciphers(least)
            ),
            ecdh_curve=net_tls.get_curve(options.tls_ecdh_curve_server),
            verify=net_tls.Verify.VERIFY_PEER if check else net_tls.Verify.VERIFY_NONE,
            ca_path=options.ssl_verify_upstream_trusted_confdir,
            ca_pemfile=options.ssl_verify_upstream_trusted_ca,
            client_cert=str(client_cert) if client_cert else None,
            legacy_server_connect=options.ssl_insecure,
        )
        if ca is not None:
            try:
                self._context.load_verify_locations(str(ca))
            except SSL.Error as e:
                raise RuntimeError(f"no certificates can be read from {ca}") from e

    def start(self, server: Server) -> SSL.Connection:
        """The TLS of a connection that is to be made to `server.sni`."""
        assert server.sni
        connection = SSL.Connection(self._context)
        # pyOpenSSL has no words for whom to expect. mitmproxy's own `tls_start_server` does this.
        lib = SSL._lib  # pyright: ignore[reportAttributeAccessIssue]
        parameters = lib.SSL_get0_param(connection._ssl)  # pyright: ignore[reportAttributeAccessIssue]
        lib.X509_VERIFY_PARAM_set_hostflags(parameters, tlsconfig.DEFAULT_HOSTFLAGS)
        try:
            address = ipaddress.ip_address(server.sni).packed
        except ValueError:
            name = server.sni.encode("idna")
            connection.set_tlsext_host_name(name)
            done = lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))
        else:  # RFC 6066, 3: an address is no server name
            done = lib.X509_VERIFY_PARAM_set1_ip(parameters, address, len(address))
        assert done == 1
        if server.alpn_offers:
            connection.set_alpn_protos(list(server.alpn_offers))
        connection.set_connect_state()
        return connection
