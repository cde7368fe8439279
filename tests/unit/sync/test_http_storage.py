from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.http_storage import HttpStorage
from switchyard.sync.http_storage import check_encrypted
from switchyard.sync.object_remote import ObjectRemote
from switchyard.sync.s3_remote import S3Storage
from switchyard.sync.webdav_remote import WebdavStorage
from tests.support.object_server import ACCESS
from tests.support.object_server import SECRET
from tests.support.object_server import USER
from tests.support.object_server import ObjectServer
from tests.support.sync_parcels import Parcels

KINDS = ["webdav", "s3"]
NAMES = ("SWITCHYARD_SYNC_USER", "SWITCHYARD_SYNC_PASSWORD")
LOGIN: dict[str, str] = dict(zip(NAMES, USER.split(":", 1), strict=True))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def storage_of(server: ObjectServer) -> HttpStorage:
    if server.kind == "s3":
        return S3Storage(server.address)
    return WebdavStorage(server.address, LOGIN)


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_written_read_and_removed(kind: str) -> None:
    with ObjectServer(kind) as server:
        storage = storage_of(server)
        assert storage.get("a.yaml") is None
        storage.put("a.yaml", b"one")
        found = storage.get("a.yaml")
        assert found is not None and found[0] == b"one"
        (path,) = server.files
        assert path in ("/dav/my%20files/a.yaml", "/my-bucket/a%20b/a.yaml")
        storage.remove("a.yaml")
        storage.remove("a.yaml")
        assert storage.get("a.yaml") is None
        assert server.refused == []


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_version_that_was_read_is_replaced(kind: str) -> None:
    with ObjectServer(kind) as server:
        storage, other = storage_of(server), storage_of(server)
        storage.swap("s", b"one", None)
        with pytest.raises(RemoteChanged):
            other.swap("s", b"two", None)
        found = storage.get("s")
        assert found is not None
        storage.swap("s", b"three", found[1])
        with pytest.raises(RemoteChanged):
            other.swap("s", b"four", found[1])
        assert list(server.files.values()) == [b"three"]
        storage.remove("s")
        with pytest.raises(RemoteChanged):
            storage.swap("s", b"five", found[1])
        assert server.files == {}


@pytest.mark.parametrize("kind", KINDS)
def test_of_pushes_at_once_one_is_taken(kind: str, tmp_path: Path) -> None:
    parcels = Parcels(tmp_path)
    with ObjectServer(kind) as server:
        ObjectRemote(storage_of(server)).write(parcels.make(1), None)
        found = ObjectRemote(storage_of(server)).read()
        assert found is not None
        # All have read the old state before any of them writes its own.
        together = Barrier(3)

        def push(number: int) -> bool:
            remote = ObjectRemote(storage_of(server))
            together.wait(60)
            try:
                remote.write(parcels.make(number), found[1])
            except RemoteChanged:
                return False
            return True

        with ThreadPoolExecutor(3) as pool:
            taken = list(pool.map(push, (2, 3, 4)))
        assert sorted(taken) == [False, False, True]
        last = ObjectRemote(storage_of(server)).read()
        assert last is not None and last[0] == parcels.make(2 + taken.index(True))


@pytest.mark.parametrize("kind", KINDS)
def test_servers_that_cannot_keep_devices_apart_are_refused(kind: str) -> None:
    with ObjectServer(kind, strict=False) as server:
        with pytest.raises(SyncError, match="ignores the condition If-Match"):
            storage_of(server).swap("s", b"one", None)
        assert server.files == {}
    with ObjectServer(kind, tags=False) as server:
        storage_of(server).put("s", b"one")
        with pytest.raises(SyncError, match="names no version of a file"):
            storage_of(server).get("s")


@pytest.mark.parametrize("kind", KINDS)
def test_answers_that_are_no_success(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ObjectServer(kind) as server:
        storage = storage_of(server)
        for status, why in ((500, "answers 500 for s"), (301, "leads elsewhere"), (507, "507")):
            server.before = lambda method, path, status=status: status
            with pytest.raises(SyncError, match=why):
                storage.get("s")
            with pytest.raises(SyncError, match=why):
                storage.put("s", b"")
            with pytest.raises(SyncError, match=why):
                storage.remove("s")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-0123456789")
        wrong = S3Storage(server.address) if kind == "s3" else WebdavStorage(server.address, {})
        with pytest.raises(
            SyncError, match=r"refuses access to s \(40[13]\); (set|check)"
        ) as error:
            wrong.get("s")
        assert "wrong-secret" not in str(error.value)
    with pytest.raises(SyncError, match=r"127\.0\.0\.1:\d+ cannot be reached \(ConnectError"):
        storage_of(server).get("s")


def test_a_weak_tag_is_taken_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a proxy that would have compressed the file."""
    with ObjectServer("webdav") as server:
        storage = storage_of(server)
        storage.put("s", b"one")
        tag = server.tag
        monkeypatch.setattr(server, "tag", lambda path: f"W/{tag(path)}")
        found = storage.get("s")
        monkeypatch.setattr(server, "tag", tag)
        assert found is not None
        storage.swap("s", b"two", found[1])


def test_files_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchyard.sync.http_storage.MOST_PARCEL_BYTES", 1000)
    with ObjectServer("webdav") as server:
        storage = storage_of(server)
        storage.put("s", bytes(1001))
        with pytest.raises(SyncError, match="sends more than 1,000 bytes"):
            storage.get("s")


@pytest.mark.parametrize("url", ["https://host/x", "http://127.0.0.1:1/", "http://localhost/"])
def test_places_that_nothing_is_shown_on_the_way_to(url: str) -> None:
    check_encrypted(url)


@pytest.mark.parametrize("url", ["http://host/x", "http://192.168.1.2/x", "https:///x", "x"])
def test_plain_http_to_other_machines_is_refused(url: str) -> None:
    with pytest.raises(SyncError, match="plain HTTP would show"):
        check_encrypted(url)


@pytest.mark.parametrize("address", ["https://host", "https://host/x?y", "https://host/x#y"])
def test_what_is_no_webdav_folder(address: str) -> None:
    with pytest.raises(SyncError, match="https://HOST/PATH"):
        WebdavStorage(address, {})


@pytest.mark.parametrize("address", ["s3://", "s3://My_Bucket/x", "s3://bucket/x?acl=public"])
def test_what_is_no_bucket(address: str) -> None:
    with pytest.raises(SyncError, match="write s3://BUCKET/PREFIX"):
        S3Storage(address)


def test_s3_needs_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SyncError, match="there are no AWS keys"):
        S3Storage("s3://bucket/x").get("s")


def test_the_library_that_signs_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)
    with pytest.raises(SyncError, match=r"pip install 'switchyard\[aws\]'"):
        S3Storage("s3://bucket/x")
