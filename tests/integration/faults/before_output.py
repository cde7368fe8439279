"""Faults between the head of a 200 and the first real output."""

import json
from collections.abc import Callable

from tests.integration.faults.catalogue import BAD_GATEWAY
from tests.integration.faults.catalogue import OVERLOADED
from tests.integration.faults.catalogue import TIMED_OUT
from tests.integration.faults.catalogue import WHY
from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import Play
from tests.integration.faults.catalogue import Site
from tests.integration.faults.catalogue import always
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import data
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import RESET
from tests.support.steps import SSE
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import Head
from tests.support.steps import Raw
from tests.support.steps import ResetStream
from tests.support.steps import Step
from tests.support.steps import chunked
from tests.support.steps import whole

_SOON = {"first-byte": "15s", "first-output": "500ms"}
_BROKEN_END = Answer(text=f"Do not show {BAD} to anyone.", stop="network_error")
_MALFORMED = Answer(text="", stop="MALFORMED_FUNCTION_CALL")
_SPOILT = Answer(text=f"Do not show {BAD} to anyone.")

type _Pieces = Callable[[Dialect], list[bytes]]


def _by_kind(stream: Play, json_: Play) -> Play:
    """One for requests that ask for a stream, one for the others."""
    return lambda d, request, seen: (stream if request.streams else json_)(d, request, seen)


def _streamed(pieces: _Pieces, *then: Step) -> Play:
    """A stream of these pieces, whatever was asked for."""
    return lambda dialect, request, seen: chunked(*pieces(dialect), *then)


def _half_json(*then: Step) -> Play:
    """The first half of a JSON answer."""

    def play(dialect: Dialect, request: object, seen: object) -> Behaviour:
        body = dialect.whole(_SPOILT)
        return chunked(body[: body.find(BAD.encode()) + 40], *then, content_type="application/json")

    return play


def _body(of: Callable[[Dialect], bytes], content_type: str = "application/json") -> Play:
    return lambda dialect, request, seen: whole(of(dialect), content_type=content_type)


def _opening(dialect: Dialect) -> list[bytes]:
    return dialect.opening(_SPOILT)


def _announced(dialect: Dialect) -> list[bytes]:
    return [*dialect.opening(_SPOILT), *dialect.begin_text()]


def _blank(dialect: Dialect) -> list[bytes]:
    return dialect.events(Answer(text="", output=0))


def _other(dialect: Dialect) -> Dialect:
    return ANTHROPIC if dialect is CHAT else CHAT


def _fault(
    name: str,
    play: Play,
    status: int | tuple[int, ...] = BAD_GATEWAY,
    *,
    told: bool = False,
    site: Site = "plain",
) -> Fault:
    timeouts = _SOON if status == TIMED_OUT else None
    return Fault(
        name=name,
        sort="before",
        play=play,
        status=(status,) if isinstance(status, int) else status,
        told=told,
        site=site,
        timeouts=timeouts,
    )


def _too_short(dialect: Dialect, request: object, seen: object) -> Behaviour:
    body = b"".join(dialect.opening(_SPOILT))
    head = Head(200, (("content-type", SSE), ("content-length", str(len(body) + 500))))
    return (head, body, CUT)


def _too_long(dialect: Dialect, request: object, seen: object) -> Behaviour:
    shown = b"".join(dialect.opening(_SPOILT))
    head = Head(200, (("content-type", SSE), ("content-length", str(len(shown)))))
    return (head, shown, Raw(b"".join(dialect.events(_SPOILT)[1:])))


_CHUNKED = (("content-type", SSE), ("transfer-encoding", "chunked"))
_TELLS_GZIP = (("content-encoding", "gzip"),)
_HTML = f"<!doctype html><html><body><h1>Welcome, {BAD}</h1></body></html>".encode()
_NO_STREAM = whole(b"", content_type=SSE)
_COMMENT = b": keep-alive " + BAD.encode() + b"\n\n"


def _rate_limited(dialect: Dialect) -> bytes:
    kind = {"openai-chat": "rate_limit_exceeded", "anthropic": "rate_limit_error"}[dialect.name]
    return json.dumps(dialect.error(kind, f"slow down: {WHY}", code=429)).encode()


def _internal_error(dialect: Dialect) -> bytes:
    kind = {"openai-chat": "server_error", "anthropic": "api_error"}[dialect.name]
    return json.dumps(dialect.error(kind, f"could not: {WHY}", code=500)).encode()


def _overloaded_event(dialect: Dialect) -> bytes:
    if dialect is CHAT:
        return data(dialect.error("server_error", f"overloaded: {WHY}", code=503))
    return dialect.error_event("overloaded_error", f"overloaded: {WHY}")


