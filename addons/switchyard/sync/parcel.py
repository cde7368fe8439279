"""What devices exchange: a signed state with the configuration and the secrets it names."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from switchyard.sync.errors import SyncError
from switchyard.sync.errors import Tampered
from switchyard.sync.signed_state import SyncState

MOST_PARCEL_BYTES = 4 * 1024 * 1024
"""Bytes that one file on a remote may have."""


class NotComplete(SyncError):
    """Files that a state names are not there: they are on their way, or were removed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the remote lacks {what}, which may be on its way; try again later")


@dataclass(frozen=True, slots=True)
class Parcel:
    """The files of one state. Nothing in it is verified yet."""

    state: bytes
    config: bytes
    secrets: bytes


class Remote(Protocol):
    """Storage that several devices reach. Methods block; they raise SyncError."""

    def read(self) -> tuple[Parcel, str] | None:
        """Return what is there and a mark of its version; None if nothing was written yet."""
        ...

    def write(self, parcel: Parcel, known: str | None) -> None:
        """Replace what is there if it still has the mark `known` (None: if nothing is there).

        Raises RemoteChanged if it has not.
        """
        ...


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a content in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_files(parcel: Parcel, state: SyncState) -> None:
    """Compare a parcel's files with the digests in its verified state. Raises Tampered."""
    for what, content, digest in (
        ("configuration", parcel.config, state.config),
        ("file of secrets", parcel.secrets, state.secrets),
    ):
        if digest_of(content) != digest:
            raise Tampered(
                f"the {what} on the remote is not the one that was signed: it was changed"
            )
