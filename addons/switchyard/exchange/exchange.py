"""Everything about one request, in one typed object found by its flow."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from mitmproxy import http
from pydantic import SecretStr

from switchyard.config.schema import ClientKey
from switchyard.config.schema import Config
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.client_head import Origin
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.policy.trail import Trail
from switchyard.policy.trail import Try
from switchyard.routing.plans import ModelTarget
from switchyard.routing.plans import Plan
from switchyard.routing.routes import Routes
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.operations.operation import Operation
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.relay import Relay
from switchyard.wire.translate.limits import NO_LIMITS
from switchyard.wire.translate.limits import StopLimits


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One client request over all its attempts. Filled in by the addons in their order.

    It is not kept in `flow.metadata`, which mitmproxy copies and saves to dumps.
    """

    flow: http.HTTPFlow
    """What mitmproxy shows: its request has no credential any more."""
    head: ClientHead
    format: Format
    """The client's wire format."""
    raw: bytes
    """The client's request, without content encoding."""
    restated: bool = False
    """Whether `raw` is written anew, since its client named the model more than once."""
    parsed: JsonObject
    """`raw`, parsed once."""
    body: JsonObject
    """`parsed`, with the model and the stream wish where the path said them. Never changed: every
    attempt starts from it."""
    model: str
    """The model's name as the client wrote it."""
    wish: bool | None
    """What the client said about streaming; None if nothing."""
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
    find_origin: Callable[[], Origin | None] | None = None
    """Finds where the client's own credential leads; None where it has none that is not the
    router's."""
    recalled: bool = False
    """Whether `body` says in full what the client only named."""

    plan: Plan | None = None
    routes: Routes | None = None
    """Those the trail began with: a later configuration's key is not for this one's hosts."""
    trail: Trail | None = None

    attempts: int = 0
    """Attempts begun."""
    failures: list[FailedAttempt] = field(default_factory=list)
    answered: bool = False
    """Whether an attempt answered the client well."""
    broke_off: bool = False
    """Whether the answer failed after the client had seen some of it."""
    current: Try | None = None
    target: ModelTarget | None = None
    """Where the running attempt goes."""
    upstream_format: Format | None = None
    upstream_body: JsonObject = field(default_factory=dict)
    upstream_streams: bool = False
    says_stream: bool = True
    """Whether the running attempt must say if it streams, even on a passthrough."""
    key: SecretStr | None = None
    """The running attempt's credential."""
    dropped: list[str] = field(default_factory=list)
    """What the running attempt's format cannot say of the request."""
    instructed: bool = False
    """Whether the running attempt asks for the shape of the answer in words."""
    served: bool = False
    """Whether the running attempt asks for tools that run at the provider, in its own words."""
    limits: StopLimits = NO_LIMITS
    """Where the running attempt's answer is to be ended, since its upstream cannot be told to."""
    upstream_headers: http.Headers | None = None
    """Those of the running attempt's answer; None before it came."""
    relay: Relay | OperationRelay | None = None
    refusal: http.Response | None = None
    """The running attempt's refusal as the client's own destination gave it."""
    continues: bool = False
    """Whether the running attempt goes on with an answer that broke off."""
    committed_relay: Relay | None = None
    """The first relay of which the client saw something; another attempt goes on from it."""
    continuation: Continuation | None = None
    """Where broken streams may be continued: what the client has been told."""
    _conversation: Conversation | None = None
    _origin: Origin | None = None

    @property
    def origin(self) -> Origin | None:
        """Where the client's own credential leads; None where it has none that is not the router's,
        or nobody knows where it would lead."""
        if self.find_origin is not None:
            self._origin, self.find_origin = self.find_origin(), None
        return self._origin

    @property
    def passes_through(self) -> bool:
        """Whether the running attempt speaks the client's own format."""
        if self.continues:
            return False  # it goes on with an answer, which the client's request does not know of
        return self.upstream_format is not None and self.upstream_format.name == self.format.name

    @property
    def conversation(self) -> Conversation:
        """The request in the neutral model, read at most once. Raises BadRequest."""
        if self._conversation is None:
            self._conversation = self.format.read_request(self.body)
        return self._conversation

    def beside(self) -> "Exchange":
        """This exchange as a second attempt sees it that runs beside the first: what one attempt
        sets, the other does not see; what all attempts came to, both do."""
        return replace(
            self, current=None, target=None, relay=None, refusal=None, upstream_headers=None
        )

    def steps(self) -> list[str]:
        """The route taken, a step an attempt: `cc 429`, `glm ok`."""
        steps = [f"{failure.record.provider} {failure.mark}" for failure in self.failures]
        if self.answered and self.target is not None:
            steps.append(f"{self.target.provider.name} ok")
        elif self.target is not None and len(self.failures) < self.attempts and not self.broke_off:
            steps.append(f"{self.target.provider.name} unfinished")
        return steps or ["no attempt"]


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
