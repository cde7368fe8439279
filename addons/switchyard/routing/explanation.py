"""Explains which plan a model's name gets, and why, without a request.

The importer and `scripts/config` ask it of a file, the management API of what is in force.
"""

import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime

from switchyard.config.client_keys import ClientKey
from switchyard.config.client_keys import ClientSettings
from switchyard.config.schema import Config
from switchyard.policy.health import Health
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import FoundModels
from switchyard.routing.catalog import ModelNotAllowed
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.catalog import split_suffix
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.routing.routes import Routes
from switchyard.values.counts import counted

_ORDERS: dict[Strategy, str] = {
    "fill-first": "in order",
    "round-robin": "in turn",
    "weighted": "in turn, by weight",
    "least-busy": "the least busy first",
    "sticky": "the same one for a conversation",
    "most-left": "the one whose windows have most left first",
    "drain-soonest": "the one whose windows renew soonest first",
    "pace": "the one that is furthest behind the pace of its windows first",
}
_FORWARDED = "the client's own key"


class _DirectLabels:
    """Connections of a configuration that is not in force: none goes through a proxy."""

    secrets = ()

    def label(self, credential: str) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedKey:
    """One key of a target by its id, and whether it may be tried now."""

    id: str
    """Such as `openrouter#0`; `openrouter#none` where the provider needs no key."""
    weight: float
    priority: int
    usable: bool
    """Whether it does not cool down; True where nothing is known of that."""
    state: str
    """As in `GET /health`; `unknown` without a running router."""
    returns_in: float | None
    """Seconds until it may be tried again; None where it may be tried now."""
    in_flight: int | None
    """Attempts that run with it and the target's model; None without a running router."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedTarget:
    """One model at one provider, as a request may reach it."""

    provider: str
    model: str
    """As the provider calls it; empty where the client's name stays."""
    suffix: str | None
    formats: tuple[str, ...]
    """Wire formats; the first is used where the client's is not among them."""
    url: str
    """The base URL of the first format; empty for the client's own destination."""
    keys: int
    """The provider's own keys; 0 where it needs none or gets the client's."""
    key_order: str
    forwards: bool
    """Whether the client's own key is sent."""
    context_window: int | None
    """Tokens; None where the configuration does not say."""
    credentials: tuple[ExplainedKey, ...]

    def as_text(self) -> str:
        """Returns one line: provider, model, formats, address, keys."""
        model = f"{self.model}({self.suffix})" if self.suffix else self.model
        parts = [f"{self.provider}: {model or 'the requested model'}", ", ".join(self.formats)]
        if self.url:
            parts.append(self.url)
        if self.forwards:
            parts.append(_FORWARDED)
        elif self.keys == 1:
            parts.append("1 key")
        else:
            parts.append(f"{self.keys} keys {self.key_order}" if self.keys else "no key")
        if self.context_window:
            parts.append(f"{self.context_window} tokens")
        return " | ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedMember:
    """What stands at one place of the plan."""

    name: str
    order: str
    """How its targets are chosen among."""
    targets: tuple[ExplainedTarget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A member or target that the configuration names and the plan has not."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Which plan a name gets, and why. It has no key and no secret header."""

    model: str
    """The name as it was asked for."""
    served: bool
    """Whether a request would be sent to a provider."""
    why: tuple[str, ...]
    """The steps that lead to the plan or the refusal, as sentences."""
    client: str = ""
    """The label of the client key; empty without one."""
    kind: str = ""
    """`combo`, `alias`, `model`, `pool`, `route` or `passthrough`; empty without a plan."""
    rule: str = ""
    """The rule that matched, such as `combo my-stack`."""
    order: str = ""
    """How the members are chosen among."""
    settings: dict[str, object] = field(default_factory=dict)
    """Settings of the combo that are not the default. Times are seconds."""
    members: tuple[ExplainedMember, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    similar: tuple[str, ...] = ()
    """Names like the one that is unknown."""

    @property
    def usable(self) -> tuple[str, ...]:
        """The targets with a key that may be tried now, as `provider/model`, in order."""
        return tuple(
            f"{target.provider}/{target.model}"
            for member in self.members
            for target in member.targets
            if any(key.usable for key in target.credentials)
        )

    @property
    def reason(self) -> str:
        """Why, with what may be tried now, as one text."""
        told = " ".join(self.why)
        if not self.served:
            return told
        if not (usable := self.usable):
            return f"{told} No target may be tried now."
        if self.order == _ORDERS["fill-first"]:
            return f"{told} {usable[0]} comes first of what may be tried now."
        return f"{told} {len(usable)} may be tried now, {self.order}."

    def as_json(self) -> dict[str, object]:
        """Returns plain values for `json.dumps`."""
        return {**asdict(self), "usable": list(self.usable), "reason": self.reason}

    def as_text(self) -> str:
        """Returns lines for people."""
        lines = [f"{self.model}: {self.why[0]}", *(f"  {step}" for step in self.why[1:])]
        if self.client:
            lines.insert(0, f"client key: {self.client}")
        for place, member in enumerate(self.members, 1):
            many = len(member.targets) > 1
            head = f"  {place}. {member.name}"
            lines.append(f"{head}, {member.order}" if many else head)
            lines += [f"     {target.as_text()}" for target in member.targets]
        lines += [f"  {name}: {value}" for name, value in self.settings.items()]
        lines += [f"  left out: {one.name}: {one.why}" for one in self.left_out]
        if self.similar:
            lines.append(f"  similar names: {', '.join(self.similar)}")
        return "\n".join(lines)


def explain(
    config: Config,
    model: str,
    client: ClientKey | None = None,
    *,
    host: str = "",
    catalog: Catalog | None = None,
    found: FoundModels | None = None,
    routes: Routes | None = None,
    health: Health | None = None,
) -> Explanation:
    """Returns what a request for `model` with this client key would get.

    `host` is the provider's own host that the client calls through the proxy, if any. `catalog` and
    `routes` are those in force; without them, they are built from the configuration and the models
    `found` at providers. `health` tells which keys cool down now. Limits are not looked at: they
    change with every request.
    """
    catalog = catalog or Catalog(config, found)
    whole = config.clients.effective(client) if client else None
    label = whole.label if whole else ""
    if whole and (refusal := _refusal(whole, model)):
        return Explanation(model=model, served=False, client=label, why=(refusal,))
    try:
        plan = _plan(catalog, model, host)
        catalog.check_allowed(plan.base, whole.models if whole else None)
    except ModelNotAllowed as error:
        return Explanation(
            model=model, served=False, client=label, why=(str(error),), similar=error.near
        )
    except UnknownModel as error:
        why = (str(error), *(f"{one.name}: {one.why}." for one in _lost(config, catalog, model)))
        return Explanation(model=model, served=False, client=label, why=why, similar=error.near)
    standings = _Standings(routes or Routes(config, _DirectLabels()), plan, health)
    return _explained(config, catalog, plan, whole, standings)


def client_key_named(settings: ClientSettings, name: str) -> ClientKey | None:
    """Returns the client key with this name, id or label; None if there is none."""
    keys = settings.api_keys
    return next((key for key in keys if name and name in (key.name, key.id, key.label)), None)


def _plan(catalog: Catalog, model: str, host: str) -> Plan:
    name, _, port = host.partition(":")
    plan = catalog.intercepted(name, int(port or 443), model) if name else None
    return plan or catalog.resolve(model)


class _Standings:
    """How the keys of a plan's targets stand now."""

    def __init__(self, routes: Routes, plan: Plan, health: Health | None) -> None:
        members = routes.of(plan, None).members
        self._targets = {
            (target.provider, target.model): target for one in members for target in one.targets
        }
        self._health = health
        self._now = time.monotonic()

    def of(self, target: ModelTarget) -> tuple[ExplainedKey, ...]:
        """Returns the keys of a target in the order of the configuration."""
        found = self._targets[target.provider.name, target.model]
        return tuple(self._key(found, place) for place in range(len(found.credentials)))

    def _key(self, target: Target, place: int) -> ExplainedKey:
        credential = target.credentials[place]
        key, health = target.key(credential), self._health
        standing = health.state(key, self._now) if health is not None else None
        returns = standing.returns - self._now if standing and not standing.usable else None
        return ExplainedKey(
            id=credential.id,
            weight=credential.weight,
            priority=credential.priority,
            usable=standing is None or standing.usable,
            state=standing.state if standing is not None else "unknown",
            returns_in=round(max(0.0, returns), 3) if returns is not None else None,
            in_flight=health.target_in_flight(key) if health is not None else None,
        )


def _explained(
    config: Config,
    catalog: Catalog,
    plan: Plan,
    client: ClientKey | None,
    standings: _Standings,
) -> Explanation:
    left_out = list(_lost(config, catalog, plan.base))
    members: list[ExplainedMember] = []
    for pool in plan.members:
        kept = []
        for target in pool.targets:
            if client and not _may_answer(client, target):
                name = f"{target.provider.name}/{target.model}"
                left_out.append(LeftOut(name=name, why="the client key's `providers` exclude it"))
            else:
                kept.append(_target(target, standings))
        if kept:
            order = _ORDERS[pool.strategy]
            members.append(ExplainedMember(name=pool.name, order=order, targets=tuple(kept)))
    why = [*_reasons(plan)]
    if not members:
        why.append("No target is left, so the request is refused.")
    return Explanation(
        model=plan.name,
        served=bool(members),
        why=tuple(why),
        client=client.label if client else "",
        kind=plan.kind,
        rule=plan.rule,
        order=_ORDERS[plan.strategy],
        settings=_settings(plan),
        members=tuple(members),
        left_out=tuple(left_out),
    )


def _refusal(client: ClientKey, model: str) -> str:
    """Returns why a key may ask for nothing, or not for this name; empty if it may."""
    if client.blocked:
        return "This client key is blocked."
    if client.expires and client.expires <= datetime.now(UTC):
        return f"This client key expired on {client.expires:%Y-%m-%d}."
    if client.except_.matches(split_suffix(model)[0]):
        return "The client key's `except` excludes this model."
    return ""


def _may_answer(client: ClientKey, target: ModelTarget) -> bool:
    return client.providers.matches(target.provider.name)


def _reasons(plan: Plan) -> Iterator[str]:
    """Yields the rule that matched, and what becomes of the name's suffix."""
    match plan.kind:
        case "combo":
            count = len(plan.members)
            order = "" if count == 1 else f", {_ORDERS[plan.strategy]}"
            yield f"{plan.rule} matches: {counted(count, 'member')}{order}."
        case "pool":
            count = len(plan.targets)
            yield f"{count} providers list it and share its requests, in turn."
        case "model":
            yield f"{plan.rule} matches: one provider has this model."
        case "passthrough":
            yield "The request goes to the client's own destination with its own key."
        case _:
            yield f"{plan.rule} matches."
    if plan.suffix:
        yield f"The suffix ({plan.suffix}) sets the effort of its reasoning."


def _settings(plan: Plan) -> dict[str, object]:
    found = {
        "hedge-after": plan.hedge_after,
        "continue-streams": plan.continue_streams,
        "fallback-on-refusal": plan.fallback_on_refusal,
        "wait-for-recovery": plan.wait_for_recovery,
    }
    return {name: value for name, value in found.items() if value}


def _target(target: ModelTarget, standings: _Standings) -> ExplainedTarget:
    provider = target.provider
    passes = target.kind == "passthrough"
    return ExplainedTarget(
        provider=provider.name,
        model=target.model,
        suffix=target.suffix,
        formats=() if passes else tuple(target.formats),
        url="" if passes else provider.url_for(target.formats[0]),
        keys=len(provider.api_key_entries),
        key_order=_ORDERS[provider.strategy],
        forwards=provider.credentials == "forward",
        context_window=target.context_window,
        credentials=standings.of(target),
    )


def _lost(config: Config, catalog: Catalog, name: str) -> Iterator[LeftOut]:
    """Yields what is behind a name and leads nowhere, each once: members, shares of a pool."""
    seen: set[str] = set()
    waiting = [*_members(config, name)]
    yield from _shares(config, name)
    while waiting:
        member = waiting.pop(0)
        if member in seen:
            continue
        seen.add(member)
        inner = _members(config, split_suffix(member)[0])
        try:
            catalog.resolve(member)
        except UnknownModel as error:
            if not inner:
                yield LeftOut(name=member, why=str(error).partition(" GET /v1/models")[0])
        else:
            yield from _shares(config, split_suffix(member)[0])
        waiting = [*inner, *waiting]


def _shares(config: Config, name: str) -> Iterator[LeftOut]:
    """Yields the providers of a pool that are not live."""
    for one in config.not_live:
        for model in one.provider.models or ():
            if name == model.name or name in model.alias:
                yield LeftOut(name=f"{one.provider.name}/{model.name}", why=one.reason)


def _members(config: Config, name: str) -> Sequence[str]:
    if combo := config.combos.get(name):
        return combo.members
    return config.aliases.get(name, ())


__all__ = [
    "ExplainedKey",
    "ExplainedMember",
    "ExplainedTarget",
    "Explanation",
    "LeftOut",
    "client_key_named",
    "explain",
]
