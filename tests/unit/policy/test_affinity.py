"""Sessions of requests, from real clients' fields, in their order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.affinity import has_history
from switchyard.policy.affinity import session_of

UUID = "1f3c9a52-7a2e-4f5e-8a51-000000000001"
CHAT = {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}]}


def id_of(body: dict[str, Any], **headers: str) -> str:
    session = session_of({name.replace("_", "-"): v for name, v in headers.items()}, body)
    assert session
    return session.id


def test_the_order():
    headers = {"x-claude-code-session-id": "cc", "session_id": "codex", "x-session-affinity": "oc"}
    body = {
        **CHAT,
        "metadata": {"user_id": f"user_ab_account_{UUID}_session_{UUID}"},
        "prompt_cache_key": "cache",
        "conversation": {"id": "conv"},
    }
    expected = [
        ("cc", "x-claude-code-session-id"),
        (UUID, "metadata.user_id"),
        ("codex", "session_id"),
        ("oc", "x-session-affinity"),
        ("cache", "prompt_cache_key"),
        ("conv", "conversation"),
    ]
    for id, source in expected:
        session = session_of(headers, body)
        assert session
        assert (session.id, session.source) == (id, source)
        headers.pop(source, None)
        body.pop(source.partition(".")[0], None)
    session = session_of(headers, body)
    assert session
    assert session.source == "opening"


def test_claude_codes_user_id_in_both_forms():
    as_json = json.dumps({"device_id": "d", "account_uuid": "", "session_id": UUID})
    assert id_of({"metadata": {"user_id": as_json}}) == UUID
    assert id_of({"metadata": {"user_id": f"user_x_account__session_{UUID}"}}) == UUID
    for other in ("somebody", "{broken", "[]", '{"a":' * 600, 7, None):
        assert session_of({}, {"metadata": {"user_id": other}}) is None


@pytest.mark.parametrize(
    ("first", "grown"),
    [
        (
            CHAT,
            {"messages": [*CHAT["messages"], {"role": "assistant", "content": "yo"},
                          {"role": "user", "content": "more"}]},
        ),
        (
            {"system": [{"type": "text", "text": "S"}],
             "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
            {"system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}],
             "messages": [{"role": "user", "content": "hi"}, {"role": "model", "content": "x"}]},
        ),
        (
            {"instructions": "S", "input": "hi"},
            {"instructions": "S", "input": [{"role": "user", "content": "hi"}, {"type": "x"}]},
        ),
        (
            {"input": [{"role": "developer", "content": "S"},
                       {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
            {"input": [{"role": "developer", "content": "S"}, {"role": "user", "content": "hi"},
                       {"type": "function_call", "name": "f"}]},
        ),
        (
            {"systemInstruction": {"parts": [{"text": "S"}]},
             "contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
            {"system_instruction": {"parts": [{"text": "S"}]},
             "contents": [{"parts": [{"text": "hi"}]}, {"role": "model", "parts": []}]},
        ),
        ({"prompt": "hi"}, {"prompt": ["hi"]}),
    ],
)  # fmt: skip
def test_a_conversation_keeps_its_opening(first: dict[str, Any], grown: dict[str, Any]):
    assert id_of(first) == id_of(grown)
    other = json.loads(json.dumps(first).replace('"hi"', '"ho"'))
    assert id_of(other) != id_of(first)


def test_the_changing_line_of_claude_code_is_passed_over():
    def body(line: str) -> dict[str, Any]:
        system = [{"type": "text", "text": line}, {"type": "text", "text": "S"}]
        return {"system": system, "messages": [{"role": "user", "content": "hi"}]}

    line = "x-anthropic-billing-header: cc_version=2; cch={}"
    assert id_of(body(line.format("1a"))) == id_of(body(line.format("2b")))


def test_system_and_user_texts_are_not_mixed_up():
    one = {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}
    two = {"messages": [{"role": "user", "content": "ab"}]}
    three = {"messages": [{"role": "system", "content": "ab"}, {"role": "user", "content": "b"}]}
    assert len({id_of(one), id_of(two), id_of(three)}) == 3


def test_nothing_to_tell_by():
    for body in ({}, {"messages": []}, {"messages": [{"role": "assistant", "content": "x"}]},
                 {"messages": "", "input": 7}):  # fmt: skip
        assert session_of({}, body) is None
    assert session_of({"x-session-id": "  "}, {}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}, {"role": "user"}]},
        {"contents": [{"role": "user"}, {"role": "model"}]},
        {"input": [{"role": "user"}, {"type": "function_call"}, {"type": "function_call_output"}]},
        {"input": "and then", "previous_response_id": "resp_1"},
        {"input": "and then", "conversation": {"id": "conv_1"}},
    ],
)
def test_a_request_that_goes_on_has_a_history(body: dict[str, Any]):
    assert has_history(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        CHAT,
        {"input": "hello"},
        {"input": [{"role": "developer", "content": "S"}, {"role": "user", "content": "hi"}]},
        {"contents": [{"parts": [{"text": "hi"}]}]},
        {"messages": [None, 3, "x"]},
    ],
)
def test_a_request_that_begins_has_none(body: dict[str, Any]):
    assert not has_history(body)


def test_ids_are_short_and_printable():
    assert id_of({"prompt_cache_key": "é" * 3}) == id_of({"prompt_cache_key": "é" * 3})
    for value in ("x" * 10_000, "a\nb", "\ud800", "é"):
        found = id_of({"prompt_cache_key": value})
        assert found.isascii()
        assert found.isprintable()
        assert len(found) <= 200


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "parts", "text", "id", "user_id", "user"]), inner
        )
    ),
    max_leaves=10,
)
names = st.sampled_from(
    ["messages", "input", "contents", "prompt", "system", "instructions", "metadata",
     "conversation", "prompt_cache_key", "systemInstruction"]
)  # fmt: skip


@given(body=st.dictionaries(names, junk, max_size=5))
def test_any_body_has_a_session_or_none(body: dict[str, Any]):
    assert has_history(body) in (True, False)
    found = session_of({}, body)
    assert found == session_of({}, body)
    assert found is None or found.id
