"""What OpenAI's own SDK makes of what is written: its types, and what it adds streams up to."""

import json
from typing import Any
from typing import get_args

from openai import omit
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response
from openai.types.responses import ResponseStreamEvent

from addons.wire.jsonio import JsonObject
from addons.wire.openai_responses import OpenAIResponses
from tests.wire.laws import frames

_ANY_EVENT: Any = ResponseStreamEvent

_EVENTS = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
}
"""The type of each event by its name."""


def assert_response(body: JsonObject) -> None:
    """`body` is a response with all that the SDK's types require."""
    Response.model_validate(json.loads(json.dumps(body)))


def told(data: bytes) -> list[JsonObject]:
    """The events of a written stream. Each is named, and numbered in order."""
    events = []
    for number, frame in enumerate(frames(OpenAIResponses(), data)):
        event = json.loads(frame.data)
        assert frame.raw and frame.event
        assert frame.event.decode() == event["type"]
        assert event["sequence_number"] == number
        events.append(event)
    return events


def accumulated(data: bytes, strict: bool = True) -> Any:
    """The response the SDK adds a stream up to; None if it did not complete. `strict` checks each
    event against its type first (providers' own items need not pass)."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in told(data):
        if strict:
            _EVENTS[event["type"]].model_validate(event)
        state.handle_event(construct_type_unchecked(type_=_ANY_EVENT, value=event))
    return state._completed_response
