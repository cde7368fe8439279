"""Storage behind HTTP that replaces a file only if it is the one that was read.

The mark of a version is its entity tag; conditions are `If-Match` and `If-None-Match` (RFC 9110,
section 13.1). A server that ignores them would let two devices overwrite each other, and is refused
when a remote begins.
"""

import ipaddress
import secrets
from collections.abc import Callable
from collections.abc import Mapping
from urllib.parse import quote
from urllib.parse import urlsplit

import httpx2

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.errors import UnfitStorage
from switchyard.sync.parcel import MOST_PARCEL_BYTES

type RequestSigner = Callable[[str, str, bytes], Mapping[str, str]]
"""Returns the headers that identify the user, for a method, a URL and a body."""

_SECONDS = 30.0
_LACKS = "two devices could overwrite each other there. Use another server, or git"


class HttpStorage:
    """The files below one URL."""

    def __init__(self, base: str, sign: RequestSigner, hint: str) -> None:
        """`base` ends with a slash; `hint` is the remedy where the server refuses the user.

        Raises SyncError for a URL that would send the password in clear.
        """
        check_encrypted(base)
        self._base = base
        self._sign = sign
        self._hint = hint
        self._client = httpx2.Client(timeout=_SECONDS, follow_redirects=False)

    def get(self, name: str) -> tuple[bytes, str] | None:
        """See ObjectStorage."""
        status, headers, content = self._send("GET", self._base + quote(name))
        if status == 404:
            return None
        self._check(status, name)
        if not (tag := headers.get("etag", "")):
            raise UnfitStorage(f"{self._host} names no version of a file (ETag): {_LACKS}")
        # Behind some proxies the same tag is called weak; a condition needs it as it was.
        return content, tag.removeprefix("W/")

    def put(self, name: str, content: bytes) -> None:
        """See ObjectStorage."""
        self._check(self._put(name, content, {}), name)

    def swap(self, name: str, content: bytes, known: str | None) -> None:
        """See ObjectStorage."""
        if known is None:
            self._try_conditions()
        condition = {"if-none-match": "*"} if known is None else {"if-match": known}
        status = self._put(name, content, condition)
        # S3 answers 404 if a file is gone meanwhile, and 409 if another is being written.
        if status in (409, 412) or (status == 404 and known is not None):
            raise RemoteChanged
        self._check(status, name)

    def remove(self, name: str) -> None:
        """See ObjectStorage."""
        status, _, _ = self._send("DELETE", self._base + quote(name))
        if status != 404:
            self._check(status, name)

    def _put(self, name: str, content: bytes, condition: Mapping[str, str]) -> int:
        """Write a file; return the status."""
        return self._send("PUT", self._base + quote(name), content, condition)[0]

    def _try_conditions(self) -> None:
        """Raise SyncError if the server writes what it must not: over a version that is not."""
        name = f"try-{secrets.token_hex(4)}"
        status = self._put(name, b"", {"if-match": '"no-such-version"'})
        if status < 300:
            self.remove(name)
            raise UnfitStorage(f"{self._host} ignores the condition If-Match: {_LACKS}")

    def _send(
        self, method: str, url: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        # A tag names what is sent, so that nothing on the way may be compressed.
        own = {"accept-encoding": "identity", **(headers or {}), **self._sign(method, url, content)}
        try:
            with self._client.stream(method, url, content=content, headers=own) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MOST_PARCEL_BYTES:
                        raise SyncError(f"{self._host} sends more than {MOST_PARCEL_BYTES:,} bytes")
                return response.status_code, response.headers, body
        except httpx2.HTTPError as error:
            why = f"{type(error).__name__}: {error}"[:160]
            raise SyncError(f"{self._host} cannot be reached ({why}); try again later") from None

    @property
    def _host(self) -> str:
        return urlsplit(self._base).netloc.rpartition("@")[2]

    def _check(self, status: int, name: str) -> None:
        if status in (401, 403):
            raise SyncError(f"{self._host} refuses access to {name} ({status}); {self._hint}")
        if 300 <= status < 400:
            raise SyncError(f"{self._host} leads elsewhere ({status}); give the final address")
        if status >= 300:
            raise SyncError(f"{self._host} answers {status} for {name}; look at the server")


def check_encrypted(url: str) -> None:
    """Raise SyncError for plain HTTP to another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not host or (parts.scheme != "https" and not local):
        raise SyncError("write https://HOST/...; plain HTTP would show password and configuration")
