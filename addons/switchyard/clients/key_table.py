"""Finds client keys by what clients send."""

import hashlib
import math
import time
from collections.abc import Iterator

from switchyard.clients.key_format import key_hash
from switchyard.config.client_keys import ClientKey
from switchyard.config.client_keys import ClientSettings


class KeyTable:
    """The client keys of one configuration, each with its whole policy.

    Keys are looked up by their SHA-256, so the time of a look-up tells nothing about them.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._keys = tuple(map(settings.effective, settings.api_keys))
        self._by_hash: dict[str, tuple[ClientKey, float]] = {}
        """With the Unix time until which the hash is accepted."""
        for key in self._keys:
            for stored, until in _hashes(key):
                self._by_hash.setdefault(stored, (key, until))
        self._asks = bool(settings.api_keys) or settings.keys_file is not None

    def __bool__(self) -> bool:
        """Whether clients need a key. A keys file counts, even while it is empty."""
        return self._asks

    def __iter__(self) -> Iterator[ClientKey]:
        """Yields the keys in the order of the configuration."""
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, given: str) -> ClientKey | None:
        """Returns the key that a client sent, or None."""
        return self._find(key_hash(given)) if self._by_hash else None

    def holds(self, given: bytes) -> bool:
        """Whether bytes of a request are one of the keys."""
        return f"sha256:{hashlib.sha256(given).hexdigest()}" in self._by_hash

    def again(self, key: ClientKey) -> ClientKey | None:
        """Returns a key of another configuration as this one has it; None if it is gone."""
        return next(filter(None, (self._find(stored) for stored, _until in _hashes(key))), None)

    def _find(self, stored: str) -> ClientKey | None:
        key, until = self._by_hash.get(stored, (None, 0.0))
        return key if key is None or until == math.inf or time.time() < until else None


def _hashes(key: ClientKey) -> Iterator[tuple[str, float]]:
    if key.key is not None:
        yield key_hash(key.key.get_secret_value()), math.inf
    if key.key_hash is not None:
        yield key.key_hash, math.inf
    for previous in key.previous:
        yield previous.key_hash, previous.until.timestamp()
