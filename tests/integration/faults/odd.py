"""Strange answers that are good all the same: nobody but a purist would call them failures."""

import gzip
import json
import zlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Literal

import brotli
import zstandard

from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import Play
from tests.integration.faults.catalogue import Site
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import UNKNOWN_EVENT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.answers import data
from tests.support.answers import event
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import JSON
from tests.support.steps import RESET
from tests.support.steps import SSE
from tests.support.steps import STAY
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import GoAway
from tests.support.steps import Head
from tests.support.steps import Raw
from tests.support.steps import ResetStream
from tests.support.steps import Step
from tests.support.steps import Trailers
from tests.support.steps import chunked
from tests.support.steps import until_close
from tests.support.steps import whole
from tests.support.upstream import Recorded

_SAID = Answer()
_LARGE = Answer(text=f"All is well, says {GOOD}: " + "x" * 10_000_000)
_UNICODE = Answer(text=f"Übergrößen – 東京 🚀 says {GOOD}\u2028.")

type _Bytes = Callable[[Dialect, Recorded], bytes]


def _bytes(dialect: Dialect, request: Recorded, answer: Answer = _SAID) -> bytes:
    """The answer as the request wants it."""
    return b"".join(dialect.events(answer)) if request.streams else dialect.whole(answer)


def _kind(request: Recorded) -> str:
    return SSE if request.streams else JSON


def _pieces(raw: bytes, size: int) -> Iterable[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))


def _framed(*before: Step, after: tuple[Step, ...] = ()) -> Play:
    """A proper body with something around it."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        head, *body = chunked(_bytes(dialect, request), content_type=_kind(request))
        return (*before, head, *body, *after)

    return play


def _changed(change: Callable[[bytes], bytes]) -> Play:
    """The right kind of body, its bytes changed."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        return chunked(change(_bytes(dialect, request)), content_type=_kind(request))

    return play


def _events(change: Callable[[Dialect, list[bytes]], list[bytes]]) -> Play:
    """A stream, its events changed; whole where JSON is asked for."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        if not request.streams:
            return whole(dialect.whole(_SAID))
        return chunked(*change(dialect, dialect.events(_SAID)))

    return play


def _document(change: Callable[[Dialect, dict], object]) -> Play:
    """A JSON answer, changed; the plain stream where that is asked for."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        if request.streams:
            return chunked(*dialect.events(_SAID))
        body = json.loads(dialect.whole(_SAID))
        change(dialect, body)
        return whole(json.dumps(body).encode())

    return play


def _encoded(name: str, encode: Callable[[bytes], bytes]) -> Fault:
    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        packed = encode(_bytes(dialect, request))
        fields = (("content-encoding", name),)
        return chunked(*_pieces(packed, 50), content_type=_kind(request), headers=fields)

    return _odd(f"{name}-encoded", play)


