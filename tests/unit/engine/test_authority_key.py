"""Private keys are loaded as mitmproxy loads them, but without a proof that they hold primes."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa
from mitmproxy import certs

from switchyard.engine.authority_key import load_key
from switchyard.engine.authority_key import trust_keys

MITMPROXYS = certs.load_pem_private_key
KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
}


def pem(kind: str, password: bytes | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return KEYS[kind].private_bytes(serialization.Encoding.PEM, form, encryption)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(("written", "given"), [(None, None), (None, b"any"), (b"x1", b"x1")])
def test_it_is_the_key_that_mitmproxy_loads(kind: str, written: bytes, given: bytes) -> None:
    data = pem(kind, written)
    assert load_key(data, given).public_key() == MITMPROXYS(data, given).public_key()


@pytest.mark.parametrize("given", [None, b"wrong"])
@pytest.mark.parametrize("written", ["a key with a password", "no key"])
def test_it_refuses_what_mitmproxy_refuses(written: str, given: bytes | None) -> None:
    data = b"" if written == "no key" else pem("rsa", b"x1")
    with pytest.raises((ValueError, TypeError)) as theirs:
        MITMPROXYS(data, given)
    with pytest.raises(theirs.type):
        load_key(data, given)


def test_an_authority_is_loaded_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certs, "load_pem_private_key", MITMPROXYS)
    trust_keys()
    assert certs.load_pem_private_key is load_key
    store = certs.CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert store.default_privatekey.public_key() == store.default_ca._cert.public_key()
