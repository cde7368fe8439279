"""Checks the files of the router's own certificate when a configuration is loaded.

A wrong file is reported with its place in the configuration, instead of failing the first client.
"""

import re
import ssl
from pathlib import Path

from switchyard.config.problems import KeyPath
from switchyard.config.schema import ServerTls
from switchyard.config.yaml_source import Document
from switchyard.values.files import read_regular

_CERTIFICATE = re.compile(rb"-----BEGIN (TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")
_LOCKED_KEY = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")


def checked_tls(tls: ServerTls, folder: Path, document: Document) -> ServerTls:
    """Return the listener's TLS with full paths; add problems to the document.

    Reads the files, which happens at a load and never while requests are under way.
    """
    whole = ServerTls(
        cert=str(folder / tls.cert),
        key=str(folder / (tls.key or tls.cert)),
        **{"client-ca": str(folder / tls.client_ca) if tls.client_ca else None},
    )
    cert = _read(document, ("tls", "cert"), whole.cert)
    key_path: KeyPath = ("tls", "key") if tls.key else ("tls", "cert")
    key = _read(document, key_path, whole.key or "") if tls.key else cert
    if whole.client_ca is not None:
        _check_authority(document, whole.client_ca)
    if cert is None or key is None:
        return whole
    if not _CERTIFICATE.search(cert):
        hint = "give a file that has -----BEGIN CERTIFICATE----- in it"
        document.problem(("tls", "cert"), "holds no certificate in PEM form", hint)
    elif _LOCKED_KEY.search(key):
        hint = "store the key without one, readable by the router alone"
        document.problem(key_path, "holds a key that asks for a password", hint)
    elif not _KEY.search(key):
        hint = "give a file that has -----BEGIN PRIVATE KEY----- in it"
        document.problem(key_path, "holds no private key in PEM form", hint)
    else:
        _check_pair(document, whole, key_path)
    return whole


def _check_pair(document: Document, tls: ServerTls, key_path: KeyPath) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            hint = "the first certificate in the file must be the one that the key is for"
            document.problem(key_path, "is not the key of the certificate", hint)
        else:
            hint = f"OpenSSL calls it {error.reason}" if error.reason else ""
            document.problem(("tls", "cert"), "cannot be used together with its key", hint)


def _check_authority(document: Document, file: str) -> None:
    path: KeyPath = ("tls", "client-ca")
    if _read(document, path, file) is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(file)
    except ssl.SSLError:
        hint = "give the certificate of the authority that signs your clients'"
        document.problem(path, "holds no certificate in PEM form", hint)


def _read(document: Document, path: KeyPath, file: str) -> bytes | None:
    try:
        return read_regular(Path(file))
    except OSError as error:
        message = f"names a file that cannot be read: {error.strerror or type(error).__name__}"
        hint = "relative paths count from the configuration file's folder"
        document.problem(path, message, hint)
        return None
