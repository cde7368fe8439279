"""Answers of the Responses API: read, written, and both without loss."""

import copy
from dataclasses import replace

import pytest

from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.fold import unfold
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire.formats.openai_responses.reply_support import ANSWERS
from tests.unit.wire.formats.openai_responses.reply_support import FILE
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import FUNCTION_CALL
from tests.unit.wire.formats.openai_responses.reply_support import SITE
from tests.unit.wire.formats.openai_responses.reply_support import asked_for
from tests.unit.wire.formats.openai_responses.reply_support import response
from tests.unit.wire.formats.openai_responses.request_support import CODE_MODE
from tests.unit.wire.formats.openai_responses.request_support import SCHEMA
from tests.unit.wire.formats.openai_responses.request_support import body as request_body
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import reply_identity
from tests.unit.wire.laws import stream_survives_writing
from tests.unit.wire.openai_responses_sdk import assert_response


@pytest.mark.parametrize("name", ANSWERS)
def test_reading_and_writing_loses_nothing(name):
    answer = ANSWERS[name]
    before = copy.deepcopy(answer)
    reply_identity(FORMAT, answer)
    assert FORMAT.write_reply(FORMAT.read_reply(answer), ASKED) == before == answer


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_can_be_streamed(name):
    stream_survives_writing(FORMAT, unfold(FORMAT.read_reply(ANSWERS[name])))


def parts(name):
    return FORMAT.read_reply(ANSWERS[name]).choice.parts


def test_usage_counts_the_whole_prompt():
    usage = FORMAT.read_reply(ANSWERS["text"]).usage
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write) == (10, 4, None)
    assert (usage.output, usage.reasoning, usage.total) == (5, 3, 15)


def test_usage_in_chat_words_is_understood():
    said = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}
    usage = FORMAT.read_reply(response(usage=said)).usage
    assert usage is not None
    assert (usage.input, usage.output, usage.tokens) == (3, 2, 5)


def test_only_citations_of_web_pages_mean_something_elsewhere():
    [part] = parts("citations")
    assert isinstance(part, Text)
    site, file = part.citations
    assert (site.url, site.title, site.start, site.end) == ("https://a.example", "A", 0, 2)
    assert (file.url, file.raw) == (None, FILE)


def test_calls_are_known_by_their_call_id():
    one, two, three = (p for p in parts("calls") if isinstance(p, ToolCall))
    assert (one.id, one.name, one.arguments, one.kind) == ("c1", "f", '{"a": 1}', "function")
    assert (two.id, two.namespace) == ("c2", "n")
    assert (three.id, three.arguments, three.kind) == ("c3", "go", "custom")


def test_reasoning_is_thinking():
    empty, encrypted, summary, content, _ = parts("reasoning")
    assert isinstance(empty, Opaque) and empty.kind == "reasoning"
    assert isinstance(encrypted, Thinking)
    assert (encrypted.redacted, encrypted.signer) == ("gAAA", "openai-responses")
    assert isinstance(summary, Thinking)
    assert (summary.text, summary.signature, summary.summary) == ("one\n\ntwo", "gBBB", True)
    assert isinstance(content, Thinking)
    assert (content.text, content.signature, content.summary) == ("all", None, False)


def test_tools_that_ran_at_the_provider_are_no_calls_and_images_are_media():
    search, image, failed, other = parts("hosted tools")
    assert isinstance(search, Opaque) and search.text is None
    assert isinstance(image, Media)
    assert (image.kind, image.media_type, image.data) == ("image", "image/webp", "AAAA")
    assert isinstance(failed, Opaque)
    assert isinstance(other, Opaque)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "end"),
        ({"status": None}, "end"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": None}, "other"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "other"),
        ({"status": "in_progress"}, "pause"),
        ({"status": "incomplete", "incomplete_details": {"reason": "odd"}}, "error"),
        ({"status": "cancelled"}, "error"),
        ({"output": [FUNCTION_CALL]}, "tool_calls"),
    ],
)
def test_stop_reasons(members, reason):
    stop = FORMAT.read_reply(response(**members)).choice.stop
    assert stop is not None and stop.reason == reason


@pytest.mark.parametrize(
    "answer",
    [{}, {"output": None}, {"error": {"message": "x"}}, response(status="failed"), {"choices": []}],
)
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(BadReply):
        FORMAT.read_reply(answer)


def foreign(*parts_, stop=None, asked=ASKED, **members):
    choice = Choice(parts=parts_, stop=stop or Stop(reason="end"))
    members = {"format": "anthropic", "id": "msg_9", "created": 5, **members}
    written = FORMAT.write_reply(Reply(choices=(choice,), **members), asked)
    assert_response(written)
    return written


def test_texts_of_one_answer_are_one_message():
    site = Citation(url="https://a.example", format="anthropic", raw={})
    written = foreign(
        Text(text=""), Text(text="hello"), Text(text=" you", citations=(site,)), Refusal(text="no")
    )
    [item] = written["output"]
    assert item["type"] == "message"
    assert item["id"].startswith("msg_")
    assert [part["type"] for part in item["content"]] == ["output_text", "output_text", "refusal"]
    assert item["content"][1]["annotations"] == [
        {**SITE, "title": "", "start_index": 0, "end_index": 4}
    ]
    assert (written["id"], written["model"], written["created_at"]) == (
        "resp_9_0123456789abcdef",
        "asked-model",
        5,
    )
    assert written["status"] == "completed"


