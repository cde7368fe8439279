"""Words the system's errors for people: what failed and where, without error numbers."""

import os
import re
import socket
from collections.abc import Sequence

_NUMBER = re.compile(r"\[Errno (-?\d+)\] ?")


def words_of(error: OSError) -> str:
    """Return the system's words for an error, such as `Connection refused`.

    Of several attempts that failed alike, as at a name's addresses, they are given once.
    """
    if isinstance(error, socket.gaierror):
        return error.strerror or "the name cannot be resolved"
    if error.errno:
        return os.strerror(error.errno)
    text = str(error)
    if numbers := dict.fromkeys(map(int, _NUMBER.findall(text))):
        return ", ".join(map(os.strerror, numbers))
    return text or type(error).__name__


def cause_of(error: BaseException) -> OSError | None:
    """Return the system's error behind one that a library made of it; None if there is none."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and (seen.errno or _NUMBER.search(str(seen))):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def at_place(error: OSError, host: str, port: int, tried: Sequence[str] = ()) -> str:
    """Return why no connection to a place was made, with its name and the addresses tried."""
    if isinstance(error, socket.gaierror):
        return f"cannot resolve the name {host}: {words_of(error)}"
    if host.startswith("/"):
        return f"cannot connect to the socket {host}: {words_of(error)}"
    shown = f"[{host}]" if ":" in host else host
    addresses = f" ({', '.join(tried)})" if tried else ""
    return f"cannot connect to {shown}:{port}{addresses}: {words_of(error)}"
