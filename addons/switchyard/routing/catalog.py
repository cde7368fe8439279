"""Resolves model names: the routing tables, built once from a configuration.

`Catalog.resolve` answers from tables; only names that a route or a provider without a model list
has to place are worked out on request. `switchyard.config.names` has the rules.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Literal

from switchyard.config.fields import PASSTHROUGH
from switchyard.config.names import Directory
from switchyard.config.names import Found
from switchyard.config.names import ListedModel
from switchyard.config.names import NameKind
from switchyard.config.names import ProviderNames
from switchyard.config.names import Ref
from switchyard.config.names import RouteNames
from switchyard.config.names import split_suffix
from switchyard.config.problems import nearest
from switchyard.config.provider import Provider
from switchyard.config.readings import is_odd
from switchyard.config.readings import readings
from switchyard.config.schema import Combo
from switchyard.config.schema import Config
from switchyard.config.schema import Intercept
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.routing.plans import Pool
from switchyard.routing.plans import with_suffix
from switchyard.routing.profiles import formats_of
from switchyard.values.globs import Globs
from switchyard.wire.model.model_list import FoundModel
from switchyard.wire.registry import PROVIDER_FORMATS

__all__ = [
    "Catalog",
    "ModelName",
    "ModelNotAllowed",
    "ModelTarget",
    "Plan",
    "Pool",
    "UnknownModel",
    "split_suffix",
]

type PassThrough = Literal["always", "sometimes", "never"]

type FoundModels = Mapping[str, Sequence[FoundModel]]

_LONGEST_NAME = 256
_MOST_COMPARED = 3000
_MOST_NEAR = 5

_ANY = Globs(["*"])

_PASSTHROUGH_PROVIDER = Provider.model_construct(name=PASSTHROUGH, credentials="forward")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A name that can be asked for."""

    name: str
    owner: str
    """The provider; of a combo or a pool of several, `switchyard`."""
    kind: NameKind
    context_window: int | None = None
    """The smallest of those it may lead to; None if any is unknown."""


class UnknownModel(LookupError):
    """A name leads nowhere. The text offers the client other names."""

    def __init__(self, name: str, near: Sequence[str], why: str) -> None:
        hint = f" Similar names: {', '.join(near)}." if near else ""
        super().__init__(f"{why}{hint} GET /v1/models lists all models.")
        self.name = name
        self.near = tuple(near)


class ModelNotAllowed(UnknownModel):
    """The name leads somewhere, but not for this client's key."""


