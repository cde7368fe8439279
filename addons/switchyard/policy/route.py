"""Describes where one request may go: members, targets and credentials by name.

A route is made when a configuration comes into force and shared by all requests for its model; the
names are opaque and contain no secret.
"""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Literal
from typing import NamedTuple

from switchyard.values.globs import Globs

type Strategy = Literal[
    "round-robin",
    "fill-first",
    "least-busy",
    "weighted",
    "sticky",
    "most-left",
    "drain-soonest",
    "pace",
]

BY_WINDOWS: frozenset[Strategy] = frozenset({"most-left", "drain-soonest", "pace"})
"""Strategies that choose by what the windows of keys have left."""

type Returns = Literal["when-cold", "at-once", "never"]
"""When a session that another member served goes back to the one that comes first: when its prompt
cache there has expired, with the next request, or not before that member fails."""

_AT_HOME: frozenset[Strategy] = frozenset({"fill-first", "sticky"})
"""Strategies by which every session has one member that comes first."""


class TargetKey(NamedTuple):
    """One credential of a provider with one of its models; each cools down by itself."""

    provider: str
    credential: str
    """An id such as `openrouter#0`."""
    model: str
    via: str = ""
    """The way out to the provider, such as a proxy's id; empty is the direct one. Keys that go the
    same way meet the same network failures."""


@dataclass(frozen=True, slots=True)
class QuotaLimit:
    """So many requests or tokens within a sliding window."""

    unit: Literal["requests", "tokens"]
    amount: int
    window: float
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptShare:
    """The last share of a key's windows, which only some client keys may use."""

    share: float
    """Above 0 and below 1."""
    clients: frozenset[str] = frozenset()
    """The labels of those client keys; empty: none, the share is for use outside the router."""
    windows: Globs | None = None
    """Patterns of the windows' names; None: those of an hour or longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One key of a provider."""

    id: str
    weight: float = 1.0
    priority: int = 0
    """Higher first."""
    max_concurrency: int | None = None
    quota: tuple[QuotaLimit, ...] = ()
    keep: KeptShare | None = None
    via: str = ""
    forwarded: bool = False
    """Whether it stands for the client's own key, of any client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model at one provider, with the keys it can be asked with."""

    provider: str
    model: str
    credentials: tuple[Credential, ...]
    strategy: Strategy = "round-robin"
    """How the credentials are chosen among."""
    context_window: int | None = None
    """Tokens; None if unknown."""
    weight: float = 1.0
    priority: int = 0
    spared: bool = True
    """Whether a cooldown announced by the provider is honoured even when no other target is
    left."""
    ref: object = None
    """Whatever the caller wants to find again."""

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.model}"

    def key(self, credential: Credential) -> TargetKey:
        return TargetKey(self.provider, credential.id, self.model, credential.via)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Targets that stand at one place of a route and share its load."""

    id: str
    targets: tuple[Target, ...]
    strategy: Strategy = "round-robin"
    """How the targets are chosen among."""
    weight: float = 1.0
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The members that may answer a request for one name."""

    id: str
    members: tuple[Member, ...]
    strategy: Strategy = "fill-first"
    """How the members are chosen among; `fill-first` is their order."""
    returns: Returns = "at-once"
    forwards: bool = field(init=False, compare=False)
    """Whether any target is asked with the client's own key."""
    in_order: bool = field(init=False, compare=False)
    """Whether the first member that may be tried is the one to try."""
    sticky: bool = field(init=False, compare=False)
    """Whether it matters to which session a request belongs."""
    stays: bool = field(init=False, compare=False)
    """Whether a session stays with the member that has its prompt cache."""
    by_windows: bool = field(init=False, compare=False)
    """Whether any strategy chooses by windows."""
    keeps: bool = field(init=False, compare=False)
    """Whether a share of any key's windows is kept for some client keys."""

    def __post_init__(self) -> None:
        targets = [target for member in self.members for target in member.targets]
        credentials = [credential for target in targets for credential in target.credentials]
        alike = len({member.priority for member in self.members}) == 1
        strategies = {each.strategy for each in (self, *self.members, *targets)}
        by_windows = not BY_WINDOWS.isdisjoint(strategies)
        found = {
            "forwards": any(credential.forwarded for credential in credentials),
            "in_order": self.strategy == "fill-first" and alike,
            "stays": self.returns != "at-once"
            and (by_windows or (len(self.members) > 1 and self.strategy in _AT_HOME)),
            "sticky": "sticky" in strategies,
            "by_windows": by_windows,
            "keeps": any(credential.keep is not None for credential in credentials),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def member(self, id: str) -> Member | None:
        """Return the member with an id; None if it has none such."""
        return next((one for one in self.members if one.id == id), None)

    def for_client(self, client: str) -> "Route":
        """Return this route for one client: its key's failures lock no other client.

        `client` is an id of the client's key that does not give it away, such as a keyed hash.
        """
        return replace(self, members=tuple(_member_for(member, client) for member in self.members))

    def by_key(self, credential: str) -> "Route":
        """Return this route with the credential of an id alone, at targets that have it."""
        members = tuple(
            replace(member, targets=tuple(_target_by(one, credential) for one in member.targets))
            for member in self.members
        )
        return replace(self, members=members)


def _target_by(target: Target, credential: str) -> Target:
    kept = tuple(one for one in target.credentials if one.id == credential)
    return replace(target, credentials=kept) if kept else target


def _member_for(member: Member, client: str) -> Member:
    return replace(member, targets=tuple(_target_for(target, client) for target in member.targets))


def _target_for(target: Target, client: str) -> Target:
    if not any(credential.forwarded for credential in target.credentials):
        return target
    credentials = tuple(
        replace(credential, id=f"{credential.id}@{client}") if credential.forwarded else credential
        for credential in target.credentials
    )
    return replace(target, credentials=credentials)
