"""One upstream answer made into the client's answer, by what it is and not by what it claims.

    bytes -> decompress -> JSON or stream? -> events -> client's stream | client's JSON

A stream in the client's own format keeps its bytes and is only mended; any other is read into
events and written anew. What was not asked for is turned into what was: an upstream that streams
to a client who wants JSON is folded, one that sends JSON to a client who wants a stream is
unfolded.

Nothing is given out before the answer is *committed*, which it is by its first real output (see
`events.is_output`); until then any fault makes it `failed`, and another upstream may be asked.
"""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

from switchyard.wire.encoding.bodies import MAX_ERROR_BODY
from switchyard.wire.encoding.bodies import is_whole
from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.content_coding import CorruptEncoding
from switchyard.wire.encoding.content_coding import Decode
from switchyard.wire.encoding.content_coding import UnknownEncoding
from switchyard.wire.encoding.content_coding import decoder
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.encoding.sse import StreamTooLarge
from switchyard.wire.encoding.sse import as_utf8
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.model.fold import says_something
from switchyard.wire.model.fold import unfold
from switchyard.wire.outcome import Problem
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.outcome import is_empty
from switchyard.wire.outcome import refusal_of
from switchyard.wire.relay.bounds import USUAL
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.bounds import Exceeded
from switchyard.wire.relay.bounds import Gauge
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.framing import FrameDecoder
from switchyard.wire.relay.framing import frame_decoder
from switchyard.wire.relay.framing import is_document
from switchyard.wire.relay.sinks import Folding
from switchyard.wire.relay.sinks import Mending
from switchyard.wire.relay.sinks import Sink
from switchyard.wire.relay.sinks import Writing
from switchyard.wire.relay.skim import Skimmer
from switchyard.wire.relay.stage import Stage
from switchyard.wire.relay.usage_peek import glance


