"""One record per client request, and one per attempt. Never a body, never a key."""

from dataclasses import dataclass
from typing import Literal
from typing import NamedTuple

type EndState = Literal[
    "running", "complete", "client-left", "cut", "failed", "refused", "interrupted", "cached"
]
"""How a request ended.

`cut`: the response broke off after output. `refused`: the router did not ask any provider.
`interrupted`: the router itself stopped meanwhile. `cached`: the router gave a reply that it kept.
"""

FAILED_STATES: tuple[EndState, ...] = ("cut", "failed", "refused", "interrupted")
"""Those in which the client did not get what it asked for, and did not leave itself."""

type Source = Literal["reported", "partial", "counted", "none"]
"""Where token counts come from: the provider's final figures, its figures up to a break, the
router's own count, or nowhere."""

type Billing = Literal["per-token", "plan", "free"]
"""What a provider charges for: each token, a subscription, or nothing."""

NANO = 1_000_000_000
"""Nano-dollars in a dollar: money is kept as whole nano-dollars."""


class Tokens(NamedTuple):
    """Token counts by class; None where the provider did not report one.

    `input`, `cache_read`, `cache_write_5m` and `cache_write_1h` are disjoint, as Anthropic counts
    them. `output` includes `reasoning`; audio and images are parts of input and output.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    images: int | None = None


TOKEN_CLASSES = Tokens._fields

NO_TOKENS = Tokens()


@dataclass(slots=True, kw_only=True)
class AttemptUsage:
    """One attempt at a target.

    Nothing changes it; it is not frozen since making a frozen one takes three times as long.
    """

    number: int
    """From 1, in the order in which attempts began."""
    started: float
    """Unix seconds."""
    provider: str
    model: str
    """The provider's own name of it."""
    credential: str | None = None
    """A label, never the credential."""
    format: str
    status: int | None = None
    """The upstream's HTTP status."""
    outcome: str = "ok"
    """`ok`, or the class of the failure."""
    head_ms: int | None = None
    first_output_ms: int | None = None
    end_ms: int | None = None
    tokens: Tokens = NO_TOKENS
    cost: int | None = None
    list_cost: int | None = None


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One client request over all its attempts.

    Nothing changes it; it is not frozen since making a frozen one takes three times as long.
    """

    id: bytes
    """A UUIDv7."""
    started: float
    """Unix seconds."""
    operation: str = "generate"
    """`generate`, `embeddings`, `count-tokens`, ... as the endpoint says."""
    client_key: str | None = None
    """The key's public name or id."""
    tool: str | None = None
    tool_version: str | None = None
    session: str | None = None
    project: str | None = None
    format_in: str | None = None
    format_out: str | None = None
    asked_model: str | None = None
    combo: str | None = None
    provider: str | None = None
    model: str | None = None
    credential: str | None = None
    status: int | None = None
    """The HTTP status that the client got."""
    state: EndState
    error: str | None = None
    """The class of the failure, or what the router refused for."""
    streamed: bool = False
    attempts: int = 0
    tokens: Tokens = NO_TOKENS
    source: Source = "none"
    billing: Billing = "per-token"
    cost: int | None = None
    """What is billed, in nano-dollars; None where it is not known."""
    list_cost: int | None = None
    """What the tokens cost at list price, in nano-dollars; None where it is not known."""
    price_source: str | None = None
    """`provider`, `config`, `genai-prices 0.2.3`; None without a price."""
    queue_ms: int | None = None
    head_ms: int | None = None
    first_output_ms: int | None = None
    end_ms: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    dropped: tuple[str, ...] = ()
    """What the target's format could not express."""
    cache_verdict: str | None = None
    """What broke the session's prompt cache; None where nothing did."""
    tries: tuple[AttemptUsage, ...] = ()