class Catalog:
    """The routing tables of one configuration. Immutable; safe to share."""

    def __init__(self, config: Config, found: FoundModels | None = None) -> None:
        """`found` are the models that providers say they have, by the providers' names."""
        found = found or {}
        self._config = config
        self._providers = (*config.providers, *(one.provider for one in config.not_live))
        self._live = len(config.providers)
        self._reasons = {one.provider.name: one.reason for one in config.not_live}
        self._directory = _directory(self._providers, self._live, config, found)
        self._windows = _windows(self._providers, found)
        self._groups: dict[str, tuple[Pool, ...]] = {}
        self._plans: dict[str, Plan] = {}
        self._names: list[ModelName] = []
        self._list_names()
        self._intercepted = {
            _address(host): self._tiers(f"intercept {host}", combo)
            for host, combo in config.intercept.items()
        }

    def resolve(self, model: str, allowed: Globs | None = None) -> Plan:
        """Return the plan for a requested name.

        `allowed` are the names the client's key may ask for; the one without its suffix must be
        among them. Raises `UnknownModel`, or `ModelNotAllowed` where only the key is in the way.
        """
        plan = self._find(model)
        if plan is None:
            raise self._unknown(model, allowed)
        self.check_allowed(plan.base, allowed)
        return plan

    def check_allowed(self, model: str, allowed: Globs | None) -> None:
        """Raise `ModelNotAllowed` if a client's key may not ask for a name.

        A name that is not configured must be allowed in each way that an upstream may read it.
        """
        if allowed is None:
            return
        known = model in self._plans
        if not all(map(allowed.matches, (model,) if known else readings(model))):
            near = self._near(split_suffix(model)[0], allowed)
            raise ModelNotAllowed(model, near, f"This key may not use the model {_short(model)}.")

    def names(self, allowed: Globs | None = None) -> list[ModelName]:
        """Return every name to list, in file order: combos, aliases, models.

        Models have the forms `provider/model` and `model`. Providers without a model list take
        names that are not listed, as `provider/any-model`.
        """
        if allowed is None:
            return list(self._names)
        return [one for one in self._names if allowed.matches(one.name)]

    def intercepted(self, host: str, port: int = 443, model: str = "") -> Plan | None:
        """Return the plan for a model at a provider's own host, if intercepted."""
        for patterns, plan in self._intercepted.get((host.lower(), port), ()):
            if plan is not None and patterns.matches(model):
                return replace(plan, name=model, base=model)
        return None

    def passes_through(self, host: str, port: int = 443) -> PassThrough:
        """Return whether calls at a host pass through; else the model decides."""
        plans = [plan for _patterns, plan in self._intercepted.get((host.lower(), port), ())]
        targets = [target for plan in plans if plan is not None for target in plan.targets]
        passing = [target.kind == "passthrough" for target in targets]
        if not any(passing):
            return "never"
        return "always" if all(passing) else "sometimes"

    def _tiers(self, rule: str, intercept: Intercept) -> tuple[tuple[Globs, Plan | None], ...]:
        tiers = [
            (Globs([pattern]), self._intercept_plan(f"{rule} ({pattern})", combo))
            for pattern, combo in intercept.tiers()
        ]
        return (*tiers, (_ANY, self._intercept_plan(rule, intercept)))

    def _intercept_plan(self, rule: str, combo: Combo) -> Plan | None:
        """Return an interception's plan; without live members, its own destination."""
        plan = self._member_plan(rule, combo)
        return plan or self._combo_plan(rule, "combo", rule, Combo(members=(PASSTHROUGH,)))

    def _member_plan(self, rule: str, combo: Combo) -> Plan | None:
        """Return the plan of members that have no name of their own."""
        only = combo.members[0] if len(combo.members) == 1 else None
        if only is None or combo.model_fields_set - {"members", "models"}:
            return self._combo_plan(rule, "combo", rule, combo)
        # Only a name: the settings of what it names hold.
        meant = self._directory.meaning(only)
        plan = self._plan(meant[0], meant[2]) if meant else None
        if meant is None or plan is None:
            return None
        members = tuple(with_suffix(pool, meant[1]) for pool in plan.members)
        return replace(plan, rule=rule, members=members)

    def _find(self, name: str) -> Plan | None:
        if plan := self._plans.get(name):
            return plan
        if len(name) > _LONGEST_NAME:
            return None
        meant = self._directory.meaning(name)
        if meant is None:
            return None
        base, suffix, found = meant
        plan = self._plans.get(base)
        if plan is None and (is_odd(base) or any(map(self._has_no_place, found.refs))):
            return None
        plan = plan or self._plan(base, found)
        return replace(plan, name=name, suffix=suffix) if plan and suffix else plan

    def _has_no_place(self, ref: Ref) -> bool:
        """Whether an unlisted model cannot stand in its provider's paths.

        Gemini's API has the model in the path: a slash would lead elsewhere.
        """
        formats = self._providers[ref.provider].formats
        bare = ref.model.removeprefix("models/").removeprefix("tunedModels/")
        return "/" in bare and not any(PROVIDER_FORMATS[name].slash_in_model for name in formats)

    def _list_names(self) -> None:
        for name in self._directory.names():
            found = self._directory.find(name)
            plan = self._plan(name, found) if found else None
            if plan is None:
                continue
            for spelling in self._directory.spellings(name):
                self._plans.setdefault(spelling, replace(plan, name=spelling, base=spelling))
            self._names.append(_entry(plan))

    def _plan(self, name: str, found: Found) -> Plan | None:
        """None where nothing it leads to is live."""
        if combo := self._config.combos.get(name):
            return self._combo_plan(name, found.kind, found.rule, combo)
        if found.kind == "alias" and len(found.members) == 1:
            # Another name for one thing: that thing's settings hold.
            meant = self._directory.meaning(found.members[0])
            plan = self._plan(meant[0], meant[2]) if meant else None
            if meant is None or plan is None:
                return None
            suffix = meant[1]
            members = tuple(with_suffix(pool, suffix) for pool in plan.members)
            return replace(
                plan, name=name, base=name, kind="alias", rule=found.rule, members=members
            )
        pools = self._pools(name, found)
        if not pools:
            return None
        return Plan(name=name, base=name, kind=found.kind, rule=found.rule, members=pools)

    def _combo_plan(self, name: str, kind: NameKind, rule: str, combo: Combo) -> Plan | None:
        members = _without_repeats(
            pool for member in combo.members for pool in self._member(member)
        )
        if not members:
            return None
        return Plan(
            name=name,
            base=name,
            kind=kind,
            rule=rule,
            members=members,
            strategy=combo.strategy,
            hedge_after=combo.hedge_after,
            continue_streams=combo.continue_streams,
            fallback_on_refusal=combo.fallback_on_refusal,
            wait_for_recovery=combo.wait_for_recovery,
            returns=combo.return_,
        )

    def _member(self, member: str) -> tuple[Pool, ...]:
        """What stands in a plan for one member of a combo or alias."""
        meant = self._directory.meaning(member)
        if meant is None:
            return ()
        base, suffix, found = meant
        return tuple(with_suffix(pool, suffix) for pool in self._pools(base, found))

    def _pools(self, name: str, found: Found) -> tuple[Pool, ...]:
        if found.kind == "passthrough":
            target = ModelTarget(provider=_PASSTHROUGH_PROVIDER, model="", kind="passthrough")
            return (Pool(name=name, targets=(target,)),)
        if found.kind in ("combo", "alias"):
            if name not in self._groups:
                self._groups[name] = self._group(name, found)
            return self._groups[name]
        live = [ref for ref in found.refs if ref.provider < self._live]
        targets = tuple(map(self._target, dict.fromkeys(live)))
        return (Pool(name=name, targets=targets),) if targets else ()

    def _group(self, name: str, found: Found) -> tuple[Pool, ...]:
        """A combo or alias as part of another one.

        In order, its members stay members; a strategy of its own keeps them together in one pool.
        """
        pools = _without_repeats(pool for member in found.members for pool in self._member(member))
        combo = self._config.combos.get(name)
        strategy = combo.strategy if combo else "round-robin"
        if strategy == "fill-first" or len(found.members) == 1 or not pools:
            return pools
        targets = tuple(target for pool in pools for target in pool.targets)
        return (Pool(name=name, targets=targets, strategy=strategy),)

    def _target(self, ref: Ref) -> ModelTarget:
        return _target_at(self._providers[ref.provider], ref.model, self._windows.get(ref))

    def _unknown(self, name: str, allowed: Globs | None) -> UnknownModel:
        base, _suffix = split_suffix(name[:_LONGEST_NAME])
        found = self._directory.find(base)
        if found and (lost := self._lost(base, found)):
            return UnknownModel(name, [], f"The model {_short(name)} is not live: {lost}.")
        why = f"There is no model {_short(name)}."
        handle, slash, _model = base.partition("/")
        near = self._near(base, allowed)
        if owner := self._directory.excluded_from(base):
            why = f"The model {_short(name)} is excluded at {owner}."
        elif slash and not near and self._directory.provider(handle) is None:
            takers = [f"{one.handle}/..." for one in self._config.providers if one.models is None]
            if takers:
                why += f" Any model may be asked of {', '.join(takers)}."
        return UnknownModel(name, near, why)

    def _lost(self, name: str, found: Found) -> str:
        """Why nothing that a known name leads to is live."""
        providers = {self._providers[ref.provider].name for ref in self._refs(name, found, set())}
        return "; ".join(
            f"{one}: {self._reasons[one]}" for one in sorted(providers) if one in self._reasons
        )

    def _refs(self, name: str, found: Found, seen: set[str]) -> Iterator[Ref]:
        yield from found.refs
        seen.add(name)
        for member in found.members:
            meant = self._directory.meaning(member)
            if meant and meant[0] not in seen:
                yield from self._refs(meant[0], meant[2], seen)

    def _near(self, name: str, allowed: Globs | None) -> list[str]:
        known = [one.name for one in self.names(allowed)][:_MOST_COMPARED]
        low = name.lower()
        parts = [one for one in known if low and (low in one.lower() or one.lower() in low)]
        # Only the part behind the slash may be right, or the other way round.
        similar = nearest(name, known, _MOST_NEAR) + nearest(name.rpartition("/")[2], known, 2)
        return list(dict.fromkeys([*similar, *parts]))[:_MOST_NEAR]


