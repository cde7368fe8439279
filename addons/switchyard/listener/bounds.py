"""Limits how much of the router one client address and connection has at once."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from ipaddress import ip_address
from logging import getLogger
from time import monotonic
from typing import Protocol

from mitmproxy import connection
from mitmproxy import http

from switchyard.config.limits import Limits
from switchyard.config.web_access import TrustedNetworks
from switchyard.listener.forwarded import Peer
from switchyard.listener.forwarded import is_trusted

type MakeRefusal = Callable[[http.Request | None, int, str], http.Response]
"""Makes the answer to a request that goes beyond a limit, by status and message; None for one whose
first line could not be read."""

logger = getLogger(__name__)

_TOLD_EVERY = 60.0
"""Seconds between two lines of the log about connections that are refused."""

UNKNOWN = ""
"""The address of clients that have none, such as those of a Unix socket."""


class Holding(Protocol):
    """Stops reading from connections, so that their peers have to wait."""

    def hold(self, one: connection.Connection) -> None:
        """Read no more from a connection until it was released as often as it was held."""
        ...

    def release(self, one: connection.Connection) -> None: ...

    def congested(self, one: connection.Connection) -> bool:
        """Whether the peer reads more slowly than it is written to."""
        ...

    def held_until(self, one: connection.Connection) -> float:
        """Until when nothing was read from a connection, by `time.monotonic`.

        Now where that is so still, 0 where it never was.
        """
        ...


class NoHolding:
    """Where nothing can be held back."""

    def hold(self, one: connection.Connection) -> None: ...

    def release(self, one: connection.Connection) -> None: ...

    def congested(self, one: connection.Connection) -> bool:
        return False

    def held_until(self, one: connection.Connection) -> float:
        return 0.0


@dataclass(slots=True, eq=False)
class Used:
    """What all connections of one address have."""

    connections: int = 0
    requests: int = 0
    bodies: int = 0
    """Bytes of bodies that are not complete."""


class Share:
    """What one connection has of what its address may have."""

    __slots__ = ("_bodies", "_bounds", "_requests", "holding", "release", "used")

    def __init__(self, bounds: "ClientBounds", used: Used) -> None:
        self._bounds = bounds
        self.used = used
        self.holding: Holding = NoHolding()
        self.release: list[Callable[[], None]] = []
        """What is to be called once the connection is gone."""
        self._requests = self._bodies = 0

    @property
    def limits(self) -> Limits:
        """Those in force."""
        return self._bounds.limits()

    @property
    def refuse(self) -> MakeRefusal:
        return self._bounds.refuse

    def behind(self, client: Peer) -> "Share":
        """Returns the share of one request whose client a trusted proxy named."""
        return self._bounds.behind(client)

    def begin_request(self) -> None:
        self._requests += 1
        self.used.requests += 1

    def end_request(self) -> None:
        self._requests -= 1
        self.used.requests -= 1

    def add_body(self, size: int) -> None:
        """More of a body came; negative where it is complete, or given up."""
        self._bodies += size
        self.used.bodies += size

    def close(self) -> None:
        """The connection is gone, and all that it had."""
        while self.release:
            self.release.pop()()
        self.used.connections -= 1
        self.used.requests -= self._requests
        self.used.bodies -= self._bodies
        self._requests = self._bodies = 0
        self.used = Used()  # what ends later counts nowhere


class _RequestShare(Share):
    """What one request has of what the address behind a proxy may have."""

    __slots__ = ("_forget",)

    def __init__(self, bounds: "ClientBounds", used: Used, forget: Callable[[], None]) -> None:
        super().__init__(bounds, used)
        self._forget = forget

    def end_request(self) -> None:
        super().end_request()
        self._forget()


def _none() -> TrustedNetworks:
    return ()


class ClientBounds:
    """The shares of all connections there are."""

    def __init__(
        self,
        limits: Callable[[], Limits],
        refuse: MakeRefusal,
        trusted: Callable[[], TrustedNetworks] = _none,
    ) -> None:
        """`limits` and `trusted` give those in force.

        Proxies that are `trusted` may have any number of connections: what they pass on counts for
        the addresses behind them.
        """
        self.limits = limits
        self.refuse = refuse
        self._trusted = trusted
        self._used: dict[str, Used] = {}
        self._shares: dict[str, tuple[str, Share]] = {}
        self._told = float("-inf")

    def open(self, client: connection.Client) -> bool:
        """Count a new connection; return whether its address may have it, or log why not."""
        address = address_of(client)
        used = self._used.get(address)
        if used is None:
            used = self._used[address] = Used()
        used.connections += 1
        self._shares[client.id] = address, Share(self, used)
        most = self.limits().connections_per_address
        if used.connections <= most or is_trusted(client, self._trusted()):
            return True
        if monotonic() - self._told > _TOLD_EVERY:
            self._told = monotonic()
            logger.warning(
                "switchyard: closing further connections of %s: it has %d "
                "(limits.connections-per-address)",
                address or "a client",
                most,
            )
        return False

    def share_of(self, client: connection.Client) -> Share:
        found = self._shares.get(client.id)
        return found[1] if found is not None else Share(self, Used())

    def close(self, client: connection.Client) -> None:
        """A connection is gone."""
        address, share = self._shares.pop(client.id, (UNKNOWN, None))
        if share is None:
            return
        share.close()
        self._forget(address)

    def behind(self, client: Peer) -> Share:
        """Returns a share for one request, which ends with that request."""
        address = address_of(client)
        used = self._used.get(address)
        if used is None:
            used = self._used[address] = Used()
        return _RequestShare(self, used, lambda: self._forget(address))

    def _forget(self, address: str) -> None:
        used = self._used.get(address)
        if used is not None and not (used.connections or used.requests or used.bodies):
            del self._used[address]


def address_of(client: Peer) -> str:
    """Return the unit that is counted: an IPv4 address, or the /64 of an IPv6 one.

    One machine has a /64 for itself.
    """
    if not client.peername:
        return UNKNOWN
    host = str(client.peername[0]).partition("%")[0]
    if ":" not in host:
        return host
    try:
        address = ip_address(host)
    except ValueError:
        return host
    assert isinstance(address, IPv6Address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.exploded[:19]


def plainly(request: http.Request | None, status: int, message: str) -> http.Response:
    """Return an error response in plain text."""
    return http.Response.make(status, message, {"content-type": "text/plain"})


def unbounded() -> Share:
    """A share of a client that is alone."""
    return Share(ClientBounds(lambda: _DEFAULT, plainly), Used())


_DEFAULT = Limits()
