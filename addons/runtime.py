"""What all addons share: the configuration in force, what is built from it, and the exchanges."""

import asyncio
import random
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mitmproxy import http
from ruamel.yaml import YAML

from addons.adjustments import Adjustments
from addons.exchange import Exchanges
from addons.failover.message_heads import upstream_heads
from addons.hosts import known_hosts
from addons.outward import Surroundings
from addons.outward import Ways
from addons.own_address import is_ours
from addons.own_address import names_us
from addons.passthrough import Passthroughs
from addons.policy.catalog import Catalog
from addons.policy.catalog import FoundModels
from addons.policy.catalog import Plan
from addons.policy.cooldown import CooldownSettings
from addons.policy.failures import FailureTable
from addons.policy.fields import socket_of
from addons.policy.health import Health
from addons.policy.provider_schema import Provider
from addons.policy.quota import Quotas
from addons.policy.route import Route
from addons.policy.schema import Config
from addons.policy.selection import Selector
from addons.policy.trail import Limits
from addons.policy.trail import Trail
from addons.routes import Routes
from addons.state.conversations import Conversations
from addons.wire.bounds import USUAL
from addons.wire.bounds import Bounds
from addons.wire.counting import Calibration

if TYPE_CHECKING:
    from addons.failover.install import Failover
    from addons.sockets import SocketTalk
    from addons.sockets import SocketTurn

ERROR_TABLE = Path(__file__).resolve().parents[1] / "config" / "errors.yaml"


class Runtime:
    """Tables are made when a configuration comes into force; requests only look things up."""

    failover: "Failover"
    config: Config
    catalog: Catalog
    client_keys: tuple[bytes, ...] = ()
    ways: Ways
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
        self.talks: dict[str, SocketTalk] = {}
        """What is said on WebSockets, by the ids of their clients."""
        self.surroundings = Surroundings()
        """Set before a configuration comes into force."""
        self.conversations = Conversations()
        self.started = time.monotonic()
        self.created = int(time.time())
        """Unix seconds; what model lists give as the models' date."""
        self.ports: frozenset[int] = frozenset()
        """The ports that we listen on."""
        self.certified: set[str] = set()
        """Ids of the clients that showed a certificate which `tls.client-ca` asks for."""
        self.own_doors: set[str] = set()
        """Ids of the clients that were shown our own certificate."""
        self._found: FoundModels = {}
        self._limits: dict[float, Limits] = {}
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
        self.ways = Ways(config, self.surroundings)
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

    def _limits_for(self, wait_for_recovery: float) -> Limits:
        retry = self.config.retry
        limits = self._limits[wait_for_recovery] = Limits(
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

    def turn_of(self, flow: http.HTTPFlow) -> "SocketTurn | None":
        """What a flow is on a WebSocket; None where it came over HTTP."""
        talk = self.talks.get(flow.client_conn.id)
        return talk.turn_of(flow) if talk is not None else None

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


@cache
def shipped_failures() -> FailureTable:
    """The error table that is part of the project."""
    data = YAML(typ="safe").load(ERROR_TABLE)
    return FailureTable.from_data(data["rules"])


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
