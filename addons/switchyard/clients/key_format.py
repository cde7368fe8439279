"""Makes and reads the client keys that the router issues.

A key is `sk-swy-<id>-<secret><checksum>`: an id of 10 small letters and digits, a secret of 32
letters and digits (190 bits), and a checksum of 6. The id is public: it names the key in logs,
records and metrics. The checksum tells a typing error from a key that is gone, and lets scanners of
source code find keys without asking anybody. The router stores the SHA-256 of the whole key; a slow
hash would protect only secrets that people choose.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from dataclasses import field

PREFIX = "sk-swy-"

_ID_SIGNS = string.digits + string.ascii_lowercase
_SIGNS = string.digits + string.ascii_letters
_ID_LENGTH = 10
_SECRET_LENGTH = 32
_CHECKSUM_LENGTH = 6
_ID = re.compile(rf"[0-9a-z]{{{_ID_LENGTH}}}")
_KEY = re.compile(
    rf"{PREFIX}([0-9a-z]{{{_ID_LENGTH}}})-"
    rf"[0-9A-Za-z]{{{_SECRET_LENGTH}}}([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, as its holder gets it once."""

    id: str
    text: str = field(repr=False)

    @property
    def hash(self) -> str:
        """What is stored of it."""
        return key_hash(self.text)


def issue_key(id: str = "") -> IssuedKey:
    """Makes a key of the system's random numbers; with the public id of an earlier one, if given.

    An `id` that no issued key can have gives way to a new one.
    """
    if not _ID.fullmatch(id):
        id = _random(_ID_SIGNS, _ID_LENGTH)
    begin = f"{PREFIX}{id}-{_random(_SIGNS, _SECRET_LENGTH)}"
    return IssuedKey(id, begin + _checksum(begin))


def key_id(text: str) -> str | None:
    """Returns the public id of an issued key; None for any other text."""
    match = _KEY.fullmatch(text)
    if match is None or match[2] != _checksum(text[:-_CHECKSUM_LENGTH]):
        return None
    return match[1]


def is_mistyped(text: str) -> bool:
    """Whether a text was meant to be an issued key and cannot be one."""
    return text.startswith(PREFIX) and key_id(text) is None


def key_hash(text: str) -> str:
    """Returns the stored form of a key, `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _random(signs: str, length: int) -> str:
    return "".join(secrets.choice(signs) for _ in range(length))


def _checksum(text: str) -> str:
    rest = zlib.crc32(text.encode())
    signs = ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, place = divmod(rest, len(_SIGNS))
        signs = _SIGNS[place] + signs
    return signs
