"""The terminal that the router was started from, which may be closed under it."""

import os
import stat


def has_terminal() -> bool:
    """Whether this process belongs to a terminal that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def let_go_of_terminal() -> None:
    """Print nowhere from now on, where a terminal was; mitmproxy ends when it cannot print."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for stream in (1, 2):
        try:
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
        except OSError:
            pass  # closed already
    os.close(nowhere)
