"""What a device remembers of its remote: the address, whom it trusts, states of both."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError

from switchyard.sync.errors import SyncError
from switchyard.sync.parcel import Parcel
from switchyard.sync.signed_state import KnownDevice
from switchyard.sync.signed_state import unverified
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private

MOST_BASES = 20
"""States that are kept whole, to merge from."""
_FILES = ("state.json", "config.yaml", "secrets.age")


class SyncLink(BaseModel):
    """The tie of one configuration to its remote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    name: str
    """What this device is called."""
    head: str = ""
    """The state that was last pulled or pushed; empty before the first."""
    serial: int = 0
    ancestors: tuple[str, ...] = ()
    """The states before it, latest first: to see them again is a step back."""
    devices: dict[str, KnownDevice] = {}
    """The devices that are trusted, by their fingerprints."""
    removed: tuple[str, ...] = ()
    """The fingerprints of those that are so no more."""


class DeviceFolder:
    """The folder of one configuration's link. Methods raise SyncError and OSError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def link(self) -> SyncLink:
        """Return the link. Raises SyncError if there is none."""
        if (found := self.find_link()) is None:
            raise SyncError("this configuration has no remote yet; run switchyard sync init")
        return found

    def find_link(self) -> SyncLink | None:
        """Return the link; None if there is none."""
        try:
            return SyncLink.model_validate_json(read_regular(self.path / "link.json"))
        except FileNotFoundError:
            return None
        except ValidationError:
            raise SyncError(
                f"{self.path / 'link.json'} is damaged; remove it and init again"
            ) from None

    def save(self, link: SyncLink) -> None:
        """Keep a link."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private(self.path / "link.json", link.model_dump_json(indent=1).encode())

    def keep(self, parcel: Parcel) -> None:
        """Keep a state whole, to merge from later."""
        bases = self.path / "bases"
        folder = bases / unverified(parcel.state).head
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in zip(
            _FILES, (parcel.state, parcel.config, parcel.secrets), strict=True
        ):
            replace_private(folder / name, content)
        os.utime(folder)
        kept = sorted(bases.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True)
        for old in kept[MOST_BASES:]:
            shutil.rmtree(old, ignore_errors=True)

    def base(self, head: str) -> Parcel | None:
        """Return a state that is kept; None if it is not."""
        try:
            return Parcel(*(read_regular(self.path / "bases" / head / name) for name in _FILES))
        except FileNotFoundError:
            return None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the link: one command at a time changes it. Raises SyncError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise SyncError("another switchyard sync runs on this device; wait for it") from None
        finally:
            os.close(handle)
