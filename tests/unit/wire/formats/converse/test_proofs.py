"""Signatures and encrypted reasoning in a history."""

from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.without_proofs import without_proofs
from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import sent
from tests.unit.wire.laws import ASKED

SERVICE = PROVIDER_FORMATS["converse"]


def test_a_history_without_proofs() -> None:
    signed = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}
    hidden = {"reasoningContent": {"redactedContent": "aGk="}}
    asked = {"role": "user", "content": [{"text": "Well?"}]}
    body = {"messages": [asked, {"role": "assistant", "content": [signed, {"text": "Yes."}]},
                         asked, {"role": "assistant", "content": [hidden]}, asked]}  # fmt: skip
    kept = without_proofs(body, "converse")
    assert [one["content"] for one in kept["messages"][1::2]] == [
        [{"text": "Yes."}], [{"text": "."}],
    ]  # fmt: skip
    assert SERVICE.with_proofs(body, lambda proof: True) is body
    only = SERVICE.with_proofs(body, lambda proof: proof == "aGk=")
    assert only["messages"][3]["content"] == [hidden]


def test_proofs_come_back_through_a_client_of_chat() -> None:
    thought = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "aGk="}},
    ]
    call = {"toolUse": {"toolUseId": "toolu_1", "name": "weather", "input": {}}}
    said = {"message": {"role": "assistant", "content": [*thought, call]}}
    reply = SERVICE.read_reply({"output": said, "stopReason": "tool_use"})
    message = FORMATS["openai-chat"].write_reply(reply, ASKED)["choices"][0]["message"]
    talk = [{"role": "user", "content": "Oslo?"}, message,
            {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain."}]  # fmt: skip
    tools = [{"type": "function", "function": {"name": "weather"}}]
    body = sent(talk, client="openai-chat", model=CLAUDE, tools=tools)
    assert body["messages"][1]["content"] == [*thought, call]
