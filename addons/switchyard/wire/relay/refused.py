"""Tells a refusal's explanation in formats that have other places for it, and finds refusals.

Anthropic explains one in `stop_details`, Google in `finishMessage` and `promptFeedback`; both are
details of the stop here. A client of another format reads it as the model's refusal.
"""

from collections.abc import Iterable

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.explanation import REFUSED
from switchyard.wire.shared.explanation import explanation

REFUSED_ANSWER = "refused_answer"
"""The type of the error that a refusal becomes where the next member is to answer."""

_LAST = 1 << 20
"""The index of an explanation among the parts: behind all of a reader's own."""


def explained_events(events: list[Event]) -> list[Event]:
    """Return the events with a refusal before each end that explains itself as one."""
    told: list[Event] = []
    for event in events:
        if isinstance(event, Finish) and (words := explanation(event.stop)):
            told.append(PartStart(_LAST, Refusal(text=""), event.choice))
            told.append(TextDelta(_LAST, words, event.choice))
            told.append(PartEnd(_LAST, choice=event.choice))
        told.append(event)
    return told


def explained_reply(reply: Reply) -> Reply:
    """Return the reply with the explanation of each refusal as a part; itself without any."""
    if not any(explanation(choice.stop) for choice in reply.choices):
        return reply
    return altered(reply, choices=tuple(map(_explained, reply.choices)))


def refuses(reply: Reply) -> bool:
    """Whether a reply is nothing but a refusal, or was ended as one."""
    choice = reply.choice
    if choice.stop is not None and choice.stop.reason in REFUSED:
        return True
    said = [part for part in choice.parts if not isinstance(part, Thinking)]
    words = any(isinstance(p, ToolCall) or (isinstance(p, Text) and p.text) for p in said)
    return not words and any(isinstance(part, Refusal) for part in said)


def begins_as_refusal(events: Iterable[Event]) -> bool:
    """Whether the first output among these events is a refusal."""
    starts = (event.part for event in events if isinstance(event, PartStart))
    first = next((p for p in starts if not isinstance(p, Thinking)), None)
    return isinstance(first, Refusal)


def refused(stop: Stop | None) -> ApiError:
    """Return the error that stands for a refusal."""
    words = explanation(stop) or "the model refused to answer"
    return ApiError(message=words, kind="invalid_request", type=REFUSED_ANSWER)


def _explained(choice: Choice) -> Choice:
    words = explanation(choice.stop)
    return altered(choice, parts=(*choice.parts, Refusal(text=words))) if words else choice
