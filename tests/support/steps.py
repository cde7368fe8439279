"""What an upstream does with a request, as data: a behaviour is a sequence of steps.

The same steps play over HTTP/1.1 and HTTP/2. `bytes` are a piece of the body, sent at once and
framed as the head says; when the steps are used up, the body is ended properly.
"""

import enum
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.signals import Signal

if TYPE_CHECKING:
    from tests.support.upstream import Recorded

type Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of the answer. Without `content-length` the body is chunked, unless it says
    `connection: close`, which leaves its end to the end of the connection."""

    status: int = 200
    headers: Fields = ()
    version: str = "HTTP/1.1"

    @property
    def is_interim(self) -> bool:
        return self.status < 200

    @property
    def has_length(self) -> bool:
        return any(name == "content-length" for name, _ in self.headers)

    @property
    def closes(self) -> bool:
        return ("connection", "close") in self.headers


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes put on the connection as they are, inside or instead of HTTP's framing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Goes on when the signal is set."""

    until: Signal


@dataclass(frozen=True, slots=True)
class Note:
    """Sets the signal: the upstream came this far."""

    reached: Signal


@dataclass(frozen=True, slots=True)
class Drip:
    """Sends pieces with pauses of `every` seconds between them; `endless` starts over and over.

    As `raw`, the pieces go past HTTP's framing.
    """

    pieces: tuple[bytes, ...]
    every: float
    endless: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Trailers:
    """Ends the body with these trailers."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class ResetStream:
    """HTTP/2: ends the stream with RST_STREAM. HTTP/1.1: resets the connection."""

    code: int = 2


@dataclass(frozen=True, slots=True)
class GoAway:
    """HTTP/2: says GOAWAY, as if none of the running streams had been processed unless
    `processed`, and closes the connection, unless it `stays`. HTTP/1.1: closes it likewise."""

    code: int = 0
    processed: bool = False
    stays: bool = False


class Do(enum.Enum):
    """Steps without parameters."""

    HANG = "says nothing more, until the client is gone or the upstream stops"
    CUT = "closes the connection (FIN)"
    RESET = "resets the connection (RST)"
    STAY = "ends nothing: the answer is over, but the body is left open"


HANG, CUT, RESET, STAY = Do.HANG, Do.CUT, Do.RESET, Do.STAY

type Step = bytes | Head | Raw | Wait | Note | Drip | Trailers | ResetStream | GoAway | Do
type Behaviour = Sequence[Step]
type Reaction = Behaviour | Callable[["Recorded"], Behaviour]
"""A behaviour, or what makes one of the request."""

SSE = "text/event-stream"
JSON = "application/json"


def whole(
    body: bytes, status: int = 200, content_type: str = JSON, headers: Fields = ()
) -> Behaviour:
    """A complete answer with its length."""
    fields = (("content-type", content_type), *headers, ("content-length", str(len(body))))
    return (Head(status, fields), body)


def chunked(*pieces: Step, content_type: str = SSE, headers: Fields = ()) -> Behaviour:
    """A 200 without a length, ended properly after the pieces."""
    return (Head(200, (("content-type", content_type), *headers)), *pieces)


def until_close(*pieces: Step, content_type: str = SSE, version: str = "HTTP/1.1") -> Behaviour:
    """A 200 whose end is the end of the connection."""
    fields = (("content-type", content_type), ("connection", "close"))
    return (Head(200, fields, version), *pieces)
