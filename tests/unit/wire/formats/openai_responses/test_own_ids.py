"""Calls with an id that another call has, in events of the Responses API."""

from typing import Any

from switchyard.wire.formats.openai_responses.own_ids import OwnIds
from switchyard.wire.shared.call_ids import UnusedIds


def item(place: int, call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc{place}", "call_id": call_id, **more}


def told(kind: str, place: int, call_id: str) -> dict[str, Any]:
    said = item(place, call_id)
    return {"type": f"response.output_item.{kind}", "output_index": place, "item": said}


def test_a_call_keeps_its_new_id_in_every_event() -> None:
    ids = OwnIds(UnusedIds({"a"}.__contains__))
    for place, given, new in ((0, "a", "ax2"), (1, "b", "b"), (2, "b", "bx2")):
        for kind in ("added", "done"):
            assert ids.mend(told(kind, place, given), None)["item"]["call_id"] == new
    assert ids.changed
    output = [item(0, "a"), {"type": "message"}, item(1, "b"), item(2, "b")]
    end = ids.mend({"type": "response.completed", "response": {"output": output}}, None)
    found = [one.get("call_id") for one in end["response"]["output"]]
    assert found == ["ax2", None, "b", "bx2"]


def test_the_mended_place_counts() -> None:
    ids = OwnIds(UnusedIds(None))
    assert ids.mend(told("added", 0, "a"), None)["item"]["call_id"] == "a"
    assert ids.mend(told("added", 0, "a"), 1)["item"]["call_id"] == "ax2"
    assert ids.mend(told("done", 0, "a"), 1)["item"]["call_id"] == "ax2"


def test_what_needs_no_other_id_is_the_same_object() -> None:
    ids = OwnIds(UnusedIds(None))
    result = {"type": "function_call_output", "call_id": "a", "output": "x"}
    for event in (
        told("added", 0, "a"),
        {"type": "response.output_item.done", "output_index": 1, "item": result},
        {"type": "response.output_item.done", "output_index": 2, "item": None},
        {"type": "response.completed", "response": {"output": [item(0, "a")]}},
        {"type": "response.completed", "response": None},
    ):
        assert ids.mend(event, None) is event
    assert not ids.changed
