"""Streams that pass through: bytes stay as they came, except for what is wrong with them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_chat.mender import ChatMender
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import TextDelta
from tests.unit.wire import openai_sdk
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import mend_stream

ROLE = chunk({"role": "assistant", "content": ""})
A = chunk({"content": "a"})
STOP = chunk({}, "stop")
USAGE = bare(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2})


def mend(*pieces: bytes) -> bytes:
    return mend_stream(CHAT, b"".join(pieces))


def load(data: bytes) -> dict[str, Any]:
    return json.loads(data[6:])


def choice(**members: Any) -> bytes:
    return bare(choices=[members])


@pytest.mark.parametrize(
    "pieces",
    [
        [ROLE, A, STOP, DONE],
        [ROLE, A, STOP, USAGE, DONE],
        [chunk({"role": "assistant", "content": "a"}), A, STOP, DONE],
        [ROLE, A, chunk({"content": "b"}, "stop"), DONE],
        [ROLE, chunk({"reasoning": "hm"}), chunk({"refusal": "no"}), STOP, DONE],
        [ROLE, chunk({"audio": {"id": "x"}}), chunk({"annotations": [{"type": "x"}]}), STOP, DONE],
        [
            ROLE,
            choice(index=0, delta={}, logprobs={"content": [1]}, finish_reason=None),
            STOP,
            DONE,
        ],
        [ROLE, calls(call(0, "a", name="look", arguments="{}")), STOP, DONE],
        [ROLE, calls(call(0, "a", name="look", arguments="")), chunk({}, "length"), DONE],
        [ROLE, calls(call(0, "a", name="look")), calls(call(0, arguments="{}")), STOP, DONE],
        [bare(choices=[], prompt_filter_results=[{"prompt_index": 0}]), ROLE, A, STOP, DONE],
        [ROLE, A, STOP, chunk({}, usage={"prompt_tokens": 3}), DONE],
        [
            b'data: {"choices" : [{"index": 0,"delta": {"role":"assistant"} }], "id":"c1"}\n\n',
            A,
            STOP,
            DONE,
        ],
        [ROLE, chunk({"reasoning_details": [{"type": "reasoning.text"}]}), STOP, DONE],
    ],
)
def test_what_is_right_keeps_its_bytes(pieces: list[bytes]) -> None:
    assert mend(*pieces) == b"".join(pieces)


@pytest.mark.parametrize(
    "empty",
    [
        bare(choices=[]),
        bare(choices=[], usage=None),
        bare(),
        chunk({}),
        chunk({"content": ""}),
        chunk({"content": None, "tool_calls": [], "refusal": None}),
        chunk({}, None, system_fingerprint="f", obfuscation="xyz"),
        choice(index=0, delta={}, logprobs=None, finish_reason=None, content_filter_results={}),
        b"data: ping\n\n",
        b'data: {"type": "ping"}\n\n',
        b": note\n\n",
        b"data: \n\n",
        b"event: ping\n\n",
    ],
)
def test_what_says_nothing_is_left_out(empty: bytes) -> None:
    assert mend(ROLE, empty, A, empty, STOP, empty, DONE) == b"".join([ROLE, A, STOP, DONE])


def test_the_limit_reached_is_no_error_after_an_answer_that_says_so() -> None:
    """OpenRouter sends both; the official SDK raises on any `error`."""
    used = {"prompt_tokens": 43, "completion_tokens": 10}
    told = chunk({"content": ""}, error={"code": 400, "message": "Token limit reached"}, usage=used)
    ended = choice(index=0, delta={}, finish_reason="length")
    out = mend(ROLE, A, ended, told, DONE)
    assert out.startswith(b"".join([ROLE, A, ended])) and out.endswith(DONE)
    assert b"error" not in out and b"usage" in out
    assert b"error" in mend(ROLE, A, STOP, told, DONE)


def test_all_chunks_have_one_id() -> None:
    """The first one's, or one made up where that has none."""

    def said(*ids: str | None) -> list[str | None]:
        delta = {"index": 0, "delta": {"role": "assistant", "content": "a"}}
        given = [{"choices": [delta]} | ({} if id is None else {"id": id}) for id in ids]
        out = mend(*(b"data: " + json.dumps(one).encode() + b"\n\n" for one in given), DONE)
        return [json.loads(line[6:]).get("id") for line in out.splitlines() if b"{" in line]

    assert said("x", None, None) == ["x"] * 4
    made = said(None, None, "late", None)
    assert len(set(made)) == 1 and str(made[0]).startswith("chatcmpl-")
    assert said("x", "y", "z")[:3] == ["x", "y", "z"]


