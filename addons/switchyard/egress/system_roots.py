"""Finds the roots that this system trusts, as far as they are in a file, and which one is ours."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path

CERTIFICATE = "mitmproxy-ca-cert.pem"
"""The proxy's authority, in mitmproxy's `confdir`."""

SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
"""Where systems keep them: Debian, Fedora, openSUSE, Alpine and macOS, FreeBSD."""

_CERTIFICATES = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII
)


def is_among_roots(pem: str, bundles: Sequence[str] = SYSTEM_BUNDLES) -> bool | None:
    """Whether the first bundle that is there has a certificate; None without any. Blocks.

    Certificates are compared by their bytes: line breaks and comments differ.
    """
    wanted = ssl.PEM_cert_to_DER_cert(pem)
    for name in bundles:
        try:
            roots = Path(name).read_text("ascii", "replace")
        except OSError:
            continue
        return any(ssl.PEM_cert_to_DER_cert(one) == wanted for one in _CERTIFICATES.findall(roots))
    return None
