"""Which proofs of a Responses input stay."""

from typing import Any

import pytest

from switchyard.wire.formats.openai_responses.proofs import with_proofs
from switchyard.wire.model.proofs import nothing

MINE = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "OWN"}
THEIRS = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "FOREIGN"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "read", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "r"}
ASKED = {"role": "user", "content": "go"}
SEARCH = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}


def own(proof: str) -> bool:
    return proof in ("OWN", "fc_1", "msg_1", "rs_own")


def select(*items: Any, keeps: Any = own) -> list[Any]:
    return with_proofs({"input": list(items)}, keeps)["input"]


def without_id(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "id"}


def test_foreign_reasoning_goes_and_its_follower_loses_the_id() -> None:
    assert select(ASKED, THEIRS, CALL, OUTPUT) == [ASKED, without_id(CALL), OUTPUT]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": "a"}
    assert select(THEIRS, message, ASKED, MINE, CALL) == [without_id(message), ASKED, MINE, CALL]


def test_items_that_another_provider_keeps_go() -> None:
    assert select(ASKED, {"type": "item_reference", "id": "msg_x"}, {"id": "rs_x"}) == [ASKED]
    stored = {"type": "reasoning", "id": "rs_own", "summary": []}
    assert select(stored, {"type": "item_reference", "id": "msg_1"}) == [
        stored,
        {"type": "item_reference", "id": "msg_1"},
    ]


def test_a_foreign_search_is_said_in_words() -> None:
    (said,) = select(SEARCH)
    assert said["role"] == "assistant"
    assert "q" in said["content"]
    assert select({"type": "mcp_list_tools", "id": "mcpl_1", "tools": []}) == []


def test_compactions_are_left_alone() -> None:
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "FOREIGN"}
    assert select(item, keeps=nothing) == [item]


def test_a_body_that_may_stay_is_the_same_object() -> None:
    body = {"input": [ASKED, MINE, CALL, OUTPUT]}
    assert with_proofs(body, own) is body
    text = {"input": "go"}
    assert with_proofs(text, nothing) is text


@pytest.mark.parametrize("items", [None, [], [None, 1], [{"type": "reasoning"}]])
def test_odd_items_are_no_trouble(items: Any) -> None:
    with_proofs({"input": items}, nothing)
