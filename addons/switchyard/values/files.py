"""Reads small files whose content others may replace, and replaces them as a whole."""

import errno
import os
import stat
import tempfile
from pathlib import Path

MOST_BYTES = 2 * 1024 * 1024
"""Bytes that a configuration, or a file of certificates, may have."""


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises OSError for everything else: a FIFO would keep the reader waiting for a writer, a device
    may never end. Its `strerror` gives the reason.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        content = file.read(most + 1) if about.st_size <= most else b""
    if about.st_size > most or len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return content


def _without_waiting(path: str, flags: int) -> int:
    # To open a FIFO is to wait already.
    return os.open(path, flags | os.O_NONBLOCK)


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file's content at once, or not at all; only its owner may read it.

    Whoever reads meanwhile, or after a power cut, finds the old content or the new one. A link goes
    on leading to the file. Raises OSError.
    """
    target = path.resolve()
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException as e:
        Path(name).unlink(missing_ok=True)
        if isinstance(e, OSError) and e.filename is None:
            e.filename = str(target)  # a full disk: `write` and `fsync` name no file
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_new(path: Path, text: str) -> None:
    """Write a new file that only its owner can read, and the folders above it.

    Raises FileExistsError where there is anything at `path`, and other OSErrors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
