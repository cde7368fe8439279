"""A credential as it was read, and why none could be read."""

import math
from dataclasses import dataclass
from dataclasses import field

from pydantic import SecretStr

_MARGIN = 10.0
"""Seconds before its expiry from which a credential is taken for expired: a request is on its way
for a while, and clocks differ a little."""
_SHARE = 0.2
"""The most of its life that the margin takes of one that lives for seconds alone: it would be dead
when it is born, and fetched over and over."""


@dataclass(frozen=True, slots=True)
class Token:
    """A credential and how long it may be used."""

    secret: SecretStr
    expires_at: float = math.inf
    """Unix seconds."""
    renew_at: float = math.inf
    """Unix seconds from which another one is fetched while this one is still used."""
    more: tuple[str, ...] = field(default=(), repr=False)
    """Further secrets that belong to it."""
    life: float = math.inf
    """Seconds from when it was given to its expiry, where that is known."""

    def is_expired(self, now: float) -> bool:
        return now >= self.expires_at - min(_MARGIN, _SHARE * max(0.0, self.life))


class SourceError(Exception):
    """No credential can be had from a source. Holds no secret.

    The text gives the cause and the remedy.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        """`lasting`: only the user can change it, so that trying again soon is of no use."""
        super().__init__(message)
        self.lasting = lasting
