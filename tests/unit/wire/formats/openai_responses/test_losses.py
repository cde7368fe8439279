"""What the Responses API, or what it alone can say, loses on the way to another format."""

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.translate.losses import lost
from tests.unit.wire.formats.openai_responses.request_support import FORMAT
from tests.unit.wire.formats.openai_responses.request_support import body
from tests.unit.wire.formats.openai_responses.request_support import message
from tests.unit.wire.formats.openai_responses.request_support import said


def test_losses_are_named():
    c = Conversation(
        format="anthropic",
        model="m",
        stop=("x",),
        top_k=3,
        turns=(
            said("assistant", Thinking(text="a"), Media(kind="image", data="AAAA")),
            said("user", ToolResult(call_id="c", is_error=True)),
        ),
    )
    assert lost(c, "openai-responses") == [
        "assistant-media",
        "tool-result-errors",
        "top_k",
        "unsigned-thinking",
    ]


def test_what_only_its_provider_keeps_is_lost_elsewhere():
    c = FORMAT.read_request(body(message("user", "hi"), previous_response_id="resp_1"))
    assert lost(c, "anthropic") == ["previous_response_id"]
    assert lost(c, "openai-responses") == []
