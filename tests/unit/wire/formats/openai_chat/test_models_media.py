"""Images that another provider's model made reach a provider of Chat Completions."""

from typing import Any

from tests.unit.wire.crossing import sent

IMAGE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
WRITTEN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CALL = {"functionCall": {"id": "1", "name": "look", "args": {}}}
RESULT = {"functionResponse": {"id": "1", "name": "look", "response": {"output": "seen"}}}


def messages(*contents: tuple[str, list[Any]]) -> list[Any]:
    told = [{"role": role, "parts": parts} for role, parts in contents]
    return sent("gemini", "openai-chat", {"contents": told})["messages"]


def test_they_stand_in_the_message_of_the_user_after_them() -> None:
    begun = [("user", [{"text": "A cat."}]), ("model", [{"text": "Here:"}, IMAGE])]
    said = messages(*begun, ("user", [{"text": "Bigger."}]))
    assert said[1] == {"role": "assistant", "content": "Here:"}
    assert said[2] == {"role": "user", "content": [WRITTEN, {"type": "text", "text": "Bigger."}]}
    more = messages(*begun, ("user", [{"text": "Bigger."}]), ("model", [IMAGE]))
    assert more[: len(said)] == said


def test_an_answer_of_nothing_else_leaves_no_message() -> None:
    begun = [("user", [{"text": "A cat."}]), ("model", [IMAGE])]
    said = messages(*begun, ("user", [{"text": "Bigger."}]))
    assert [one["role"] for one in said] == ["user", "user"]
    assert said[1]["content"] == [WRITTEN, {"type": "text", "text": "Bigger."}]


def test_they_stand_behind_results_of_tools() -> None:
    begun = [("user", [{"text": "A cat."}]), ("model", [IMAGE, CALL])]
    said = messages(*begun, ("user", [RESULT]))
    assert [one["role"] for one in said] == ["user", "assistant", "tool", "user"]
    assert said[3]["content"] == [WRITTEN]
