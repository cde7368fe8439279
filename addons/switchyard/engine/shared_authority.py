"""Has several processes that start at once make one certificate authority.

mitmproxy writes its authority to its configuration folder when there is none. The workers of a
first start would each write one, and read what another has half written.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from mitmproxy.certs import CertStore


def share_authority() -> None:
    """From now on, one process at a time looks for the authority of a folder, or makes it."""
    original = CertStore.from_store.__func__

    def from_store(
        cls: type[CertStore],
        path: Path | str,
        basename: str,
        key_size: int,
        passphrase: bytes | None = None,
    ) -> CertStore:
        with _alone_in(Path(path)):
            return original(cls, path, basename, key_size, passphrase)

    CertStore.from_store = classmethod(from_store)  # pyright: ignore[reportAttributeAccessIssue]


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """A folder that cannot be made or locked (some network file systems) is used without a lock."""
    with contextlib.ExitStack() as kept:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            kept.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
