"""Faults of the connection and of the answer's head."""

from tests.integration.faults.catalogue import TIMED_OUT
from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import Play
from tests.integration.faults.catalogue import Site
from tests.integration.faults.catalogue import always
from tests.support.answers import BAD
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import GoAway
from tests.support.steps import Head
from tests.support.steps import Raw
from tests.support.steps import ResetStream

_SOON = {"first-byte": "400ms"}
_AT_ALL_SOON = {"connect": "400ms", **_SOON}

_REFUSED_STREAM, _INTERNAL_ERROR, _ENHANCE_YOUR_CALM = 7, 2, 11


def _fault(name: str, *steps: object, site: Site = "plain") -> Fault:
    behaviour: Behaviour = steps  # pyright: ignore[reportAssignmentType]
    return Fault(name=name, sort="before", play=always(behaviour), site=site)


def _late(name: str, *steps: object) -> Fault:
    behaviour: Behaviour = steps  # pyright: ignore[reportAssignmentType]
    return Fault(
        name=name, sort="before", play=always(behaviour), status=(TIMED_OUT,), timeouts=_SOON
    )


def _unreachable(name: Site, status: int = 502) -> Fault:
    never: Play = always((CUT,))
    timeouts = _SOON if status == TIMED_OUT else None
    statuses = (status,)
    if name == "tls-silent":
        # No connection in time may count as either: nobody there, or somebody slow.
        timeouts, statuses = _AT_ALL_SOON, (502, 504)
    return Fault(
        name=name, sort="before", play=never, site=name, status=statuses, timeouts=timeouts
    )


_HALF_A_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-half"

FAULTS = [
    _unreachable("refused"),
    _unreachable("no-host"),
    _unreachable("accept-cut"),
    _unreachable("accept-reset"),
    _unreachable("accept-silent", TIMED_OUT),
    _unreachable("tls-cut"),
    _unreachable("tls-silent", TIMED_OUT),
    _unreachable("tls-untrusted"),
    _fault("cut-before-head", CUT),
    _fault("reset-before-head", RESET),
    _late("hang-before-head", HANG),
    _fault("head-cut", Raw(_HALF_A_HEAD), CUT),
    _fault("head-reset", Raw(_HALF_A_HEAD), RESET),
    _late("head-hangs", Raw(_HALF_A_HEAD), HANG),
    _late("head-drips", Raw(_HALF_A_HEAD), Drip((b"-x",), 0.05, endless=True, raw=True)),
    _fault("head-is-garbage", Raw(f"{BAD} this is no HTTP\r\n\r\n".encode()), CUT),
    _fault("head-is-binary", Raw(bytes(range(256)) * 4), CUT),
    _fault(
        "head-conflicting-lengths",
        Raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n"
            b"content-length: 7\r\n\r\n{}     "
        ),
        CUT,
    ),
    _fault(
        "head-length-is-no-number",
        Raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: many\r\n\r\n{}"),
        CUT,
    ),
    _fault("interim-then-cut", Head(100), Head(103, (("link", f"</{BAD}>"),)), CUT),
    _late("interim-then-hang", Head(103, (("link", f"</{BAD}>"),)), HANG),
    _fault("switches-protocols", Head(101, (("upgrade", "x"), ("connection", "upgrade"))), CUT),
    _fault("h2-goaway", GoAway(), site="tls-http2"),
    _fault("h2-goaway-processed", GoAway(_ENHANCE_YOUR_CALM, True), site="tls-http2"),
    _fault("h2-refused-stream", ResetStream(_REFUSED_STREAM), site="tls-http2"),
    _fault("h2-reset-stream", ResetStream(_INTERNAL_ERROR), site="tls-http2"),
    _fault("h2-cut", CUT, site="tls-http2"),
    _fault("h2-garbage", Raw(BAD.encode() * 20), CUT, site="tls-http2"),
]
