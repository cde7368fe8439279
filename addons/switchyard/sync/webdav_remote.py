"""Storage in a WebDAV folder (RFC 4918), such as Nextcloud's."""

import base64
from collections.abc import Mapping
from urllib.parse import unquote
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from switchyard.sync.errors import SyncError
from switchyard.sync.http_storage import HttpStorage

USER = "SWITCHYARD_SYNC_USER"
PASSWORD = "SWITCHYARD_SYNC_PASSWORD"


class WebdavStorage(HttpStorage):
    """The files of a WebDAV folder, which is made with the first of them."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """User and password are those of the URL, or else of `environ`. Raises SyncError."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        path = f"{parts.path.rstrip('/')}/"
        if parts.query or parts.fragment or len(path) < 2:
            raise SyncError("a WebDAV folder is https://HOST/PATH, without ? and #")
        user = unquote(parts.username or "") or environ.get(USER, "")
        password = unquote(parts.password or "") or environ.get(PASSWORD, "")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"authorization": f"Basic {login}"} if user or password else {}
        super().__init__(
            urlunsplit((parts.scheme, host, path, "", "")),
            lambda method, url, content: headers,
            f"set {USER} and {PASSWORD}",
        )
        self._root = urlunsplit((parts.scheme, host, "/", "", ""))

    def _put(self, name: str, content: bytes, condition: Mapping[str, str]) -> int:
        status = super()._put(name, content, condition)
        # RFC 4918, 9.7.1: 409 if the folder is missing. Some servers answer 404, or 403.
        if status in (403, 404, 409) and self._make_folders():
            status = super()._put(name, content, condition)
        return status

    def _make_folders(self) -> bool:
        """Make the folder and those around it; return whether one was made."""
        made, url = False, self._root
        for step in self._base.removeprefix(self._root).strip("/").split("/"):
            url += f"{step}/"
            status, _, _ = self._send("MKCOL", url)
            made = made or status == 201
        return made
