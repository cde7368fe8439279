"""Certificates of upstreams."""

import functools
import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme


@functools.cache
def authority() -> trustme.CA:
    """The authority that routers under test are told to trust."""
    return trustme.CA()


def server_context(
    *alpn: str, ca: trustme.CA | None = None, names: Sequence[str] = ()
) -> ssl.SSLContext:
    """TLS for an upstream at localhost, offering these ALPN protocols (`h2`, `http/1.1`); `names`
    are hosts that it stands in for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (ca or authority()).issue_cert("localhost", "127.0.0.1", *names).configure_cert(context)
    context.set_alpn_protocols(list(alpn) or ["http/1.1"])
    return context


def write_ca(path: Path) -> Path:
    authority().cert_pem.write_to_path(str(path))
    return path