class Relay:
    """Reads one answer: `start`, then `feed` for each piece, then `end` or `cut`.

    After `end` either `committed` or `failed` is set. `body` is the complete answer for a client
    that wants JSON; one that wants a stream gets the bytes that the methods return.
    """

    def __init__(
        self,
        upstream: Format,
        client: Format,
        streams: bool,
        asked: Asked,
        continuation: Continuation | None = None,
        before: "Relay | None" = None,
        bounds: Bounds = USUAL,
    ) -> None:
        """`streams` says whether the client wants a stream.

        With a `continuation` a stream that breaks after output can be continued by another relay,
        which is given the same seam and this one as `before`. What goes beyond `bounds` is a
        failure.
        """
        self.upstream = upstream
        self.client = client
        self.streams = streams
        self.committed = False
        self.failed = False
        self.done = False
        """Whether the answer is complete, although its end may not have come."""
        self.problem: Problem | None = None
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self.body = b""
        self.redact: Callable[[ApiError], ApiError] = lambda error: error
        """Takes what must not be told out of an error before a client is told of it."""
        self.stages: Sequence[Stage] = ()
        """What the events go through. Given before `start`, and only where something is to be done:
        a stream that nothing has to be done to keeps its bytes."""
        self._asked = asked
        self._bounds = bounds
        self._gauge = Gauge(bounds)
        self._status = 0
        self._content_type = ""
        self._decode: Decode | None = None
        self._collected = bytearray()
        self._held: list[tuple[Frame, list[Event]]] = []
        self._continuation = continuation
        self._before = before
        self._frames: FrameDecoder | None = None
        self._reader = upstream.stream_reader()
        self._sink: Sink
        self._skimmer: Skimmer | None = None
        self._spoke = False
        self._ended = False
        self.progress = 0
        """Grows with every piece of the stream that means something: pings do not."""

    def start(self, status: int, content_type: str = "", content_encoding: str = "") -> None:
        """The upstream's head."""
        self._status = status
        self._content_type = content_type.lower()
        if content_encoding:
            try:
                self._decode = decoder(content_encoding)
            except UnknownEncoding as e:
                self._fail("malformed", str(e))

    def feed(self, data: bytes) -> bytes:
        """One piece of the body."""
        if self.failed or self.done:
            return b""
        try:
            if self._decode:
                data = self._decode(data)
        except CorruptEncoding as e:
            return self._fail("malformed", str(e))
        if self._status >= 300:
            self._collected += data[: MAX_ERROR_BODY - len(self._collected)]
            return b""
        if self._frames is None:
            self._collected += data
            data = self._sniff()
        return self._feed_frames(data) if data else b""

    def skim(self, data: bytes) -> bytes | None:
        """The client's bytes for a piece that holds nothing but more of the same words; None where
        it has to be read (`feed`). Nothing is remembered of such a piece but that it came."""
        skimmer, frames = self._skimmer, self._frames
        if skimmer is None or not skimmer.sure or self.done or self._decode is not None:
            return None
        if type(frames) is not SseDecoder or not frames.at_rest:
            return None
        out, length = skimmer.skim(data)
        if length != len(data):
            return None
        self.progress += 1
        return out

    @property
    def long_words(self) -> Sequence[bytes]:
        """Of the last piece that was skimmed, all words but the short ones."""
        return self._skimmer.long if self._skimmer is not None else ()

    def _feed_frames(self, data: bytes) -> bytes:
        if self._frames is None:
            return b""
        try:
            return b"".join(map(self._take, self._frames.feed(data)))
        except StreamTooLarge as e:
            return self._fail("malformed", str(e))

    def end(self) -> bytes:
        """The body is complete."""
        if self.failed or self._ended:
            return b""
        self._ended = True
        if self._status >= 300:
            return self._fail_by_status()
        if self._frames is None:
            return self._end_json()
        return self._end_stream(self._frames)

    def cut(self, message: str) -> bytes:
        """The body broke off. An answer that is complete all the same is none the worse for it: a
        stream whose stop reason came, a JSON document that is whole."""
        if self.failed or self._ended:
            return b""
        self._ended = True
        if self._status >= 300:
            return self._fail_by_status()
        if self._frames is not None:
            return self._end_stream(self._frames, message)
        if parse_body(bytes(self._collected)) is not None:
            return self._end_json()
        return self._fail("cut", message)

    def _sniff(self) -> bytes:
        """Decide by its first bytes whether this is a stream, and return what it begins with."""
        head = bytes(self._collected[:512]).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not head:
            # Blank lines that keep a connection alive, for minutes (DeepSeek's reference, "Rate
            # Limit").
            self._collected[:] = self._collected.removeprefix(b"\xef\xbb\xbf").lstrip()
            return self._sniff() if self._collected else b""
        if is_document(self.upstream, head, self._content_type):
            if len(self._collected) > self._bounds.body:
                self._fail("malformed", f"the response is larger than {self._bounds.body} bytes")
            return b""
        return self._open_stream()

    def _open_stream(self) -> bytes:
        """Take the answer for a stream; returns what came of it so far."""
        head = bytes(self._collected[:512]).removeprefix(b"\xef\xbb\xbf").lstrip()
        self._frames = frame_decoder(self.upstream, head)
        keeps = self._keeps_bytes and self._continuation is None and not self._asked.array
        if not self.streams:
            self._sink = Folding(self.upstream.name)
        elif keeps and self._before is None:
            self._sink = Mending(self.client, self._asked)
        else:
            self._sink = self._written()
        if self.streams and self._continuation is None and not self.stages:
            self._skimmer = self._new_skimmer()
        data = bytes(self._collected)
        self._collected.clear()
        return data

    def _written(self) -> Sink:
        """What writes the client's stream, which this relay may go on with for the one before."""
        return self._before._sink if self._before is not None else Writing(self.client, self._asked)

    def _new_skimmer(self) -> Skimmer | None:
        reader, sink = getattr(self._reader, "forgets", None), self._sink.forgets
        return Skimmer(reader, sink) if reader is not None and sink is not None else None

    def _take(self, frame: Frame) -> bytes:
        if self.failed or self.done:
            return b""
        if self._skimmer is not None and self._skimmer.sure and frame.raw:
            out, length = self._skimmer.skim(frame.raw)
            if length == len(frame.raw):
                self.progress += 1
                return out
        events = self._reader.feed(frame)
        if events:
            self.progress += 1
        try:
            self._gauge.frame(len(frame.data), events, kept=self._skimmer is None)
        except Exceeded as e:
            return self._fail("malformed", str(e))
        if self.stages:
            events = self._staged(events)
        spoke = self._watch(events)
        if self.problem is not None:
            return self._fail(self.problem.kind, "", self.problem.error)
        if self.committed or not self.streams:
            out = self._pass_on(frame, events)
            if self._skimmer is not None:
                self._skimmer.learn(frame, events, out)
            return out
        # Held back unwritten: where this attempt fails, another one may have to use the same sink.
        self._held.append((frame, events))
        if spoke:
            return self._commit()
        try:
            self._gauge.hold(len(frame.data))
        except Exceeded as e:
            return self._fail("malformed", str(e))
        return b""

    def _pass_on(self, frame: Frame, events: list[Event]) -> bytes:
        if self._continuation is not None:
            events = self._continuation.fit(events)
        return self._sink.take(frame, events)

    def _commit(self) -> bytes:
        self.committed = True
        if self._before is not None and self._continuation is not None:
            self._continuation.begin_next()
        held, self._held = self._held, []
        return b"".join(self._pass_on(frame, events) for frame, events in held)

    def _end_stream(self, frames: FrameDecoder, broke: str = "") -> bytes:
        """`broke`: how the body broke off, if it did."""
        # What no empty line ended counts if it came whole; but an attempt that breaks off does not
        # begin to speak by it.
        left = () if broke and self.streams and not self.committed else frames.close()
        out = b"".join(self._take(frame) for frame in left if is_whole(frame))
        if self.failed:
            return out
        events = self._reader.close()
        if broke and any(isinstance(event, Finish) and not event.stop.raw for event in events):
            return out + self._fail("cut", broke)  # not all of it was said to be complete
        events = self._staged(events)
        self._watch(events)
        if self.problem is not None:
            return out + self._fail(self.problem.kind, "", self.problem.error)
        if not self.done:
            if not broke and not self._spoke and self.stop is None:
                return out + self._fail("empty", "the stream ended without any output")
            why = broke or "the stream ended before the response was complete"
            return out + self._fail("cut", why)
        if is_empty(self._spoke, self.stop, self.usage):
            return out + self._fail("empty", "the response is empty")
        if not self.committed:
            out += self._commit()
        if self._continuation is not None:
            events = self._continuation.fit(events)
        out += self._sink.close(events)
        if isinstance(self._sink, Folding):
            self._write_body(self._sink.reply())
        return out

    @property
    def enough(self) -> bool:
        """Whether the answer was ended here, while the upstream may go on."""
        return any(stage.over for stage in self.stages)

    @property
    def _changed(self) -> bool:
        return any(stage.changed for stage in self.stages)

    @property
    def _keeps_bytes(self) -> bool:
        """Whether a stream can stay as the upstream wrote it."""
        return self.upstream.name == self.client.name and not self.stages

    def _staged(self, events: list[Event]) -> list[Event]:
        for stage in self.stages:
            events = stage.feed(events)
        return events

    @property
    def resumable(self) -> bool:
        """Whether the answer failed after the commit, and another relay may go on with it."""
        return (
            self.failed
            and self.committed
            and self._continuation is not None
            and self._continuation.can_go_on
        )

    @property
    def response(self) -> JsonObject | None:
        """The streamed answer as one body, where its writer composes that; complete if `done`."""
        sink = getattr(self, "_sink", None)
        return sink.response if isinstance(sink, Writing) else None

    def closing(self) -> bytes:
        """The bytes that tell the client of the failure, where nobody went on."""
        assert self.problem
        return self._sink.fail(self.redact(self.problem.error))

    def _end_json(self) -> bytes:
        raw = bytes(self._collected)
        body = parse_body(raw)
        if body is None and self.upstream.framing == "ndjson" and raw.strip():
            # Lines of JSON that were declared as one document.
            self._ended = False
            return self._feed_frames(self._open_stream()) + self.end()
        self._collected.clear()
        if body is None:
            what = "an empty body" if not raw.strip() else "a body that is not a JSON object"
            kind = "malformed" if raw.strip() else "empty"
            return self._fail(kind, f"the upstream answered with {what}")
        if (error := self.upstream.find_error(body)) is not None:
            return self._fail("body", error.message, error)
        if self._keeps_bytes and not self.streams:
            if (seen := glance(self.upstream.name, body)) is not None:
                (self.usage,) = seen
                self.done = self.committed = True
                self.body = as_utf8(raw)
                return b""
        try:
            reply = self.upstream.read_reply(body)
        except BadReply as e:
            return self._fail("malformed", str(e))
        events: list[Event] = []
        if self.stages or self.streams:
            events = self._staged(unfold(reply))
            if self._changed:
                reply = fold(reply.format, events)
            self._watch(events)
        else:
            self._spoke = says_something(reply)
            self.usage = reply.usage
            self.stop = next((c.stop for c in reversed(reply.choices) if c.index == 0), None)
        if is_empty(self._spoke, self.stop, self.usage):
            return self._fail("empty", "the response is empty")
        self.done = True
        self.committed = True
        if self.streams:
            self._sink = self._written()
            if self._continuation is not None:
                if self._before is not None:
                    self._continuation.begin_next()
                events = self._continuation.fit(events)
            return self._sink.close(events)
        if self.upstream.name == self.client.name and not self._changed:
            self.body = as_utf8(raw)
        else:
            self._write_body(reply)
        return b""

    def _write_body(self, reply: Reply) -> None:
        self.committed = True
        if not reply.choices:
            reply = replace(reply, choices=(Choice(stop=self.stop or Stop(reason="end")),))
        self.body = dumps(self.client.write_reply(reply, self._asked))

    def _watch(self, events: list[Event]) -> bool:
        """Note what matters of the events; whether they hold output."""
        spoke = False
        for event in events:
            match event:
                case UsageUpdate():
                    self.usage = merge_usage(self.usage, event.usage)
                case Finish(choice=0):
                    self.stop = event.stop
                case End():
                    self.done = True
                case Failure(error=error):
                    self.problem = Problem("event", error, self._status)
                case _:
                    spoke = spoke or is_output(event)
        self._spoke = self._spoke or spoke
        return spoke

    def _fail_by_status(self) -> bytes:
        error = refusal_of(self.upstream, self._status, bytes(self._collected))
        return self._fail("status", error.message, error)

    def _fail(self, kind: ProblemKind, message: str, error: ApiError | None = None) -> bytes:
        """The answer is a failure; the bytes that tell a client that already saw output."""
        error = error or ApiError(message=message, kind="unavailable")
        self.problem = Problem(kind, error, self._status)
        self.failed = True
        self.done = True
        self._held.clear()
        if not self.committed or self.resumable:
            return b""
        return self.closing()
