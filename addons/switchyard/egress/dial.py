"""Opens connections to upstreams and races their addresses, as mitmproxy does not.

mitmproxy tries the addresses of a name one after the other, and waits for a dead one until the
system gives up on it, after minutes. Its connection handler has no setting for that, so the
`asyncio` that its module sees is replaced by one with another `open_connection`. The engine's
handler (`switchyard.engine`) calls `connect` itself.
"""

import asyncio
import ipaddress
import socket
import types
from collections.abc import Callable
from typing import Any

import aiohappyeyeballs
from mitmproxy.proxy import server

from switchyard.egress.words import at_place

NEXT_ADDRESS_AFTER = 0.2
"""Seconds until the next of a name's addresses is tried too, while the one before is silent (RFC
8305, 5, recommends 0.25). After one that fails at once the next follows at once."""


def install() -> None:
    """Make mitmproxy open connections by `open_connection`. Idempotent."""
    if server.asyncio is asyncio:
        ours = types.ModuleType("asyncio", asyncio.__doc__)
        ours.__dict__.update(asyncio.__dict__)
        ours.__dict__["open_connection"] = open_connection
        server.asyncio = ours  # pyright: ignore[reportAttributeAccessIssue]


def remove() -> None:
    """Undo `install`."""
    server.asyncio = asyncio


async def connect[P: asyncio.Protocol](
    protocol: Callable[[], P], host: str, port: int, local_addr: tuple[str, int] | None = None
) -> tuple[asyncio.Transport, P]:
    """A connection to a host, or to the Unix socket whose path is given for one.

    Of a name's addresses, IPv6 and IPv4 take turns, and the first that answers is it (RFC 8305,
    "Happy Eyeballs"). Raises OSError, whose text names the place and has no error number.
    """
    tried: list[str] = []
    try:
        return await _connect(protocol, host, port, local_addr, tried)
    except OSError as e:
        raise OSError(at_place(e, host, port, tried)) from e


async def _connect[P: asyncio.Protocol](
    protocol: Callable[[], P],
    host: str,
    port: int,
    local_addr: tuple[str, int] | None,
    tried: list[str],
) -> tuple[asyncio.Transport, P]:
    """As `connect`; the addresses of a name are added to `tried`."""
    loop = asyncio.get_running_loop()
    if host.startswith("/"):
        return await loop.create_unix_connection(protocol, host)
    if _is_address(host) or local_addr is not None:
        return await loop.create_connection(protocol, host, port, local_addr=local_addr)
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found:
        raise OSError("the name has no address")
    tried += dict.fromkeys(str(each[4][0]) for each in found)
    # asyncio has such a race too, which breaks down where tasks begin at once, as mitmproxy's do
    # (python/cpython#124309, in 3.12 and 3.13.0).
    connection = await aiohappyeyeballs.start_connection(
        list(dict.fromkeys(found)), happy_eyeballs_delay=NEXT_ADDRESS_AFTER
    )
    return await loop.create_connection(protocol, sock=connection)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def as_address(end: Any) -> Any:
    """An end of a connection as mitmproxy knows and saves them: a host and a port."""
    return (end, 0) if isinstance(end, str) else end


async def open_connection(
    host: str, port: int, *, local_addr: tuple[str, int] | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """What `asyncio.open_connection` does, by `connect`."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await connect(lambda: protocol, host, port, local_addr)
    return reader, _Writer(transport, protocol, reader, loop)


class _Writer(asyncio.StreamWriter):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        found = super().get_extra_info(name, default)
        return as_address(found) if name in ("peername", "sockname") else found
