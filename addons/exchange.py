"""Everything about one request, in one typed object found by its flow."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from mitmproxy import http
from pydantic import SecretStr

from addons.failover.attempt import Attempt
from addons.policy.catalog import Plan
from addons.policy.catalog import Target
from addons.policy.failures import Kind
from addons.policy.records import AttemptRecord
from addons.policy.schema import ClientKey
from addons.policy.schema import Config
from addons.policy.trail import Trail
from addons.policy.trail import Try
from addons.routes import Routes
from addons.wire.aside import Aside
from addons.wire.aside import AsideRelay
from addons.wire.conversation import Conversation
from addons.wire.errors import ApiError
from addons.wire.format import Asked
from addons.wire.format import Format
from addons.wire.jsonio import JsonObject
from addons.wire.limits import NO_LIMITS
from addons.wire.limits import Limits
from addons.wire.relay import Relay
from addons.wire.seam import Seam

if TYPE_CHECKING:
    from addons.recording import Recording
    from addons.recording import Tape


@dataclass(frozen=True, slots=True)
class ClientHead:
    """The head of a client's request as it came, credential included."""

    headers: http.Headers = field(repr=False)
    path: str = field(repr=False)
    """With its query."""

    @property
    def query_key(self) -> str | None:
        """The query's `key`, as Gemini's clients may send theirs."""
        found = parse_qs(self.path.partition("?")[2], errors="surrogateescape").get("key")
        return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """What became of an attempt that failed. Holds no secret."""

    record: AttemptRecord
    kind: Kind
    """How the failure was seen."""
    status: int | None
    """The upstream's HTTP status, where it refused by that."""
    error: ApiError
    answer: http.Response | None = None
    """The whole of it, where the client's own destination gave it."""

    @property
    def mark(self) -> str:
        """What happened, in one word."""
        return str(self.status) if self.status is not None else self.kind

    @property
    def client_status(self) -> int:
        """The HTTP status that tells the client of this failure.

        A refusal for want of quota is 429 whatever the provider made of it, and an answer that
        was none is a bad gateway. So is what clients would take for something else: a 407 for our
        own wish to see a password, and numbers that are no statuses of HTTP (RFC 9110, 15).
        """
        if self.record.cls == "quota":
            return 429
        if self.status is not None and 400 <= self.status < 600 and self.status != 407:
            return self.status
        if self.kind == "timeout":
            return 504
        if self.kind in ("body", "event"):
            return self.error.http_status
        return 502


_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request would go if the router were not there."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    """With its query."""
    renamed: bool = False
    """Whether the client does not name it, since it called the router."""

    @property
    def netloc(self) -> str:
        """Host and port, as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"


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
    aside: Aside | None = None
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
    target: Target | None = None
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
    limits: Limits = NO_LIMITS
    """Where the running attempt's answer is to be ended, since its upstream cannot be told to."""
    upstream_headers: http.Headers | None = None
    """Those of the running attempt's answer; None before it came."""
    relay: Relay | AsideRelay | None = None
    refusal: http.Response | None = None
    """The running attempt's refusal as the client's own destination gave it."""
    resumes: bool = False
    """Whether the running attempt goes on with an answer that broke off."""
    told: Relay | None = None
    """The first relay of which the client saw something; another attempt goes on from it."""
    recordings: list["Recording"] = field(default_factory=list)
    """Attempts kept for people to look at; none where nobody looks."""
    tape: "Tape | None" = None
    """What a client that wants a stream was sent, where it is kept."""
    seam: Seam | None = None
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
        if self.resumes:
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


class Exchanges:
    """All running exchanges, by flow."""

    def __init__(self) -> None:
        self._by_flow: dict[str, Exchange] = {}
        self._admissions: dict[str, Admission] = {}
        self._heads: dict[str, ClientHead] = {}
        self._connections: dict[str, ClientKey] = {}
        self._refused: dict[str, float] = {}
        self._hosts: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_flow)

    def begin(self, exchange: Exchange) -> None:
        """The flow's exchange from now on; of two attempts the one that answers."""
        self._by_flow[exchange.flow.id] = exchange

    def keep_head(self, flow: http.HTTPFlow, head: ClientHead) -> None:
        """Keeps what a request said before its flow was masked, until the flow is over."""
        self._heads[flow.id] = head

    def has_head(self, flow: http.HTTPFlow) -> bool:
        return flow.id in self._heads

    def head_of(self, flow: http.HTTPFlow) -> ClientHead:
        """The head of the flow's request as the client sent it."""
        head = self._heads.get(flow.id)
        return head or ClientHead(flow.request.headers, flow.request.path)

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        """Keeps the `Host` that a client named, where mitmproxy writes another in its place."""
        self._hosts[flow.id] = host

    def host_of(self, flow: http.HTTPFlow) -> str | None:
        """The `Host` that the flow's client named; None if none."""
        return self._hosts.get(flow.id) or flow.request.host_header

    def admit(self, flow: http.HTTPFlow, admission: Admission) -> None:
        """Remembers whose request this is."""
        self._admissions[flow.id] = admission

    def admission_of(self, flow: http.HTTPFlow) -> Admission | None:
        """What was decided over a request; None before that, and where it was refused."""
        return self._admissions.get(flow.id)

    def client_of(self, flow: http.HTTPFlow) -> ClientKey | None:
        """The client key that a flow was admitted with; None where none is asked for."""
        admission = self._admissions.get(flow.id)
        return admission.client if admission is not None else None

    def refuse(self, flow: http.HTTPFlow, after: float = 0.0) -> None:
        """The flow's response is to be sent without a look at the request's body, `after` so many
        seconds."""
        self._admissions.pop(flow.id, None)
        self._refused[flow.id] = after

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        """The seconds after which a flow is to be refused by its head; None if it is not."""
        return self._refused.pop(flow.id, None) if self._refused else None

    def admit_connection(self, connection: str, client: ClientKey) -> None:
        """Remembers whose connection this is: the key was shown to the proxy for all that it
        carries, as by a CONNECT, and no request on it has to carry one."""
        self._connections[connection] = client

    def holder_of(self, connection: str) -> ClientKey | None:
        """Whose connection it is, where its key was shown to the proxy and is one still."""
        return self._connections.get(connection)

    def renew_holders(self, find: Callable[[ClientKey], ClientKey | None]) -> None:
        """Another configuration is in force, in which `find` finds a key that was shown before."""
        found = ((connection, find(held)) for connection, held in self._connections.items())
        self._connections = {connection: held for connection, held in found if held is not None}

    def showed_key_to_proxy(self, flow: http.HTTPFlow) -> bool:
        """Whether a flow was admitted by a key that was shown to the proxy."""
        admission = self._admissions.get(flow.id)
        if admission is None:
            return flow.client_conn.id in self._connections
        return admission.by_proxy

    def disconnected(self, connection: str) -> None:
        self._connections.pop(connection, None)

    def get(self, flow: http.HTTPFlow) -> Exchange | None:
        return self._by_flow.get(flow.id)

    def of(self, attempt: Attempt) -> Exchange | None:
        """The exchange as the attempt sees it."""
        if isinstance(attempt.context, Exchange):
            return attempt.context
        return self._by_flow.get(attempt.flow.id)

    def end(self, flow: http.HTTPFlow) -> None:
        self._by_flow.pop(flow.id, None)
        self._admissions.pop(flow.id, None)
        self._heads.pop(flow.id, None)
        self._refused.pop(flow.id, None)
        self._hosts.pop(flow.id, None)