FAULTS = [
    # The body ends or stalls
    _fault("cut-after-head", _streamed(lambda d: [], CUT)),
    _fault("reset-after-head", _streamed(lambda d: [], RESET)),
    _fault("hang-after-head", _streamed(lambda d: [], HANG), TIMED_OUT),
    _fault("bad-chunk-size-first", _streamed(_opening, Raw(f"xyz\r\n{BAD}\r\n".encode()))),
    _fault(
        "body-without-its-chunks",
        _by_kind(
            lambda d, r, s: (Head(200, _CHUNKED), Raw(b"data: " + d.whole(_SPOILT) + b"\r\n\r\n")),
            lambda d, r, s: (Head(200, _CHUNKED), Raw(d.whole(_SPOILT) + b"\r\n\r\n")),
        ),
    ),
    _fault("truncated-chunk-first", _streamed(_opening, Raw(b"ffff\r\ndata: "), CUT)),
    _fault("shorter-than-its-length", _by_kind(_too_short, _half_json(CUT))),
    _fault("longer-than-its-length", _by_kind(_too_long, _half_json())),
    _fault("opening-then-cut", _by_kind(_streamed(_opening, CUT), _half_json(CUT))),
    _fault("opening-then-reset", _by_kind(_streamed(_opening, RESET), _half_json(RESET))),
    _fault("opening-then-end", _by_kind(_streamed(_opening), _half_json())),
    _fault("opening-then-hang", _by_kind(_streamed(_opening, HANG), _half_json(HANG)), TIMED_OUT),
    _fault("announced-then-end", _streamed(_announced)),
    _fault("announced-then-cut", _streamed(_announced, CUT)),
    _fault("announced-then-hang", _streamed(_announced, HANG), TIMED_OUT),
    _fault("comments-then-hang", _streamed(lambda d: [_COMMENT], HANG), TIMED_OUT),
    _fault(
        "comments-forever",
        _streamed(lambda d: [], Drip((_COMMENT,), 0.05, endless=True)),
        TIMED_OUT,
    ),
    _fault(
        "opening-drips-forever",
        _streamed(_opening, Drip((b":", b"\n", b"\n"), 0.02, endless=True)),
        TIMED_OUT,
    ),
    _fault(
        "white-space-forever",
        lambda d, r, s: chunked(
            Drip((b"  \n",), 0.05, endless=True), content_type="application/json"
        ),
        TIMED_OUT,
    ),
    _fault("h2-reset-after-head", _streamed(_opening, ResetStream(2)), site="tls-http2"),
    _fault("h2-cut-after-head", _streamed(_opening, CUT), site="tls-http2"),
    # The body says nothing
    _fault("empty-body", always(whole(b""))),
    _fault("empty-stream", always(_NO_STREAM)),
    _fault("empty-chunked-stream", _streamed(lambda d: [])),
    _fault("no-content-204", always((Head(204),))),
    _fault("comments-only", _streamed(lambda d: [_COMMENT, _COMMENT])),
    _fault(
        "terminal-event-only",
        _by_kind(_streamed(lambda d: d.closing(_SPOILT)[-1:]), _body(lambda d: b"{}")),
    ),
    _fault(
        "blank-answer",
        _by_kind(_streamed(_blank), _body(lambda d: d.whole(Answer(text="", output=0)))),
    ),
    _fault(
        "blank-events", _streamed(lambda d: [b"\n\n", b"data:\n\n", b"data: \n\n", b"event: x\n\n"])
    ),
    # The body is something else
    _fault("html-page", always(whole(_HTML, content_type="text/html; charset=utf-8"))),
    _fault("html-page-as-stream", always(whole(_HTML, content_type=SSE))),
    _fault("plain-text", always(whole(f"upstream says {BAD}".encode(), content_type="text/plain"))),
    _fault("another-document", _body(lambda d: json.dumps({"hello": BAD}).encode())),
    _fault("json-null", _body(lambda d: b"null")),
    _fault("json-list", _body(lambda d: b"[]")),
    _fault("json-string", _body(lambda d: json.dumps(BAD).encode())),
    _fault(
        "invalid-json",
        _by_kind(
            _streamed(lambda d: [b'data: {"choices": [{"delta": {"content": "%b' % BAD.encode()]),
            _body(lambda d: d.whole(_SPOILT)[:-20]),
        ),
    ),
    _fault(
        "invalid-json-events",
        _streamed(lambda d: [b"data: {%b}\n\n" % BAD.encode(), b"data: <%b>\n\n" % BAD.encode()]),
    ),
    # The answer's end says that it is none
    _fault(
        "broken-end",
        _by_kind(
            _streamed(lambda d: [*d.opening(_BROKEN_END), *d.closing(_BROKEN_END)]),
            _body(lambda d: d.whole(_BROKEN_END)),
        ),
    ),
    _fault(
        "broken-end-without-words",
        _by_kind(_streamed(lambda d: d.events(_MALFORMED)), _body(lambda d: d.whole(_MALFORMED))),
    ),
    _fault("invalid-utf8", always(whole(b"\xff\xfe\x80" * 50, content_type=SSE))),
    _fault(
        "another-format",
        _by_kind(
            lambda d, r, s: chunked(*_other(d).events(_SPOILT)),
            lambda d, r, s: whole(_other(d).whole(_SPOILT)),
        ),
    ),
    _fault("no-gzip-inside", lambda d, r, s: whole(d.whole(_SPOILT), headers=_TELLS_GZIP)),
    _fault(
        "unknown-encoding",
        lambda d, r, s: whole(
            f"squashed {BAD}".encode(), headers=(("content-encoding", "squash"),)
        ),
    ),
    # The body says that it failed
    _fault("error-in-200", _body(_internal_error), 500, told=True),
    _fault("rate-limit-in-200", _body(_rate_limited), 429, told=True),
    _fault("error-event-first", _streamed(lambda d: [_overloaded_event(d)]), OVERLOADED, told=True),
    _fault(
        "error-event-after-opening",
        _streamed(lambda d: [*_opening(d), _overloaded_event(d)]),
        OVERLOADED,
        told=True,
    ),
    _fault(
        "error-event-after-announcement",
        _streamed(lambda d: [*_announced(d), _overloaded_event(d)]),
        OVERLOADED,
        told=True,
    ),
]
