"""Joins the configuration's plans to the policy's routes, and keeps their keys."""

import hashlib
import secrets
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from copy import copy
from itertools import chain
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from switchyard.config.credentials import CredentialSource
from switchyard.config.fields import HeaderRule
from switchyard.config.provider import ApiKeyEntry
from switchyard.config.provider import Provider
from switchyard.config.provider import credentials_of
from switchyard.config.schema import Config
from switchyard.policy.route import Credential
from switchyard.policy.route import KeptShare
from switchyard.policy.route import Member
from switchyard.policy.route import QuotaLimit
from switchyard.policy.route import Route
from switchyard.policy.route import Target as RouteTarget
from switchyard.redaction.concealing import Concealer
from switchyard.redaction.learned import LearnedSecrets
from switchyard.redaction.learned import Renewed
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.wire.operations.embeddings import Embedding
from switchyard.wire.operations.operation import Operation

_MOST_ROUTES = 4096
"""Routes remembered at most; names that only a pattern matches could otherwise grow without end."""

_NO_SECRETS = {
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "http-referer",
    "openai-beta",
    "originator",
    "referer",
    "user-agent",
    "x-title",
}
"""Headers whose values are no secret."""


class Labels(Protocol):
    """What routes need to know about connections to providers."""

    @property
    def secrets(self) -> Sequence[str]:
        """Passwords of proxies."""
        ...

    def label(self, credential: str) -> str:
        """Return the name of a credential's proxy; empty where there is none."""
        ...


class Routes:
    """The routes of one configuration. A provider's keys are identified by position."""

    def __init__(self, config: Config, ways: Labels, learned: LearnedSecrets | None = None) -> None:
        """Build the routes of `config`; `learned` has the tokens that its sources give."""
        learned = learned or LearnedSecrets()
        self._ways = ways
        self._routes: dict[tuple[str, str, str, str, str], Route] = {}
        self._keys: dict[str, SecretStr] = {}
        self._sources: dict[str, CredentialSource] = {}
        self._credentials = {p.name: self._of_provider(p) for p in config.providers}
        everywhere = [
            *(
                rule.value.get_secret_value()
                for change in (*config.payload.default, *config.payload.override)
                for rule in change.headers
                if _is_secret(rule)
            ),
            *ways.secrets,
        ]
        known = {p.name: self._secrets_of(p) for p in config.providers}
        clients = (key.get_secret_value() for key in config.client_keys)
        stated = frozenset(chain(everywhere, clients, *known.values()))
        self._concealer = Renewed(
            learned, lambda: Concealer(chain(stated, learned.all()), words=True)
        )
        self._certain = Renewed(learned, lambda: self._concealer.value.certain())
        owners = {p.name: self._owners_of(p) for p in config.providers}
        self._of_host = Renewed(
            learned,
            lambda: _concealers(
                config.providers,
                {name: [*known[name], *learned.of(owners[name])] for name in known},
            ),
        )
        self._salt = secrets.token_bytes(16)

    def of(self, plan: Plan, client: SecretStr | None, operation: Operation | None = None) -> Route:
        """Return the route of a plan for a client with this key.

        For an operation, only providers that can serve it are part of the route.
        """
        service = operation.service if operation else ""
        place = plan.rule, plan.base, plan.origin, plan.needs, service
        route = self._routes.get(place)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            route = self._routes[place] = self._route(plan, operation)
        if route.forwards:
            return route.for_client(self._client_id(client))
        return route

    @property
    def concealer(self) -> Concealer:
        """Removes the secrets that must not be sent, shown or stored."""
        return self._concealer.value

    @property
    def certain(self) -> Concealer:
        """The same for the log, where a key that is a word stands for itself."""
        return self._certain.value

    def concealer_at(self, provider: str) -> Concealer:
        """Return what removes the secrets of a provider from its responses to a client."""
        return self._of_host.value.get(provider, _NO_SECRETS_KNOWN)

    def emptied(self) -> "Routes":
        """The same credentials with no route remembered, for names that lead elsewhere."""
        other = copy(self)
        other._routes = {}
        return other

    def credentials(self) -> set[tuple[str, str]]:
        """Every credential there is, as (provider, credential)."""
        return {(name, one.id) for name, group in self._credentials.items() for one in group}

    def key(self, credential: str) -> SecretStr | None:
        """The key of a credential; None for a provider that needs none."""
        return self._keys.get(credential)

    def source(self, credential: str) -> CredentialSource | None:
        """Where the key of a credential is read from; None if the configuration has it."""
        return self._sources.get(credential)

    @property
    def sources(self) -> Mapping[str, CredentialSource]:
        """All sources by credential."""
        return self._sources

    def credentials_from(self, source: CredentialSource) -> list[tuple[str, str]]:
        """The credentials that a source gives, as (provider, credential)."""
        return [pair for pair in self.credentials() if self._sources.get(pair[1]) == source]

    def _owners_of(self, provider: Provider) -> list[str]:
        ids = (one.id for one in self._credentials[provider.name])
        return [self._sources[one].owner for one in ids if one in self._sources]

    def _secrets_of(self, provider: Provider) -> list[str]:
        """Its keys and secret headers."""
        keys = [self._keys[one.id] for one in self._credentials[provider.name]
                if one.id in self._keys]  # fmt: skip
        rules = [rule.value for rule in provider.headers if _is_secret(rule)]
        return [secret.get_secret_value() for secret in (*keys, *rules)]

    def _client_id(self, client: SecretStr | None) -> str:
        if client is None:
            return "none"
        key = client.get_secret_value().encode("utf-8", "surrogateescape")
        return hashlib.blake2b(key, key=self._salt, digest_size=8).hexdigest()

    def _of_provider(self, provider: Provider) -> tuple[Credential, ...]:
        credentials = []
        keep = _kept(provider)
        for index, name in enumerate(credentials_of(provider)):
            via = self._ways.label(name)
            if provider.credentials == "forward":
                credentials.append(Credential(id=name, via=via, forwarded=True))
            elif not provider.api_key_entries:
                credentials.append(Credential(id=name, via=via, keep=keep))
            else:
                entry = provider.api_key_entries[index]
                if isinstance(entry.api_key, CredentialSource):
                    self._sources[name] = entry.api_key
                else:
                    self._keys[name] = entry.api_key
                credentials.append(_credential(name, entry, via, keep))
        return tuple(credentials)

    def _route(self, plan: Plan, operation: Operation | None) -> Route:
        members = (
            Member(
                id=pool.name,
                targets=tuple(self._target(target, operation) for target in targets),
                strategy=pool.strategy,
            )
            for pool in plan.members
            if (targets := [t for t in pool.targets if can_serve(t, operation)])
        )
        return Route(
            id=plan.base, members=tuple(members), strategy=plan.strategy, returns=plan.returns
        )

    def _target(self, target: ModelTarget, operation: Operation | None) -> RouteTarget:
        provider = target.provider
        if target.kind == "passthrough":
            return _own(target, self._ways)
        # That a model gives no embeddings, say, must not be held against it as a model.
        model = f"{target.model} ({operation.service})" if operation else target.model
        return RouteTarget(
            provider=provider.name,
            model=model,
            credentials=self._credentials.get(provider.name, ()),
            strategy=provider.strategy,
            context_window=target.context_window,
            ref=target,
        )


