"""What all addons share: the configuration in force, what is built from it, and the exchanges."""

import asyncio
import random
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mitmproxy import http

from switchyard.attempt.adjustments import Adjustments
from switchyard.attempt.passthrough import Passthroughs
from switchyard.config.fields import socket_of
from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.config.shipped import known_hosts
from switchyard.config.shipped import shipped_failures
from switchyard.egress.table import EgressTable
from switchyard.egress.table import Environment
from switchyard.exchange.classification import Classifier
from switchyard.exchange.registry import Exchanges
from switchyard.failover.control import FailoverControl
from switchyard.listener.addresses import is_ours
from switchyard.listener.addresses import names_us
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import FailureTable
from switchyard.policy.health import Health
from switchyard.policy.quota import Quotas
from switchyard.policy.route import Route
from switchyard.policy.selection import Selector
from switchyard.policy.trail import RetryLimits
from switchyard.policy.trail import Trail
from switchyard.protocols.message_heads import upstream_heads
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import FoundModels
from switchyard.routing.plans import Plan
from switchyard.routing.routes import Routes
from switchyard.state.conversations import Conversations
from switchyard.wire.operations.count_tokens import Calibration
from switchyard.wire.relay.bounds import USUAL
from switchyard.wire.relay.bounds import Bounds

if TYPE_CHECKING:
    from switchyard.exchange.websocket_session import WebsocketRequest
    from switchyard.exchange.websocket_session import WebsocketSession


