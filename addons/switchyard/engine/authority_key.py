"""Loads the private keys of mitmproxy's authority and certificates without proving their numbers.

A key is read from a file of the user's own at each start. The proof that an RSA key is made of
primes takes 30 ms of processor time, in which the first request waits. A damaged key gives no
wrong signature: OpenSSL looks at each one that it has made (`rsa_ossl_mod_exp`).
"""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from mitmproxy import certs


def trust_keys() -> None:
    """From now on, mitmproxy loads private keys by `load_key`."""
    certs.load_pem_private_key = load_key  # pyright: ignore[reportAttributeAccessIssue]


def load_key(data: bytes, password: bytes | None) -> PrivateKeyTypes:
    """Return the private key in a PEM file; a password is ignored where the file needs none.

    Raises ValueError for what is no key, TypeError where a password is missing.
    """
    try:
        return serialization.load_pem_private_key(
            data, password, unsafe_skip_rsa_key_validation=True
        )
    except TypeError:
        if password is None:
            raise
        return load_key(data, None)