def test_an_answer_without_id_gets_one():
    written = foreign(ToolCall(id="", name="f"), id=None, created=None)
    assert written["id"] == f"resp_{ASKED.id}"
    assert written["created_at"] == ASKED.created
    [item] = written["output"]
    assert item["call_id"].startswith("call_")
    assert item["id"].startswith("fc_")
    assert item["arguments"] == "{}"


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("end", "completed", None),
        ("tool_calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context_window", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_status_says_why_the_answer_ended(reason, status, details):
    written = foreign(Text(text="hi"), stop=Stop(reason=reason, raw="their word"))
    assert (written["status"], written["incomplete_details"]) == (status, details)
    [item] = written["output"]
    assert item["status"] == status


def test_all_counts_the_types_require_are_there():
    usage = foreign(usage=Usage(input=10, output=5, cache_read=4, reasoning=2))["usage"]
    assert usage == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    assert foreign()["usage"] is None


def test_an_image_is_an_item_and_of_audio_the_words_are_left():
    image, spoken = foreign(
        Media(kind="image", media_type="image/jpeg", data="AAAA"),
        Media(kind="audio", data="AAAA", transcript="hello"),
        Media(kind="image", url="https://a.example"),
    )["output"]
    assert (image["type"], image["result"]) == ("image_generation_call", "AAAA")
    assert image["output_format"] == "jpeg"
    assert spoken["content"][0]["text"] == "hello"


def test_another_formats_hosted_tools_are_left_out_and_their_words_kept():
    [item] = foreign(
        Opaque(format="anthropic", kind="server_tool_use", raw={}),
        Opaque(format="anthropic", kind="x", raw={}, text="a note"),
    )["output"]
    assert item["content"][0]["text"] == "a note"


def test_thinking_is_a_summary_with_its_proof_in_an_envelope():
    signed = Thinking(text="hm", signature="sig", signer="anthropic")
    one, two, three = foreign(
        signed,
        Thinking(text="plain"),
        Thinking(text=""),
        Thinking(redacted="blob", signer="anthropic"),
    )["output"]
    assert one["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert unseal(one["encrypted_content"]) == replace(signed, id=one["id"])
    assert unseal(two["encrypted_content"]) == Thinking()
    assert three["summary"] == []
    assert unseal(three["encrypted_content"]) == Thinking(
        redacted="blob", signer="anthropic", id=three["id"]
    )
    back = FORMAT.read_request(request_body(one, two, three)).turns[0].parts
    assert [
        (p.text, p.signature, p.redacted, p.signer) for p in back if isinstance(p, Thinking)
    ] == [
        ("hm", "sig", None, "anthropic"),
        ("plain", None, None, None),
        ("", None, "blob", "anthropic"),
    ]


def test_the_proof_of_a_call_goes_before_it():
    signed = ToolCall(id="c1", name="f", signature="sig", signer="gemini")
    proof, call = foreign(signed)["output"]
    assert proof["type"] == "reasoning"
    assert call["type"] == "function_call"
    [read] = FORMAT.read_request(request_body(proof, call)).turns[0].parts
    assert isinstance(read, ToolCall)
    assert (read.signature, read.signer) == ("sig", "gemini")


def test_a_custom_tool_is_called_as_it_was_declared():
    call = ToolCall(id="c1", name="exec", arguments='{"input": "text(1)"}')
    [item] = foreign(call, asked=asked_for(CODE_MODE))["output"]
    assert item["type"] == "custom_tool_call"
    assert item["id"].startswith("ctc_")
    assert (item["name"], item["namespace"]) == ("exec", "functions")
    assert item["input"] == "text(1)"


def test_equal_names_are_told_apart_by_namespace():
    spaces = [
        {
            "type": "namespace",
            "name": n,
            "description": n,
            "tools": [{"type": "function", "name": "search", "parameters": SCHEMA}],
        }
        for n in ("web", "code")
    ]
    asked = asked_for(request_body(tools=spaces))
    [item] = foreign(ToolCall(id="c", name="code__search"), asked=asked)["output"]
    assert (item["name"], item["namespace"]) == ("search", "code")


def test_the_request_is_repeated():
    request = request_body(
        instructions="Be brief",
        tools=[{"type": "function", "name": "f"}, {"type": "web_search"}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        max_output_tokens=9,
        temperature=0.5,
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        reasoning={"effort": "low"},
        metadata={"a": "b"},
        previous_response_id="resp_0",
        truncation="auto",
    )
    written = foreign(asked=asked_for(request))
    for name in (
        "instructions",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "metadata",
        "previous_response_id",
        "truncation",
    ):
        assert written[name] == request[name]
    assert written["text"]["format"] == request["text"]["format"]
    assert written["reasoning"] == {"effort": "low", "summary": None}
    assert written["tools"] == [
        {"type": "function", "name": "f", "parameters": None, "strict": True},
        {"type": "web_search"},
    ]


def test_tools_carried_in_the_input_are_not_repeated():
    assert foreign(asked=asked_for(CODE_MODE))["tools"] == []
