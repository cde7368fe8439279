"""One client request: what was asked, what its attempts share, and what one attempt has.

Three lives, three objects. A `Call` is what the client asked and never changes; an `Exchange` is
what all attempts of a call share; an `AttemptState` is what one attempt has, made anew for each of
them, so that nothing of one can be met in another. Each field that changes has one writer, named
in its docstring.

They are not kept in `flow.metadata`, which mitmproxy copies and saves to dumps.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from uuid import UUID

from mitmproxy import http
from pydantic import SecretStr

from switchyard.config.schema import ClientKey
from switchyard.config.schema import Config
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.client_head import Origin
from switchyard.exchange.endpoints import Endpoint
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.shortfall import NO_SHORTFALL
from switchyard.exchange.shortfall import Shortfall
from switchyard.failover.attempt import Attempt
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.routing.routes import Routes
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Compaction
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.operations.operation import Operation
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.notes import Notes
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.limits import StopLimits


def nowhere() -> Origin | None:
    """The origin of a call without a credential of its client's."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client asked. Made by `Intake`; every attempt starts from it."""

    flow: http.HTTPFlow
    """What mitmproxy shows: its request has no credential any more."""
    head: ClientHead
    endpoint: Endpoint
    raw: bytes = field(repr=False)
    """The client's request, without content encoding."""
    restated: bool = False
    """Whether `raw` is written anew, since its client named the model more than once."""
    parsed: JsonObject = field(repr=False)
    """`raw`, parsed once."""
    body: JsonObject = field(repr=False)
    """`parsed`, with the model and the stream flag where the path said them, and with what the
    client only named in full."""
    recalled: bool = False
    """Whether `body` says in full what the client only named."""
    model: str
    """The model's name as the client wrote it."""
    streams: bool
    """Whether the client gets a stream."""
    asked: Asked
    started: float
    """When the request was complete, on the clock of `time.monotonic`."""
    credential: SecretStr | None = None
    """The key the client came with, for providers that it is forwarded to."""
    client: ClientKey | None = None
    """The client key that the request was admitted with; None where none is asked for."""
    operation: Operation | None = None
    """What is asked for, where that is no answer."""
    compaction: Compaction | None = None
    """What the request has to do with compaction; None if nothing."""
    find_origin: Callable[[], Origin | None] = field(default=nowhere, repr=False)
    """Finds `origin`; remembers what it found."""
    format: Format = field(init=False)
    """The client's wire format."""
    _conversation: list[Conversation] = field(default_factory=list, init=False, repr=False)
    """Empty until the request is read."""

    def __post_init__(self) -> None:
        # A member and no property: a request asks for it some twenty times.
        object.__setattr__(self, "format", self.endpoint.format)

    @property
    def origin(self) -> Origin | None:
        """Where the client's own credential leads; None where it has none that is not the router's,
        or nobody knows where it would lead."""
        return self.find_origin()

    @property
    def conversation(self) -> Conversation:
        """The request in the neutral model, read at most once. Raises BadRequest."""
        if not self._conversation:
            self._conversation.append(self.format.read_request(self.format.portable(self.body)))
        return self._conversation[0]


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """What all attempts at answering one call share."""

    call: Call
    plan: Plan | None = None
    """Writer: `Routing`."""
    routes: Routes | None = None
    """Those the trail began with: a later configuration's key is not for this one's hosts. Writer:
    `Credentials`."""
    trail: Trail | None = None
    """Writer: `Credentials`."""
    attempts: int = 0
    """Attempts begun. Writer: `Credentials`."""
    session: str | None = None
    """The session that the client is in, where it mattered to the route. Writer: `Credentials`."""
    tries: "tuple[AttemptState, ...]" = ()
    """All attempts, hedges too, in the order in which they began. Writer: `Credentials`."""
    estimated: bool = False
    """Whether the router answered by itself, since no provider did. Writer: `Credentials`."""
    failures: list[FailedAttempt] = field(default_factory=list)
    """Writer: `Fallback`."""
    remedies: Mapping[str, tuple[str, ...]] = EMPTY
    """What is changed in the conversation for targets that could not read it, by their ids. Writer:
    `Fallback`."""
    completed: bool = False
    """Whether an attempt answered the client well. Writer: `Fallback`."""
    broke_off: bool = False
    """Whether the answer failed after the client had seen some of it. Writer: `Fallback`."""
    continuation: Continuation | None = None
    """What the client has been sent, where streams that break off may be continued. Writer:
    `Reading`."""
    committed_relay: Relay | None = None
    """The first relay of which the client saw something; another attempt goes on from it. Writer:
    `Reading`."""
    latest: "AttemptState | None" = None
    """The attempt that was begun last, hedges aside; None while none runs: before the first, when
    it waits, and when no target is left. Writer: `begin`, which `Credentials` calls."""
    winner: "AttemptState | None" = None
    """The attempt whose answer the client sees, until another one has to go on with it. Writers:
    `begin` takes it away, and `win`, which `Reading` calls, sets it."""

    @property
    def id(self) -> UUID:
        """By what people find the request again: in the log, the records, the response's header."""
        return UUID(hex=self.call.asked.id)

    def begin(self, attempt: "AttemptState | None") -> None:
        """Another attempt is made that is no hedge; None where nothing can be sent now."""
        self.latest, self.winner = attempt, None

    def win(self, attempt: "AttemptState") -> None:
        """The client sees this attempt's answer from now on."""
        self.winner = attempt

    @property
    def shown(self) -> "AttemptState | None":
        """The attempt that stands for the exchange: the one that answers, else the latest."""
        return self.winner or self.latest

    @property
    def answered(self) -> bool:
        """Whether the client was answered well, by an attempt or by the router's estimate."""
        return self.completed or self.estimated

    @property
    def shortfall(self) -> Shortfall:
        """Of the attempt that stands for the exchange, or else of the one that failed last."""
        if (shown := self.shown) is not None:
            return shown.shortfall
        return self.failures[-1].shortfall if self.failures else NO_SHORTFALL

    def steps(self) -> list[str]:
        """The route taken, a step an attempt: `cc 400`, `cc ok (remedy: proofs)`."""
        shown = self.shown
        steps = [
            f"{failure.record.provider} {failure.mark}{_in_words(failure.remedies)}"
            for failure in self.failures
        ]
        if self.answered and shown is not None:
            steps.append(f"{shown.target.provider.name} ok{_in_words(shown.remedies)}")
        elif shown is not None and len(self.failures) < self.attempts and not self.broke_off:
            steps.append(f"{shown.target.provider.name} unfinished")
        return steps or ["no attempt"]