@pytest.mark.parametrize("known", [{}, {"object": "chunk"}, {"created": 7}, {"model": "served"}])
def test_chunks_without_an_id_get_all_that_clients_need(known: dict[str, Any]) -> None:
    said = [{"delta": {"content": word}, "index": 0} for word in ("Hi", " there")]
    pieces = [{**known, "choices": [one]} for one in said]
    last = {**known, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    out = mend(*(b"data: " + json.dumps(one).encode() + b"\n\n" for one in [*pieces, last]), DONE)
    completion = openai_sdk.streamed(out)
    assert completion.choices[0].message.content == "Hi there"
    heads = [{key: one[key] for key in ("id", "object", "created", "model")} for one in told(out)]
    assert len(heads) == 4 and all(head == heads[0] for head in heads)
    made = {"object": "chat.completion.chunk", "created": ASKED.created, "model": ASKED.model}
    assert heads[0] == {"id": f"chatcmpl-{ASKED.id}", **made, **known, "object": made["object"]}


def told(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in out.splitlines() if b"{" in line]


def test_the_first_chunk_without_choices_is_left_out() -> None:
    assert mend(bare(choices=[]), ROLE, A, STOP, DONE) == b"".join([ROLE, A, STOP, DONE])


def test_a_role_is_supplied_and_order_kept() -> None:
    first = b'data: {"id":"z","choices":[{"delta":{"content":"a"},"index":0,"y":2}],"x":3}\n\n'
    mended = mend(first, A, STOP, DONE)
    assert mended.startswith(
        b'data: {"id":"z","choices":[{"delta":{"role":"assistant","content":"a"},'
        b'"index":0,"y":2}],"x":3}'
    )
    assert mended.endswith(b"".join([A, STOP, DONE]))


def test_a_finish_reason_is_supplied_before_the_end() -> None:
    mended = mend(ROLE, A, USAGE, DONE)
    assert mended.startswith(b"".join([ROLE, A, USAGE])) and mended.endswith(DONE)
    (last,) = mended[len(ROLE + A + USAGE) : -len(DONE)].split(b"\n\n")[:1]
    assert load(last) == load(chunk({}, "stop").strip())


def test_a_finish_reason_for_calls() -> None:
    mended = mend(ROLE, calls(call(0, "a", name="look", arguments="{}")), DONE)
    assert b'"finish_reason":"tool_calls"' in mended
    mended = mend(ROLE, chunk({"function_call": {"name": "look", "arguments": "{}"}}), DONE)
    assert b'"finish_reason":"function_call"' in mended


def test_no_finish_reason_for_an_answer_that_said_nothing() -> None:
    assert mend(ROLE, DONE) == ROLE + DONE


def test_a_repeated_finish_is_left_out() -> None:
    assert mend(ROLE, A, STOP, STOP, DONE) == b"".join([ROLE, A, STOP, DONE])


def test_the_last_of_several_reasons_is_the_one_that_is_read() -> None:
    cut = chunk({}, "length")
    assert mend(ROLE, A, STOP, cut, DONE) == b"".join([ROLE, A, STOP, cut, DONE])
    called = [ROLE, calls(call(0, "a", name="look", arguments="{}")), chunk({}, "tool_calls")]
    assert mend(*called, STOP, DONE) == b"".join([*called, DONE])


def test_an_empty_finish_reason_is_none() -> None:
    mended = mend(ROLE, chunk({"content": "a"}, ""), STOP, DONE)
    assert load(mended.split(b"\n\n")[1])["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize("tail", [b"", DONE, DONE + DONE, DONE + A, DONE + A + DONE + STOP])
def test_one_done_and_nothing_after_it(tail: bytes) -> None:
    assert mend(ROLE, A, STOP, tail) == b"".join([ROLE, A, STOP, DONE])


def test_a_stream_that_was_cut_off_is_not_completed() -> None:
    assert mend(ROLE, A) == ROLE + A


@pytest.mark.parametrize("old", [b"\r\n", b"\r"])
def test_line_ends(old: bytes) -> None:
    whole = b"".join([ROLE, A, STOP, DONE])
    assert mend(whole.replace(b"\n", old)) == whole


def test_missing_spaces_comments_and_byte_order_marks() -> None:
    whole = b"".join([ROLE, A, STOP, DONE])
    assert mend(whole.replace(b"data: ", b"data:")) == whole
    assert mend(b"\xef\xbb\xbf: hello\n\n" + whole.replace(b"\n\n", b"\n: note\n\n")) == whole


def test_data_on_several_lines() -> None:
    split = A.replace(b",", b",\ndata: ", 1)
    mended = mend(ROLE, split, STOP, DONE)
    assert [load(line) for line in mended.split(b"\n\n")[:3]] == [
        load(ROLE),
        load(A),
        load(STOP),
    ]


def test_several_events_in_one_frame() -> None:
    joined = (ROLE + A + STOP + DONE).replace(b"\n\n", b"\n") + b"\n"
    assert mend(joined) == b"".join([ROLE, A, STOP, DONE])


def test_a_last_event_without_its_end() -> None:
    assert mend(ROLE, A, STOP, b"data: [DONE]") == b"".join([ROLE, A, STOP, DONE])


def test_a_choice_without_index_or_delta() -> None:
    mended = mend(choice(delta={"content": "a"}), choice(index=0, finish_reason="stop"), DONE)
    first, second = (load(line)["choices"][0] for line in mended.split(b"\n\n")[:2])
    assert first == {"delta": {"role": "assistant", "content": "a"}, "index": 0}
    assert second == {"index": 0, "finish_reason": "stop", "delta": {}}


def test_a_whole_message_in_place_of_a_delta() -> None:
    mended = mend(
        choice(index=0, message={"role": "assistant", "content": "a"}, finish_reason="stop"), DONE
    )
    assert load(mended.split(b"\n\n")[0])["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "a",
    }


def test_usage_without_choices_gets_them() -> None:
    mended = mend(ROLE, A, STOP, bare(usage={"prompt_tokens": 3}), DONE)
    assert load(mended.split(b"\n\n")[3])["choices"] == []


def test_calls_without_indexes_ids_and_types() -> None:
    mended = mend(
        ROLE,
        calls(call(None, "a", name="look", arguments="{")),
        calls(call(None, arguments="}")),
        calls(call(None, name="find", arguments={"x": 1})),
        chunk({}, "tool_calls"),
        DONE,
    )
    one, two = openai_sdk.functions(openai_sdk.streamed(mended))
    assert one == ("a", "look", "{}")
    assert two[0].startswith("call_") and two[1:] == ("find", '{"x":1}')


def test_ids_and_names_said_in_every_fragment_are_said_once() -> None:
    again = calls({**call(0, "a", name="look", arguments="}"), "type": "function"})
    mended = mend(ROLE, calls(call(0, "a", name="look", arguments="{")), again, STOP, DONE)
    assert openai_sdk.functions(openai_sdk.streamed(mended)) == [("a", "look", "{}")]


def test_parallel_calls_that_all_have_the_index_zero() -> None:
    pieces = [calls(call(0, i, name="look", arguments="{}")) for i in ("a", "b")]
    mended = mend(ROLE, *pieces, STOP, DONE)
    assert openai_sdk.functions(openai_sdk.streamed(mended)) == [
        ("a", "look", "{}"),
        ("b", "look", "{}"),
    ]


def test_parallel_calls_that_share_index_and_name_are_told_apart() -> None:
    mended = mend(
        ROLE,
        calls(call(0, "a", name="look", arguments="")),
        calls(call(0, name="", arguments='{"x":1}')),
        calls(call(0, name="", arguments='{"x":2}')),
        STOP,
        DONE,
    )
    said = [load(c)["choices"][0]["delta"].get("tool_calls") for c in mended.split(b"\n\n")[1:4]]
    first, more, second = (entries[0] for entries in said)
    assert first["index"] == more["index"] == 0 and second["index"] == 1
    assert second["function"] == {"name": "look", "arguments": '{"x":2}'} and second["id"]


@pytest.mark.parametrize("ends", [[STOP, DONE], [DONE]], ids=["said", "supplied"])
def test_a_call_that_never_got_arguments_gets_an_empty_object(ends: list[bytes]) -> None:
    mended = mend(ROLE, calls(call(0, "a", name="look", arguments="")), *ends)
    *_, last, done, _ = mended.split(b"\n\n")
    (told,) = load(last)["choices"]
    assert done == b"data: [DONE]" and told["finish_reason"]
    assert told["delta"]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_calls_of_two_choices_do_not_mix() -> None:
    def of(index: int, entry: dict[str, Any]) -> bytes:
        return choice(index=index, delta={"role": "assistant", "tool_calls": [entry]})

    mended = mend(of(0, call(None, name="look")), of(1, call(None, name="look")), DONE)
    entries = [load(line)["choices"][0]["delta"] for line in mended.split(b"\n\n")[:2]]
    assert [entry["tool_calls"][0]["index"] for entry in entries] == [0, 0]
    assert entries[0]["tool_calls"][0]["id"] != entries[1]["tool_calls"][0]["id"]


def test_an_empty_choice_beside_one_that_speaks_is_left_out() -> None:
    both = [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": ""}}]
    mended = mend(ROLE, bare(choices=both), STOP, DONE)
    assert load(mended.split(b"\n\n")[1])["choices"] == both[:1]


def test_an_error_is_told_and_ends_the_stream() -> None:
    mended = mend(ROLE, A, b'event: error\ndata: {"error": {"message": "no"}}\n\n', A, DONE)
    assert mended.startswith(ROLE + A) and mended.endswith(DONE)
    assert load(mended[len(ROLE + A) :].split(b"\n\n")[0]) == {"error": {"message": "no"}}


def test_an_error_told_by_the_router() -> None:
    mender = CHAT.mender(ASKED)
    out = mender.fail(ApiError(message="gone", kind="timeout"))
    assert load(out.split(b"\n\n")[0])["error"]["type"] == "timeout_error"
    assert out.endswith(DONE)
    assert mender.fail(ApiError(message="again")) == b"" and mender.close([]) == b""
    assert mender.feed(Frame(b"{}"), []) == b""


def test_an_error_frame_that_is_passed_on_is_told_once() -> None:
    mender = CHAT.mender(ASKED)
    out = mender.feed(Frame(b'{"error": {"message": "no"}}'), [])
    assert out == b'data: {"error":{"message":"no"}}\n\n' + DONE
    assert mender.fail(ApiError(message="no")) == b""


def test_words_that_look_like_a_finish_reason_pass_as_they_are() -> None:
    text = 'he said "finish_reason": "stop" and "tool_calls"'
    pieces = [ROLE, chunk({"content": text}), STOP, DONE]
    assert mend(*pieces) == b"".join(pieces)


def test_ordinary_chunks_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mender = ChatMender(ASKED)
    reader = CHAT.stream_reader()
    first = Frame(ROLE[6:-2], None, ROLE)
    mender.feed(first, reader.feed(first))
    monkeypatch.setattr("switchyard.wire.formats.openai_chat.mender.payloads", None)
    frame = Frame(A[6:-2], None, A)
    assert mender.feed(frame, [TextDelta(0, "a")]) == A


def test_a_usage_chunk_that_the_router_asked_for_is_hidden() -> None:
    asked = replace(ASKED, hides_usage=True)
    assert mend_stream(CHAT, b"".join([ROLE, A, STOP, USAGE, DONE]), asked) == b"".join(
        [ROLE, A, STOP, DONE]
    )
    told = chunk({}, "stop", usage={"prompt_tokens": 3})
    whole = b"".join([ROLE, A, told, DONE])
    assert mend_stream(CHAT, whole, asked) == whole
