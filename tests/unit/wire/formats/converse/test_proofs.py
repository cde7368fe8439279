"""Signatures and encrypted reasoning in a history."""

from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.without_proofs import without_proofs

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
