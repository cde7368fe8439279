"""Which proofs of a Chat history stay."""

from typing import Any

import pytest

from switchyard.wire.formats.openai_chat.proofs import google_signature
from switchyard.wire.formats.openai_chat.proofs import with_proofs
from switchyard.wire.model.proofs import nothing

CALL: dict[str, Any] = {
    "id": "c1",
    "type": "function",
    "function": {"name": "read", "arguments": "{}"},
}


def own(proof: str) -> bool:
    return proof in ("OWN", "")


def signed(proof: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": proof}}}


def history(**members: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, **members},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ]
    }


def test_googles_signatures() -> None:
    kept = with_proofs(history(tool_calls=[CALL | signed("FOREIGN"), CALL | signed("OWN")]), own)
    assert kept["messages"][1]["tool_calls"] == [CALL, CALL | signed("OWN")]
    kept = with_proofs(history(tool_calls=[CALL], **signed("FOREIGN")), own)
    assert kept["messages"][1] == history(tool_calls=[CALL])["messages"][1]
    assert google_signature(signed("OWN")) == "OWN"
    assert google_signature({"extra_content": 1}) == ""


@pytest.mark.parametrize("member", ["signature", "data"])
def test_entries_of_reasoning_details(member: str) -> None:
    mine = {"type": "reasoning.text", "index": 0, member: "OWN"}
    theirs = {"type": "reasoning.text", "index": 1, member: "FOREIGN"}
    kept = with_proofs(history(reasoning="words", reasoning_details=[mine, theirs]), own)
    assert kept["messages"][1]["reasoning_details"] == [mine]
    assert kept["messages"][1]["reasoning"] == "words"
    gone = with_proofs(history(reasoning_details=[theirs]), own)["messages"][1]
    assert "reasoning_details" not in gone


def test_a_body_that_may_stay_is_the_same_object() -> None:
    details = [{"type": "reasoning.text", "text": "t"}, {"data": "OWN"}]
    body = history(tool_calls=[CALL | signed("OWN")], reasoning_details=details)
    assert with_proofs(body, own) is body
    plain = history(tool_calls=[CALL], reasoning_content="t")
    assert with_proofs(plain, nothing) is plain


@pytest.mark.parametrize("calls", [None, [], "x", [None, 1]])
def test_odd_messages_are_no_trouble(calls: Any) -> None:
    with_proofs({"messages": [{"role": "assistant", "tool_calls": calls}, None, "x"]}, nothing)
