"""Which proofs of an Anthropic history stay."""

from typing import Any

import pytest

from switchyard.wire.formats.anthropic.proofs import MARKS
from switchyard.wire.formats.anthropic.proofs import with_proofs
from switchyard.wire.model.proofs import nothing

CALL = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}
OWN = {"type": "thinking", "thinking": "mine", "signature": "OWN"}
FOREIGN = {"type": "thinking", "thinking": "theirs", "signature": "FOREIGN"}
SEARCH = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "q"},
}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://a.example",
            "title": "A",
            "encrypted_content": "x",
        }
    ],
}
CITED = {
    "type": "text",
    "text": "as A says",
    "citations": [
        {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "I"}
    ],
}


def own(proof: str) -> bool:
    return proof in ("OWN", "srvtoolu_own", "I")


def history(*content: Any) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}
    return {
        "model": "m",
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": list(content)},
            {"role": "user", "content": [result]},
        ],
    }


@pytest.mark.parametrize(
    "foreign",
    [
        FOREIGN,
        {"type": "redacted_thinking", "data": "FOREIGN"},
        {"type": "thinking", "thinking": "unsigned"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
    ],
)
def test_foreign_thinking_goes_and_own_stays(foreign: dict[str, Any]) -> None:
    kept = with_proofs(history(OWN, foreign, CALL), own)
    assert kept["messages"][1]["content"] == [OWN, CALL]
    assert kept["messages"][2] == history()["messages"][2]


def test_a_body_that_may_stay_is_the_same_object() -> None:
    body = history(
        OWN, {"type": "redacted_thinking", "data": "OWN"}, CALL, {"type": "text", "text": "t"}
    )
    assert with_proofs(body, own) is body
    plain = {"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "a"}]}
    assert with_proofs(plain, nothing) is plain


def test_a_message_without_anything_left_goes() -> None:
    body = history(FOREIGN)
    assert [m["role"] for m in with_proofs(body, own)["messages"]] == ["user", "user"]


def test_a_foreign_search_is_said_in_words() -> None:
    content = with_proofs(history(SEARCH, FOUND, CITED, CALL), own)["messages"][1]["content"]
    assert {block["type"] for block in content} == {"text", "tool_use"}
    assert "https://a.example" in content[1]["text"]
    assert content[2] == {"type": "text", "text": "as A says"}


def test_an_own_search_stays() -> None:
    search, found = {**SEARCH, "id": "srvtoolu_own"}, {**FOUND, "tool_use_id": "srvtoolu_own"}
    body = history(search, found, CITED, CALL)
    assert with_proofs(body, own) is body


@pytest.mark.parametrize(
    "content", [None, "text", [None, 1, "x"], [{"type": "thinking", "signature": 7}]]
)
def test_odd_content_is_no_trouble(content: Any) -> None:
    with_proofs({"messages": [{"role": "assistant", "content": content}, None]}, nothing)


def test_marks_stand_in_all_that_have_proofs() -> None:
    assert b'"signature"' in MARKS
    assert b'"redacted_thinking"' in MARKS
