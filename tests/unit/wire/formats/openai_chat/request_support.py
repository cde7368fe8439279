"""What the tests of `request` have in common."""

import copy
from typing import Any

from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Turn

CHAT = OpenAIChat()


PIXEL = "iVBORw0KGgo="


def read(**body: Any) -> Conversation:
    """A request that is also shown to come back as it was, and unchanged."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    before = copy.deepcopy(body)
    conversation = CHAT.read_request(body)
    assert CHAT.write_request(conversation) == body
    assert body == before
    return conversation


def parts(*messages: dict[str, Any]) -> list[tuple[Part, ...]]:
    return [turn.parts for turn in read(messages=list(messages)).turns]


def user(*said: Part) -> Turn:
    return Turn(role="user", parts=said)
