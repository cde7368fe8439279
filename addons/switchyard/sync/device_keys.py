"""The keys of a device: one of age to open secrets, one of Ed25519 to sign (RFC 8032).

Both are made once and stay on the device. `device.key` has the format of age-keygen, so that
`age --decrypt --identity device.key secrets.age` works.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from switchyard.config.sealed_secrets import SealedError
from switchyard.config.sealed_secrets import age_library
from switchyard.config.sealed_secrets import read_identity
from switchyard.sync.errors import SyncError
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private

DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)

_RECIPIENT = re.compile(r"age1[a-z0-9]{58}", re.ASCII)
_VERIFY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_FINGERPRINT_BYTES = 15
"""Of SHA-256: 120 bits, 24 letters to compare."""
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """What others may know of a device."""

    name: str
    recipient: str
    """Its age recipient (X25519)."""
    verify: str
    """Its Ed25519 public key in base64url, without padding."""

    @classmethod
    def parse(cls, text: str) -> "DeviceCard":
        """Read a card as `str` writes it. Raises SyncError."""
        parts = text.strip().split(":")
        if len(parts) == 3:
            card = cls(*parts)
            if card.is_valid():
                return card
        raise SyncError("this is no card of a device; copy all of NAME:age1...:... that it shows")

    def __str__(self) -> str:
        return f"{self.name}:{self.recipient}:{self.verify}"

    def is_valid(self) -> bool:
        """Whether its parts have the form of what they are."""
        return bool(
            DEVICE_NAME.fullmatch(self.name)
            and _RECIPIENT.fullmatch(self.recipient)
            and _VERIFY.fullmatch(self.verify)
        )

    @property
    def id(self) -> str:
        """The fingerprint of the key that it signs with."""
        digest = hashlib.sha256(_unpadded(self.verify)).digest()[:_FINGERPRINT_BYTES]
        letters = base64.b32encode(digest).decode().lower()
        return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))

    def has_signed(self, message: bytes, signature: str) -> bool:
        """Whether a signature is this device's."""
        try:
            key = Ed25519PublicKey.from_public_bytes(_unpadded(self.verify))
            key.verify(_unpadded(signature), message)
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        return True


class DeviceKeys:
    """The keys of this device."""

    def __init__(self, name: str, identity: str, signing: Ed25519PrivateKey) -> None:
        self.identity = identity
        self._signing = signing
        recipient = str(age_library().x25519.Identity.from_str(identity).to_public())
        verify = _padless(signing.public_key().public_bytes(*_RAW))
        self.card = DeviceCard(name, recipient, verify)

    def sign(self, message: bytes) -> str:
        """Return a signature in base64url."""
        return _padless(self._signing.sign(message))


def make_keys(folder: Path, name: str, anew: bool = False) -> None:
    """Make the keys of this device, unless there are some and none shall be made anew.

    Raises SyncError for a wrong name, SealedError without the library of age, and OSError.
    """
    key_file, sign_file = _files(folder)
    if not DEVICE_NAME.fullmatch(name):
        raise SyncError("a device is named by letters, digits, dots and dashes; give --name")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if anew or not sign_file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        replace_private(sign_file, pem)
    if anew or not key_file.exists():
        identity = age_library().x25519.Identity.generate()
        text = f"# switchyard device: {name}\n# public key: {identity.to_public()}\n{identity}\n"
        replace_private(key_file, text.encode())


def load_keys(folder: Path, name: str) -> DeviceKeys:
    """Return the keys of this device, which goes by `name`.

    Raises SyncError, and SealedError without the library of age.
    """
    key_file, sign_file = _files(folder)
    try:
        signing = serialization.load_pem_private_key(read_regular(sign_file), None)
        identity = read_identity(key_file)
    except FileNotFoundError:
        raise SyncError("this device has no keys yet; run switchyard sync init") from None
    except (SealedError, OSError, ValueError) as error:
        raise SyncError(f"the keys of this device cannot be read: {error}") from None
    if not isinstance(signing, Ed25519PrivateKey):
        raise SyncError(f"{sign_file} holds another kind of key; move it away and run init again")
    return DeviceKeys(name, identity, signing)


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / "device.key", folder / "signing.pem"


def _padless(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
