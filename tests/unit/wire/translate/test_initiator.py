import pytest

from switchyard.wire.translate.initiator import initiator_of

RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "4"}


@pytest.mark.parametrize(
    "last",
    [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
    ],
)
def test_what_a_user_says_is_the_users(last: object) -> None:
    before = {"role": "assistant", "content": "Yes?"}
    assert initiator_of({"messages": [before, last]}) == "user"
    assert initiator_of({"input": [before, last]}) == "user"


@pytest.mark.parametrize(
    "last",
    [
        {"role": "tool", "tool_call_id": "t", "content": "4"},
        {"role": "assistant", "content": "So"},
        {"role": "user", "content": [RESULT]},
        {"role": "user", "content": [RESULT, {"type": "text", "text": "a reminder"}]},
        {"type": "function_call_output", "call_id": "t", "output": "4"},
        {"type": "custom_tool_call_output", "call_id": "t", "output": "4"},
        {"type": "reasoning", "summary": []},
    ],
)
def test_what_a_tool_gave_is_the_agents(last: object) -> None:
    before = {"role": "user", "content": "Hello"}
    assert initiator_of({"messages": [before, last]}) == "agent"
    assert initiator_of({"input": [before, last]}) == "agent"


@pytest.mark.parametrize(
    "body", [{}, {"messages": []}, {"input": "Hello"}, {"messages": ["x"]}, {"messages": 3}]
)
def test_where_nothing_is_known_it_is_the_users(body: dict[str, object]) -> None:
    assert initiator_of(body) == "user"
