"""Builds everything that depends on one configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from switchyard.attempt.adjustments import Adjustments
from switchyard.attempt.passthrough import Passthroughs
from switchyard.clients.key_rules import KeyRules
from switchyard.clients.key_table import KeyTable
from switchyard.config.client_keys import ClientKey
from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.config.shipped import known_hosts
from switchyard.config.shipped import shipped_failures
from switchyard.egress.table import EgressTable
from switchyard.egress.table import Environment
from switchyard.policy.cooldown import CooldownSettings
from switchyard.policy.failures import FailureTable
from switchyard.policy.trail import RetryLimits
from switchyard.redaction.learned import LearnedSecrets
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import FoundModels
from switchyard.routing.plans import Plan
from switchyard.routing.routes import Routes
from switchyard.runtime.served_hosts import ServedHosts
from switchyard.wire.relay.bounds import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The tables of one configuration. Requests only look things up in them.

    Caches within the tables (routes, quirks, destinations) depend on the configuration alone, so
    any entry can be computed again.
    """

    config: Config
    found: FoundModels
    """The models that providers say they have, by the providers' names."""
    demo_url: str
    """Where the built-in demo upstream listens; empty if the configuration does not name it."""
    catalog: Catalog
    client_keys: KeyTable
    key_rules: KeyRules
    served: ServedHosts
    egress: EgressTable
    routes: Routes
    adjustments: Adjustments
    passthroughs: Passthroughs
    failure_tables: Mapping[str, FailureTable]
    """By the names of providers."""
    cooldown: CooldownSettings
    credentials: frozenset[tuple[str, str]]
    """Every credential, as (provider, credential)."""
    bounds: Bounds
    """How much of an upstream's answer is read."""

    @classmethod
    def build(
        cls,
        config: Config,
        environment: Environment,
        found: FoundModels | None = None,
        demo_url: str = "",
        learned: LearnedSecrets | None = None,
    ) -> "Snapshot":
        """Builds all tables of a configuration, without any effect on the one in force.

        `learned` has the secrets that become known while the router runs.

        Raises the exception of any table, such as for a certificate file that changed since its
        check.
        """
        found = found or {}
        egress = EgressTable(config, environment)
        routes = Routes(config, egress, learned)
        known_hosts()  # read before the first request needs it
        limits = config.limits
        client_keys = KeyTable(config.clients)
        return cls(
            config=config,
            found=found,
            demo_url=demo_url,
            catalog=Catalog(config, found),
            client_keys=client_keys,
            key_rules=KeyRules(config.clients, client_keys),
            served=ServedHosts.of(config),
            egress=egress,
            routes=routes,
            adjustments=Adjustments(config),
            passthroughs=Passthroughs(config, egress),
            failure_tables=_failure_tables(config),
            cooldown=_cooldown(config),
            credentials=frozenset(routes.credentials()),
            bounds=Bounds(limits.upstream_body, limits.held_back, limits.tool_call),
        )

    def with_found(self, found: FoundModels) -> "Snapshot":
        """Returns the same configuration with other models that providers list."""
        return replace(
            self, found=found, catalog=Catalog(self.config, found), routes=self.routes.emptied()
        )

    def base_url(self, provider: Provider, format: str) -> str:
        """Returns the base URL of a provider for a format."""
        return self.demo_url if provider.builtin == "demo" else provider.url_for(format)

    def client_key(self, given: str) -> ClientKey | None:
        """Returns the client key equal to `given` with its whole policy, or None."""
        return self.client_keys.find(given)

    def failure_table(self, provider: Provider) -> FailureTable:
        """Returns the meanings of a provider's failures."""
        return self.failure_tables.get(provider.name) or shipped_failures()

    def retry_limits(self, plan: Plan) -> RetryLimits:
        """Returns how long and how often a plan's requests are tried."""
        retry = self.config.retry
        return RetryLimits(
            request_retry=retry.request_retry,
            max_retry_credentials=retry.max_retry_credentials,
            max_retry_interval=retry.max_retry_interval,
            deadline=retry.deadline,
            wait_for_recovery=plan.wait_for_recovery or 0.0,
        )

    def changed_since(self, before: "Snapshot | None") -> tuple[str, ...]:
        """Returns the names of providers whose settings differ from those in `before`."""
        old = {one.name: one for one in before.config.providers} if before is not None else {}
        return tuple(
            provider.name
            for provider in self.config.providers
            if provider.name in old and old[provider.name] != provider
        )


def _failure_tables(config: Config) -> dict[str, FailureTable]:
    shipped = shipped_failures()
    return {one.name: shipped.extended(one.errors) for one in config.providers}


def _cooldown(config: Config) -> CooldownSettings:
    said = config.cooldown
    return CooldownSettings(base=said.base, cap=said.cap, jitter=said.jitter)
