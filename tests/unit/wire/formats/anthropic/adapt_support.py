"""What the tests of `adapt` have in common."""

from typing import Any

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn

FORMAT = Anthropic()


HELLO = Text(text="Hello", extra={"foreign": 1})


def turn(role: Role, *parts: Part) -> Turn:
    return Turn(role=role, parts=parts, extra={"foreign": 1}, form="string")


def written(*turns: Turn, **settings: Any) -> dict[str, Any]:
    settings = {"model": "some-model", **settings}
    c = Conversation(format="openai-chat", turns=turns or (turn("user", HELLO),), **settings)
    return FORMAT.write_request(c)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, text: str = "ok", **more: Any) -> ToolResult:
    return ToolResult(call_id=call_id, parts=(Text(text=text),), **more)


def answer(call_id: str, text: str = "ok") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
