"""Lists the hosts whose model calls the router answers as a proxy."""

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from mitmproxy import http

from switchyard.config.fields import socket_of
from switchyard.config.provider import Provider
from switchyard.config.schema import Config

type Address = tuple[str, int]
"""A host's name in small letters, and a port."""


@dataclass(frozen=True, slots=True)
class ServedHosts:
    """The hosts of one configuration's providers and of its `intercept` section."""

    addresses: frozenset[Address]
    ports: frozenset[int]
    keyless: frozenset[Address]
    """Of providers that are asked without any key."""

    @classmethod
    def of(cls, config: Config) -> "ServedHosts":
        """Returns the hosts that a configuration names."""
        addresses = frozenset((*_hosts_of(config.providers), *_intercepted(config)))
        return cls(
            addresses=addresses,
            ports=frozenset(port for _, port in addresses),
            keyless=frozenset(_hosts_of(filter(_is_keyless, config.providers))),
        )

    def serves(self, host: str, port: int) -> bool:
        """Whether the router answers model calls to this address."""
        return (host.lower(), port) in self.addresses

    def serves_request(self, request: http.Request) -> bool:
        """Whether a proxied request goes to a served host.

        The destination of a captured request is an IP address; its `Host` or SNI names the host.
        """
        return any(self.serves(name, request.port) for name in {request.host, request.pretty_host})

    def serves_port(self, port: int) -> bool:
        """Whether any served host has this port."""
        return port in self.ports

    def is_keyless(self, host: str, port: int) -> bool:
        """Whether a provider at this address needs no key."""
        return (host.lower(), port) in self.keyless


def _is_keyless(provider: Provider) -> bool:
    return provider.credentials != "forward" and not provider.api_key_entries


def _hosts_of(providers: Iterable[Provider]) -> Iterator[Address]:
    for provider in providers:
        for url in (provider.base_url, *provider.base_urls.values()):
            if url and not socket_of(url):
                parts = urlsplit(url)
                port = parts.port or (443 if parts.scheme == "https" else 80)
                yield (parts.hostname or "").lower(), port


def _intercepted(config: Config) -> Iterator[Address]:
    for host in config.intercept:
        name, _, port = host.partition(":")
        yield name.lower(), int(port or 443)
