"""Remembers secrets that become known while the router runs: tokens read and refreshed."""

import threading
from collections.abc import Callable
from collections.abc import Iterable

_MOST = 8
"""Secrets remembered of one owner: old tokens may still appear in what is on its way."""


class LearnedSecrets:
    """Secrets by their owners, the newest last. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, tuple[str, ...]] = {}
        self.version = 0
        """Changes with every new secret, so that readers know when to look."""

    def learn(self, owner: str, secret: str) -> None:
        """Remember a secret of an owner, whose oldest one may be forgotten."""
        with self._lock:
            known = self._secrets.get(owner, ())
            if secret and secret not in known:
                self._secrets[owner] = (*known, secret)[-_MOST:]
                self.version += 1

    def all(self) -> Iterable[str]:
        """Every secret remembered."""
        return tuple(secret for group in tuple(self._secrets.values()) for secret in group)

    def of(self, owners: Iterable[str]) -> Iterable[str]:
        """The secrets of some owners."""
        return tuple(secret for owner in owners for secret in self._secrets.get(owner, ()))


class Renewed[T]:
    """A value that is made anew when a secret has been learned since."""

    __slots__ = ("_learned", "_make", "_value", "_version")

    def __init__(self, learned: LearnedSecrets, make: Callable[[], T]) -> None:
        self._learned = learned
        self._make = make
        self._version = learned.version
        self._value = make()

    @property
    def value(self) -> T:
        version = self._learned.version
        if version != self._version:
            self._value, self._version = self._make(), version
        return self._value
