"""Who can be given back which proof."""

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.shared.readable import is_readable

CALL = ToolCall(id="c", name="f", signature="SIG", signer="gemini")
CLAUDE = Thinking(text="t", signature="SIG", signer="anthropic")
DETAIL = Thinking(text="t", redacted="SIG", signer="openai-chat", dialect="x-v1")


@pytest.mark.parametrize(
    ("part", "client", "target", "readable"),
    [
        (CALL, "anthropic", "gemini", True),
        (CALL, "anthropic", "openai-responses", False),
        (CALL, "anthropic", "openai-chat", True),
        (CALL, "openai-responses", "openai-chat", True),
        (CALL, "gemini", "openai-chat", False),
        (CLAUDE, "openai-responses", "anthropic", True),
        (CLAUDE, "anthropic", "openai-chat", False),
        (CLAUDE, "openai-responses", "openai-chat", False),
        (DETAIL, "anthropic", "openai-chat", True),
        (DETAIL, "anthropic", "gemini", False),
        (Thinking(text="t"), "anthropic", "openai-chat", False),
    ],
)
def test_by_what_stands_there(
    part: Thinking | ToolCall, client: str, target: str, readable: bool
) -> None:
    conversation = Conversation(format=client, model="m")
    assert is_readable(part, conversation, target) is readable


@pytest.mark.parametrize("part", [CALL, CLAUDE, DETAIL])
def test_by_what_is_known(part: Thinking | ToolCall) -> None:
    known = Conversation(format="gemini", model="m", readable=frozenset({"SIG"}))
    assert is_readable(part, known, "openai-chat")
