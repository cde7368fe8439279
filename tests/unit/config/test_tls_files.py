"""Certificate files are checked when the configuration is read, and watched from then on."""

import os
import re
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.reload import ConfigSource
from switchyard.config.schema import Config

CA = trustme.CA()
LEAF = CA.issue_cert("me.example")


def private_key(password: bytes) -> bytes:
    key = serialization.load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )


CERT, KEY = LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes()
FILES = {
    "ca.pem": CA.cert_pem.bytes(),
    "me.pem": CERT + KEY,
    "key-first.pem": KEY + CERT,
    "cert.pem": CERT,
    "key.pem": KEY,
    "locked.pem": CERT + private_key(b"secret"),
    "mismatch.pem": CA.cert_pem.bytes() + KEY,
    "empty.pem": b"",
    "binary.pem": bytes(range(256)),
    "torn.pem": CERT[:200] + b"\n-----END CERTIFICATE-----\n",
    "torn-key.pem": CERT + KEY[:100] + b"\n-----END PRIVATE KEY-----\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.pem").mkdir()
    return tmp_path


def load(folder: Path, tls: str, **env: str) -> Config:
    text = f"providers:\n  - name: p\n    base-url: https://p.example\n    tls: {{{tls}}}\n"
    return parse_config(text.encode(), folder / "test.yaml", env)


def test_paths_count_from_the_files_folder(folder: Path) -> None:
    tls = load(folder, f"ca: ca.pem, client-cert: {folder}/me.pem").providers[0].tls
    assert tls.ca == f"{folder}/ca.pem" and tls.client_cert == f"{folder}/me.pem"
    assert load(folder, "client-cert: key-first.pem")
    assert load(folder, "ca: '${CA}'", CA="ca.pem").providers[0].tls.ca == f"{folder}/ca.pem"


@pytest.mark.parametrize(
    ("key", "name", "problem"),
    [
        ("ca", "nowhere.pem", "cannot be read: No such file"),
        ("ca", "folder.pem", "cannot be read: Is a directory"),
        ("ca", "empty.pem", "without a PEM certificate. Hint: convert it"),
        ("ca", "binary.pem", "without a PEM certificate. Hint: convert it"),
        ("ca", "key.pem", "without a PEM certificate"),
        ("ca", "torn.pem", "a certificate that cannot be read"),
        ("client-cert", "nowhere.pem", "cannot be read: No such file"),
        (
            "client-cert",
            "cert.pem",
            "without a private key. Hint: put certificate and key into one",
        ),
        ("client-cert", "key.pem", "without a PEM certificate. Hint: put certificate and key"),
        ("client-cert", "locked.pem", "wants a password. Hint: decrypt it"),
        ("client-cert", "mismatch.pem", "whose key belongs to another certificate"),
        ("client-cert", "torn-key.pem", "a certificate or key that cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told(folder: Path, key: str, name: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, f"{key}: {name}")
    said = str(caught.value)
    assert said.startswith(f"{folder}/test.yaml:4: providers[0].tls.{key}: ")
    assert problem in said and "Hint: " in said


def test_providers_that_are_not_live_need_no_files(folder: Path) -> None:
    text = """
providers:
  - {name: p, base-url: 'https://p.example'}
  - {name: q, optional: true, api-key: '${KEY}', base-url: 'https://q', tls: {ca: nowhere.pem}}
"""
    assert len(parse_config(text.encode(), folder / "test.yaml", {}).providers) == 1


@pytest.mark.parametrize("name", ["", "a b", "https://x", "*.example"])
def test_a_server_name_is_a_host(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("providers[0].tls.server-name")):
        load(folder, f"server-name: '{name}'")


def test_a_renewed_certificate_is_a_change(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text(
        "providers: [{name: p, base-url: 'https://p', tls: {ca: ca.pem, client-cert: me.pem}}]"
    )
    source = ConfigSource(config, {})
    source.load()
    assert source.poll() is None
    write(folder / "me.pem", FILES["me.pem"])
    assert source.poll() is None  # the same content
    other = trustme.CA()
    write(folder / "ca.pem", other.cert_pem.bytes())
    assert isinstance(source.poll(), Config)
    assert source.poll() is None
    write(folder / "me.pem", CERT)
    assert isinstance(problem := source.poll(), ConfigError) and "private key" in str(problem)
    assert source.poll() is None
    write(folder / "me.pem", FILES["me.pem"])
    assert isinstance(source.poll(), Config)


def write(path: Path, content: bytes) -> None:
    """Writes a file so that its times differ, however fast the test is."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
