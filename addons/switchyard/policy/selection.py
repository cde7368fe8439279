"""Chooses between keys of a target, targets of a member, members of a route."""

import hashlib
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Protocol

from switchyard.policy.route import BY_WINDOWS
from switchyard.policy.route import Strategy
from switchyard.policy.steering import Room
from switchyard.policy.steering import rank

_MOST_GROUPS = 10_000


class Option(Protocol):
    """What is chosen among."""

    @property
    def id(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def priority(self) -> int: ...


class _Group:
    """What is remembered of one group of options."""

    __slots__ = ("credit", "last_turn", "turns")

    def __init__(self) -> None:
        self.turns = 0
        self.last_turn: dict[str, int] = {}
        """When each option had its last turn, in turns of the group."""
        self.credit: dict[str, float] = {}

    def keep_only(self, options: Sequence[Option]) -> None:
        known = {option.id for option in options}
        self.last_turn = {id: turn for id, turn in self.last_turn.items() if id in known}
        self.credit = {id: credit for id, credit in self.credit.items() if id in known}


class Selector:
    """Chooses, and remembers whose turn it is. Not thread-safe.

    - `round-robin`: the least recently chosen, so that none starves when others are left out.
    - `fill-first`: the first.
    - `least-busy`: with the least in flight for its weight; then whose turn it is.
    - `weighted`: smoothly by weight, as nginx spreads it.
    - `sticky`: always the same for the same session, by rendezvous hashing: when one is missing,
      only its sessions move, and they come back with it. Without a session as round-robin.
    - `most-left`, `drain-soonest`, `pace`: by what the windows of keys leave (`steering.rank`);
      of equals, whose turn it is.
    """

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}

    def pick[T: Option](
        self,
        group: str,
        strategy: Strategy,
        options: Sequence[T],
        session: str = "",
        load: Callable[[T], float] | None = None,
        rooms: Callable[[T], Iterable[Room]] | None = None,
    ) -> T:
        """One of the options (at least one), of the highest priority there is among them.

        In: a name under which turns are remembered; a session's id for `sticky`; what is in flight
        for `least-busy`; what the keys of an option have left for strategies by windows.
        """
        if len(options) > 1:
            highest = max(option.priority for option in options)
            options = [option for option in options if option.priority == highest]
        if strategy == "fill-first":
            return options[0]
        if strategy == "sticky" and session:
            return max(options, key=lambda option: _affinity(session, option))
        turns = self._group(group, options)
        if strategy == "weighted":
            picked = _smooth(turns, options)
        elif strategy == "least-busy" and load is not None:
            picked = min(options, key=lambda o: (_relative(load(o), o), _last_turn(turns, o)))
        elif strategy in BY_WINDOWS and rooms is not None:
            picked = _by_windows(turns, strategy, options, rooms)
        else:
            picked = min(options, key=lambda o: _last_turn(turns, o))
        turns.turns += 1
        turns.last_turn[picked.id] = turns.turns
        return picked

    def _group(self, name: str, options: Sequence[Option]) -> _Group:
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= _MOST_GROUPS:
                self._groups.clear()
            group = self._groups[name] = _Group()
        elif len(group.last_turn) > 4 * len(options) + 64:
            # Options that are gone, such as the keys of clients that left.
            group.keep_only(options)
        return group


def _by_windows[T: Option](
    group: _Group,
    strategy: Strategy,
    options: Sequence[T],
    rooms: Callable[[T], Iterable[Room]],
) -> T:
    def place(option: T) -> tuple[tuple[int, float, float], int]:
        turn = _last_turn(group, option)
        ranks = (rank(strategy, room, turn >= 0) for room in rooms(option))
        return min(ranks, default=(4, 0.0, 0.0)), turn

    return min(options, key=place)


def _last_turn(group: _Group, option: Option) -> int:
    return group.last_turn.get(option.id, -1)


def _relative(load: float, option: Option) -> float:
    return load / option.weight if option.weight > 0 else math.inf


def _smooth[T: Option](group: _Group, options: Sequence[T]) -> T:
    """Choose by smooth weighted round-robin.

    Each gains its weight; the richest is chosen, and pays all.
    """
    total = 0.0
    for option in options:
        weight = max(option.weight, 0.0)
        group.credit[option.id] = group.credit.get(option.id, 0.0) + weight
        total += weight
    picked = max(options, key=lambda o: (o.weight > 0, group.credit[o.id], -_last_turn(group, o)))
    group.credit[picked.id] -= total
    return picked


def _affinity(session: str, option: Option) -> float:
    """How much a session belongs to an option: weighted rendezvous hashing."""
    text = f"{session}\0{option.id}".encode(errors="surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    share = (int.from_bytes(digest) + 0.5) / 2.0**64
    return -max(option.weight, 0.0) / math.log(share) if share < 1 else math.inf
