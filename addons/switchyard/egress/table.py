"""Builds the egress of every key from the configuration and the environment."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from mitmproxy.connection import Server
from OpenSSL import SSL

from switchyard.config.fields import socket_of
from switchyard.config.provider import Provider
from switchyard.config.provider import credentials_of
from switchyard.config.proxies import EnvironmentProxies
from switchyard.config.proxies import Proxy
from switchyard.config.schema import Config
from switchyard.egress.egress import Egress
from switchyard.egress.egress import ProxyServer
from switchyard.egress.tls import UpstreamTls
from switchyard.listener.addresses import is_loopback
from switchyard.listener.addresses import is_this_machine

logger = logging.getLogger(__name__)

_DIRECT = Egress()


@dataclass(frozen=True, slots=True)
class Environment:
    """What matters to the ways and is no part of the configuration."""

    proxies: EnvironmentProxies = field(default_factory=lambda: EnvironmentProxies({}))
    own: frozenset[tuple[str, int]] = frozenset()
    """The addresses that the router listens on."""

    def is_us(self, proxy: Proxy) -> bool:
        """Whether a proxy is this router: requests through it would loop."""
        return any(
            port == proxy.port
            and (host == proxy.host or (_is_local(host) and is_this_machine(proxy.host)))
            for host, port in self.own
        )


class EgressTable:
    """The egress of every key, for each format's address of its provider."""

    def __init__(self, config: Config, environment: Environment) -> None:
        self._environment = environment
        self._surroundings = environment.proxies
        if config.proxy_url is not None:
            self._surroundings = environment.proxies.with_default("proxy-url", config.proxy_url)
        self._ways: dict[tuple[str, str], Egress] = {}
        self._labels: dict[str, str] = {}
        self._proxies: dict[str, list[Proxy]] = {}
        self._told: set[str] = set()
        for provider in config.providers:
            if provider.builtin is None:
                self.add(provider)

    def of(self, credential: str, format: str) -> Egress | None:
        """Return a key's egress for a format; None for a direct connection."""
        if not self._ways:
            return None
        return self._ways.get((credential.partition("@")[0], format))

    def label(self, credential: str) -> str:
        """Return the name of a key's egress for failures; empty for a direct connection.

        Of a provider with several addresses it is the egress to the first.
        """
        return self._labels.get(credential, "")

    @property
    def secrets(self) -> list[str]:
        """The passwords of all proxies."""
        known = (proxy for group in self._proxies.values() for proxy in group)
        return [secret for proxy in known if (secret := proxy.password.get_secret_value())]

    def add(self, provider: Provider) -> None:
        """Finds the ways to one more provider."""
        tls = _tls(provider)
        for credential, own_proxy in credentials_of(provider).items():
            for format in provider.formats:
                url = provider.url_for(format)
                socket = socket_of(url)
                proxy = None if socket else self._proxy(provider, own_proxy, url)
                way = Egress(
                    socket=socket,
                    proxy=_server(proxy) if proxy else None,
                    server_name=provider.tls.server_name or "",
                    start_tls=tls,
                )
                if way == _DIRECT:
                    continue
                self._ways[credential, format] = way
                label = self._label(proxy) if proxy else ""
                if format == provider.formats[0]:
                    self._labels[credential] = label

    def _proxy(self, provider: Provider, own: Proxy | None, url: str) -> Proxy | None:
        """The key's own proxy, else the provider's, else that of all or the environment's."""
        proxy, where = own or provider.proxy_url, f"proxy-url of {provider.name}"
        if proxy is None:
            if (found := self._surroundings.find(url)) is None:
                return None
            where, proxy = found
        if proxy.scheme == "direct":
            return None
        if self._environment.is_us(proxy):
            if where not in self._told:
                self._told.add(where)
                logger.warning(
                    "switchyard: ignoring %s: %s is this router, and requests would loop",
                    where,
                    proxy.label,
                )
            return None
        return proxy

    def _label(self, proxy: Proxy) -> str:
        """Return the proxy without user and password, but distinct from other users' ones."""
        same_place = self._proxies.setdefault(proxy.label, [])
        if proxy not in same_place:
            same_place.append(proxy)
        number = same_place.index(proxy)
        return f"{proxy.label}#{number + 1}" if number else proxy.label


def _tls(provider: Provider) -> Callable[[Server], SSL.Connection] | None:
    """Return a provider's TLS settings; None where it sets none but maybe a name."""
    tls = provider.tls
    if tls.verify and tls.ca is None and tls.client_cert is None:
        return None
    return UpstreamTls(
        ca=Path(tls.ca) if tls.ca else None,
        client_cert=Path(tls.client_cert) if tls.client_cert else None,
        verify=tls.verify,
    ).start


def _server(proxy: Proxy) -> ProxyServer:
    assert proxy.scheme != "direct"
    return ProxyServer(
        scheme=proxy.scheme,
        host=proxy.host,
        port=proxy.port,
        username=proxy.username,
        password=proxy.password.get_secret_value(),
        label=proxy.label,
    )


def _is_local(host: str) -> bool:
    """Whether the server there is reached by this machine's own address."""
    return host in ("", "0.0.0.0", "::") or is_loopback(host)