_NO_SECRETS_KNOWN = Concealer(())


def _concealers(
    providers: Iterable[Provider], known: Mapping[str, list[str]]
) -> dict[str, Concealer]:
    """By provider: one that knows the secrets of all providers at its hosts."""
    hosts = {provider.name: _hosts(provider) for provider in providers}
    by_host: dict[str, set[str]] = {}
    for name, at in hosts.items():
        for host in at:
            by_host.setdefault(host, set()).update(known[name])
    made: dict[frozenset[str], Concealer] = {}
    # By hosts: thousands of providers may be at one, whose secrets are not put together for each.
    shared: dict[frozenset[str], Concealer] = {}
    found: dict[str, Concealer] = {}
    for name, at in hosts.items():
        if at not in shared or not at:
            theirs = frozenset(chain(known[name], *(by_host[host] for host in at)))
            if theirs not in made:
                made[theirs] = Concealer(theirs)
            shared[at] = made[theirs]
        found[name] = shared[at]
    return found


def _hosts(provider: Provider) -> frozenset[str]:
    urls = [provider.url_for(format) for format in provider.formats]
    return frozenset(host for url in urls if (host := urlsplit(url).hostname))


def _is_secret(rule: HeaderRule) -> bool:
    return not rule.copy_of and rule.name.lower() not in _NO_SECRETS


def _own(target: ModelTarget, ways: Labels) -> RouteTarget:
    """Return the target of a client's own destination.

    What it refuses concerns this client alone, so that without a better target it is asked rather
    than spared.
    """
    name = target.provider.name
    credential = f"{name}#client"
    return RouteTarget(
        provider=name,
        model=target.model,
        credentials=(Credential(id=credential, forwarded=True, via=ways.label(credential)),),
        spared=False,
        ref=target,
    )


def can_serve(target: ModelTarget, operation: Operation | None) -> bool:
    """Whether a target can serve an operation.

    A client's own destination can, whatever the client asks it for. A cloud has conversations
    alone, Azure embeddings too.
    """
    if operation is None or target.kind == "passthrough":
        return True
    if (platform := target.provider.platform) is not None:
        if platform != "azure" or operation.service != Embedding.service:
            return False
    return not operation.formats.isdisjoint(target.formats)


def _kept(provider: Provider) -> KeptShare | None:
    keep = provider.keep
    if keep is None:
        return None
    return KeptShare(share=keep.share, clients=frozenset(keep.for_), windows=keep.windows)


def _credential(name: str, entry: ApiKeyEntry, via: str, keep: KeptShare | None) -> Credential:
    quota = [QuotaLimit("requests", rate.amount, rate.window) for rate in entry.quota.requests]
    quota += [QuotaLimit("tokens", rate.amount, rate.window) for rate in entry.quota.tokens]
    return Credential(
        id=name,
        weight=entry.weight,
        priority=entry.priority,
        max_concurrency=entry.max_concurrency,
        quota=tuple(quota),
        keep=keep,
        via=via,
    )
