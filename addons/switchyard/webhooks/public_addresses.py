"""Finds the address of a receiver, and refuses those inside.

An event must not become a request to a service of the router's own network (server-side request
forgery). The name is looked up once, and the address found is the one that is dialled: a second
look-up could give another one (DNS rebinding).
"""

import socket
from ipaddress import IPv4Address
from ipaddress import IPv6Address
from ipaddress import IPv6Network
from ipaddress import ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that hold an IPv4 address in their last four bytes (RFC 6052, 2.1)."""
_UNICAST = IPv6Network("2000::/3")
"""All addresses of the public internet (RFC 4291, 2.4, and IANA's registry)."""
_COMPATIBLE = IPv6Network("::/96")
"""The same, as it was written formerly (RFC 4291, 2.5.5.1)."""


class AddressRefused(Exception):
    """A host has no address that may be called. The text names none."""


def address_of_host(host: str, port: int, allow_private: bool) -> str:
    """Returns an address of a host that may be called, preferably IPv4.

    Raises AddressRefused, and OSError where the name has no address.
    """
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    found.sort(key=lambda one: ":" in one)
    for address in found:
        if allow_private or is_public(address):
            return address
    raise AddressRefused(
        "its address is not of the public internet (allow-private: true permits that)"
    )


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, in whatever form it is written."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None and not is_public(str(inner)):
        return False
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None or address in _NAT64:
            return True  # its IPv4 address is
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Returns the IPv4 address that an IPv6 one leads to."""
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
