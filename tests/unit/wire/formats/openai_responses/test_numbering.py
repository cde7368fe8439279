"""`sequence_number` and `output_index` of a Responses stream for a Responses client."""

import json
from typing import Any

import pytest

from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import FUNCTION_CALL
from tests.unit.wire.formats.openai_responses.reply_support import message
from tests.unit.wire.formats.openai_responses.reply_support import text
from tests.unit.wire.formats.openai_responses.stream_support import CREATED
from tests.unit.wire.formats.openai_responses.stream_support import FULL_TEXT
from tests.unit.wire.formats.openai_responses.stream_support import added
from tests.unit.wire.formats.openai_responses.stream_support import arguments
from tests.unit.wire.formats.openai_responses.stream_support import completed
from tests.unit.wire.formats.openai_responses.stream_support import delta
from tests.unit.wire.formats.openai_responses.stream_support import done
from tests.unit.wire.formats.openai_responses.stream_support import event
from tests.unit.wire.formats.openai_responses.stream_support import numbered
from tests.unit.wire.formats.openai_responses.stream_support import sse
from tests.unit.wire.laws import mend_stream

type Json = dict[str, Any]

CALL = FUNCTION_CALL
HI = message(text("hi"))


def mended(*events: Json) -> list[Json]:
    out = mend_stream(FORMAT, sse(*events))
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]


def sequence(*numbers: int | None) -> list[Json]:
    """The events of one text, with these numbers."""
    given = [{} if n is None else {"sequence_number": n} for n in numbers]
    return [{**one, **number} for one, number in zip(FULL_TEXT, given, strict=True)]


def two_items(first: Any, second: Any, ids: bool = True) -> list[Json]:
    """A message and a call, with these places in all of their events."""
    item: Any = "msg_1" if ids else None
    called: Any = "fc_1" if ids else None
    events = [
        CREATED,
        added(message(id=item), first),
        delta("h", first, item),
        delta("i", first, item),
        done({**HI, "id": item}, first),
        added({**CALL, "arguments": "", "id": called}, second),
        arguments('{"a"', second, called),
        arguments(": 1}", second, called),
        event("function_call_arguments.done", output_index=second, arguments='{"a": 1}'),
        done({**CALL, "id": called}, second),
        completed(HI, CALL),
    ]
    return numbered(
        *({k: v for k, v in one.items() if k != "output_index" or v is not None} for one in events)
    )


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ([None] * 10, range(10)),
        ([0] * 10, range(10)),
        ([0, 1, 2, 2, 3, 4, 5, 6, 7, 8], range(10)),
        ([0, 1, None, 2, None, 3, 4, 5, 6, 7], range(10)),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], range(9, 19)),
        ([0, 1, 2, 3, 4, 5, 0, 1, 2, 3], range(10)),
    ],
    ids=["none", "zeros", "one twice", "some", "falling", "anew"],
)
def test_numbers_of_events_grow(given: list[int | None], right: range) -> None:
    found = mended(*sequence(*given))
    assert [one["sequence_number"] for one in found] == list(right)
    bare = [{k: v for k, v in one.items() if k != "sequence_number"} for one in found]
    assert bare == FULL_TEXT


@pytest.mark.parametrize("first", [0, 1, 43], ids=["all", "from one", "resumed"])
@pytest.mark.parametrize("step", [1, 2])
def test_numbers_that_grow_keep_their_bytes(first: int, step: int) -> None:
    data = sse(*sequence(*range(first, first + 10 * step, step)))
    assert mend_stream(FORMAT, data) == data


@pytest.mark.parametrize("last", [False, True], ids=["in front", "behind"])
def test_a_number_within_an_item_or_a_tool_is_another(last: bool) -> None:
    tool = {"type": "function", "name": "f", "parameters": {"default": {"sequence_number": 700}}}
    created = {**CREATED, "response": {**CREATED["response"], "tools": [tool]}}
    events = [created, *FULL_TEXT[1:]]
    right = [
        {**one, "sequence_number": n} if last else {"sequence_number": n, **one}
        for n, one in enumerate(events)
    ]
    assert mend_stream(FORMAT, sse(*right)) == sse(*right)
    assert [one["sequence_number"] for one in mended(*events)] == list(range(10))


@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize(
    "places", [(0, 0), (None, None), (0, None), (None, 0)], ids=["zeros", "none", "first", "second"]
)
def test_each_item_has_its_place(places: tuple[int | None, int | None], ids: bool) -> None:
    found = mended(*two_items(*places, ids=ids))
    of_items = [
        one for one in found if one["type"] not in ("response.created", "response.completed")
    ]
    assert [one.get("output_index") for one in of_items] == [0] * 4 + [1] * 5
    assert all("output_index" not in one for one in (found[0], found[-1]))


def test_calls_at_once_whose_events_all_have_the_place_zero() -> None:
    two = {**CALL, "id": "fc_2", "call_id": "call_2"}
    events = numbered(
        CREATED,
        added({**CALL, "arguments": ""}),
        added({**two, "arguments": ""}),
        arguments("{", item="fc_1"),
        arguments("{", item="fc_2"),
        arguments("}", item="fc_1"),
        arguments("}", item="fc_2"),
        done({**CALL, "arguments": "{}"}),
        done({**two, "arguments": "{}"}),
        completed(),
    )
    found = [one["output_index"] for one in mended(*events)[1:-1]]
    assert found == [0, 1, 0, 1, 0, 1, 0, 1]


def test_deltas_alone_have_the_wrong_place() -> None:
    events = two_items(0, 1)
    events[6]["output_index"] = 0
    del events[7]["output_index"]
    found = mended(*events)
    assert [one["output_index"] for one in found[5:10]] == [1] * 5


def test_finished_items_alone() -> None:
    found = mended(CREATED, done(HI), done(CALL), completed(HI, CALL))
    assert [one.get("output_index") for one in found] == [None, 0, 1, None]


@pytest.mark.parametrize("places", [(0, 1), (0, 2), (3, 4)])
def test_right_places_keep_their_bytes(places: tuple[int, int]) -> None:
    """OpenAI leaves out the places of items that it hides."""
    data = sse(*two_items(*places))
    assert mend_stream(FORMAT, data) == data


def test_a_resumed_stream_keeps_its_bytes() -> None:
    data = sse(*numbered(delta("i", 2), done(HI, 2), completed(HI), first=43))
    assert mend_stream(FORMAT, data) == data


@pytest.mark.parametrize("limits", [{}, {"sequence_number": 3}])
def test_events_of_others_are_not_counted(limits: Json) -> None:
    """Codex' limits come without a number, between events that have theirs."""
    right = numbered(*FULL_TEXT)
    foreign = {"type": "codex.rate_limits", "rate_limits": {"allowed": True}}
    if limits:
        right, foreign = right[:3] + numbered(*FULL_TEXT[3:], first=4), foreign | limits
    data = sse(*right[:3], foreign, *right[3:])
    assert mend_stream(FORMAT, data) == data


def test_an_error_told_by_the_router_has_the_next_number() -> None:
    found = mended(*FULL_TEXT[:4], {"type": "error", "message": "gone", "code": "server_error"})
    assert [one["sequence_number"] for one in found] == list(range(5))


def test_a_repaired_event_keeps_what_was_right() -> None:
    """Whole numbers beyond 64 bits, white space: all that parsing would lose."""
    event_ = b'{"type": "response.x",  "big": 123456789012345678901234567890}'
    raw = b"event: response.x\ndata: " + event_ + b"\n\n"
    out = mend_stream(FORMAT, raw)
    assert out == raw.replace(b"{", b'{"sequence_number":0,')
