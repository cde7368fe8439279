"""Conversations kept for providers that do not keep them."""

from switchyard.wire.formats.openai_responses.history import expand
from switchyard.wire.formats.openai_responses.history import input_items
from switchyard.wire.formats.openai_responses.history import resolve
from switchyard.wire.formats.openai_responses.history import without_foreign
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.shared.envelope import seal

USER = {"type": "message", "role": "user", "content": "hi"}
ANSWER = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
MORE = {"type": "message", "role": "user", "content": "and?"}


def test_input_is_items():
    assert input_items({"input": "hi"}) == [USER]
    assert input_items({"input": [USER]}) == [USER]
    assert input_items({}) == []


def test_a_request_goes_on_from_the_answer_it_names():
    body = {"model": "m", "input": [MORE], "previous_response_id": "resp_1"}
    assert expand(body, [USER, ANSWER]) == {"model": "m", "input": [USER, ANSWER, MORE]}
    assert body["input"] == [MORE]


def test_instructions_are_not_carried_over():
    first = {"model": "m", "instructions": "a", "input": "hi"}
    again = expand({"model": "m", "input": "and?"}, [*input_items(first), ANSWER])
    assert "instructions" not in again


def test_references_are_replaced_by_what_they_mean():
    reference = {"type": "item_reference", "id": "msg_1"}
    body = {"input": [reference, {"id": "msg_1"}, {"id": "gone"}, MORE]}
    known = {"msg_1": ANSWER}
    assert resolve(body, known.get)["input"] == [ANSWER, ANSWER, {"id": "gone"}, MORE]
    assert expand({"input": [reference]}, [ANSWER])["input"] == [ANSWER, ANSWER]


def test_a_request_without_references_is_returned_itself():
    body = {"input": [MORE]}
    assert resolve(body, {}.get) is body
    assert resolve({"input": "hi"}, {}.get) == {"input": "hi"}


def test_reasoning_of_other_providers_is_taken_out_for_this_ones():
    sealed = seal(Thinking(text="x", signature="s", signer="anthropic"))
    foreign = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
    own = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    body = {"model": "m", "input": [foreign, own, MORE]}
    assert without_foreign(body) == {"model": "m", "input": [own, MORE]}
    kept = {"input": [own, MORE]}
    assert without_foreign(kept) is kept
