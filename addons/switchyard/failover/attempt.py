"""One attempt to have a request answered: what is sent where, and what reads the response."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from mitmproxy import http

from switchyard.egress.egress import Egress

type FailureKind = Literal["connect", "timeout", "reset", "answer"]
"""Where an attempt failed: no connection, a deadline passed, the connection broke, or the answer
itself is a failure (which the receiver knows more about)."""


@dataclass(frozen=True, slots=True)
class AttemptFailure:
    kind: FailureKind
    message: str
    phase: str = ""
    """For a timeout: connect, first-byte, first-output, between-chunks or total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds each phase of an attempt may take; None for no limit."""

    connect: float | None = 5.0
    first_byte: float | None = 60.0
    first_output: float | None = 300.0
    between_chunks: float | None = 120.0
    total: float | None = 1800.0


class Receiver(Protocol):
    """Reads one upstream response and makes the client's response of it.

    `start` is called with the upstream's head, then `data` for every piece of its body, then
    `end` or `broken`. Bytes returned before `committed` is true are lost; a receiver holds them
    back itself and returns them together with what commits it.
    """

    @property
    def committed(self) -> bool:
        """Whether the client may see the answer: real output came, and the attempt is the one."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the response is a failure. Before the commit the attempt is over; after it, the
        bytes returned last contain the error and end the client's stream."""
        ...

    @property
    def done(self) -> bool:
        """Whether the answer is complete, although the upstream may not have closed it yet."""
        ...

    @property
    def answered(self) -> bool:
        """Whether the client has been sent its terminal event, although more may come."""
        ...

    @property
    def enough(self) -> bool:
        """Whether the receiver ended the response itself, and the upstream request, which may still
        run, is to be cancelled."""
        ...

    @property
    def progress(self) -> int:
        """Grows with every piece of the stream that means something: pings do not."""
        ...

    def start(self, response: http.Response) -> None: ...

    def data(self, data: bytes) -> bytes: ...

    def skim(self, data: bytes) -> bytes | None:
        """As `data`, for a piece of a committed answer that need not be read since it holds nothing
        but more words; None, and nothing done, for any other."""
        ...

    def end(self) -> bytes: ...

    def broken(self, failure: AttemptFailure) -> bytes:
        """The answer broke off. After the commit: the bytes that say so and end the stream."""
        ...

    def head(self) -> http.Response:
        """The head of the client's answer, with its body where `whole`."""
        ...

    @property
    def resumable(self) -> bool:
        """Whether the answer failed after the commit in a way that another attempt, which is asked
        to, can continue. The client has not been sent the error then: `closing` returns it."""
        ...

    def closing(self) -> bytes:
        """The bytes that tell the client of a resumable failure after all, and end its stream."""
        ...

    @property
    def verbatim(self) -> bool:
        """Whether nothing may be put between the bytes of a committed answer: no sign of life."""
        ...

    @property
    def whole(self) -> bool:
        """Whether `head` carries the complete answer (JSON) and no bytes are streamed."""
        ...


class Observer(Protocol):
    """Watches one upstream answer beside the receiver, which it changes nothing for."""

    def head(self, response: http.Response) -> None:
        """The upstream's head, before it is read."""
        ...

    def received(self, data: bytes) -> None:
        """A piece of the body as it came, before it is read."""
        ...

    def ended(self) -> None:
        """The answer is complete, or broke off."""
        ...


class Heart(Protocol):
    """Keep-alives for a client that waits for a stream.

    After `after` seconds of silence the head is sent with a `beat`, which says nothing, and from
    then on a beat every `every` seconds of silence. Attempts may still fail and be followed by
    others: the client has seen no content.
    """

    after: float
    every: float
    beat: bytes

    def head(self) -> http.Response:
        """The head of a stream of which nothing is known yet."""
        ...

    def closing(self, answer: http.Response) -> bytes:
        """An answer of its own (an error) as the end of a stream whose head has been sent."""
        ...


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Filled in by the `attempt` hook, judged in the `attempt_ended` hook.

    An attempt without `request` sends nothing: after `wait` another one is made, or else the
    client gets `answer`.
    """

    flow: http.HTTPFlow
    number: int
    """Counts from 1."""
    hedge: bool = False
    """Whether it would run beside another that is slow; without `request`, it does not."""

    context: object = None
    """Whatever addons want to find again with this attempt."""

    request: http.Request | None = None
    """What goes upstream, credential included. It lives here and not in the flow, so that no view,
    dump or log of flows ever holds an upstream key."""
    receiver: Receiver | None = None
    timeouts: Timeouts = Timeouts()
    hedge_after: float | None = None
    """Seconds without output after which the `attempt` hook is asked for a hedge."""
    heart: Heart | None = None
    """How to keep the client waiting; None where nothing may be sent before the response."""
    way: Egress | None = None
    """How to reach the upstream, where not just by its address."""
    observer: Observer | None = None
    """Watches what the upstream answers."""
    listener: Callable[[bytes], None] | None = None
    """Called with every piece of a streamed response that the client is sent."""

    wait: float | None = None
    """Seconds after which the `attempt` hook shall be asked again."""

    sent_at: float | None = None
    """When the request had been sent, on the event loop's clock."""
    failure: AttemptFailure | None = None
    """Set before `attempt_ended`."""

    lost: bool = False
    """Set before `attempt_ended` where another attempt was faster; nothing has to be decided."""
    again: bool = False
    """Set in `attempt_ended`: make another attempt."""
    answer: http.Response | None = None
    """What the client gets if no (further) attempt is made."""

    def wipe(self) -> None:
        """Forget the request, and with it the credential."""
        self.request = None
