"""The interface of shared state, and the values it takes and returns.

Money is whole nano-dollars. Amounts stay below 2**53 (9 million dollars), which is as far as Redis'
scripts count exactly.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import tzinfo
from functools import lru_cache
from typing import Literal
from typing import Protocol
from zoneinfo import ZoneInfo

LEASE_SECONDS = 30.0
"""How long a lease lives without being renewed: what a killed process blocks its slots for."""

RENEW_EVERY = 10.0
"""Seconds between two calls of `renew` for the requests under way."""

MOST = 1_000_000_000_000_000
"""The highest amount of one request: a million dollars, so that sums stay exact."""

type AmountKind = Literal["slots", "requests", "tokens", "input", "output", "money"]
"""What a limit counts. `slots` are requests under way at the same time."""

type PeriodName = Literal["5h", "day", "week", "month", "total"]

type Topic = Literal["cooldown", "window"]
"""What notices are about: places that must not be tried, and windows of providers."""


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name. Raises ValueError."""
    if name == "UTC":
        return UTC  # known even where no time zones are installed
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as e:
        raise ValueError(f"unknown time zone {name!r}; names are like Europe/Berlin") from e


@dataclass(frozen=True, slots=True)
class Sliding:
    """A window that ends now, counted in 60 buckets."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """A period of the calendar of a time zone.

    `total` never ends; `5h` counts from midnight.
    """

    name: PeriodName
    timezone: str = "UTC"
    """An IANA name."""
    week_starts: int = 0
    """0 is Monday."""

    def __post_init__(self) -> None:
        """Raise ValueError for a time zone that this machine does not know."""
        zone_of(self.timezone)


type Period = Sliding | Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much of one kind its owner may use in a period."""

    key: str
    """Whose limit it is: a client key's public id, with a model pattern or without, or `router`."""
    kind: AmountKind
    most: int
    period: Period | None = None
    """None for slots, and only for these."""
    enforce: bool = True
    """False counts, and reports in `Admitted.exceeded`, without refusing. It has a counter of
    its own beside the limit that refuses."""
    counter: str = field(init=False, compare=False)
    """The name of its counter. Limits of one request have different ones."""

    def __post_init__(self) -> None:
        """Name the counter. Raises ValueError for a kind and period that do not fit."""
        if not 0 <= self.most < 2**53:
            raise ValueError("a limit is a number from 0 to 2**53 - 1")
        if (self.period is None) != (self.kind == "slots"):
            raise ValueError("slots have no period, and everything else has one")
        match self.period:
            case None:
                length = ""
            case Sliding(seconds=seconds):
                length = f"|{seconds}s"
            case calendar:
                length = f"|{calendar.name}"
        mark = "" if self.enforce else "|shadow"
        object.__setattr__(self, "counter", f"{self.key}|{self.kind}{length}{mark}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What one request uses, by kind: an estimate, or the actual amounts.

    Amounts below 0 become 0, and absurd ones `MOST`: upstreams report what they like.
    """

    requests: int = 1
    tokens: int = 0
    input: int = 0
    output: int = 0
    money: int = 0

    def __post_init__(self) -> None:
        """Bring amounts within their bounds."""
        if (
            min(self.requests, self.tokens, self.input, self.output, self.money) < 0
            or max(self.requests, self.tokens, self.input, self.output, self.money) > MOST
        ):
            for name in self.__slots__:
                object.__setattr__(self, name, min(max(getattr(self, name), 0), MOST))

    def wire(self) -> dict[str, int]:
        """Return the amounts as JSON has them."""
        return {
            "requests": self.requests,
            "tokens": self.tokens,
            "input": self.input,
            "output": self.output,
            "money": self.money,
        }


NOTHING = Amounts(requests=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request that wants to be admitted."""

    limits: tuple[Limit, ...] = ()
    amounts: Amounts = Amounts()
    """The estimate that is reserved."""
    pools: tuple[str, ...] = ()
    """Rotations in which it takes a turn, in the same round trip."""
    session: str = ""
    """The session whose sticky target is wanted, in the same round trip; empty for none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a lease holds of one counter."""

    counter: str
    kind: AmountKind
    index: int
    """The bucket or period it was reserved in."""
    keep: int
    """Milliseconds for which the counter is kept after its last use."""
    amount: int


@dataclass(frozen=True, slots=True)
class LimitLease:
    """The right to one request.

    It ends by `settle`, `release`, or by not being renewed.
    """

    id: str
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitStanding:
    """How far a limit is used."""

    limit: Limit
    used: int
    """Including what is reserved."""
    reserved: int
    """What requests under way hold of it."""
    resets_in: float | None
    """Seconds until nothing of it is used, if nothing more comes; None if that never happens."""

    @property
    def left(self) -> int:
        """What remains, never below 0."""
        return max(0, self.limit.most - self.used)


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """A limit that a request does not fit into."""

    standing: LimitStanding
    wanted: int
    """What the request would use of it."""
    retry_after: int | None
    """The first whole second from now at which it fits; None if it never will. For slots: when
    enough leases have run out, unless they are renewed or end before."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request may go on; its estimate is reserved."""

    lease: LimitLease
    standings: tuple[LimitStanding, ...] = ()
    """In the order of `Ask.limits`."""
    exceeded: tuple[LimitExceeded, ...] = ()
    """Limits with `enforce=False` that the request is over."""
    turns: Mapping[str, int] | None = None
    """By pool; a turn modulo the pool's size is whose turn it is."""
    stuck_to: str | None = None
    """The target that the session sticks to."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The request must not go on; nothing was used up."""

    exceeded: tuple[LimitExceeded, ...] = ()
    """Enforced limits it does not fit into, longest wait first. Empty: the state is unavailable and
    the configuration says `redis-failure: closed`."""
    standings: tuple[LimitStanding, ...] = ()
    retry_after: int | None = None
    """The first whole second from now at which all of them fit; None if that never happens."""
    in_line: int = 0
    """Requests that wait for its place, where there are too many for it to wait as well."""

    @property
    def only_slots(self) -> bool:
        """Whether waiting for another request to end is all that is needed."""
        return bool(self.exceeded) and all(
            one.standing.limit.kind == "slots" for one in self.exceeded
        )


@dataclass(frozen=True, slots=True)
class Renewal:
    """A lease whose request is still under way."""

    lease: LimitLease
    so_far: Amounts | None = None
    """What it is known to have used; what is charged if the lease runs out. None: not known."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry that every process reads from its own memory."""

    until: float
    """Unix seconds by this process' clock."""
    text: str
    """Whatever the one who posted it wrote."""


@dataclass(frozen=True, slots=True)
class StateHealth:
    """How the state is kept at present."""

    way: Literal["memory", "served", "redis"]
    shared: bool = True
    """False while the others cannot be reached, and limits are local shares."""
    problem: str = ""
    processes: int = 1
    """Processes last seen, this one included."""
    waiting: int = 0
    """Settlements that wait to be sent."""


class SharedState(Protocol):
    """Used from one event loop. No verb raises because others cannot be reached."""

    async def start(self) -> None:
        """Begin background work. A state that cannot be reached yet is no error."""
        ...

    async def close(self) -> None:
        """Send what waits to be sent, as far as that is possible at once, and end."""
        ...

    async def admit(self, ask: Ask) -> Admitted | Denied:
        """Reserve the estimate in all limits, or in none.

        Costs one round trip at most; none without limits, pools and session.
        """
        ...

    async def settle(self, lease: LimitLease, actual: Amounts) -> None:
        """End a lease with what was used.

        The difference goes to the bucket it was reserved in. Further calls for the same lease
        change nothing. A lease that ran out is corrected.
        """
        ...

    async def release(self, lease: LimitLease) -> None:
        """End a lease as if the request had never been admitted."""
        ...

    async def renew(self, renewals: Sequence[Renewal]) -> None:
        """Give leases another `LEASE_SECONDS`, and note what they used so far."""
        ...

    async def counters(self, limits: Sequence[Limit]) -> tuple[LimitStanding, ...]:
        """Return how far limits are used, in their order."""
        ...

    async def turn(self, pool: str) -> int:
        """Return the next number of a rotation.

        Each number is returned once while state is shared.
        """
        ...

    async def stick(self, session: str, target: str, seconds: float) -> None:
        """Have a session stick to a target for some time."""
        ...

    async def stuck(self, session: str) -> str | None:
        """Return the target that a session sticks to."""
        ...

    async def post(self, topic: Topic, item: str, text: str, seconds: float) -> None:
        """Push a notice to all processes: a cooldown, or a window's snapshot."""
        ...

    async def withdraw(self, topic: Topic, item: str) -> None:
        """Take a notice back in all processes."""
        ...

    def notices(self, topic: Topic) -> Mapping[str, Notice]:
        """Return the valid notices by item, from memory."""
        ...

    def watch(self, topic: Topic, watcher: Callable[[str, Notice | None], None]) -> None:
        """Call `watcher` with each item that is posted, and None where it is withdrawn.

        By whatever process; those of this one may be among them. Called before `start`.
        """
        ...

    async def drain(self, seconds: float) -> bool:
        """Wait until what was settled is on record; return whether that was in time."""
        ...

    @property
    def health(self) -> StateHealth: ...
