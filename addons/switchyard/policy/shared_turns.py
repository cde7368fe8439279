"""Turns and quotas that several processes share, as one request sees them. Pure.

Whoever keeps them is asked over a socket, which the choice of a target cannot wait for. It raises
`TurnNeeded` or `QuotaNeeded` instead; the caller gets what is needed, hands it in, and chooses
again. A choice that is made again with the same turns comes out the same.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

from switchyard.policy.quota import Quotas
from switchyard.policy.route import QuotaLimit
from switchyard.policy.route import Strategy
from switchyard.policy.selection import Option
from switchyard.policy.selection import Selector
from switchyard.policy.steering import Room

_GOLDEN = 0.6180339887498949
"""The golden ratio's fraction: its multiples spread evenly over the unit interval (Weyl)."""

type Claim = object
"""What a shared quota gave for one attempt, to be given back with what the attempt used."""


class NotYet(Exception):
    """The choice needs something from whoever keeps the shared state."""


class TurnNeeded(NotYet):
    """The next number of a rotation is needed."""

    def __init__(self, pool: str) -> None:
        super().__init__(pool)
        self.pool = pool


class QuotaNeeded(NotYet):
    """A place in the quota of a provider's key is needed."""

    def __init__(self, provider: str, credential: str, limits: tuple[QuotaLimit, ...]) -> None:
        super().__init__(credential)
        self.provider = provider
        self.credential = credential
        self.limits = limits


class SharedTurns(Selector):
    """Chooses for one request, by turns that all processes take from one count."""

    def __init__(self, local: Selector) -> None:
        super().__init__()
        self._local = local
        self._turns: dict[str, int] = {}

    def provide(self, pool: str, number: int) -> None:
        """Hand in the next number of a rotation."""
        self._turns[pool] = number

    def use_up(self) -> tuple[str, ...]:
        """The choice was made: the next one takes further turns. Returns whose were provided."""
        pools = tuple(self._turns)
        self._turns.clear()
        return pools

    def pick[T: Option](
        self,
        group: str,
        strategy: Strategy,
        options: Sequence[T],
        session: str = "",
        load: Callable[[T], float] | None = None,
        rooms: Callable[[T], Iterable[Room]] | None = None,
    ) -> T:
        """Choose as `Selector` does. Raises TurnNeeded where that depends on a turn."""
        by_turn = strategy in ("round-robin", "weighted") or (strategy == "sticky" and not session)
        if not by_turn:
            return self._local.pick(group, strategy, options, session, load, rooms)
        highest = max(option.priority for option in options)
        options = [option for option in options if option.priority == highest]
        if len(options) == 1:
            return options[0]
        if (number := self._turns.get(group)) is None:
            raise TurnNeeded(group)
        if strategy == "weighted":
            return _weighted(number, options)
        return options[number % len(options)]


class SharedQuotas(Quotas):
    """The quotas of keys for one request, counted in all processes together."""

    def __init__(
        self,
        local: Quotas,
        closed: dict[tuple[str, str], float],
        settle: Callable[[Claim, int], None],
    ) -> None:
        """Count in `local`, too.

        `closed` has the keys without a place and until when (monotonic seconds); `settle` takes a
        claim and the tokens that it used.
        """
        super().__init__()
        self._local = local
        self._closed = closed
        self._settle = settle
        self._given: dict[tuple[str, str], Claim] = {}
        self._held: dict[tuple[str, str], Claim] = {}

    def provide(self, provider: str, credential: str, claim: Claim) -> None:
        """Hand in what was asked for by QuotaNeeded."""
        self._given[provider, credential] = claim

    def take_unused(self) -> list[Claim]:
        """Return claims that the choice made no use of."""
        unused = list(self._given.values())
        self._given.clear()
        return unused

    def claim(
        self, provider: str, credential: str, limits: tuple[QuotaLimit, ...], now: float
    ) -> None:
        """Take a place for an attempt that is about to begin. Raises QuotaNeeded.

        A key that is known to have none was chosen since no other is left: it is tried.
        """
        key = provider, credential
        if not limits or self._closed.get(key, now) > now:
            return
        if key not in self._given:
            raise QuotaNeeded(provider, credential, limits)
        self._held[key] = self._given.pop(key)

    def opens_at(
        self, provider: str, credential: str, limits: tuple[QuotaLimit, ...], now: float
    ) -> float:
        """When the key has something left, as far as this process knows."""
        opens = self._local.opens_at(provider, credential, limits, now)
        return max(opens, self._closed.get((provider, credential), now)) if limits else opens

    def note(
        self,
        provider: str,
        credential: str,
        limits: tuple[QuotaLimit, ...],
        now: float,
        requests: int = 0,
        tokens: int = 0,
    ) -> None:
        """Requests were sent, or an attempt ended that used tokens."""
        self._local.note(provider, credential, limits, now, requests, tokens)
        if not requests and (claim := self._held.pop((provider, credential), None)) is not None:
            self._settle(claim, tokens)


def _weighted[T: Option](number: int, options: Sequence[T]) -> T:
    weights = [max(option.weight, 0.0) for option in options]
    place = number * _GOLDEN % 1.0 * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        place -= weight
        if place < 0:
            return option
    return options[-1]
