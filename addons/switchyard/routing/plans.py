"""Defines a plan: the ordered targets that a name leads to."""

from collections.abc import Callable
from collections.abc import Set
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Literal

from switchyard.config.names import NameKind
from switchyard.config.provider import Provider
from switchyard.policy.route import Returns
from switchyard.policy.route import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTarget:
    """One model at one provider."""

    provider: Provider
    model: str
    """As the provider calls it; empty for a passthrough, where the client's name stays."""
    context_window: int | None = None
    """Tokens; None where the configuration does not say."""
    suffix: str | None = None
    """The `(...)` that the configuration wrote after the member; it goes before the client's."""
    kind: Literal["model", "passthrough"] = "model"
    """`passthrough`: the request's own destination with the client's own key. Its provider has no
    address and no keys."""
    own_formats: tuple[str, ...] | None = None
    """The wire formats of this model, where it does not have all of its provider's."""

    @property
    def formats(self) -> tuple[str, ...]:
        """The wire formats that it speaks; the first is used where the client's is none of them."""
        return self.own_formats or self.provider.formats


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Targets that stand at one place of a plan and share its load."""

    name: str
    """The member as the configuration writes it."""
    targets: tuple[ModelTarget, ...]
    strategy: Strategy = "round-robin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where one name leads: pools to be tried in order, and how."""

    name: str
    """The name that was asked for, with its suffix."""
    base: str
    """The name without its suffix."""
    kind: NameKind
    rule: str
    """The rule that matched, such as `combo my-stack`."""
    members: tuple[Pool, ...]
    strategy: Strategy = "fill-first"
    """How the members are chosen among; `fill-first` is their order."""
    hedge_after: float | None = None
    continue_streams: bool = False
    fallback_on_refusal: bool = False
    wait_for_recovery: float | None = None
    returns: Returns = "when-cold"
    """When a session goes back to the first member after another one served it."""
    suffix: str | None = None
    """The `(...)` after the name that was asked for, as in `model(high)`."""

    origin: str = ""
    """Where its passthrough targets lead; empty where that is not settled, or there are none."""
    needs: str = ""
    """What the request needs that only some targets have, where the others are left out; a word."""
    passes_through: bool = field(init=False, compare=False)
    """Whether any target is the request's own destination."""

    def __post_init__(self) -> None:
        passes = any(target.kind == "passthrough" for target in self.targets)
        object.__setattr__(self, "passes_through", passes)

    @property
    def targets(self) -> tuple[ModelTarget, ...]:
        """All targets in order."""
        return tuple(target for pool in self.members for target in pool.targets)

    def through(self, provider: Provider | None, model: str) -> "Plan":
        """Return this plan for one request with a destination of its own.

        Its passthrough targets lead to `provider`, which stands for that destination, and ask for
        `model`. None: there is no such destination, and they are left out.
        """
        members = (_through(pool, provider, model) for pool in self.members)
        kept = tuple(pool for pool in members if pool.targets)
        return replace(self, members=kept, origin=provider.name if provider else "")

    def speaking(self, formats: Set[str]) -> "Plan":
        """This plan with the targets alone that speak one of `formats`."""
        needs = " or ".join(sorted(formats))
        return self.where(lambda target: bool(formats & {*target.formats}), needs)

    def where(self, able: Callable[[ModelTarget], bool], needs: str) -> "Plan":
        """This plan with the targets alone that are `able`, which `needs` names in a word."""
        kept = (replace(pool, targets=tuple(filter(able, pool.targets))) for pool in self.members)
        return replace(self, members=tuple(pool for pool in kept if pool.targets), needs=needs)


def with_suffix(pool: Pool, suffix: str | None) -> Pool:
    """The suffix of an outer member holds where the inner one has none of its own."""
    if suffix is None:
        return pool
    targets = tuple(
        target if target.suffix else replace(target, suffix=suffix) for target in pool.targets
    )
    return replace(pool, targets=targets)


def _through(pool: Pool, provider: Provider | None, model: str) -> Pool:
    if not any(target.kind == "passthrough" for target in pool.targets):
        return pool
    targets = [
        replace(target, provider=provider, model=model)
        if target.kind == "passthrough" and provider is not None
        else target
        for target in pool.targets
        if target.kind != "passthrough" or provider is not None
    ]
    return replace(pool, targets=tuple(targets))
