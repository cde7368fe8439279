"""Items and parts that events number or announce otherwise than the API does."""

import pytest

from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.fold import fold
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.stream_support import added
from tests.unit.wire.formats.openai_responses.stream_support import arguments
from tests.unit.wire.formats.openai_responses.stream_support import completed
from tests.unit.wire.formats.openai_responses.stream_support import done
from tests.unit.wire.formats.openai_responses.stream_support import event
from tests.unit.wire.formats.openai_responses.stream_support import sse
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream
from tests.unit.wire.openai_responses_sdk import accumulated


def message(*texts):
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": content}


@pytest.mark.parametrize("texts", [["Hello"], ["One", "Two"], ["Same", "Same"], ["A", "AB"]])
@pytest.mark.parametrize("shift", [0, 1, 3])
@pytest.mark.parametrize("done_shift", [0, None])
@pytest.mark.parametrize("end", ["item", "response", "both"])
def test_texts_are_read_once_wherever_deltas_count_them(texts, shift, done_shift, end):
    """vLLM with gpt-oss, and Bedrock, never begin anew to count the parts of an item."""
    events = [added(message())]
    for at, text in enumerate(texts):
        place = {"item_id": "msg_1", "output_index": 0, "content_index": at + shift}
        events += [event("response.output_text.delta", **place, delta=c) for c in text]
        if done_shift is not None and len(texts) == 1:
            place["content_index"] = at + done_shift
        events.append(event("response.output_text.done", **place, text=text))
    if end != "response":
        events.append(done(message(*texts)))
    events.append(completed(message(*texts)))
    reply = fold("openai-responses", read_stream(FORMAT, sse(*events)))
    assert [part.text for part in reply.choice.parts if isinstance(part, Text)] == texts


@pytest.mark.parametrize("ids", [(None, "fc_1"), ("fc_1", None), ("fc_1", "fc_2"), (None, None)])
@pytest.mark.parametrize("index", [0, 1])
def test_a_call_that_is_added_twice_is_one(ids, index):
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": ""}
    first, second = ({**call, "id": id} for id in ids)
    whole = {**second, "arguments": '{"a":1}'}
    events = read_stream(
        FORMAT,
        sse(
            event("response.created", response={"id": "r", "model": "m"}),
            added(first),
            added(second, index),
            arguments('{"a":1}', index=index, item=ids[1]),
            done(whole, index),
            completed(whole),
        ),
    )
    reply = fold("openai-responses", events)
    calls = [part for part in reply.choice.parts if isinstance(part, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == [("look", '{"a":1}')]
    accumulated(write_stream(FORMAT, events), strict=False)
