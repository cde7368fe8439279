"""Checks the certificate files of a configuration; a bad one stops the start."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from switchyard.config.problems import KeyPath
from switchyard.config.yaml_source import Document
from switchyard.values.files import read_regular

_KEYS = {"ca": "a file of PEM certificates", "client-cert": "a PEM file of certificate and key"}


def resolved(name: str, beside: Path) -> Path:
    """The file that a configuration file means by a path."""
    return beside.parent / Path(name).expanduser()


def check_tls_files(document: Document, file: Path, absent: set[int]) -> None:
    """Add a problem for every such file that is missing or cannot be used.

    `absent` are the providers that are not live.
    """
    for path, name in _files(document.data):
        if path[1] in absent or path in document.unset or path in document.unusable:
            continue
        kind = str(path[-1])
        place = resolved(name, file)
        check = _wrong_ca if kind == "ca" else _wrong_client_cert
        try:
            found = check(place)
        except OSError as error:
            found = (
                f"cannot be read: {error.strerror or type(error).__name__}",
                f"name {_KEYS[kind]}",
            )
        if found:
            document.problem(path, *found)


def _files(data: object) -> Iterator[tuple[KeyPath, str]]:
    providers = data.get("providers") if isinstance(data, dict) else None
    for index, provider in enumerate(providers if isinstance(providers, list) else ()):
        tls = provider.get("tls") if isinstance(provider, dict) else None
        for kind in _KEYS:
            if isinstance(tls, dict) and isinstance(name := tls.get(kind), str):
                yield ("providers", index, "tls", kind), name


def _wrong_ca(file: Path) -> tuple[str, str] | None:
    pem = read_regular(file).decode("utf-8", "replace")
    if "-----BEGIN CERTIFICATE-----" not in pem and "-----BEGIN TRUSTED" not in pem:
        hint = "convert it: openssl x509 -inform der -in FILE -out FILE.pem"
        return "is a file without a PEM certificate", hint
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return "is a file with a certificate that cannot be read", "get it anew"
    return None


def _wrong_client_cert(file: Path) -> tuple[str, str] | None:
    pem = read_regular(file).decode("utf-8", "replace")
    if "-----BEGIN CERTIFICATE-----" not in pem:
        return "is a file without a PEM certificate", "put certificate and key into one PEM file"
    if "PRIVATE KEY-----" not in pem:
        return "is a file without a private key", "put certificate and key into one PEM file"
    if "ENCRYPTED" in pem:
        hint = "decrypt it: openssl pkey -in FILE -out FILE.pem, readable by its owner alone"
        return "is a file whose private key wants a password", hint
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(file)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return (
                "is a file whose key belongs to another certificate",
                "the certificate comes first",
            )
        return "is a file with a certificate or key that cannot be read", "get it anew"
    return None
