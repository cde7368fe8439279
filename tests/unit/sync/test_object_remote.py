from collections.abc import Callable
from pathlib import Path

import pytest

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.errors import Tampered
from switchyard.sync.object_remote import STATE_OBJECT
from switchyard.sync.object_remote import ObjectRemote
from switchyard.sync.parcel import NotComplete
from tests.support.sync_parcels import Parcels


class MemoryStorage:
    """Files in memory; `before` is called before each operation with its name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.before: Callable[[str], object] = lambda _: None

    def get(self, name: str) -> tuple[bytes, str] | None:
        self.before(f"get {name}")
        content = self.files.get(name)
        return None if content is None else (content, str(hash(content)))

    def put(self, name: str, content: bytes) -> None:
        self.before(f"put {name}")
        self.files[name] = content

    def swap(self, name: str, content: bytes, known: str | None) -> None:
        self.before(f"swap {name}")
        there = self.files.get(name)
        if (None if there is None else str(hash(there))) != known:
            raise RemoteChanged
        self.files[name] = content

    def remove(self, name: str) -> None:
        self.files.pop(name, None)


@pytest.fixture
def parcels(tmp_path: Path) -> Parcels:
    return Parcels(tmp_path)


def mark_of(remote: ObjectRemote) -> str:
    found = remote.read()
    assert found is not None
    return found[1]


def test_what_is_written_is_read(parcels: Parcels) -> None:
    storage = MemoryStorage()
    remote = ObjectRemote(storage)
    assert remote.read() is None
    for number in (1, 2, 3):
        found = remote.read()
        remote.write(parcels.make(number), found[1] if found else None)
        assert remote.read() == (parcels.make(number), mark_of(remote))
        assert len(storage.files) == 3


def test_of_two_pushes_at_once_one_is_refused(parcels: Parcels) -> None:
    storage = MemoryStorage()
    remote, other = ObjectRemote(storage), ObjectRemote(storage)
    remote.write(parcels.make(1), None)
    mark = mark_of(remote)

    def overtake(what: str) -> None:
        if what == f"swap {STATE_OBJECT}":
            storage.before = lambda _: None
            other.write(parcels.make(3), mark)

    storage.before = overtake
    with pytest.raises(RemoteChanged, match="another device has pushed meanwhile"):
        remote.write(parcels.make(2), mark)
    found = remote.read()
    assert found is not None and found[0] == parcels.make(3)
    assert sum(name.startswith("secrets") for name in storage.files) == 1
    for known in (mark, None):
        with pytest.raises(RemoteChanged):
            remote.write(parcels.make(4), known)


def test_a_push_that_breaks_off_is_not_seen(parcels: Parcels) -> None:
    storage = MemoryStorage()
    remote = ObjectRemote(storage)
    remote.write(parcels.make(1), None)
    mark = mark_of(remote)

    def break_off(what: str) -> None:
        if what.startswith(("put secrets", "swap")):
            raise SyncError("the network is gone")

    for _ in range(2):
        storage.before = break_off
        with pytest.raises(SyncError, match="is gone"):
            remote.write(parcels.make(2), mark)
        storage.before = lambda _: None
        assert remote.read() == (parcels.make(1), mark)
    remote.write(parcels.make(2), mark)
    assert remote.read() == (parcels.make(2), mark_of(remote))


def test_a_state_that_changes_while_it_is_read(parcels: Parcels) -> None:
    storage = MemoryStorage()
    remote, other = ObjectRemote(storage), ObjectRemote(storage)
    remote.write(parcels.make(1), None)
    mark = mark_of(remote)

    def overtake(what: str) -> None:
        if what.startswith("get config"):
            storage.before = lambda _: None
            other.write(parcels.make(2), mark)

    storage.before = overtake
    found = remote.read()
    assert found is not None and found[0] == parcels.make(2)


def test_files_that_are_missing_or_no_state(parcels: Parcels) -> None:
    storage = MemoryStorage()
    remote = ObjectRemote(storage)
    remote.write(parcels.make(1), None)
    del storage.files[next(name for name in storage.files if name.startswith("secrets"))]
    with pytest.raises(NotComplete, match="the remote lacks secrets-"):
        remote.read()
    storage.files[STATE_OBJECT] = b"<html>Log in first</html>"
    with pytest.raises(Tampered, match="cannot be read"):
        remote.read()
