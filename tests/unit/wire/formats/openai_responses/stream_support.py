"""What the tests of streams have in common."""

import json

from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import FUNCTION_CALL
from tests.unit.wire.formats.openai_responses.reply_support import message
from tests.unit.wire.formats.openai_responses.reply_support import response
from tests.unit.wire.formats.openai_responses.reply_support import text

NAME = FORMAT.name


def sse(*events, named=True):
    lines = (
        (f"event: {e['type']}\n" if named and "type" in e else "") + f"data: {json.dumps(e)}\n\n"
        for e in events
    )
    return "".join(lines).encode()


def numbered(*events, first=0):
    """The events with the numbers that the API gives them."""
    return [{**event, "sequence_number": n} for n, event in enumerate(events, first)]


def event(kind, **members):
    return {"type": f"response.{kind}", **members}


CREATED = event("created", response=response(status="in_progress", usage=None))


def completed(*items, **members):
    return event("completed", response=response(*items, **members))


def added(item, index=0):
    return event("output_item.added", output_index=index, item=item)


def done(item, index=0):
    return event("output_item.done", output_index=index, item=item)


def delta(words, index=0, item="msg_1", part=0):
    at = {"item_id": item, "output_index": index, "content_index": part}
    return event("output_text.delta", delta=words, **at)


def arguments(words, index=0, item="fc_1"):
    at = {"item_id": item, "output_index": index}
    return event("function_call_arguments.delta", delta=words, **at)


def thought(words, entry=0, index=0):
    at = {"item_id": "rs_1", "output_index": index, "summary_index": entry}
    return event("reasoning_summary_text.delta", delta=words, **at)


OPEN_MESSAGE = message(status="in_progress")
HI = message(text("hi there"))
FULL_TEXT = [
    CREATED,
    event("in_progress", response=response()),
    added(OPEN_MESSAGE),
    event("content_part.added", output_index=0, content_index=0, item_id="msg_1", part=text("")),
    delta("hi "),
    delta("there"),
    event("output_text.done", output_index=0, content_index=0, item_id="msg_1", text="hi there"),
    event("content_part.done", output_index=0, content_index=0, part=text("hi there")),
    done(HI),
    completed(HI),
]
CALL_STARTED = {**FUNCTION_CALL, "arguments": "", "status": "in_progress"}


CALLS = {
    "everything": [
        CREATED,
        added(CALL_STARTED),
        arguments('{"a"'),
        arguments(": 1}"),
        event("function_call_arguments.done", output_index=0, arguments='{"a": 1}'),
        done(FUNCTION_CALL),
        completed(FUNCTION_CALL),
    ],
    "only finished items": [done(FUNCTION_CALL), completed()],
    "only the last response": [completed(FUNCTION_CALL)],
    "no finished item": [added(CALL_STARTED), arguments('{"a": 1}'), completed()],
    "arguments already there at the start": [
        added(FUNCTION_CALL),
        done(FUNCTION_CALL),
        completed(),
    ],
    "the name comes with the arguments": [
        added({**CALL_STARTED, "name": ""}),
        arguments('{"a": 1}'),
        event("function_call_arguments.done", output_index=0, arguments='{"a": 1}', name="f"),
        completed(FUNCTION_CALL),
    ],
    "the call id comes at the end": [
        added({k: v for k, v in CALL_STARTED.items() if k != "call_id"}),
        arguments('{"a": 1}'),
        done(FUNCTION_CALL),
        completed(FUNCTION_CALL),
    ],
}
