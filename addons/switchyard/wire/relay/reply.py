"""Converts a response that came as one document."""

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import exact
from switchyard.wire.encoding.sse import as_utf8
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import Event
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import says_something
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.proofs import may_have_proofs
from switchyard.wire.outcome import is_empty
from switchyard.wire.relay.conversion import Conversion
from switchyard.wire.relay.outcome import Outcome
from switchyard.wire.relay.refused import explained_events
from switchyard.wire.relay.refused import refused
from switchyard.wire.relay.refused import refuses
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.call_ids import with_own_ids


def convert_reply(conversion: Conversion, outcome: Outcome, raw: bytes, body: JsonObject) -> bytes:
    """Converts `body`, which came as the bytes `raw`, for the client.

    Returns the bytes of a stream if the client wants one. Raises BadReply.
    """
    upstream = conversion.upstream
    noted = conversion.notes.keeps != "proofs" or may_have_proofs(raw, upstream.proof_marks)
    if conversion.keeps_bytes and not (conversion.streams or noted or conversion.rejects_refusals):
        if (seen := upstream.glance(body)) is not None:
            (outcome.usage,) = seen
            outcome.done = outcome.committed = True
            outcome.body = as_utf8(raw)
            return b""
    body = exact(body, raw)
    reply = with_own_ids(read := upstream.read_reply(body), conversion.asked.taken)
    conversion.notes.take_reply(read)
    events: list[Event] = []
    if conversion.stages or conversion.streams:
        events = conversion.staged(unfold(_with_arguments(reply)), outcome)
        if conversion.changed:
            reply = fold(reply.format, events)
        outcome.watch(events)
        if (problem := outcome.problem) is not None:
            outcome.fail(problem.kind, "", problem.error)
            return b""
    else:
        _note(reply, outcome)
    if outcome.problem is not None:
        outcome.fail("body", "", outcome.problem.error)
        return b""
    if conversion.rejects_refusals and refuses(reply):
        outcome.fail("body", "", refused(outcome.stop))
        return b""
    if is_empty(outcome.spoke, outcome.stop, outcome.usage):
        outcome.fail("empty", "the response is empty")
        return b""
    outcome.done = outcome.committed = True
    if conversion.streams:
        if conversion.explains:
            events = explained_events(events)
        outcome.sink = conversion.sink_of_events()
        conversion.begin()
        return outcome.sink.close(conversion.fitted(events))
    keeps = upstream.name == conversion.client.name and not conversion.changed and reply is read
    if not keeps:
        outcome.body = conversion.written(reply, outcome.stop)
        return b""
    mended = conversion.client.completed(conversion.upstream.mend_reply(body), conversion.asked)
    outcome.body = as_utf8(raw) if mended is body else dumps(mended)
    return b""


def _with_arguments(reply: Reply) -> Reply:
    """Returns the reply with an object for arguments that say nothing.

    Readers of streams do the same; those of documents keep what they read.
    """
    choices = tuple(
        altered(choice, parts=tuple(map(_with_object, choice.parts))) for choice in reply.choices
    )
    return altered(reply, choices=choices)


def _with_object(part: Part) -> Part:
    if not isinstance(part, ToolCall) or part.kind != "function":
        return part
    arguments = settled(part.arguments)
    return part if arguments == part.arguments else altered(part, arguments=arguments)


def _note(reply: Reply, outcome: Outcome) -> None:
    outcome.spoke = says_something(reply)
    outcome.usage = reply.usage
    for choice in reply.choices:
        if choice.stop is not None:
            outcome.finish(choice.stop, choice.index)
