"""Reasoning goes back to a Responses provider with what came after it, or not at all."""

from typing import Any

import pytest

from tests.unit.wire.crossing import answered
from tests.unit.wire.crossing import sent

THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABo"}
IMAGE = {"type": "image_generation_call", "id": "ig_1", "status": "completed",
         "output_format": "png", "result": "iVBORw0KGgo="}  # fmt: skip
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look",
        "arguments": "{}", "status": "completed"}  # fmt: skip
WORDS = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Done.", "annotations": []}]}  # fmt: skip


def answer(*items: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "model": "m", "output": list(items), "usage": usage}  # fmt: skip


def asked_again(client: str, *items: Any) -> list[Any]:
    """The input of the request after an answer of `items`, by a client of another format."""
    begun: dict[str, Any] = {"messages": [{"role": "user", "content": "Go."}], "max_tokens": 99}
    body = answered(client, "openai-responses", begun, answer(*items))
    if client == "anthropic":
        said = {"role": "assistant", "content": body["content"]}
        done = [{"type": "tool_result", "tool_use_id": block["id"], "content": "seen"}
                for block in body["content"] if block["type"] == "tool_use"]  # fmt: skip
        more = [{"role": "user", "content": [*done, {"type": "text", "text": "On."}]}]
    else:
        said = body["choices"][0]["message"]
        more = [{"role": "tool", "tool_call_id": call["id"], "content": "seen"}
                for call in said.get("tool_calls") or ()]  # fmt: skip
        more.append({"role": "user", "content": "On."})
    messages = [*begun["messages"], said, *more]
    return sent(client, "openai-responses", {**begun, "messages": messages})["input"]


def kinds(items: list[Any]) -> list[str]:
    return [item.get("role") or item["type"] for item in items]


@pytest.mark.parametrize("client", ["anthropic", "openai-chat"])
def test_reasoning_whose_follower_the_client_could_not_keep_stays_away(client: str) -> None:
    assert kinds(asked_again(client, THOUGHT, IMAGE)) == ["user", "user"]


@pytest.mark.parametrize("client", ["anthropic", "openai-chat"])
@pytest.mark.parametrize(
    ("follower", "written"),
    [(WORDS, ["assistant"]), (CALL, ["function_call", "function_call_output"])],
    ids=["words", "call"],
)
def test_reasoning_stays_before_its_follower(
    client: str, follower: dict[str, Any], written: list[str]
) -> None:
    items = asked_again(client, THOUGHT, follower)
    assert kinds(items) == ["user", "reasoning", *written, "user"]
    assert items[1]["encrypted_content"] == THOUGHT["encrypted_content"]


def test_reasoning_of_an_answer_that_was_stopped_stays_away() -> None:
    assert kinds(asked_again("anthropic", WORDS, THOUGHT)) == ["user", "assistant", "user"]
