"""Says what the windows of a key leave to a request: how much, until when, and for whom.

Windows are read from memory alone; their figures come from responses that passed. Moments are
monotonic seconds, except in the figures themselves, which providers give in Unix seconds.
"""

import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from switchyard.policy.route import Credential
from switchyard.policy.route import Strategy
from switchyard.policy.route import Target

LEEWAY = 0.05
"""The share by which use may be ahead of the time gone before `pace` holds a key back: else the
first request of a window would be too early."""

_UNTOLD_AFTER = 15 * 60.0
"""Seconds after which a figure without a reset says nothing any more."""

_PLAN = 3600.0
"""Windows of at least so many seconds belong to plans; shorter ones are rate limits."""

_ASIDE = frozenset({"overage", "completions"})
"""Windows that no call to a model uses up: what is bought on top, and an editor's completions."""

_EXACT = 1e-9


class WindowFigure(Protocol):
    """What a provider said of one window."""

    @property
    def name(self) -> str: ...
    @property
    def used(self) -> float | None:
        """The share that is used; None where there is no limit, or none was told."""
        ...

    @property
    def resets_at(self) -> float | None:
        """Unix seconds."""
        ...

    @property
    def seen_at(self) -> float:
        """Unix seconds."""
        ...

    @property
    def span(self) -> float | None:
        """The window's length in seconds."""
        ...

    @property
    def scope(self) -> str:
        """The model, or the word in models' names, that it counts for; empty: for all."""
        ...


class WindowSource(Protocol):
    """Knows the windows of every key and login, in memory."""

    def of(self, owner: str) -> Collection[WindowFigure]:
        """Return the windows of a key by its label, or of a login by its fingerprint."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What the windows of one key leave to one model."""

    left: float | None = None
    """The smallest share that is left, from 0 to 1; None: nothing was told."""
    resets_at: float = math.inf
    """When the longest window begins anew."""
    lead: float | None = None
    """The greatest lead of use over the time gone, in shares of a window; negative where use lags
    behind."""
    empty_until: float = -math.inf
    """When the last window that is used up begins anew."""


NO_FIGURES = Room()


class Steering:
    """The windows as one request sees them."""

    def __init__(
        self,
        windows: WindowSource,
        offset: float,
        client: str = "",
        login: Callable[[str], str | None] | None = None,
    ) -> None:
        """Take Unix seconds minus monotonic seconds, and the label of the client's key.

        `login` returns the owner of the windows of the client's own login at a provider.
        """
        self._windows = windows
        self._offset = offset
        self._client = client
        self._login = login

    def room(self, target: Target, credential: Credential, now: float) -> Room:
        """Return what the windows of a key leave to a target's model."""
        left: float | None = None
        lead: float | None = None
        resets_at, longest, empty_until = math.inf, 0.0, -math.inf
        for figure, used, reset in self._figures(target, credential, now):
            share = min(1.0, max(0.0, 1.0 - used))
            left = share if left is None else min(left, share)
            if share <= 0.0:
                empty_until = max(empty_until, reset)
            span = figure.span
            if span is None or span < _PLAN:
                continue
            if span > longest:
                longest, resets_at = span, reset
            elif span == longest:
                resets_at = min(resets_at, reset)
            ahead = used - _gone(reset - now, span)
            lead = ahead if lead is None else max(lead, ahead)
        if left is None:
            return NO_FIGURES
        return Room(left, resets_at, lead, empty_until)

    def kept_until(self, target: Target, credential: Credential, now: float) -> float | None:
        """Return until when the rest of a key's windows is kept for other clients.

        None if this client may use it; infinity if the provider named no reset.
        """
        keep = credential.keep
        if keep is None or (self._client and self._client in keep.clients):
            return None
        until: float | None = None
        for figure, used, reset in self._figures(target, credential, now):
            if keep.windows is not None:
                counts = keep.windows.matches(figure.name)
            else:
                counts = figure.span is not None and figure.span >= _PLAN
            if counts and used >= 1.0 - keep.share - _EXACT:
                until = reset if until is None else max(until, reset)
        return until

    def _figures(
        self, target: Target, credential: Credential, now: float
    ) -> Iterator[tuple[WindowFigure, float, float]]:
        """Yield windows that count for a model, their used share, and when they begin anew.

        A window whose term is over is full again, whatever was told of it before.
        """
        if not credential.forwarded:
            owner: str | None = credential.id
        else:
            owner = self._login(target.provider) if self._login is not None else None
        if owner is None:
            return
        for figure in self._windows.of(owner):
            used, reset = figure.used, figure.resets_at
            if used is None or figure.name in _ASIDE:
                continue
            if figure.scope and not _concerns(figure.scope, target.model.lower()):
                continue
            if reset is None:
                if now + self._offset - figure.seen_at < _UNTOLD_AFTER:
                    yield figure, used, math.inf
                continue
            reset -= self._offset
            yield (figure, used, reset) if now < reset else (figure, 0.0, math.inf)


def rank(strategy: Strategy, room: Room, asked: bool) -> tuple[int, float, float]:
    """Return the place of a key in a strategy's order; the lowest is first.

    One of which nothing was told is asked first if it was not `asked` before, which may make it
    tell; after that it comes behind those that are known to have room.
    """
    left = room.left
    if left is None or (strategy == "pace" and room.lead is None):
        return (2 if asked else 0), 0.0, 0.0
    if strategy == "most-left":
        return 1, -round(left, 2), 0.0
    if strategy == "drain-soonest":
        return 1, room.resets_at, -left
    lead = room.lead or 0.0
    return (1 if lead <= LEEWAY else 3), round(lead, 2), 0.0


def _gone(until_reset: float, span: float) -> float:
    """The share of a window's time that is over; none of one that has not begun."""
    if math.isinf(until_reset):
        return 0.0
    return min(1.0, max(0.0, 1.0 - until_reset / span))


def _concerns(scope: str, model: str) -> bool:
    """Whether a window of a model, or of a family of models, counts for a model."""
    return scope == model or (scope.isalpha() and scope in model)
