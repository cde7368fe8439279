"""One client request: the call, the state its attempts share, and that of each."""

import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from uuid import UUID

from mitmproxy import http
from pydantic import SecretStr

from switchyard.config.client_keys import ClientKey
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
from switchyard.usage.background_runs import BackgroundRun
from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Compaction
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import ApiError
from switchyard.wire.operations.operation import Operation
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.notes import Notes
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.limits import StopLimits


def nowhere() -> Origin | None:
    """Returns the origin of a call whose client has no credential of its own: none."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A client's request. `Intake` makes it; every attempt starts from it."""

    flow: http.HTTPFlow
    """The flow that mitmproxy shows: its request no longer has a credential."""
    head: ClientHead
    endpoint: Endpoint
    raw: bytes = field(repr=False)
    """The body of the client's request, without content encoding."""
    restated: bool = False
    """Whether `raw` is written anew, since its client named the model more than once."""
    parsed: JsonObject = field(repr=False)
    """`raw`, parsed once."""
    body: JsonObject = field(repr=False)
    """`parsed`, completed.

    Model and stream flag are added if the path named them, and content that the client only
    referred to is written in full.
    """
    recalled: bool = False
    """Whether `body` has in full what the client only referred to."""
    model: str
    """The model's name as the client wrote it."""
    streams: bool
    """Whether the client gets a stream."""
    asked: Asked
    started: float
    """When the request was complete, on the clock of `time.monotonic`."""
    credential: SecretStr | None = None
    """The client's key, for providers that it is forwarded to."""
    client: ClientKey | None = None
    """The client key that admitted the request; None if none is required."""
    operation: Operation | None = None
    """The operation requested instead of an answer; None for an answer."""
    compaction: Compaction | None = None
    """The request's part in a compaction; None if it has none."""
    find_origin: Callable[[], Origin | None] = field(default=nowhere, repr=False)
    """Finds `origin`, and remembers it."""
    format: Format = field(init=False)
    """The client's wire format."""
    _conversation: list[Conversation] = field(default_factory=list, init=False, repr=False)
    """The conversation; empty until the request is read."""
    _owner: list[bytes] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        # A member instead of a property: a request reads it some twenty times.
        object.__setattr__(self, "format", self.endpoint.format)

    @property
    def origin(self) -> Origin | None:
        """Returns the destination of the client's own credential.

        None if the client has no credential besides the router's, or its destination is unknown.
        """
        return self.find_origin()

    @property
    def conversation(self) -> Conversation:
        """Returns the request in the neutral model, which is read at most once.

        Raises BadRequest.
        """
        if not self._conversation:
            self._conversation.append(self.format.read_request(self.format.portable(self.body)))
        return self._conversation[0]

    @property
    def client_label(self) -> str:
        """Returns what the client key is called; empty if none is required."""
        return self.client.label if self.client is not None else ""

    @property
    def owner(self) -> bytes:
        """Returns the owner of the client's conversations: a hash of its client key.

        If no client key is required, it is a hash of the credential that the request has.
        """
        if not self._owner:
            kind, secret = b"client", self.client.key if self.client is not None else None
            if secret is None:
                kind, secret = b"credential", self.credential
            text = secret.get_secret_value() if secret is not None else ""
            told = kind + b"\0" + text.encode("utf-8", "surrogateescape")
            self._owner.append(hashlib.sha256(told).digest())
        return self._owner[0]


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """The state that all attempts at one call share."""

    call: Call
    plan: Plan | None = None
    """Writers: `Routing`, and `Limiting` where a key's budget leaves only some members."""
    routes: Routes | None = None
    """The routes that the trail began with. Writer: `Credentials`.

    A key of a later configuration must not go to the hosts of this one.
    """
    trail: Trail | None = None
    """Writers: `Credentials`, and `Limiting` with the plan."""
    denial: ApiError | None = None
    """Why its limits refuse it, which a client may hear in a stream alone. Writer: `Limiting`."""
    attempts: int = 0
    """Number of attempts begun. Writer: `Credentials`."""
    session: str | None = None
    """The client's session, once it was looked for. Writer: `sessions`."""
    sought: bool = False
    """Whether the session was looked for. Writer: `sessions`."""
    by_opening: bool = False
    """Whether only the conversation's opening words tell its session. Writer: `sessions`."""
    tries: "tuple[AttemptState, ...]" = ()
    """All attempts with hedges, in the order they began. Writer: `Credentials`."""
    pending: Try | None = None
    """The attempt that waits for its token to be read. Writer: `Credentials`."""
    estimated: bool = False
    """Whether the router answered with an estimate, since no provider answered.

    Writer: `Credentials`.
    """
    cached: bool = False
    """Whether the router answered with a reply that it kept. Writer: `exact_cache`."""
    run: BackgroundRun | None = None
    """The run in a provider's background that it asks about. Writer: `Routing`."""
    failures: list[FailedAttempt] = field(default_factory=list)
    """Writer: `Fallback`."""
    remedies: Mapping[str, tuple[str, ...]] = EMPTY
    """Changes of the conversation for targets that could not read it, by target id.

    Writer: `Fallback`.
    """
    renewed: frozenset[str] = frozenset()
    """Credentials whose token was read again since the provider refused it. Writer: `Fallback`."""
    completed: bool = False
    """Whether an attempt answered the client successfully. Writer: `Fallback`."""
    broke_off: bool = False
    """Whether the answer failed after output reached the client. Writer: `Fallback`."""
    continuation: Continuation | None = None
    """The output sent so far, if streams that break off may be continued.

    Writer: `Reading`.
    """
    committed_relay: Relay | None = None
    """The relay that sent the client its first bytes. Writer: `Reading`.

    A later attempt continues its output.
    """
    latest: "AttemptState | None" = None
    """The attempt that began last, without hedges.

    None while none runs: before the first, while the exchange waits, and when no target is left.
    Writer: `begin`, called by `Credentials`.
    """
    winner: "AttemptState | None" = None
    """The attempt whose answer the client receives, until another one continues it.

    Writers: `begin` clears it; `win`, called by `Reading`, sets it.
    """

    @property
    def id(self) -> UUID:
        """Returns the id of the request in the log, the records and the response's header."""
        return UUID(hex=self.call.asked.id)

    def begin(self, attempt: "AttemptState | None") -> None:
        """Records the start of an attempt that is no hedge; None if nothing can be sent."""
        self.latest, self.winner = attempt, None

    def win(self, attempt: "AttemptState") -> None:
        """Records the attempt whose answer the client receives from now on."""
        self.winner = attempt

    def release(self) -> None:
        """Drops the attempts, once the flow is over and on record.

        Attempts refer to their exchange, so both would stay in memory, bodies among them, until the
        garbage collector comes by. Who needs them later keeps a copy of the exchange.
        """
        self.tries, self.latest, self.winner = (), None, None

    @property
    def shown(self) -> "AttemptState | None":
        """Returns the attempt that represents the exchange: the winner, else the latest."""
        return self.winner or self.latest

    @property
    def answered(self) -> bool:
        """Whether the client got an answer: an attempt's, the router's estimate, or a kept one."""
        return self.completed or self.estimated or self.cached

    @property
    def shortfall(self) -> Shortfall:
        """Returns the shortfall of the shown attempt, or else of the last that failed."""
        if (shown := self.shown) is not None:
            return shown.shortfall
        return self.failures[-1].shortfall if self.failures else NO_SHORTFALL

    def steps(self) -> list[str]:
        """Returns the route taken, a step for each attempt.

        For example `cc 400`, `cc ok (remedy: proofs)`.
        """
        shown = self.shown
        steps = [
            f"{failure.record.provider} {failure.mark}{_in_words(failure.remedies)}"
            for failure in self.failures
        ]
        if self.answered and shown is not None:
            steps.append(f"{shown.target.provider.name} ok{_in_words(shown.remedies)}")
        elif shown is not None and len(self.failures) < self.attempts and not self.broke_off:
            steps.append(f"{shown.target.provider.name} unfinished")
        return steps or ["cache" if self.cached else "no attempt"]


