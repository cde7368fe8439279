"""Faults after output began. A stream's client keeps what it saw and is told in its format; one
that wants JSON saw nothing, so for it another member may answer."""

import gzip
from collections.abc import Callable
from dataclasses import replace

from tests.integration.faults.catalogue import OVERLOADED
from tests.integration.faults.catalogue import TIMED_OUT
from tests.integration.faults.catalogue import WHY
from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import Site
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import data
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import SSE
from tests.support.steps import Behaviour
from tests.support.steps import GoAway
from tests.support.steps import Head
from tests.support.steps import Raw
from tests.support.steps import ResetStream
from tests.support.steps import Step
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import until_close
from tests.support.steps import whole
from tests.support.upstream import Recorded

_SOON = {"first-byte": "15s", "first-output": "15s", "between-chunks": "500ms"}
_BROKEN = Answer(text=f"Half of {PARTIAL}, then {BAD}.")

type _Then = Callable[[Dialect], list[Step]]


def _begun(dialect: Dialect) -> list[bytes]:
    """A stream up to its first word."""
    return [*dialect.opening(_BROKEN), *dialect.begin_text(), dialect.text(f"Half of {PARTIAL}")]


def _half(dialect: Dialect) -> bytes:
    """The first half of a JSON answer."""
    body = dialect.whole(_BROKEN)
    return body[: body.find(BAD.encode())]


def _after(
    name: str,
    then: _Then,
    *,
    of_json: _Then | None = None,
    status: int = 502,
    site: Site = "plain",
    told: bool = False,
) -> Fault:
    """A stream that goes wrong with `then` once the client saw its first word; where JSON was
    asked for, half of it, then `of_json` (or the same)."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        if request.streams:
            return chunked(*_begun(dialect), Wait(seen), *then(dialect))
        wrong = (of_json or then)(dialect)
        return chunked(_half(dialect), *wrong, content_type="application/json")

    timeouts = _SOON if status == TIMED_OUT else None
    if timeouts:
        timeouts = {**timeouts, "total": "8s"}
    return Fault(
        name=name,
        sort="after",
        play=play,
        status=(status,),
        site=site,
        told=told,
        timeouts=timeouts,
    )


def _error(dialect: Dialect) -> bytes:
    if dialect is CHAT:
        return data(dialect.error("server_error", f"gone wrong: {WHY}", code=503))
    return dialect.error_event("overloaded_error", f"gone wrong: {WHY}")


def _error_mid(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Streams even where JSON was asked for."""
    waits = (Wait(seen),) if request.streams else ()
    return chunked(*_begun(dialect), *waits, _error(dialect))


def _error_then_end(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Ends the stream as if nothing had been, after the error."""
    waits = (Wait(seen),) if request.streams else ()
    return chunked(*_begun(dialect), *waits, _error(dialect), *dialect.closing(_BROKEN))


def _early_close(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    if request.streams:
        return until_close(*_begun(dialect), Wait(seen))
    return until_close(_half(dialect), content_type="application/json")


def _corrupt_gzip(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    kind = SSE if request.streams else "application/json"
    head = Head(200, (("content-type", kind), ("content-encoding", "gzip")))
    if request.streams:
        # Two members, so that the first can be read while the second is awaited.
        first = gzip.compress(b"".join(_begun(dialect)))
        return (head, first, Wait(seen), b"\x1f\x8b\x08\x00" + b"\xff" * 40)
    packed = gzip.compress(dialect.whole(_BROKEN))
    return (head, packed[: len(packed) // 2] + b"\xff" * 40)


def _broken_end(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Words, and an end that says that the answer is broken."""
    answer = replace(_BROKEN, stop="network_error")
    if request.streams:
        return chunked(*_begun(dialect), Wait(seen), *dialect.closing(answer))
    return whole(dialect.whole(answer))


FAULTS = [
    Fault(name="mid-broken-end", sort="after", play=_broken_end),
    _after("mid-cut", lambda d: [CUT]),
    _after("mid-reset", lambda d: [RESET]),
    _after("mid-hang", lambda d: [HANG], status=TIMED_OUT),
    _after("mid-end", lambda d: []),
    _after("mid-bad-chunk-size", lambda d: [Raw(f"xyz\r\n{BAD}\r\n".encode())]),
    _after("mid-truncated-chunk", lambda d: [Raw(b"ffff\r\ndata: {"), CUT]),
    _after("mid-half-event", lambda d: [d.text(f" and {BAD}")[:-20]]),
    _after("h2-mid-reset", lambda d: [ResetStream()], site="tls-http2"),
    _after("h2-mid-goaway", lambda d: [GoAway(2, True)], site="tls-http2"),
    _after("h2-mid-cut", lambda d: [CUT], site="tls-http2"),
    Fault(name="mid-error-event", sort="after", play=_error_mid, status=OVERLOADED, told=True),
    Fault(
        name="mid-error-event-then-end",
        sort="after",
        play=_error_then_end,
        status=OVERLOADED,
        told=True,
    ),
    Fault(name="mid-early-close", sort="after", play=_early_close),
    Fault(name="mid-corrupt-gzip", sort="after", play=_corrupt_gzip),
]
