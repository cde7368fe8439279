"""Reads a response that is a stream."""

from switchyard.wire.encoding.bodies import is_whole
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.encoding.sse import StreamTooLarge
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import TextDelta
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.outcome import is_empty
from switchyard.wire.relay.bounds import Exceeded
from switchyard.wire.relay.bounds import Gauge
from switchyard.wire.relay.conversion import Conversion
from switchyard.wire.relay.framing import FrameDecoder
from switchyard.wire.relay.outcome import Outcome
from switchyard.wire.relay.refused import begins_as_refusal
from switchyard.wire.relay.refused import explained_events
from switchyard.wire.relay.refused import refused
from switchyard.wire.relay.refused import refuses
from switchyard.wire.relay.sinks import Folding
from switchyard.wire.relay.sinks import Sink
from switchyard.wire.relay.skim import Skimmer
from switchyard.wire.shared.call_ids import with_own_ids
from switchyard.wire.shared.explanation import REFUSED


class EventStreamReader:
    """Reads a stream frame by frame and gives the events to a sink.

    The response commits with its first output. Until then frames are held back unwritten, since
    another attempt may need the same sink if this one fails. After the commit a failure becomes an
    error in the client's stream, unless another attempt can continue it.
    """

    def __init__(self, outcome: Outcome, conversion: Conversion, frames: FrameDecoder) -> None:
        self._outcome = outcome
        self._conversion = conversion
        self._frames = frames
        self._sse = frames if isinstance(frames, SseDecoder) else None
        self._gauge = Gauge(conversion.bounds)
        self._reader = conversion.upstream.stream_reader()
        self._sink = outcome.sink = conversion.sink_of_stream()
        self._held: list[tuple[Frame, list[Event]]] = []
        self._skimmer = _skimmer(conversion, self._reader, self._sink)
        self._notes = conversion.notes
        self._noting_words = conversion.notes.keeps == "words"

    def feed(self, data: bytes) -> bytes:
        try:
            return b"".join(map(self._take, self._frames.feed(data)))
        except StreamTooLarge as e:
            return self.fail("malformed", str(e))

    def skim(self, data: bytes) -> bytes | None:
        """Returns the client's bytes for a chunk of frames that repeat the last one.

        None if the chunk must be read by `feed`. Nothing of a skimmed chunk is kept.
        """
        skimmer, outcome, decoder = self._skimmer, self._outcome, self._sse
        if skimmer is None or not skimmer.sure or outcome.done:
            return None
        if decoder is None or not decoder.at_rest:
            return None
        out = skimmer.skim(data)
        if out is not None:
            outcome.progress += 1
            outcome.long_words = skimmer.long
        return out

    @property
    def stopped(self) -> bool:
        """Whether the stop reason came, in a format that has no terminal event besides."""
        return getattr(self._reader, "stopped", False)

    @property
    def words(self) -> int:
        """About how many bytes of text and arguments came so far."""
        return self._gauge.words + (self._skimmer.words if self._skimmer is not None else 0)

    @property
    def limits(self) -> JsonObject | None:
        """The event by which the upstream reported windows of its quota; None for none."""
        return getattr(self._reader, "limits", None)

    def end(self) -> bytes:
        return self._end(self._frames.close())

    def cut(self, message: str) -> bytes:
        """Handles a body that broke off; after a stop reason it counts as complete."""
        # What no empty line ended counts if it came whole; but an attempt that breaks off does not
        # begin to speak by it.
        speaks = self._outcome.committed or not self._conversion.streams
        return self._end(self._frames.close() if speaks else [], message)

    def fail(self, kind: ProblemKind, message: str, error: ApiError | None = None) -> bytes:
        """Marks the response as failed; returns the bytes that report it after output."""
        outcome, conversion = self._outcome, self._conversion
        outcome.fail(kind, message, error)
        self._held.clear()
        if not outcome.committed or conversion.resumable(outcome):
            return b""
        return conversion.closing(outcome)

    def _take(self, frame: Frame) -> bytes:
        outcome, conversion, skimmer = self._outcome, self._conversion, self._skimmer
        if outcome.done:
            return b""
        if skimmer is not None and skimmer.sure and frame.raw:
            out = skimmer.skim(frame.raw)
            if out is not None:
                outcome.progress += 1
                return out
        events = self._reader.feed(frame)
        if events:
            outcome.progress += 1
        try:
            self._gauge.frame(len(frame.data), events, kept=skimmer is None)
        except Exceeded as e:
            return self.fail("malformed", str(e))
        if self._noting_words or len(events) != 1 or type(events[0]) is not TextDelta:
            self._notes.take(events)
        if conversion.stages:
            events = conversion.staged(events, outcome)
        spoke = outcome.watch(events)
        if outcome.problem is not None:
            return self.fail(outcome.problem.kind, "", outcome.problem.error)
        if outcome.stop is not None and conversion.explains and conversion.streams:
            events = explained_events(events)
        if outcome.committed or not conversion.streams:
            out = self._pass_on(frame, events)
            if skimmer is not None:
                skimmer.learn(frame, events, out)
            return out
        return self._hold_back(frame, events, spoke)

    def _hold_back(self, frame: Frame, events: list[Event], spoke: bool) -> bytes:
        if not events and self._conversion.stages:
            return b""  # a stage has them
        self._held.append((frame, events))
        if self._conversion.rejects_refusals and self._refuses(spoke):
            return self.fail("event", "", refused(self._outcome.stop))
        if spoke:
            return self._commit()
        try:
            self._gauge.hold(len(frame.data))
        except Exceeded as e:
            return self.fail("malformed", str(e))
        return b""

    def _refuses(self, spoke: bool) -> bool:
        """Whether what was held back so far is a refusal."""
        stop = self._outcome.stop
        if stop is not None and stop.reason in REFUSED:
            return True
        return spoke and begins_as_refusal(e for _, events in self._held for e in events)

    def _pass_on(self, frame: Frame, events: list[Event]) -> bytes:
        continuation = self._conversion.continuation
        if continuation is not None:
            events = continuation.fit(events)
        return self._sink.take(frame, events)

    def _commit(self) -> bytes:
        self._outcome.committed = True
        self._conversion.begin()
        held, self._held = self._held, []
        return b"".join(self._pass_on(frame, events) for frame, events in held)

    def _end(self, left: list[Frame], broke: str = "") -> bytes:
        """Ends the stream; `left` are unterminated frames, `broke` tells how it broke off."""
        outcome, conversion = self._outcome, self._conversion
        out = b"".join(self._take(frame) for frame in left if is_whole(frame))
        if outcome.failed:
            return out
        events = self._reader.close()
        self._notes.take(events)
        if broke and any(isinstance(event, Finish) and not event.stop.raw for event in events):
            return out + self.fail("cut", broke)  # one of the choices has no stop reason
        events = conversion.staged(events, outcome)
        outcome.watch(events)
        if outcome.problem is not None:
            return out + self.fail(outcome.problem.kind, "", outcome.problem.error)
        if not outcome.done:
            if not broke and not outcome.spoke and outcome.stop is None:
                return out + self.fail("empty", "the stream ended without any output")
            why = broke or "the stream ended before the response was complete"
            return out + self.fail("cut", why)
        if is_empty(outcome.spoke, outcome.stop, outcome.usage):
            return out + self.fail("empty", "the response is empty")
        if conversion.rejects_refusals and not outcome.committed and self._ends_as_refusal(events):
            return out + self.fail("event", "", refused(outcome.stop))
        if conversion.explains and conversion.streams:
            events = explained_events(events)
        if not outcome.committed:
            out += self._commit()
        out += self._sink.close(conversion.fitted(events))
        if isinstance(self._sink, Folding):
            reply = with_own_ids(self._sink.reply(), conversion.asked.taken)
            outcome.body = conversion.written(reply, outcome.stop)
        return out

    def _ends_as_refusal(self, events: list[Event]) -> bool:
        """Whether an answer of which the client saw nothing is a refusal as a whole."""
        if not isinstance(self._sink, Folding):
            return self._refuses(self._outcome.spoke)
        stop = self._outcome.stop
        return (stop is not None and stop.reason in REFUSED) or refuses(self._sink.reply())


def _skimmer(conversion: Conversion, reader: object, sink: Sink) -> Skimmer | None:
    """Returns the recogniser of repeated frames; None if every frame must be read."""
    if not conversion.streams or conversion.continuation is not None:
        return None
    who = (reader, *conversion.stages)
    forgets = [found for one in who if (found := getattr(one, "forgets", None)) is not None]
    if len(forgets) < len(who) or sink.forgets is None:
        return None
    noting = (conversion.notes.forgets,) if conversion.notes.keeps == "words" else ()
    return Skimmer(*forgets, sink.forgets, *noting)
