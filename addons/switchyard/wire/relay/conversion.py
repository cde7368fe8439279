"""Says how one upstream response is converted for the client."""

from collections.abc import Callable
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.values.records import record
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.relay.bounds import Bounds
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.notes import Notes
from switchyard.wire.relay.outcome import Outcome
from switchyard.wire.relay.refused import explained_reply
from switchyard.wire.relay.sinks import Folding
from switchyard.wire.relay.sinks import Mending
from switchyard.wire.relay.sinks import Sink
from switchyard.wire.relay.sinks import Writing
from switchyard.wire.relay.stage import Stage


@record(kw_only=True)
class Conversion:
    """The two formats of a response, and the steps between them."""

    upstream: Format
    client: Format
    streams: bool
    """Whether the client wants a stream."""
    asked: Asked
    continuation: Continuation | None
    """Set where another attempt can continue a stream that breaks after output."""
    continues: Sink | None
    """The sink of the attempt before, whose open stream this response continues."""
    bounds: Bounds
    stages: Sequence[Stage]
    redact: Callable[[ApiError], ApiError]
    """Takes secrets out of an error before the client sees it."""
    notes: Notes
    """What has to be given back to the provider."""
    rejects_refusals: bool = False
    """Whether an answer that refuses is a failure, as long as the client saw nothing of it."""

    @property
    def keeps_bytes(self) -> bool:
        """Whether the client receives the upstream's own bytes."""
        return self.upstream.name == self.client.name and not self.stages

    @property
    def explains(self) -> bool:
        """Whether a refusal's explanation needs another place in the client's format."""
        return self.upstream.name != self.client.name

    @property
    def changed(self) -> bool:
        """Whether a stage changed the response."""
        return any(stage.changed for stage in self.stages)

    def staged(self, events: list[Event], outcome: Outcome) -> list[Event]:
        """Passes events through all stages; a stage may end the response."""
        for stage in self.stages:
            events = stage.feed(events)
            outcome.enough = outcome.enough or stage.over
        return events

    def sink_of_stream(self) -> Sink:
        """Returns the sink of a streamed response."""
        if not self.streams:
            return Folding(self.upstream.name)
        mends = self.keeps_bytes and self.continuation is None and not self.asked.array
        return Mending(self.client, self.asked) if mends else self.sink_of_events()

    def sink_of_events(self) -> Sink:
        """Returns the sink that writes the client's stream from events."""
        return self.continues or Writing(self.client, self.asked)

    def begin(self) -> None:
        """Commits the response; a continuation goes on with its events."""
        if self.continues is not None and self.continuation is not None:
            self.continuation.begin_next()

    def fitted(self, events: list[Event]) -> list[Event]:
        """Returns the events adapted to a stream that they continue."""
        return self.continuation.fit(events) if self.continuation is not None else events

    def written(self, reply: Reply, stop: Stop | None) -> bytes:
        """Returns the JSON body for the client; `stop` stands in for missing choices."""
        if not reply.choices:
            reply = altered(reply, choices=(Choice(stop=stop or Stop(reason="end")),))
        if self.explains:
            reply = explained_reply(reply)
        # The writer keeps what it read of its own format, which clients may not be able to read.
        return dumps(self.client.mend_reply(self.client.write_reply(reply, self.asked)))

    def resumable(self, outcome: Outcome) -> bool:
        """Whether another attempt may continue a response that failed after its commit."""
        return (
            outcome.failed
            and outcome.committed
            and self.continuation is not None
            and self.continuation.can_go_on
        )

    def closing(self, outcome: Outcome) -> bytes:
        """Returns the bytes that report the failure and end the client's stream."""
        assert outcome.problem and outcome.sink
        return outcome.sink.fail(self.redact(outcome.problem.error))