def _flushed_gzip(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Compressed as it comes, as web servers do it to streams."""
    packer = zlib.compressobj(wbits=31)
    pieces = []
    for piece in _pieces(_bytes(dialect, request), 100):
        pieces += [packer.compress(piece), packer.flush(zlib.Z_SYNC_FLUSH)]
    pieces.append(packer.flush())
    fields = (("content-encoding", "gzip"),)
    return chunked(*pieces, content_type=_kind(request), headers=fields)


def _labelled(content_type: str | None) -> Play:
    """The right body under a wrong name, or none."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        fields = (("content-type", content_type),) if content_type else ()
        return (Head(200, fields), _bytes(dialect, request))

    return play


def _said(answer: Answer) -> Play:
    return lambda d, request, seen: chunked(_bytes(d, request, answer), content_type=_kind(request))


def _with_length(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    return whole(_bytes(dialect, request), content_type=_kind(request))


def _until_close(version: str) -> Play:
    return lambda d, request, seen: until_close(
        _bytes(d, request), content_type=_kind(request), version=version
    )


def _dripping(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    pieces = tuple(_pieces(_bytes(dialect, request), 40))
    return chunked(Drip(pieces, 0.01), content_type=_kind(request))


def _byte_by_byte(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    pieces = tuple(_pieces(_bytes(dialect, request), 1))
    return chunked(Drip(pieces[:300], 0), b"".join(pieces[300:]), content_type=_kind(request))


def _large_event(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """The whole text in one event."""
    if not request.streams:
        return whole(dialect.whole(_LARGE))
    return chunked(
        *dialect.opening(_LARGE),
        *dialect.begin_text(),
        dialect.text(_LARGE.text),
        *dialect.closing(_LARGE),
    )


def _two_data_lines(raw: bytes) -> bytes:
    """JSON broken over lines at its first space, which SSE joins by a newline."""
    lines = []
    for line in raw.split(b"\n"):
        if line.startswith(b"data: {"):
            line = line.replace(b", ", b",\ndata: ", 1)
        lines.append(line)
    return b"\n".join(lines)


def _noise(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    """Comments, empty events and pings between all events, and before the first."""
    noise = [b": keep-alive\n\n", b"\n", b": OPENROUTER PROCESSING\n\n", b"data:\n\n"]
    return [piece for event in events for piece in (*noise, event)]


def _empty_choices(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    """Chunks without choices that say nothing (Azure's prompt filter results, say)."""
    if dialect is not CHAT:
        return events
    nothing = data(
        {
            "id": "",
            "object": "",
            "created": 0,
            "model": "",
            "choices": [],
            "prompt_filter_results": [],
        }
    )
    return [nothing, events[0], nothing, *events[1:]]


def _unknown_events(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    if dialect is CHAT:
        unknown = data({"object": "chat.completion.thing", "thing": 1})
    else:
        unknown = event(UNKNOWN_EVENT, {"type": UNKNOWN_EVENT, "index": 0})
    return [events[0], unknown, *events[1:]]


def _lines_of_garbage(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    return [*events[:-3], b"data: {not json}\n\n", *events[-3:]]


def _without_terminal(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    return events[:-1]


def _without_stop(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    """The terminal event without the stop reason before it."""
    marks = (b'"finish_reason": "stop"', b"message_delta")
    return [event for event in events if not any(mark in event for mark in marks)]


def _until_said(then: Step) -> Play:
    """All but the terminal event of a stream, or of the framing of a JSON body."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        if request.streams:
            return chunked(*dialect.events(_SAID)[:-1], then)
        return chunked(dialect.whole(_SAID), then, content_type=JSON)

    return play


def _members_of_gzip(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Each piece compressed by itself (RFC 1952, section 2.2), and padding."""
    pieces = [gzip.compress(piece) for piece in _pieces(_bytes(dialect, request), 60)]
    fields = (("content-encoding", "gzip"),)
    return chunked(*pieces, b"\0\0", content_type=_kind(request), headers=fields)


def _promising_more(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """A length that the body, which is complete, falls short of."""
    body = _bytes(dialect, request)
    fields = (("content-type", _kind(request)), ("content-length", str(len(body) + 20)))
    return (Head(200, fields), body, CUT)


def _half_way(step: Step) -> Play:
    """A step in the middle of a good answer."""

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        body = _bytes(dialect, request)
        half = len(body) // 2
        return chunked(body[:half], step, body[half:], content_type=_kind(request))

    return play


def _second_time(step: Step) -> Play:
    """A request that was left undone and comes again, as it may, is answered."""
    left: set[str] = set()

    def play(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
        if request.model not in left:
            left.add(request.model)
            return (step,)
        return chunked(_bytes(dialect, request), content_type=_kind(request))

    return play


def _bad_headers(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    """Headers that clients would refuse the answer for."""
    fields = (
        ("x bad", "a name with a space"),
        ("x-nul", "a\0b"),
        ("x-escape", "\x1b[2J"),
        ("x-huge", "y" * 500_000),
    )
    return chunked(_bytes(dialect, request), content_type=_kind(request), headers=fields)


def _after_terminal(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    return [*events, dialect.text(BAD), dialect.error_event("server_error", BAD), b"data: x\n\n"]


def _without_event_lines(raw: bytes) -> bytes:
    return b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b"event: "))


def _without_usage(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    if dialect is CHAT:
        return [event for event in events if b'"usage"' not in event]
    return [_replaced(event, "usage") for event in events]


def _replaced(event: bytes, member: str) -> bytes:
    """An Anthropic event without a member, wherever it is."""
    head, _, payload = event.partition(b"data: ")
    body = json.loads(payload)
    body.pop(member, None)
    body.get("message", {}).pop(member, None)
    return head + data(body)


def _without_ids(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    if dialect is CHAT:
        return [event.replace(b'"id": "chatcmpl-up1", ', b"") for event in events]
    return [event.replace(b'"id": "msg_up1", ', b"") for event in events]


def _without_role(dialect: Dialect, events: list[bytes]) -> list[bytes]:
    return events[1:] if dialect is CHAT else events


def _drop(*members: str) -> Play:
    def change(dialect: Dialect, body: dict) -> None:
        for member in members:
            body.pop(member, None)

    return _document(change)


def _null_error(dialect: Dialect, body: dict) -> None:
    body.update(error=None, unheard_of={"of": ["this"]})


def _json_for_sse(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    return whole(dialect.whole(_SAID))


def _sse_for_json(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    return chunked(*dialect.events(_SAID))


def _mislabelled_json(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    return whole(dialect.whole(_SAID), content_type=SSE)


def _mislabelled_sse(dialect: Dialect, request: Recorded, seen: Signal) -> Behaviour:
    return chunked(*dialect.events(_SAID), content_type=JSON)


def _odd(
    name: str,
    play: Play,
    *,
    text: str = _SAID.text,
    only: Literal["stream", "json"] | None = None,
    site: Site = "plain",
    usage: bool = True,
    timeouts: Mapping[str, str] | None = None,
) -> Fault:
    return Fault(
        name=name,
        sort="odd",
        play=play,
        text=text,
        only=only,
        site=site,
        usage=usage,
        timeouts=timeouts,
    )


def _bad_utf8(raw: bytes) -> bytes:
    return raw.replace(b"well", b"\xc3\xff", 1)


FAULTS = [
    _odd("quite-normal", _framed()),
    _odd("over-tls", _framed(), site="tls-http1"),
    _odd("over-http2", _framed(), site="tls-http2"),
    # Framing
    _encoded("gzip", gzip.compress),
    _encoded("deflate", zlib.compress),
    _encoded("br", brotli.compress),
    _encoded("zstd", zstandard.ZstdCompressor().compress),
    _odd("gzip-flushed", _flushed_gzip),
    _odd("gzip-in-members", _members_of_gzip),
    _odd("gzip-over-http2", _flushed_gzip, site="tls-http2"),
    _odd("with-length", _with_length),
    _odd("until-close", _until_close("HTTP/1.1")),
    _odd("http-1.0", _until_close("HTTP/1.0")),
    _odd("interim-heads", _framed(Head(100), Head(103, (("link", "</x>; rel=preload"),)))),
    _odd("blank-lines-before-the-head", _framed(Raw(b"\r\n\r\n"))),
    _odd("trailers", _framed(after=(Trailers((("x-checksum", "1"), ("server-timing", "a"))),))),
    _odd("trailers-over-http2", _framed(after=(Trailers((("x-sum", "1"),)),)), site="tls-http2"),
    _odd("slow-drip", _dripping),
    _odd("byte-by-byte", _byte_by_byte),
    _odd("stays-open", _framed(after=(STAY,)), only="stream"),
    _odd("stays-open-over-http2", _framed(after=(STAY,)), only="stream", site="tls-http2"),
    _odd("large-event", _large_event, text=_LARGE.text),
    _odd("h2-goes-away-mid-answer", _half_way(GoAway(0, True, stays=True)), site="tls-http2"),
    _odd("h2-goes-away-undone", _second_time(GoAway()), site="tls-http2"),
    _odd("h2-refuses-a-stream", _second_time(ResetStream(7)), site="tls-http2"),
    _odd("bad-headers", _bad_headers),
    # No end, but all was said
    _odd("cut-when-all-was-said", _until_said(CUT)),
    _odd("reset-when-all-was-said", _until_said(RESET)),
    _odd("cut-when-all-was-said-over-http2", _until_said(CUT), site="tls-http2"),
    _odd(
        "stalls-when-all-was-said",
        _until_said(HANG),
        timeouts={"between-chunks": "3s", "first-output": "4s", "first-byte": "15s"},
    ),
    _odd("length-promises-more", _promising_more),
    # What it says it is, and is not
    _odd("json-for-sse", _json_for_sse, only="stream"),
    _odd("sse-for-json", _sse_for_json, only="json"),
    _odd("json-named-sse", _mislabelled_json),
    _odd("sse-named-json", _mislabelled_sse),
    _odd("named-plain-text", _labelled("text/plain; charset=utf-8")),
    _odd("named-html", _labelled("text/html")),
    _odd("named-nothing", _labelled(None)),
    # Lines
    _odd("crlf", _changed(lambda raw: raw.replace(b"\n", b"\r\n"))),
    _odd("cr-only", _changed(lambda raw: raw.replace(b"\n", b"\r"))),
    _odd("byte-order-mark", _changed(lambda raw: b"\xef\xbb\xbf" + raw)),
    _odd("no-space-after-data", _changed(lambda raw: raw.replace(b"data: ", b"data:"))),
    _odd("data-over-two-lines", _changed(_two_data_lines)),
    _odd("white-space-around", _changed(lambda raw: b"\n\n" + raw + b"\n\n")),
    _odd("blank-lines-first", _changed(lambda raw: b"\n" * 2000 + raw)),
    _odd("unicode", _said(_UNICODE), text=_UNICODE.text),
    _odd("invalid-utf8-in-text", _changed(_bad_utf8), text=f"All is \ufffd\ufffd, says {GOOD}."),
    # Events
    _odd("noise-between-events", _events(_noise)),
    _odd("chunks-without-choices", _events(_empty_choices), only="stream"),
    _odd("unknown-events", _events(_unknown_events), only="stream"),
    _odd("event-that-is-no-json", _events(_lines_of_garbage), only="stream"),
    _odd("no-event-lines", _changed(_without_event_lines), only="stream"),
    _odd("no-terminal-event", _events(_without_terminal), only="stream"),
    _odd("no-stop-reason", _events(_without_stop), only="stream", usage=False),
    _odd("terminal-event-twice", _events(lambda d, events: [*events, events[-1]]), only="stream"),
    _odd("more-after-the-end", _events(_after_terminal), only="stream"),
    _odd("no-usage-in-stream", _events(_without_usage), only="stream", usage=False),
    _odd("no-ids-in-stream", _events(_without_ids), only="stream"),
    _odd("no-role", _events(_without_role), only="stream"),
    # Members
    _odd("no-usage", _drop("usage"), only="json", usage=False),
    _odd("null-error-and-unknown-members", _document(_null_error), only="json"),
]
