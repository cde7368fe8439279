"""Remembers who made which proof of a conversation's history, and who refused one.

A proof is what a provider takes back only if it made it itself: a signature, encrypted reasoning,
the id of an item that it keeps. Only keyed hashes are kept, and no client finds what another one's
conversations hold.
"""

import hashlib
import secrets
from collections.abc import Iterable

from switchyard.state.shelf import LocalShelf
from switchyard.state.shelf import Shelf
from switchyard.values.records import record

_MOST_NAMES = 32
"""Makers, or places of refusals, that are kept of one client or proof."""

_REFUSED = "!"
"""Stands among a client's makers where any of its proofs was refused."""

_URL_ALPHABET = str.maketrans("-_", "+/", "=")


@record()
class ProofReader:
    """Who is to read a history: a maker, and the credential with which it is asked."""

    maker: str
    """Whose proofs it takes: a vendor, or a model at a provider."""
    credential: str = ""
    """The provider's key, by its id: a vendor may encrypt for one organisation alone."""

    @property
    def place(self) -> str:
        """Where a refusal counts."""
        return f"{self.maker}#{self.credential}"


class Proofs:
    """Makers and refusals of proofs, by client."""

    def __init__(self, shelf: Shelf | None = None, secret: bytes | None = None) -> None:
        """`secret` keys the hashes; processes that share a shelf share it, too."""
        self._shelf: Shelf = shelf if shelf is not None else LocalShelf()
        self._secret = secret or secrets.token_bytes(32)

    def note(self, owner: bytes, maker: str, proofs: Iterable[str]) -> None:
        """Remember that `maker` answered in a client's conversation, and made these proofs."""
        self._add(self._key(owner), maker)
        for proof in proofs:
            if not proof:
                continue
            key = self._key(owner, proof)
            _, *refusers = self._names(key) or [""]
            self._write(key, [maker, *refusers])

    def refuse(self, owner: bytes, reader: ProofReader, proofs: Iterable[str]) -> None:
        """Remember that a provider refused a history with these proofs.

        They are not sent to it again with this credential.
        """
        for proof in proofs:
            if not proof:
                continue
            key = self._key(owner, proof)
            maker, *refusers = self._names(key) or [""]
            if reader.place not in refusers:
                self._write(key, [maker, *refusers[1 - _MOST_NAMES :], reader.place])
            self._add(self._key(owner), _REFUSED)

    def is_mixed(self, owner: bytes, reader: ProofReader) -> bool:
        """Whether a client's histories may hold proofs that are known not to be for `reader`."""
        return any(name != reader.maker for name in self._names(self._key(owner)) or ())

    def maker(self, owner: bytes, proof: str) -> str | None:
        """Who made a proof; None where that is not known."""
        names = self._names(self._key(owner, proof)) if proof else None
        return names[0] or None if names else None

    def is_for(self, owner: bytes, reader: ProofReader, proof: str) -> bool:
        """Whether `reader` may be sent a proof.

        That is one that it made, or of which nothing is known, unless it refused it. Thinking
        without a proof may be sent.
        """
        if not proof:
            return True
        maker, *refusers = self._names(self._key(owner, proof)) or [""]
        return maker in ("", reader.maker) and reader.place not in refusers

    def _add(self, key: bytes, name: str) -> None:
        names = self._names(key) or []
        if name not in names:
            self._write(key, [*names[1 - _MOST_NAMES :], name])

    def _names(self, key: bytes) -> list[str] | None:
        value = self._shelf.get(key)
        return None if value is None else value.decode(errors="replace").split("\0")

    def _write(self, key: bytes, names: list[str]) -> None:
        self._shelf.put(key, "\0".join(names).encode(errors="replace"))

    def _key(self, owner: bytes, proof: str = "") -> bytes:
        """Clients choose base64's alphabet and padding anew when they hold a proof as bytes."""
        said = proof.translate(_URL_ALPHABET).encode(errors="surrogatepass")
        return hashlib.blake2b(owner + b"\0" + said, key=self._secret, digest_size=16).digest()
