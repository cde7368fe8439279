"""Addresses from which nothing ever comes, neither an answer nor a refusal."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def black_hole(host: str, port: int = 0) -> Iterator[int]:
    """A port that drops whoever wants to connect: its queue is full, and nobody takes from it.

    Yields the port. That this is so on this machine is made sure of first.
    """
    with contextlib.ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = stack.enter_context(socket.socket(family))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(10):
            waiting = stack.enter_context(socket.socket(family))
            waiting.settimeout(0.3)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        else:
            raise AssertionError("the queue of a listening socket does not fill up here")
        yield address[1]