class Runtime:
    """Tables are made when a configuration comes into force; requests only look things up."""

    failover: FailoverControl
    config: Config
    catalog: Catalog
    client_keys: tuple[bytes, ...] = ()
    ways: EgressTable
    routes: Routes
    adjustments: Adjustments
    passthroughs: Passthroughs

    def __init__(self) -> None:
        self.selector = Selector()
        self.quotas = Quotas()
        self.health = Health()
        self.calibration = Calibration()
        self._rng = random.Random()
        self._tables: dict[str, FailureTable] = {}
        self.exchanges = Exchanges()
        self.requests = Classifier(self.is_own, self.serves)
        self.sessions: dict[str, WebsocketSession] = {}
        """What is said on WebSockets, by the ids of their clients."""
        self.environment = Environment()
        """Set before a configuration comes into force."""
        self.conversations = Conversations()
        self.started = time.monotonic()
        self.created = int(time.time())
        """Unix seconds; what model lists give as the models' date."""
        self.ports: frozenset[int] = frozenset()
        """The ports that we listen on."""
        self.with_client_certificate: set[str] = set()
        """Ids of the clients that showed a certificate which `tls.client-ca` asks for."""
        self.presented_own_certificate: set[str] = set()
        """Ids of the clients that were shown our own certificate."""
        self._found: FoundModels = {}
        self._limits: dict[float, RetryLimits] = {}
        """How long and how often to try, by the time to wait for recovery."""
        self._when_used: list[Callable[[], None]] = []
        self._hosts: frozenset[tuple[str, int]] = frozenset()
        self._host_ports: frozenset[int] = frozenset()
        self.keyless_hosts: frozenset[tuple[str, int]] = frozenset()
        """Addresses, name and port, of providers that are asked without any key."""
        self.bounds = USUAL
        """How much of an upstream's answer is read."""
        self._demo_url = ""

    def use(self, config: Config, demo_url: str = "") -> None:
        """Put a configuration in force. Running exchanges end with the one they began with.

        `demo_url` is where the built-in demo upstream listens, if the configuration names it.
        """
        self._demo_url = demo_url
        self.catalog = Catalog(config, self._found)
        self.client_keys = tuple(key.get_secret_value().encode() for key in config.client_keys)
        self._hosts = frozenset(_hosts(config))
        self._host_ports = frozenset(port for _, port in self._hosts)
        self.keyless_hosts = frozenset(_hosts_of(filter(_is_keyless, config.providers)))
        self.ways = EgressTable(config, self.environment)
        self.routes = Routes(config, self.ways)
        self.adjustments = Adjustments(config)
        self.passthroughs = Passthroughs(config, self.ways)
        known_hosts()  # read before the first request needs it
        shipped = shipped_failures()
        self._tables = {
            provider.name: shipped.extended(provider.errors) for provider in config.providers
        }
        self._renew_health(config)
        self.config = config
        self._limits.clear()
        said = config.limits
        self.bounds = Bounds(said.upstream_body, said.held_back, said.tool_call)
        upstream_heads.most_bytes = config.limits.upstream_head
        upstream_heads.most_headers = config.limits.upstream_headers
        for tell in self._when_used:
            tell()

    def when_used(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever a configuration has come into force."""
        self._when_used.append(tell)

    async def learn(self, found: FoundModels) -> None:
        """The models that providers say they have, by the providers' names. The new tables are
        made beside the loop: requests go on with the old ones meanwhile."""
        while found != self._found:
            config = self.config
            catalog = await asyncio.to_thread(Catalog, config, found)
            if config is self.config:
                self.catalog, self._found = catalog, found
                self.routes.forget()

    def begin_trail(self, route: Route, plan: Plan, session: str) -> Trail:
        """The bookkeeping of a new request."""
        wait = plan.wait_for_recovery or 0.0
        return Trail(
            route,
            health=self.health,
            selector=self.selector,
            quotas=self.quotas,
            limits=self._limits.get(wait) or self._limits_for(wait),
            now=time.monotonic(),
            session=session,
            rng=self._rng,
        )

    def _limits_for(self, wait_for_recovery: float) -> RetryLimits:
        retry = self.config.retry
        limits = self._limits[wait_for_recovery] = RetryLimits(
            request_retry=retry.request_retry,
            max_retry_credentials=retry.max_retry_credentials,
            max_retry_interval=retry.max_retry_interval,
            deadline=retry.deadline,
            wait_for_recovery=wait_for_recovery,
        )
        return limits

    def table_of(self, provider: Provider) -> FailureTable:
        """What a provider's failures mean."""
        return self._tables.get(provider.name) or shipped_failures()

    def _renew_health(self, config: Config) -> None:
        """What was learned stays, except of providers whose settings changed: a refused key may
        have been replaced."""
        c = config.cooldown
        settings = CooldownSettings(base=c.base, cap=c.cap, jitter=c.jitter)
        self.health.use(settings)
        self.quotas.retain(self.routes.credentials())
        before = {p.name: p for p in self.config.providers} if hasattr(self, "config") else {}
        for provider in config.providers:
            if provider.name in before and before[provider.name] != provider:
                self.health.forget(provider.name)

    def base_url(self, provider: Provider, format: str) -> str:
        """Where a provider speaks a format."""
        return self._demo_url if provider.builtin == "demo" else provider.url_for(format)

    def is_own(self, flow: http.HTTPFlow) -> bool:
        """Whether a request is addressed to this router, not to somebody it is a proxy to."""
        return self.failover.is_addressed_to_us(flow) or names_us(flow, self.ports)

    def is_own_address(self, host: str, port: int) -> bool:
        """Whether an address is one that we listen on."""
        return is_ours(host, port, self.ports)

    def session_request_of(self, flow: http.HTTPFlow) -> "WebsocketRequest | None":
        """What a flow is on a WebSocket; None where it came over HTTP."""
        talk = self.sessions.get(flow.client_conn.id)
        return talk.session_request_of(flow) if talk is not None else None

    def has_own_login(self, flow: http.HTTPFlow) -> bool:
        """Whether what a client came with is its own, and not a key of this router's."""
        admitted = self.exchanges.client_of(flow) is not None
        return not admitted or self.exchanges.showed_key_to_proxy(flow)

    def serves_host(self, host: str, port: int) -> bool:
        """Whether calls to models at this address, met as a proxy, are routed."""
        return (host.lower(), port) in self._hosts

    def serves(self, request: http.Request) -> bool:
        """Whether a request met as a proxy is to such an address. Of a captured one the destination
        is an address in figures; by its name it was opened."""
        names = {request.host, request.pretty_host}
        return any(self.serves_host(name, request.port) for name in names)

    def serves_port(self, port: int) -> bool:
        """Whether any such address has this port."""
        return port in self._host_ports


def _is_keyless(provider: Provider) -> bool:
    return provider.credentials != "forward" and not provider.api_key_entries


def _hosts_of(providers: Iterable[Provider]) -> Iterator[tuple[str, int]]:
    for provider in providers:
        for url in (provider.base_url, *provider.base_urls.values()):
            if url and not socket_of(url):
                parts = urlsplit(url)
                port = parts.port or (443 if parts.scheme == "https" else 80)
                yield (parts.hostname or "").lower(), port


def _hosts(config: Config) -> Iterator[tuple[str, int]]:
    yield from _hosts_of(config.providers)
    for host in config.intercept:
        name, _, port = host.partition(":")
        yield name.lower(), int(port or 443)
