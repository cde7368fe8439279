"""Holds what the router knows of one upstream response."""

from collections.abc import Iterable
from dataclasses import dataclass

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import merge_usage
from switchyard.wire.outcome import Problem
from switchyard.wire.outcome import ProblemKind
from switchyard.wire.relay.sinks import Sink
from switchyard.wire.shared.broken_ends import BROKEN_END
from switchyard.wire.shared.broken_ends import broken_end


@dataclass(slots=True)
class Outcome:
    """The state of one response, written by its reader.

    The attributes are plain, since they are read at every chunk.
    """

    status: int = 0
    """The HTTP status of the response."""
    committed: bool = False
    """Whether the client may see the response: it holds output."""
    failed: bool = False
    """Whether the response is a failure; `problem` says why."""
    done: bool = False
    """Whether the response is complete, although its last byte may not have come."""
    enough: bool = False
    """Whether a stage ended the response here, while the upstream may go on."""
    spoke: bool = False
    """Whether any output came, as in `events.is_output`."""
    problem: Problem | None = None
    usage: Usage | None = None
    stop: Stop | None = None
    judges_ends: bool = True
    """Whether an end that says that the answer is broken makes the response a failure."""
    body: bytes = b""
    """The complete response for a client that wants JSON."""
    progress: int = 0
    """Grows with every piece of the stream that means something: pings do not."""
    long_words: bytes = b""
    """The words of the chunk that was skimmed last; empty if they are short (`Skimmer.long`)."""
    sink: Sink | None = None
    """What writes the client's stream, once that has begun."""

    def watch(self, events: Iterable[Event]) -> bool:
        """Records usage, stop, end and failure; returns whether the events hold output."""
        spoke = False
        for event in events:
            match event:
                case UsageUpdate():
                    self.usage = merge_usage(self.usage, event.usage)
                case Finish():
                    self.finish(event.stop, event.choice)
                case End():
                    self.done = True
                case Failure(error=error) if not self.judges_ends and error.type == BROKEN_END:
                    self.done = True
                case Failure(error=error):
                    self.problem = Problem("event", error, self.status)
                case _:
                    spoke = spoke or is_output(event)
        self.spoke = self.spoke or spoke
        return spoke

    def finish(self, stop: Stop, choice: int, kind: ProblemKind = "event") -> None:
        """Note the end of a choice; one that says that it is broken makes the response so."""
        if choice == 0:
            self.stop = stop
        if stop.reason == "error" and self.problem is None and self.judges_ends:
            self.problem = Problem(kind, broken_end(stop), self.status)

    def fail(self, kind: ProblemKind, message: str, error: ApiError | None = None) -> None:
        """Marks the response as failed, with `error` or else `message`."""
        error = error or ApiError(message=message, kind="unavailable")
        self.problem = Problem(kind, error, self.status)
        self.failed = True
        self.done = True
