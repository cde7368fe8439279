"""Turns the address of a remote into the remote."""

import re
from collections.abc import Mapping
from pathlib import Path

from switchyard.sync.errors import SyncError
from switchyard.sync.folder_remote import FolderStorage
from switchyard.sync.git_remote import GitRemote
from switchyard.sync.object_remote import ObjectRemote
from switchyard.sync.parcel import Remote

_GIT = re.compile(r"(?:git\+.+|git@.+|ssh://.+|.+\.git)(?:#.*)?", re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_USERINFO = re.compile(r"://[^@/\s]*@")


def absolute_address(text: str) -> str:
    """Return an address that means the same from any folder. Raises SyncError."""
    text = text.strip()
    if not text or text.startswith("-"):
        raise SyncError("name a folder, a git repository, a WebDAV folder or s3://BUCKET/PREFIX")
    if _SCHEME.match(text.removeprefix("git+")) or text.startswith("git@"):
        return text
    if text.startswith("git+") or _GIT.fullmatch(text):
        path, mark, within = text.removeprefix("git+").partition("#")
        return f"git+{_absolute(path)}{mark}{within}"
    return _absolute(text)


def shown_address(address: str) -> str:
    """Return an address without the password in it."""
    return _USERINFO.sub("://***@", address)


def remote_of(address: str, folder: Path, device: str, environ: Mapping[str, str]) -> Remote:
    """Return the remote at an address. `folder` is for what the remote keeps on this device.

    `environ` has the password of WebDAV. Libraries are imported for the kind that needs them.

    Raises SyncError if there is none of this kind.
    """
    if _GIT.fullmatch(address):
        url, _, within = address.removeprefix("git+").partition("#")
        return GitRemote(url, folder / "git", within, device)
    if address.startswith("s3://"):
        from switchyard.sync.s3_remote import S3Storage

        return ObjectRemote(S3Storage(address))
    if address.startswith(("https://", "http://")):
        from switchyard.sync.webdav_remote import WebdavStorage

        return ObjectRemote(WebdavStorage(address, environ))
    if _SCHEME.match(address):
        raise SyncError(f"remotes of this kind are unknown: {shown_address(address)}")
    return ObjectRemote(FolderStorage(Path(address)))


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())
