"""Cohere's events, read back."""

import pytest

from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream

HERE = CohereChat()
CALLS = (
    ToolCall(id="a", name="look", arguments='{"x":1}'),
    ToolCall(id="b", name="hear", arguments="{}"),
)


@pytest.mark.parametrize("parts", [(Text(text="Hello"),), (Thinking(text="Hm."), *CALLS)])
def test_what_is_written_reads_the_same(parts: tuple[Text | Thinking | ToolCall, ...]) -> None:
    reason = "tool_calls" if len(parts) > 1 else "end"
    reply = Reply(
        format="anthropic",
        id="msg_1",
        choices=(Choice(parts=parts, stop=Stop(reason=reason)),),
        usage=Usage(input=3, output=4),
    )
    events = read_stream(HERE, write_stream(HERE, [*unfold(reply)]))
    assert isinstance(events[-1], End)
    read = fold("cohere", events)
    assert read.id == "msg_1" and read.usage is not None and read.usage.tokens == 7
    assert read.choice.stop is not None and read.choice.stop.reason == reason
    for before, after in zip(parts, read.choice.parts, strict=True):
        assert type(before) is type(after)
        for name in ("text", "id", "name", "arguments"):
            assert getattr(before, name, None) == getattr(after, name, None)


def test_an_error_at_the_end() -> None:
    data = b'data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"No."}}\n\n'
    failures = [one for one in read_stream(HERE, data) if isinstance(one, Failure)]
    assert [one.error.message for one in failures] == ["No."]


def test_nonsense_is_skipped() -> None:
    data = b'data: []\n\ndata: {"type":"debug"}\n\ndata: nothing\n\ndata: {"type":3}\n\n'
    assert not any(isinstance(one, End) for one in read_stream(HERE, data))
