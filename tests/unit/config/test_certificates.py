"""The files of `tls:` are checked when the configuration is loaded."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError

ONE = "providers: [{name: one, base-url: 'https://one.example/v1', api-key: k}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every kind, good and bad."""
    ca = trustme.CA()
    mine, other = ca.issue_cert("router.example"), ca.issue_cert("other.example")
    key = mine.private_key_pem.bytes()
    locked = load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret-word"),
    )
    files = {
        "cert.pem": mine.cert_chain_pems[0].bytes(),
        "key.pem": key,
        "both.pem": mine.private_key_and_cert_chain_pem.bytes(),
        "other.pem": other.private_key_pem.bytes(),
        "locked.pem": locked,
        "ca.pem": ca.cert_pem.bytes(),
        "empty.pem": b"",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def load(folder: Path, tls: str):
    path = folder / "router.yaml"
    path.write_text(ONE + tls)
    return load_config(path, {})


@pytest.mark.parametrize(
    ("tls", "cert", "key", "client_ca"),
    [
        ("tls: {cert: cert.pem, key: key.pem}", "cert.pem", "key.pem", None),
        ("tls: {cert: both.pem}", "both.pem", "both.pem", None),
        ("tls: {cert: both.pem, client-ca: ca.pem}", "both.pem", "both.pem", "ca.pem"),
    ],
)
def test_files_that_can_be_used(folder: Path, tls: str, cert, key, client_ca) -> None:
    found = load(folder, tls).tls
    assert found is not None
    assert found.cert == str(folder / cert)
    assert found.key == str(folder / key)
    assert found.client_ca == (client_ca and str(folder / client_ca))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found.cert, found.key)


def test_without_the_section_there_is_none(folder: Path) -> None:
    assert load(folder, "").tls is None


@pytest.mark.parametrize(
    ("tls", "key", "said", "hint"),
    [
        ("{key: key.pem}", "tls.cert", "is required", ""),
        ("{cert: no.pem, key: key.pem}", "tls.cert", "cannot be read: No such file", "relative"),
        ("{cert: cert.pem, key: no.pem}", "tls.key", "cannot be read: No such file", "relative"),
        ("{cert: cert.pem}", "tls.cert", "holds no private key", "BEGIN PRIVATE KEY"),
        ("{cert: empty.pem, key: key.pem}", "tls.cert", "holds no certificate", "BEGIN CERT"),
        ("{cert: key.pem, key: key.pem}", "tls.cert", "holds no certificate", "BEGIN CERT"),
        ("{cert: cert.pem, key: cert.pem}", "tls.key", "holds no private key", "BEGIN PRIVATE"),
        ("{cert: cert.pem, key: other.pem}", "tls.key", "is not the key of the", "first cert"),
        ("{cert: cert.pem, key: locked.pem}", "tls.key", "asks for a password", "without one"),
        ("{cert: broken.pem, key: key.pem}", "tls.cert", "cannot be used together", ""),
        ("{cert: both.pem, client-ca: no.pem}", "tls.client-ca", "cannot be read", "relative"),
        ("{cert: both.pem, client-ca: key.pem}", "tls.client-ca", "holds no certificate", "signs"),
        ("{cert: both.pem, client-cert: x}", "tls.client-cert", "unknown key", "client-ca"),
    ],
)
def test_files_that_cannot_are_told_with_their_place(folder: Path, tls, key, said, hint) -> None:
    with pytest.raises(ConfigError) as refused:
        load(folder, f"tls: {tls}")
    (problem,) = refused.value.problems
    assert (problem.key, problem.line) == (key, 2)
    assert said in problem.message
    assert hint in problem.hint
    assert "secret-word" not in str(refused.value)
