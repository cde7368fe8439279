"""One attempt at a request: its request, its destination, and its receiver."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from mitmproxy import http

from switchyard.egress.egress import Egress

type FailureKind = Literal["connect", "timeout", "reset", "answer"]
"""The part of an attempt that failed.

There was no connection, a deadline passed, the connection broke, or the response itself is a
failure (of which the receiver has the details).
"""


@dataclass(frozen=True, slots=True)
class AttemptFailure:
    kind: FailureKind
    message: str
    phase: str = ""
    """The phase that timed out.

    One of connect, first-byte, first-output, between-chunks, total.
    """


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

    `start` is called with the upstream's head, then `data` for every piece of its body, then `end`
    or `broken`. Bytes returned before `committed` is true are lost; a receiver holds them back
    itself and returns them together with the bytes that commit it.
    """

    @property
    def committed(self) -> bool:
        """Whether the client may see the response: the attempt won and has real output."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the response is a failure.

        Before the commit the attempt is over; after it, the bytes returned last contain the error
        and end the client's stream.
        """
        ...

    @property
    def done(self) -> bool:
        """Whether the response is complete, although the upstream may not have closed it."""
        ...

    @property
    def answered(self) -> bool:
        """Whether the client has been sent its terminal event, although more may come."""
        ...

    @property
    def enough(self) -> bool:
        """Whether the receiver ended the response itself.

        The upstream request, which may still run, is then cancelled.
        """
        ...

    @property
    def progress(self) -> int:
        """Grows with every meaningful piece of the stream; pings do not count."""
        ...

    def start(self, response: http.Response) -> None: ...

    def data(self, data: bytes) -> bytes: ...

    def skim(self, data: bytes) -> bytes | None:
        """Does the work of `data` for a piece of a committed response with more text only.

        Returns None, and changes nothing, for a piece that must be read.
        """
        ...

    def end(self) -> bytes: ...

    def broken(self, failure: AttemptFailure) -> bytes:
        """Ends a response that broke off.

        Returns, after the commit, the bytes that report the error and end the stream.
        """
        ...

    def head(self) -> http.Response:
        """Returns the head of the client's response, with its body if `whole`."""
        ...

    @property
    def resumable(self) -> bool:
        """Whether another attempt can continue a response that failed after the commit.

        The client has not been sent the error then: `closing` returns it.
        """
        ...

    def closing(self) -> bytes:
        """Returns the bytes that report a resumable failure and end the client's stream."""
        ...

    @property
    def verbatim(self) -> bool:
        """Whether a committed response must pass without keep-alives between its bytes."""
        ...

    @property
    def whole(self) -> bool:
        """Whether `head` has the complete response (JSON), so that no bytes are streamed."""
        ...


class Observer(Protocol):
    """Watches one upstream response beside the receiver, without changing it."""

    def head(self, response: http.Response) -> None:
        """Receives the upstream's head, before the receiver does."""
        ...

    def received(self, data: bytes) -> None:
        """Receives a piece of the body as sent, before the receiver does."""
        ...

    def ended(self) -> None:
        """Called when the response is complete, or broke off."""
        ...


class Heart(Protocol):
    """Keep-alives for a client that waits for a stream.

    After `after` seconds of silence the head is sent with a `beat`, a harmless event, and from then
    on a beat every `every` seconds of silence. Attempts may still fail and be followed by others:
    the client has seen no content.
    """

    after: float
    every: float
    beat: bytes

    def head(self) -> http.Response:
        """Returns the head of a stream before its response is known."""
        ...

    def closing(self, answer: http.Response) -> bytes:
        """Returns a response (an error) as the end of a stream whose head has been sent."""
        ...


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt, set by the `attempt` hook and judged in the `attempt_ended` hook.

    An attempt without `request` sends nothing: after `wait` another one is made, or else the client
    gets `answer`.
    """

    flow: http.HTTPFlow
    number: int
    """Number of the attempt within its exchange, from 1."""
    hedge: bool = False
    """Whether it runs beside a slow attempt; without `request`, no hedge starts."""

    context: object = None
    """Data of the addons that belongs to this attempt."""

    request: http.Request | None = None
    """The upstream request, credential included.

    It is kept here and not in the flow, so that no view, dump or log of flows contains an upstream
    key.
    """
    receiver: Receiver | None = None
    timeouts: Timeouts = Timeouts()
    hedge_after: float | None = None
    """Seconds without output after which the `attempt` hook may set a hedge."""
    heart: Heart | None = None
    """The client's keep-alives; None if nothing may be sent before the response."""
    way: Egress | None = None
    """The egress to the upstream, unless its address suffices."""
    observer: Observer | None = None
    """Watches the upstream's response."""
    listener: Callable[[bytes], None] | None = None
    """Called with every piece of a streamed response that is sent to the client."""

    wait: float | None = None
    """Seconds after which the `attempt` hook is called again."""

    sent_at: float | None = None
    """When the request was sent completely, on the event loop's clock."""
    failure: AttemptFailure | None = None
    """The failure; set before `attempt_ended`."""

    lost: bool = False
    """Whether another attempt was faster; set before `attempt_ended`.

    The hook has nothing to decide then.
    """
    again: bool = False
    """Whether another attempt follows; set in `attempt_ended`."""
    answer: http.Response | None = None
    """The client's response if no (further) attempt is made."""

    def wipe(self) -> None:
        """Drops the request, and with it the credential."""
        self.request = None