def _directory(
    providers: Sequence[Provider], live: int, config: Config, found: FoundModels
) -> Directory:
    """The names of a configuration; the first `live` of the providers are live."""
    return Directory(
        [
            ProviderNames(
                provider.name,
                provider.prefix,
                None
                if provider.models is None
                else tuple(ListedModel(model.name, model.alias) for model in provider.models),
                provider.excluded_models,
                index < live,
                tuple(model.name for model in found.get(provider.name, ())),
            )
            for index, provider in enumerate(providers)
        ],
        {name: combo.members for name, combo in config.combos.items()},
        config.aliases,
        [RouteNames(one.pattern, one.provider, one.model) for one in config.routes],
    )


def _windows(providers: Sequence[Provider], found: FoundModels) -> dict[Ref, int]:
    return {
        Ref(index, model.name): model.context_window
        for index, provider in enumerate(providers)
        for model in provider.models or found.get(provider.name, ())
        if model.context_window
    }


def _entry(plan: Plan) -> ModelName:
    owners = {target.provider.name for target in plan.targets}
    windows = [target.context_window or 0 for target in plan.targets]
    return ModelName(
        name=plan.name,
        owner=owners.pop() if len(owners) == 1 else "switchyard",
        kind=plan.kind,
        context_window=min(windows) or None,
    )


def _address(host: str) -> tuple[str, int]:
    """Return name and port of a configured host; HTTPS's port where it has none."""
    name, _, port = host.partition(":")
    return name.lower(), int(port or 443)


def _without_repeats(pools: Iterator[Pool]) -> tuple[Pool, ...]:
    """Return each target once, at its first place.

    A second try of the same target would fail the same way.
    """
    seen: set[tuple[str, str, str | None]] = set()
    kept: list[Pool] = []
    for pool in pools:
        targets: list[ModelTarget] = []
        for target in pool.targets:
            key = (target.provider.name, target.model, target.suffix)
            if key not in seen:
                seen.add(key)
                targets.append(target)
        if targets:
            kept.append(replace(pool, targets=tuple(targets)))
    return tuple(kept)


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def _target_at(provider: Provider, model: str, context_window: int | None) -> ModelTarget:
    return ModelTarget(
        provider=provider,
        model=model,
        context_window=context_window,
        own_formats=formats_of(provider, model),
    )
