"""The proxy's certificate authority, and files with which clients trust it."""

import hashlib
import os
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from switchyard.egress.system_roots import SYSTEM_BUNDLES

CONFDIR = Path("~/.mitmproxy")
"""Where mitmproxy keeps its authority unless told otherwise."""

_CERTIFICATE_PAGE = "http://mitm.it/cert/pem"
"""Every mitmproxy answers requests to this address itself, with its certificate."""

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def authority_of(router: str, timeout: float = 5.0) -> bytes | None:
    """The certificate (PEM) of the proxy that runs at `router`; None if it does not tell.

    It is what counts: a router in a container or with another `confdir` has an authority of its
    own. `timeout` is in seconds.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": router}))
    try:
        with opener.open(_CERTIFICATE_PAGE, timeout=timeout) as answer:
            certificate = answer.read()
    except (OSError, ValueError):
        return None
    return certificate if certificate.startswith(_BEGIN) else None


def authority_in(confdir: Path) -> bytes:
    """The certificate (PEM) of mitmproxy's authority in `confdir`, made if there is none."""
    from mitmproxy import certs
    from mitmproxy.options import CONF_BASENAME
    from mitmproxy.options import KEY_SIZE

    confdir = confdir.expanduser()
    certs.CertStore.from_store(confdir, CONF_BASENAME, KEY_SIZE)
    return (confdir / f"{CONF_BASENAME}-ca-cert.pem").read_bytes()


def write_trust(authority: bytes, cache: Path, environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Two files in `cache`: the authority for `NODE_EXTRA_CA_CERTS`, and a bundle of all roots.

    What the user's own variables name is contained in them, since they take those variables'
    places. Files that are there and right are left alone. Raises OSError.
    """
    extra = _pem(environ.get("NODE_EXTRA_CA_CERTS", ""), cache)
    ca = _write(cache, "ca", extra + authority)
    bundle = _write(cache, "bundle", _roots(cache, environ) + authority)
    return ca, bundle


def _roots(cache: Path, environ: Mapping[str, str]) -> bytes:
    default = ssl.get_default_verify_paths()
    places = (environ.get("SSL_CERT_FILE", ""), default.cafile or "", *SYSTEM_BUNDLES)
    for place in places:
        if roots := _pem(place, cache):
            return roots
    import certifi

    return _ended(Path(certifi.where()).read_bytes())


def _pem(place: str, cache: Path) -> bytes:
    """The certificates in a file; none if there is no such file, or it is one of ours."""
    path = Path(place)
    if not place or path.parent == cache:
        return b""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return _ended(content) if _BEGIN in content else b""


def _ended(content: bytes) -> bytes:
    return content if content.endswith(b"\n") else content + b"\n"


def _write(cache: Path, name: str, content: bytes) -> Path:
    # Named by what they hold: tools that run with another router keep theirs.
    digest = hashlib.sha256(content).hexdigest()[:12]
    return write_file(cache / f"{name}-{digest}.pem", content)


def write_file(path: Path, content: bytes) -> Path:
    """Have `path` hold `content`, readable for the user alone. Raises OSError.

    At once, so that nobody ever reads half of it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if path.read_bytes() == content:
            return path
    except OSError:
        pass  # not there, or not to be read: written anew
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError:
        os.unlink(partial)
        raise
    return path
