"""What one upstream response is to become for the client."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

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
from switchyard.wire.relay.sinks import Folding
from switchyard.wire.relay.sinks import Mending
from switchyard.wire.relay.sinks import Sink
from switchyard.wire.relay.sinks import Writing
from switchyard.wire.relay.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The two formats of a response, and what is done to it between them."""

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

    @property
    def keeps_bytes(self) -> bool:
        """Whether the response can stay as the upstream wrote it."""
        return self.upstream.name == self.client.name and not self.stages

    @property
    def changed(self) -> bool:
        """Whether a stage made another response of it."""
        return any(stage.changed for stage in self.stages)

    def staged(self, events: list[Event], outcome: Outcome) -> list[Event]:
        """The events after all stages, one of which may have ended the response."""
        for stage in self.stages:
            events = stage.feed(events)
            outcome.enough = outcome.enough or stage.over
        return events

    def sink_of_stream(self) -> Sink:
        """What a streamed response is given to."""
        if not self.streams:
            return Folding(self.upstream.name)
        mends = self.keeps_bytes and self.continuation is None and not self.asked.array
        return Mending(self.client, self.asked) if mends else self.sink_of_events()

    def sink_of_events(self) -> Sink:
        """What writes the client's stream from events."""
        return self.continues or Writing(self.client, self.asked)

    def begin(self) -> None:
        """The response commits: it continues the one before, if there is one."""
        if self.continues is not None and self.continuation is not None:
            self.continuation.begin_next()

    def fitted(self, events: list[Event]) -> list[Event]:
        """The events as the client's stream continues with them."""
        return self.continuation.fit(events) if self.continuation is not None else events

    def written(self, reply: Reply, stop: Stop | None) -> bytes:
        """The body for a client that wants JSON; of a reply without choices, `stop` is all."""
        if not reply.choices:
            reply = replace(reply, choices=(Choice(stop=stop or Stop(reason="end")),))
        return dumps(self.client.write_reply(reply, self.asked))

    def resumable(self, outcome: Outcome) -> bool:
        """Whether the response failed after its commit, and another attempt may continue it."""
        return (
            outcome.failed
            and outcome.committed
            and self.continuation is not None
            and self.continuation.can_go_on
        )

    def closing(self, outcome: Outcome) -> bytes:
        """The bytes that tell the client of the failure and end its stream."""
        assert outcome.problem and outcome.sink
        return outcome.sink.fail(self.redact(outcome.problem.error))
