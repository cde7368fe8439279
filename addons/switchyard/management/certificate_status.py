"""Describes the certificate of the proxy's authority, and whether this system trusts it."""

import platform
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from switchyard.egress.system_roots import CERTIFICATE
from switchyard.egress.system_roots import is_among_roots


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """The certificate that tools which come by proxy have to trust."""

    path: str
    subject: str
    fingerprint: str
    """SHA-256, in hexadecimal."""
    expires: float
    """Unix seconds."""
    is_trusted: bool | None
    """Whether it is among this system's roots; None where those are in no file (macOS)."""


def certificate_status(confdir: Path) -> CertificateStatus | None:
    """Return the authority in a folder of mitmproxy's; None without one. Blocks on files."""
    path = confdir.expanduser() / CERTIFICATE
    try:
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError):
        return None
    # macOS keeps what its user trusts in keychains; its file has only Apple's own choice.
    in_keychains = platform.system() == "Darwin"
    return CertificateStatus(
        path=str(path),
        subject=certificate.subject.rfc4514_string(),
        fingerprint=certificate.fingerprint(SHA256()).hex(),
        expires=certificate.not_valid_after_utc.timestamp(),
        is_trusted=None if in_keychains else is_among_roots(pem.decode("ascii", "replace")),
    )