def _in_words(remedies: tuple[str, ...]) -> str:
    return f" (remedy: {', '.join(remedies)})" if remedies else ""


@dataclass(slots=True, kw_only=True, eq=False)
class AttemptState:
    """What one attempt has. `Credentials` makes one for each that is sent, with what it chose; the
    rest is empty until its writer has been there."""

    exchange: Exchange
    number: int
    """Counts from 1, over all attempts of the exchange."""
    chosen: Try
    """The trail's record of the attempt."""
    target: ModelTarget
    """Where it goes."""
    key: SecretStr | None = field(default=None, repr=False)
    """Its credential."""
    continues: bool = False
    """Whether it goes on with an answer that broke off."""
    remedies: tuple[str, ...] = ()
    """What is changed in the conversation, since the target could not read it."""

    upstream_format: Format | None = None
    """Writer: `Translation`."""
    upstream_body: JsonObject = field(default_factory=dict, repr=False)
    """As translated. Writer: `Translation`."""
    upstream_streams: bool = False
    """Writer: `Translation`."""
    says_stream: bool = True
    """Whether the body must say if it streams, even on a passthrough. Writer: `Translation`."""
    operation: Operation | None = field(default=None, repr=False)
    """What it asks for, where that is no answer: the call's, unless the router does that by itself.
    Writer: `Translation`."""
    summarises: bool = False
    """Whether it asks the model for a summary, since its provider does not compact. Writer:
    `Translation`."""
    served: bool = False
    """Whether it asks for tools that run at the provider, in its own words. Writer:
    `Translation`."""
    untranslated: Shortfall = NO_SHORTFALL
    """What the upstream's format cannot say. Writer: `Translation`."""
    sent_body: JsonObject | None = field(default=None, repr=False)
    """`upstream_body` as it is sent; None at the client's own destination, and for what is no
    conversation. Writer: `Sending`."""
    unsent: Shortfall | None = None
    """The same once the provider's quirks are seen to as well. Writer: `Sending`."""
    relay: Relay | OperationRelay | None = None
    """Writer: `Reading`."""
    notes: Notes | None = None
    """What its reply wants given back; None for what is no conversation. Writer: `Reading`."""
    upstream_headers: http.Headers | None = None
    """Those of the answer; None before it came. Writer: the receiver."""
    headed_at: float | None = None
    """When they came, on the clock of `time.monotonic`. Writer: the receiver."""
    sent: int = 0
    """Bytes of the answer that the client got. Writer: the receiver."""
    refusal: http.Response | None = None
    """The refusal as the client's own destination gave it. Writer: the receiver."""
    judged: bool = False
    """Whether the trail knows what became of it. Writer: `Fallback`."""
    call: Call = field(init=False, repr=False)
    """What the client asks: the exchange's, from the beginning."""

    def __post_init__(self) -> None:
        self.call = self.exchange.call
        self.operation = self.call.operation

    @property
    def passes_through(self) -> bool:
        """Whether the attempt speaks the client's own format."""
        if self.continues:
            return False  # it goes on with an answer, which the client's request does not know of
        upstream = self.upstream_format
        return upstream is not None and upstream.name == self.call.format.name

    @property
    def shortfall(self) -> Shortfall:
        """What the request that was sent does not say of the client's."""
        return self.untranslated if self.unsent is None else self.unsent

    @property
    def dropped(self) -> tuple[str, ...]:
        """What the client asked for that was left out."""
        return self.shortfall.dropped

    @property
    def instructed(self) -> bool:
        """Whether the shape of the answer is asked for in words."""
        return self.shortfall.instructed

    @property
    def limits(self) -> StopLimits:
        """Where the answer is to be ended here, since the upstream cannot be asked to."""
        return self.shortfall.limits


def state_of(attempt: Attempt) -> AttemptState | None:
    """What is known of an attempt; None for one that sends nothing."""
    return attempt.context if isinstance(attempt.context, AttemptState) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """That a request may be handled, and with whose rights."""

    config: Config
    """The configuration in which that was decided."""
    client: ClientKey | None = None
    """The client key; None where none is asked for."""
    by_proxy: bool = False
    """Whether the key was shown to the proxy, so that what the request itself came with is the
    client's own login."""
