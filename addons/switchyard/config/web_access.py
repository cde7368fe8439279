"""Defines which web pages may call the router, and which reverse proxies name their clients."""

import re
from ipaddress import IPv4Network
from ipaddress import IPv6Network
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import PlainValidator

from switchyard.config.fields import as_list
from switchyard.config.fields import refuse

type Network = IPv4Network | IPv6Network
type TrustedNetworks = tuple[Network, ...]

ANY_ORIGIN = "*"
"""Stands for the pages of all sites, which then need a client key."""

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?")
_USUAL_PORTS = {"http": "80", "https": "443"}


def _network(value: object) -> Network:
    try:
        return ip_network(str(value), strict=False)
    except ValueError:
        raise refuse("is no address range", "write 10.0.0.0/8, 192.168.1.7 or fd00::/8") from None


def _proxy_network(network: Network) -> Network:
    if not network.prefixlen:
        hint = "name the addresses of your reverse proxies"
        raise refuse("holds every address, so that anyone could name another's", hint)
    return network


def _origin(value: object) -> str:
    """Returns an origin as browsers write it: in lower case, without the usual port or a path."""
    text = str(value).strip().lower().removesuffix("/")
    if text == ANY_ORIGIN:
        return text
    found = _ORIGIN.fullmatch(text)
    if found is None:
        hint = "write https://app.example or http://localhost:3000, without a path"
        raise refuse("is no origin of web pages", hint)
    port = found[3] or ""
    usual = port == _USUAL_PORTS.get(found[1], "")
    return f"{found[1]}://{found[2]}" + (f":{port}" if port and not usual else "")


Networks = Annotated[
    tuple[Annotated[Network, PlainValidator(_network)], ...], BeforeValidator(as_list)
]
ProxyNetworks = Annotated[
    tuple[Annotated[Network, PlainValidator(_network), AfterValidator(_proxy_network)], ...],
    BeforeValidator(as_list),
]
"""Addresses of reverse proxies."""
Origins = Annotated[tuple[Annotated[str, PlainValidator(_origin)], ...], BeforeValidator(as_list)]
