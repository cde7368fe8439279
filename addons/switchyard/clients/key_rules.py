"""Works out, once per configuration, what a request of a key and a model has to fit into."""

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import replace

from switchyard.clients.key_format import key_hash
from switchyard.clients.key_limits import ROUTER
from switchyard.clients.key_limits import BudgetCalendar
from switchyard.clients.key_limits import limits_for
from switchyard.clients.key_limits import owner_for
from switchyard.clients.key_limits import scope_of
from switchyard.clients.limit_headers import LimitHeaders
from switchyard.clients.limit_headers import headers_for
from switchyard.config.client_keys import ClientKey
from switchyard.config.client_keys import ClientSettings
from switchyard.config.readings import readings
from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.quick_ledger import QuickLine
from switchyard.values.units import MOST_COUNTED

_MOST_NAMES = 2000
"""Models of a key with limits per model that are remembered; clients choose the names."""


class KeyRule:
    """The limits of a request. Made once, and shared by all requests that have the same."""

    def __init__(self, limits: tuple[Limit, ...], client: ClientKey | None, owner: str) -> None:
        self.limits = limits
        self.client = client
        self.owner = owner
        """What its counters are called by; never a part of a key."""
        self.lines = tuple(map(QuickLine, limits))
        self.queue = client.queue if client is not None else 10.0
        """Seconds that a request waits for its turn."""
        self.priority = client.priority if client is not None else 0
        self.strict = client is not None and client.strict
        self.waits = any(one.kind == "slots" and one.enforce for one in limits)
        self.has_money = any(one.kind == "money" for one in limits)
        self.most_tokens = self._least("tokens")
        self.most_output = self._least("output")
        self.most_money = self._least("money")
        self._headers = (headers_for(self.lines, False), headers_for(self.lines, True))
        self._spent: KeyRule | None = None

    @property
    def without_budgets(self) -> "KeyRule":
        """The same limits, with budgets that count and refuse nothing."""
        if self._spent is None:
            limits = tuple(
                replace(one, most=MOST_COUNTED) if one.kind == "money" else one
                for one in self.limits
            )
            self._spent = KeyRule(limits, self.client, self.owner)
        return self._spent

    def header_names(self, anthropic: bool) -> tuple[LimitHeaders, ...]:
        """The headers that tell clients of these limits, in OpenAI's words or Anthropic's."""
        return self._headers[anthropic]

    def _least(self, kind: AmountKind) -> int | None:
        found = (one.most for one in self.limits if one.kind == kind and one.enforce)
        return min(found, default=None)


class KeyRules:
    """The rules of all keys of one configuration."""

    def __init__(self, settings: ClientSettings, keys: Iterable[ClientKey]) -> None:
        self._calendar = BudgetCalendar.of(settings)
        self._keys = tuple(keys)  # held, so that an id is that of one key
        self.router = limits_for(
            ROUTER, settings.limits, settings.budgets, self._calendar, True, settings.concurrency
        )
        """The whole router's limits."""
        self._for_all = KeyRule(self.router, None, ROUTER) if self.router else None
        self._owners = dict(_owners(self._keys))
        self._plain: dict[int, KeyRule | None] = {}
        self._per_model: dict[tuple[int, str], KeyRule | None] = {}
        for key in self._keys:
            if not key.per_model:
                self._plain[id(key)] = self._rule(key, "")

    def known(self, client: ClientKey) -> ClientKey | None:
        """Returns a key if it is one of this configuration's."""
        return client if id(client) in self._owners else None

    def of(self, client: ClientKey | None, model: str) -> KeyRule | None:
        """Returns what a request has to fit into; None if there are no limits.

        `client` is a key of this configuration, or None where none is asked for.
        """
        if client is None:
            return self._for_all
        place = id(client)
        if place in self._plain:
            return self._plain[place]
        named = (place, model)
        if named not in self._per_model:
            if len(self._per_model) >= _MOST_NAMES:
                self._per_model.clear()
            self._per_model[named] = self._rule(client, model)
        return self._per_model[named]

    def all_of(self, client: ClientKey) -> tuple[Limit, ...]:
        """Returns the limits of a key with those of all its models, without the router's."""
        rule = self._rule(client, None)
        return tuple(one for one in rule.limits if one.key != ROUTER) if rule is not None else ()

    def _rule(self, key: ClientKey, model: str | None) -> KeyRule | None:
        """The rule for a model; None: for any."""
        owner = self._owners.get(id(key)) or key.label
        limits = limits_for(
            owner, key.limits, key.budgets, self._calendar, key.enforce, key.concurrency
        )
        for one in key.per_model:
            if model is None or any(map(one.models.matches, readings(model))):
                scope = scope_of(owner, one.models.patterns)
                limits += limits_for(scope, one.limits, one.budgets, self._calendar, key.enforce)
        limits += self.router
        return KeyRule(limits, key, owner) if limits else None


def _owners(keys: Iterable[ClientKey]) -> Iterator[tuple[int, str]]:
    """Names for counters; those of two keys with the same name are told apart."""
    taken = {ROUTER}
    for key in keys:
        secret = key.key_hash or (key_hash(key.key.get_secret_value()) if key.key else "")
        short = secret.removeprefix("sha256:")[:8]
        owner = owner_for(key.id or key.name or f"key-{short}")
        if owner in taken:
            owner = f"{owner}#{short}"
        taken.add(owner)
        yield id(key), owner