def _in_words(remedies: tuple[str, ...]) -> str:
    return f" (remedy: {', '.join(remedies)})" if remedies else ""


@dataclass(slots=True, weakref_slot=True, kw_only=True, eq=False)
class AttemptState:
    """The state of one attempt.

    `Credentials` makes one for each attempt that is sent, with the target and key it chose; each
    other field is empty until its writer has run.
    """

    exchange: Exchange
    number: int
    """Number of the attempt within the exchange, from 1."""
    chosen: Try
    """The trail's record of the attempt."""
    target: ModelTarget
    """The target of the attempt."""
    key: SecretStr | None = field(default=None, repr=False)
    """The credential of the attempt."""
    continues: bool = False
    """Whether the attempt continues an answer that broke off."""
    remedies: tuple[str, ...] = ()
    """Changes of the conversation, made because the target could not read it."""

    upstream_format: Format | None = None
    """Writer: `Translation`."""
    passes_through: bool = False
    """Whether the attempt speaks the client's own format. Writer: `Translation`.

    An attempt that continues an answer does not: the client's request lacks that answer.
    """
    upstream_body: JsonObject = field(default_factory=dict, repr=False)
    """The translated body. Writer: `Translation`."""
    upstream_streams: bool = False
    """Writer: `Translation`."""
    says_stream: bool = True
    """Whether the body must have a stream flag, even on a passthrough.

    Writer: `Translation`.
    """
    operation: Operation | None = field(default=None, repr=False)
    """The operation requested instead of an answer. Writer: `Translation`.

    It is the call's, or None if the router carries it out itself.
    """
    summarises: bool = False
    """Whether it requests a summary, since its provider does not compact.

    Writer: `Translation`.
    """
    served: bool = False
    """Whether it requests server tools in the provider's own spelling.

    Writer: `Translation`.
    """
    untranslated: Shortfall = NO_SHORTFALL
    """The parts that the upstream's format cannot express. Writer: `Translation`."""
    sent_body: JsonObject | None = field(default=None, repr=False)
    """`upstream_body` as sent. Writer: `Sending`.

    None at the client's own destination, and for a request that is no conversation.
    """
    unsent: Shortfall | None = None
    """The shortfall once the provider's quirks are applied too. Writer: `Sending`."""
    relay: Relay | OperationRelay | None = None
    """Writer: `Reading`."""
    notes: Notes | None = None
    """Data that the reply requires to be sent back later. Writer: `Reading`.

    None for a request that is no conversation.
    """
    upstream_headers: http.Headers | None = None
    """The response's headers; None before they arrive. Writer: the receiver."""
    headed_at: float | None = None
    """When the headers arrived, by `time.monotonic`. Writer: the receiver."""
    windows_read: bool = False
    """Whether the windows that the head reports are noted. Writer: `window_notes`."""
    sent: int = 0
    """Bytes of the answer sent to the client. Writer: the receiver."""
    run_id: str | None = None
    """The id of the run that it began in the provider's background. Writer: `background`."""
    refusal: http.Response | None = None
    """The refusal from the client's own destination, unchanged. Writer: the receiver."""
    judged: bool = False
    """Whether the trail has the attempt's outcome. Writer: `Fallback`."""
    call: Call = field(init=False, repr=False)
    """The exchange's call."""

    def __post_init__(self) -> None:
        self.call = self.exchange.call
        self.operation = self.call.operation

    @property
    def shortfall(self) -> Shortfall:
        """Returns the parts of the client's request that the sent request lacks."""
        return self.untranslated if self.unsent is None else self.unsent

    @property
    def dropped(self) -> tuple[str, ...]:
        """Returns the client's parameters that were left out."""
        return self.shortfall.dropped

    @property
    def instructed(self) -> bool:
        """Whether a prompt text requests the shape of the answer."""
        return self.shortfall.instructed

    @property
    def limits(self) -> StopLimits:
        """Limits at which the router ends the answer, since the upstream has none such."""
        return self.shortfall.limits


def state_of(attempt: Attempt) -> AttemptState | None:
    """Returns the state of an attempt; None for one that sends nothing."""
    return attempt.context if isinstance(attempt.context, AttemptState) else None


@record(kw_only=True)
class Admission:
    """The decision to handle a request, and the client key whose rights it has."""

    config: Config
    """The configuration that made the decision."""
    client: ClientKey | None = None
    """The client key; None if none is required."""
    by_proxy: bool = False
    """Whether the proxy received the key.

    The credential of the request itself is then the client's own login.
    """
