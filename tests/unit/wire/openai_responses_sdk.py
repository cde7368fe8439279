"""What OpenAI's own SDK makes of what is written: its types, and what it adds streams up to."""

import json
from typing import Any
from typing import get_args

import httpx2
import openai
from openai.types.responses import Response
from openai.types.responses import ResponseStreamEvent

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses import OpenAIResponses
from tests.unit.wire.laws import frames

_EVENTS = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
}
"""The type of each event by its name."""

_answers: list[bytes] = []
"""What the client's next request is answered with."""


def _answer(request: httpx2.Request) -> httpx2.Response:
    headers = {"content-type": "text/event-stream"}
    return httpx2.Response(200, content=_answers.pop(), headers=headers)


_client = openai.OpenAI(
    api_key="test",
    base_url="http://router.test/v1",
    max_retries=0,
    http_client=httpx2.Client(transport=httpx2.MockTransport(_answer)),
)


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
    events = told(data)
    if strict:
        for event in events:
            _EVENTS[event["type"]].model_validate(event)
    _answers.append(data)
    with _client.responses.stream(model="m", input="hi") as stream:
        stream.until_done()
        completed = events[-1]["type"] == "response.completed"
        return stream.get_final_response() if completed else None
