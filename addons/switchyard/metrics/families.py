"""Defines every metric: its name, its labels, and what it counts."""

from dataclasses import dataclass
from typing import Literal

from switchyard.usage.records import NANO

type Joining = Literal["sum", "max", "min"]
"""How the values of several workers become one. Counters and histograms are added up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFamily:
    """One metric with all its series."""

    name: str
    """Without the prefix `switchyard_` and, for counters, the suffix `_total`."""
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[int, ...] = ()
    """The upper bounds of a histogram, in the unit that is counted."""
    scale: float = 1
    """What a value is multiplied by when it is shown: it is counted in whole small units, so that
    sums are exact."""
    join: Joining = "sum"

    @property
    def shown_name(self) -> str:
        """The name that Prometheus sees, without the suffixes of histograms."""
        return f"switchyard_{self.name}" + ("_total" if self.kind == "counter" else "")


_MS = 1 / 1000

SHORT = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 600_000)
LONG = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
        600_000)  # fmt: skip
"""Bounds in milliseconds. Agents' requests take minutes."""

RATES = (1, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Bounds in tokens a second."""

_WHO = ("key", "provider", "model")
_TARGET = ("provider", "model")

REQUESTS = MetricFamily(
    name="requests",
    kind="counter",
    labels=("key", "format", "provider", "model", "result"),
    help="Requests that ended, by how they ended.",
)
FAILED = MetricFamily(
    name="requests_failed",
    kind="counter",
    labels=("provider", "model", "class"),
    help="Requests that failed or broke off, by the class of the failure.",
)
REFUSED = MetricFamily(
    name="refused",
    kind="counter",
    labels=("key", "reason"),
    help="Requests that the router refused without asking a provider.",
)
ATTEMPTS = MetricFamily(
    name="attempts",
    kind="counter",
    labels=("provider", "model", "outcome"),
    help="Attempts at targets: ok, the class of the failure, cut, lost or client-left.",
)
TOKENS = MetricFamily(
    name="tokens",
    kind="counter",
    labels=(*_WHO, "class"),
    help="Tokens by disjoint classes; output includes reasoning.",
)
TOKEN_PARTS = MetricFamily(
    name="token_parts",
    kind="counter",
    labels=(*_WHO, "part"),
    help="Tokens that switchyard_tokens_total includes already: reasoning, audio, images.",
)
COST = MetricFamily(
    name="cost_usd",
    kind="counter",
    labels=_WHO,
    scale=1 / NANO,
    help="What requests cost, in US dollars.",
)
LIST_COST = MetricFamily(
    name="list_cost_usd",
    kind="counter",
    labels=_WHO,
    scale=1 / NANO,
    help="What requests would cost at list prices, in US dollars; plans included.",
)
UNPRICED = MetricFamily(
    name="unpriced_requests",
    kind="counter",
    labels=_TARGET,
    help="Requests that used tokens whose price is unknown.",
)
DURATION = MetricFamily(
    name="request_seconds",
    kind="histogram",
    labels=_TARGET,
    buckets=LONG,
    scale=_MS,
    help="From a request's arrival to the end of its response.",
)
FIRST_OUTPUT = MetricFamily(
    name="first_output_seconds",
    kind="histogram",
    labels=_TARGET,
    buckets=LONG,
    scale=_MS,
    help="From a request's arrival to the first output.",
)
OVERHEAD = MetricFamily(
    name="overhead_seconds",
    kind="histogram",
    buckets=SHORT,
    scale=_MS,
    help="Time of a request in which no attempt ran: the router's own, waits included.",
)
QUEUE = MetricFamily(
    name="queue_seconds",
    kind="histogram",
    buckets=SHORT,
    scale=_MS,
    help="From a request's arrival to its first attempt.",
)
OUTPUT_RATE = MetricFamily(
    name="output_tokens_per_second",
    kind="histogram",
    labels=_TARGET,
    buckets=RATES,
    help="Output tokens a second after the first output, of streams.",
)
RECORDS_WRITTEN = MetricFamily(
    name="usage_written", kind="counter", help="Usage records that were written."
)
RECORDS_LOST = MetricFamily(
    name="usage_dropped", kind="counter", help="Usage records that were lost."
)
RECOVERED = MetricFamily(
    name="usage_recovered",
    kind="counter",
    help="Records of requests that a process left unfinished; they are on record as interrupted.",
)
RELOAD_FAILURES = MetricFamily(
    name="config_reload_failures",
    kind="counter",
    help="Changed configurations that could not be put in force.",
)
CPU = MetricFamily(
    name="cpu_seconds", kind="counter", scale=_MS, help="Processor time of all workers."
)

COUNTED = (
    REQUESTS, FAILED, REFUSED, ATTEMPTS, TOKENS, TOKEN_PARTS, COST, LIST_COST, UNPRICED, DURATION,
    FIRST_OUTPUT, OVERHEAD, QUEUE, OUTPUT_RATE, RECORDS_WRITTEN, RECORDS_LOST, RECOVERED,
    RELOAD_FAILURES, CPU,
)  # fmt: skip
"""What only ever grows."""

IN_FLIGHT = MetricFamily(name="in_flight", kind="gauge", help="Requests under way.")
WAITING = MetricFamily(
    name="waiting", kind="gauge", help="Requests that wait for a place within their key's limits."
)
COOLING = MetricFamily(
    name="cooling",
    kind="gauge",
    labels=("provider",),
    join="max",
    help="Targets of a provider that are not tried, since they failed.",
)
PROVIDER_UP = MetricFamily(
    name="provider_up",
    kind="gauge",
    labels=("provider",),
    join="min",
    help="0 while every known target of a provider cools down.",
)
QUOTA_USED = MetricFamily(
    name="quota_used_ratio",
    kind="gauge",
    labels=("credential", "window"),
    join="max",
    help="The used share of a provider's window, of a key or login; 1 is all.",
)
QUOTA_RESET = MetricFamily(
    name="quota_reset_seconds",
    kind="gauge",
    labels=("credential", "window"),
    join="min",
    help="Seconds until a provider's window begins anew.",
)
BUDGET_LEFT = MetricFamily(
    name="budget_left_usd",
    kind="gauge",
    labels=("key", "period", "models"),
    scale=1 / NANO,
    join="min",
    help="What is left of a client key's budget, in US dollars.",
)
CACHE_READ = MetricFamily(
    name="cache_read_ratio",
    kind="gauge",
    labels=_TARGET,
    help="The share of input tokens that providers read from their caches, since the start.",
)
CONFIG = MetricFamily(
    name="config_info",
    kind="gauge",
    labels=("hash",),
    join="max",
    help="The configuration in force, by the beginning of its file's SHA-256.",
)
STATE_UP = MetricFamily(
    name="state_up",
    kind="gauge",
    labels=("backend",),
    join="min",
    help="1 while limits are shared with the other processes as configured.",
)
STATE_UNSENT = MetricFamily(
    name="state_unsent", kind="gauge", help="Settlements of limits that wait to be sent."
)
RECORDS_QUEUE = MetricFamily(
    name="usage_queue", kind="gauge", help="Finished usage records that wait to be written."
)
RECORDS_UP = MetricFamily(
    name="usage_up", kind="gauge", join="min", help="0 while usage records cannot be written."
)
CREDENTIAL_UP = MetricFamily(
    name="credential_up",
    kind="gauge",
    labels=("credential",),
    join="min",
    help="0 while a credential that is read or refreshed cannot be used.",
)
MEMORY = MetricFamily(
    name="resident_bytes",
    kind="gauge",
    labels=("worker",),
    help="Memory that a worker holds; 0 is a router without workers.",
)
WORKERS = MetricFamily(name="workers", kind="gauge", help="Processes that serve requests.")
BUILD = MetricFamily(
    name="build_info", kind="gauge", labels=("version",), join="max", help="The running version."
)

SHOWN = (
    IN_FLIGHT, WAITING, COOLING, PROVIDER_UP, QUOTA_USED, QUOTA_RESET, BUDGET_LEFT, CACHE_READ,
    CONFIG, STATE_UP, STATE_UNSENT, RECORDS_QUEUE, RECORDS_UP, CREDENTIAL_UP, MEMORY, WORKERS,
    BUILD,
)  # fmt: skip
"""What is asked for when it is shown."""

FAMILIES = {family.name: family for family in (*COUNTED, *SHOWN)}
