"""Puts configurations in force, for all addons."""

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial

from mitmproxy import http

from switchyard.accounts.accounts import Accounts
from switchyard.clients.clients import Clients
from switchyard.clients.limit_gate import LimitGate
from switchyard.config.credentials import CredentialSource
from switchyard.config.schema import Config
from switchyard.egress.table import Environment
from switchyard.exchange.classification import Classifier
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.protocols.message_heads import upstream_heads
from switchyard.routing.catalog import FoundModels
from switchyard.runtime.event_hub import EventHub
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.reloading import Reloading
from switchyard.runtime.sharing import Sharing
from switchyard.runtime.snapshot import Snapshot
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.usage.ledger import Ledger
from switchyard.webhooks.webhooks import Webhooks

logger = logging.getLogger(__name__)


class Runtime:
    """Applies configurations one at a time, each as a whole.

    Building a snapshot may fail without any effect. One assignment puts it in force; afterwards the
    state that outlives configurations takes the new settings over.
    """

    def __init__(self) -> None:
        self.snapshots = Snapshots()
        self.state = State()
        self.listeners = Listeners()
        self.clients = Clients()
        self.exchanges = Exchanges()
        self.requests = Classifier(self.listeners.is_own, self._serves)
        self.sessions = WebsocketSessions()
        self.ledger = Ledger()
        self.sharing = Sharing(self.state, self.ledger, os.environ)
        self.gate = LimitGate(lambda: self.state.shared, self.state.turns_ahead.put)
        self.events = EventHub()
        self.webhooks = Webhooks()
        self.reloading: Reloading | None = None
        self.failed_reloads = 0
        """Changed configurations that could not be put in force."""
        self.accounts = Accounts()
        self.accounts.recovered = self._forget_failures
        self._callbacks: list[Callable[[], None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in force. Raises AttributeError before the first."""
        return self.snapshots.current

    def apply(
        self, config: Config, demo_url: str = "", environment: Environment | None = None
    ) -> None:
        """Puts a configuration in force. Running exchanges finish with their own.

        `demo_url` is the address of the built-in demo upstream if the configuration names it;
        `environment` is set if the router's surroundings were examined again. Raises any exception
        of the builders; the configuration in force stays then.
        """
        environment = environment or self.listeners.environment
        before = self.snapshots.latest
        found = before.found if before is not None else {}
        snapshot = Snapshot.build(config, environment, found, demo_url, self.accounts.learned)
        self._put_in_force(snapshot, environment)

    async def prepare(self, config: Config, demo_url: str = "") -> Callable[[], None]:
        """Returns what puts a configuration in force, to be called before anything else happens.

        A thread builds the snapshot, which takes a second for 3,000 providers, while requests
        continue on the current one. Raises as `apply`.
        """
        environment, found = self.listeners.environment, self.snapshot.found
        snapshot = await asyncio.to_thread(
            Snapshot.build, config, environment, found, demo_url, self.accounts.learned
        )
        while snapshot.found != (found := self.snapshot.found):  # learned meanwhile
            snapshot = await asyncio.to_thread(snapshot.with_found, found)
        return partial(self._put_in_force, snapshot, environment)

    async def learn(self, found: FoundModels) -> None:
        """Adds the models that providers list, by the providers' names.

        A thread builds the snapshot while requests continue on the current one. If another
        configuration comes into force meanwhile, the snapshot is built again from that one. The
        callbacks of `on_change` are not called. Raises any exception of the builders; the
        configuration in force stays then.
        """
        while found != (before := self.snapshot).found:
            snapshot = await asyncio.to_thread(before.with_found, found)
            if before is self.snapshot:
                self.snapshots.current = snapshot

    def on_change(self, callback: Callable[[], None]) -> None:
        """Registers `callback` to be called after a configuration comes into force.

        An exception of a callback is logged; the configuration stays in force, and the other
        callbacks are called.
        """
        self._callbacks.append(callback)

    def follow(self, callback: Callable[[], None]) -> None:
        """Calls `callback` for the configuration in force, and registers it for later ones.

        For addons' `configure`, which comes before the router listens, and again at each change of
        an option: without a configuration yet, and once it is registered, this does nothing.
        """
        if self.snapshots.latest is None or callback in self._callbacks:
            return
        callback()
        self.on_change(callback)

    def _put_in_force(self, snapshot: Snapshot, environment: Environment) -> None:
        self.sharing.use(snapshot.config.state)
        changed = snapshot.changed_since(self.snapshots.latest)
        self.snapshots.current = snapshot
        self.listeners.environment = environment
        self._carry_over(snapshot, changed)
        self._call_back()
        self.events.rouse()

    def _serves(self, request: http.Request) -> bool:
        return self.snapshot.served.serves_request(request)

    def _carry_over(self, snapshot: Snapshot, changed: tuple[str, ...]) -> None:
        """Hands the new settings to the state that outlives configurations."""
        self.state.renew(snapshot.cooldown, snapshot.credentials, changed)
        self.clients.renew_holders(snapshot.client_keys.again)
        config = snapshot.config
        self.accounts.use(snapshot.routes.sources.values(), config.accounts, config.state)
        limits = config.limits
        upstream_heads.most_bytes = limits.upstream_head
        upstream_heads.most_headers = limits.upstream_headers

    def _forget_failures(self, source: CredentialSource) -> None:
        """Ends the cooldowns of a source's credentials: it gives a token again."""
        for provider, credential in self.snapshot.routes.credentials_from(source):
            self.state.health.forget(provider, credential)

    def _call_back(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                logger.exception(
                    "switchyard: the configuration is in force, but %s failed to follow it",
                    getattr(callback, "__qualname__", type(callback).__qualname__),
                )
