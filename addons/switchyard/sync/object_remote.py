"""A remote of plain files or objects, for storage that can replace one of them conditionally.

Configuration and secrets are written first, under names made of the state's number and their
digests; then the state takes the place of the one that was read. So a push is seen whole or not at
all, and of two at once one is refused.
"""

from typing import Protocol

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import UnfitStorage
from switchyard.sync.parcel import NotComplete
from switchyard.sync.parcel import Parcel
from switchyard.sync.signed_state import SyncState
from switchyard.sync.signed_state import unverified

STATE_OBJECT = "state.json"

_LOOKS = 3
"""Times to begin anew when the state changes while its files are read."""


class ObjectStorage(Protocol):
    """Files of one folder of a storage. Methods raise SyncError."""

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return a content and the mark of its version; None if there is no such file."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a file, whatever is there."""
        ...

    def swap(self, name: str, content: bytes, known: str | None) -> None:
        """Write a file that has the mark `known`, or is not there (None).

        Raises RemoteChanged if it has another mark.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...


class ObjectRemote:
    """The remote on a storage."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    def read(self) -> tuple[Parcel, str] | None:
        """See Remote."""
        missing = ""
        for _ in range(_LOOKS):
            found = self._storage.get(STATE_OBJECT)
            if found is None:
                return None
            content, mark = found
            names = _names_of(unverified(content))
            files = [self._storage.get(name) for name in names]
            if files[0] is not None and files[1] is not None:
                return Parcel(content, files[0][0], files[1][0]), mark
            missing = names[0] if files[0] is None else names[1]
        raise NotComplete(missing)

    def write(self, parcel: Parcel, known: str | None) -> None:
        """See Remote. Files of the state that is replaced are removed."""
        old = self._storage.get(STATE_OBJECT)
        if (old[1] if old else None) != known:
            raise RemoteChanged
        new_names = _names_of(unverified(parcel.state))
        for name, content in zip(new_names, (parcel.config, parcel.secrets), strict=True):
            self._storage.put(name, content)
        try:
            self._storage.swap(STATE_OBJECT, parcel.state, known)
        except (RemoteChanged, UnfitStorage):
            # Only what nobody else can have written: the other push may be of the same text.
            self._storage.remove(new_names[1])
            raise
        if old is not None:
            for name in _names_of(unverified(old[0])):
                if name not in new_names:
                    self._storage.remove(name)


def _names_of(state: SyncState) -> tuple[str, str]:
    number = f"{state.serial:06d}"
    return f"config-{number}-{state.config[:16]}.yaml", f"secrets-{number}-{state.secrets[:16]}.age"
