"""Converts a response that came as one document."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import as_utf8
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.events import Event
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import says_something
from switchyard.wire.model.fold import unfold
from switchyard.wire.outcome import is_empty
from switchyard.wire.relay.conversion import Conversion
from switchyard.wire.relay.outcome import Outcome


def convert_reply(conversion: Conversion, outcome: Outcome, raw: bytes, body: JsonObject) -> bytes:
    """Converts `body`, which came as the bytes `raw`, for the client.

    Returns the bytes of a stream if the client wants one. Raises BadReply.
    """
    if conversion.keeps_bytes and not conversion.streams:
        if (seen := conversion.upstream.glance(body)) is not None:
            (outcome.usage,) = seen
            outcome.done = outcome.committed = True
            outcome.body = as_utf8(raw)
            return b""
    reply = conversion.upstream.read_reply(body)
    events: list[Event] = []
    if conversion.stages or conversion.streams:
        events = conversion.staged(unfold(reply), outcome)
        if conversion.changed:
            reply = fold(reply.format, events)
        outcome.watch(events)
    else:
        _note(reply, outcome)
    if is_empty(outcome.spoke, outcome.stop, outcome.usage):
        outcome.fail("empty", "the response is empty")
        return b""
    outcome.done = outcome.committed = True
    if conversion.streams:
        outcome.sink = conversion.sink_of_events()
        conversion.begin()
        return outcome.sink.close(conversion.fitted(events))
    keeps = conversion.upstream.name == conversion.client.name and not conversion.changed
    if keeps:
        completed = conversion.client.completed(body, conversion.asked)
        outcome.body = as_utf8(raw) if completed is body else dumps(completed)
    else:
        outcome.body = conversion.written(reply, outcome.stop)
    return b""


def _note(reply: Reply, outcome: Outcome) -> None:
    outcome.spoke = says_something(reply)
    outcome.usage = reply.usage
    outcome.stop = next((c.stop for c in reversed(reply.choices) if c.index == 0), None)
