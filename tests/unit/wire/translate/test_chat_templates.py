"""Bodies as strict chat templates take them. The templates here refuse what those of Qwen, Gemma
and Mistral refuse, by their own `raise_exception` lines."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.translate.chat_templates import SystemPlace
from switchyard.wire.translate.chat_templates import fit_template

CHAT, RESPONSES, ANTHROPIC = "openai-chat", "openai-responses", "anthropic"


@dataclass(frozen=True, kw_only=True)
class Known:
    system: SystemPlace | None = None
    roles_in_turn: bool | None = None
    empty_content: bool | None = None


QWEN = Known(system="first")
MISTRAL = Known(system="first", roles_in_turn=True, empty_content=False)
GEMMA = Known(system="none", roles_in_turn=True, empty_content=False)


def fitted(messages: list[dict[str, Any]], known: Known, format: str = CHAT) -> list[Any]:
    body = {"messages": messages}
    before = deepcopy(body)
    after = fit_template(body, format, known)
    assert body == before
    assert fit_template(after, format, known) == after
    return after["messages"]


def said(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in pairs]


def reminder(text: str) -> str:
    return f"<system-reminder>\n{text}\n</system-reminder>"


LATER = said(
    ("system", "top"), ("developer", "more"), ("user", "a"), ("assistant", "b"), ("system", "mid")
)


def test_later_instructions_are_part_of_the_users_turn() -> None:
    assert fitted([*LATER, *said(("user", "c"))], QWEN) == said(
        ("system", "top\n\nmore"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", f"{reminder('mid')}\n\nc"),
    )
    assert fitted(LATER, QWEN)[-1] == {"role": "user", "content": reminder("mid")}
    after = fitted(said(("user", "a"), ("system", "mid"), ("assistant", "b")), QWEN)
    assert after == said(("user", f"a\n\n{reminder('mid')}"), ("assistant", "b"))


def test_images_of_a_turn_stay_beside_the_instruction() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    after = fitted(said(("assistant", "b"), ("system", "mid"), ("user", [image])), QWEN)
    text = {"type": "text", "text": reminder("mid")}
    assert after[-1] == {"role": "user", "content": [text, image]}


def test_nothing_stands_between_calls_and_results() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    calling = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "r"}
    system, user = said(("system", "mid"), ("user", "c"))
    after = fitted([*said(("user", "a")), calling, system, result, user], QWEN)
    assert [m["role"] for m in after] == ["user", "assistant", "tool", "user"]
    after = fitted([*said(("user", "a")), calling, system, result, user], MISTRAL)
    assert [m["role"] for m in after] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_model_without_a_system_role_reads_it_from_the_user() -> None:
    after = fitted(said(("system", "top"), ("user", "a")), GEMMA)
    assert after == said(("user", "top\n\na"))


def test_messages_without_content_are_left_out() -> None:
    empty = said(("user", "a"), ("assistant", ""), ("user", []), ("tool", ""), ("user", " "))
    after = fitted(empty, Known(empty_content=False))
    assert after == said(("user", "a"), ("tool", "(no output)"))


def test_anthropics_messages_take_them_after_results() -> None:
    results = [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]
    after = fitted(
        said(("assistant", "b"), ("system", [{"type": "text", "text": "mid"}]), ("user", results)),
        QWEN,
        ANTHROPIC,
    )
    text = {"type": "text", "text": reminder("mid")}
    assert after == said(("assistant", "b"), ("user", [*results, text]))


def test_responses_bodies_have_them_in_instructions_and_users_messages() -> None:
    body = {"instructions": "top", "input": said(("developer", "more"), ("user", "a"))}
    body["input"] += said(("developer", [{"type": "input_text", "text": "mid"}]))  # type: ignore[operator]
    after = fit_template(body, RESPONSES, QWEN)
    assert after["instructions"] == "top\n\nmore"
    mid = {"type": "input_text", "text": reminder("mid")}
    assert after["input"] == said(("user", "a"), ("user", [mid]))


@pytest.mark.parametrize("known", [Known(), Known(system="anywhere"), QWEN, MISTRAL])
def test_what_fits_stays_the_same_object(known: Known) -> None:
    body = {"messages": said(("system", "top"), ("user", "a"), ("assistant", "b"), ("user", "c"))}
    assert fit_template(body, CHAT, known) is body


def qwen(messages: list[dict[str, Any]]) -> None:
    """Qwen 3.5's template: "System message must be at the beginning." """
    assert all(m["role"] not in ("system", "developer") for m in messages[1:])


def in_turn(messages: list[dict[str, Any]]) -> None:
    """Mistral's: "After the optional system message, conversation roles must alternate"; calls
    and their results are not counted."""
    qwen(messages)
    roles = [m["role"] for m in messages if m["role"] not in ("system", "tool")]
    calling = [bool(m.get("tool_calls")) for m in messages if m["role"] not in ("system", "tool")]
    counted = [role for role, calls in zip(roles, calling, strict=True) if not calls]
    assert counted == [("user", "assistant")[i % 2] for i in range(len(counted))]
    assert all(m["content"] or m.get("tool_calls") for m in messages)


def gemma(messages: list[dict[str, Any]]) -> None:
    assert all(m["role"] != "system" for m in messages)
    in_turn(messages)


TURNS = st.lists(
    st.sampled_from(["system", "developer", "user", "assistant", "calls", "nothing"]), max_size=9
)


@pytest.mark.parametrize(("known", "template"), [(QWEN, qwen), (MISTRAL, in_turn), (GEMMA, gemma)])
@given(turns=TURNS)
def test_a_strict_template_takes_any_conversation(known: Known, template: Any, turns: Any) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "begin"}]
    for place, turn in enumerate(turns):
        if turn == "calls":
            call = {"id": f"{place}", "type": "function", "function": {"name": "f"}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            result = f"word{place}."
            messages.append({"role": "tool", "tool_call_id": f"{place}", "content": result})
        elif turn == "nothing":
            messages.append({"role": "assistant", "content": ""})
        else:
            messages.append({"role": turn, "content": f"word{place}."})
    after = fitted(messages, known)
    template(after)
    words = "".join(str(m["content"]) for m in after)
    for place, turn in enumerate(turns):
        assert turn == "nothing" or words.count(f"word{place}.") == 1


def test_a_block_that_holds_an_instruction_becomes_words() -> None:
    text = {"type": "text", "text": "mid"}
    block = {"type": "mid_conv_system", "content": [text]}
    told = {"type": "text", "text": reminder("mid")}
    after = fitted(said(("user", [block]), ("assistant", "b")), QWEN, ANTHROPIC)
    assert after == said(("user", [told]), ("assistant", "b"))
    after = fitted(said(("user", "a"), ("system", [block])), QWEN, ANTHROPIC)
    assert after == said(("user", [{"type": "text", "text": "a"}, told]))
