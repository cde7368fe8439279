"""Whole answers of Chat Completions: every dialect is read, written back, and written anew."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.model_list import ModelEntry
from tests.unit.wire import openai_sdk
from tests.unit.wire.laws import ASKED

CHAT = OpenAIChat()
END = Stop(reason="end")
LOOK = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def answer(message: Any, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [choice],
    }


def read(body: dict[str, Any]) -> Reply:
    """The reply, of which is also shown that it is written back as it was."""
    before = copy.deepcopy(body)
    reply = CHAT.read_reply(body)
    assert CHAT.write_reply(reply, ASKED) == body
    assert body == before
    return reply


def parts(**message: Any) -> tuple[Part, ...]:
    return read(answer({"role": "assistant", "content": None, **message})).choice.parts


def written(*said: Part, stop: Stop = END, asked: Asked = ASKED, **more: Any) -> dict[str, Any]:
    """The choice that another format's answer becomes; the official SDK takes it."""
    reply = Reply(format="anthropic", id="x1", choices=(Choice(parts=said, stop=stop),), **more)
    body = CHAT.write_reply(reply, asked)
    openai_sdk.whole(body)
    return body["choices"][0]


def asking(**body: Any) -> Asked:
    """What a client asked for that sent this."""
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    return replace(ASKED, conversation=CHAT.read_request(request))


class TestReading:
    def test_ordinary(self) -> None:
        reply = read(answer({"role": "assistant", "content": "Hi", "refusal": None}, logprobs=None))
        assert (reply.id, reply.model, reply.created) == ("c1", "m", 5)
        assert reply.choice.parts == (Text(text="Hi"),)
        assert reply.choice.stop == Stop(reason="end", raw="stop")

    def test_no_content(self) -> None:
        assert parts() == ()
        assert read(answer({"role": "assistant", "content": ""})).choice.parts == ()

    def test_order_of_the_parts(self) -> None:
        said = parts(tool_calls=[LOOK], content="a", reasoning="hm", refusal="no")
        assert [type(part) for part in said] == [Thinking, Text, Refusal, ToolCall]

    def test_a_list_of_parts(self) -> None:
        thinking = [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]
        said = parts(
            content=[
                {"type": "thinking", "thinking": thinking, "closed": True},
                {"type": "text", "text": "a"},
                {"type": "reference", "reference_ids": [1]},
            ]
        )
        assert isinstance(said[0], Thinking) and said[0].text == "hm"
        assert isinstance(said[1], Text) and said[1].text == "a"
        assert isinstance(said[2], Opaque)

    def test_calls(self) -> None:
        said = parts(
            tool_calls=[
                {**LOOK, "index": 0},
                {"id": "b", "function": {"name": "untyped", "arguments": ""}},
                {"id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}},
            ]
        )
        calls = [part for part in said if isinstance(part, ToolCall)]
        assert [(c.id, c.name, c.arguments, c.kind) for c in calls] == [
            ("a", "look", "{}", "function"),
            ("b", "untyped", "", "function"),
            ("c", "run", "ls", "custom"),
        ]

    def test_a_call_without_an_id_gets_one(self) -> None:
        reply = CHAT.read_reply(answer({"role": "assistant", "tool_calls": [{**LOOK, "id": ""}]}))
        (call,) = reply.choice.parts
        assert isinstance(call, ToolCall) and call.id.startswith("call_")
        assert reply == CHAT.read_reply(
            answer({"role": "assistant", "tool_calls": [{**LOOK, "id": ""}]})
        )

    def test_the_deprecated_function_call(self) -> None:
        body = answer(
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "look", "arguments": "{}"},
            },
            "function_call",
        )
        reply = read(body)
        (call,) = reply.choice.parts
        assert isinstance(call, ToolCall) and (call.name, call.arguments) == ("look", "{}")
        assert reply.choice.stop == Stop(reason="tool_calls", raw="function_call")

    def test_empty_members_are_no_parts(self) -> None:
        said = parts(
            content="a",
            refusal="",
            audio={"id": "", "data": "", "transcript": "", "expires_at": 0},
            function_call={"name": "", "arguments": ""},
            tool_calls=None,
            annotations=None,
            reasoning_content="",
        )
        assert said == (Text(text="a"),)

    def test_thinking_with_a_signature(self) -> None:
        (thinking, _) = parts(
            content="a",
            reasoning="hm",
            reasoning_details=[
                {
                    "type": "reasoning.text",
                    "text": "hm",
                    "signature": "sig",
                    "format": "anthropic-claude-v1",
                    "index": 0,
                }
            ],
        )
        assert isinstance(thinking, Thinking)
        assert (thinking.text, thinking.signature, thinking.signer) == ("hm", "sig", "anthropic")

    def test_thinking_said_twice_in_other_words(self) -> None:
        (thinking, _) = parts(
            content="a",
            reasoning="in other words",
            reasoning_details=[{"type": "reasoning.text", "text": "hm"}],
        )
        assert isinstance(thinking, Thinking) and thinking.text == "hm"

    def test_citations(self) -> None:
        web = {"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "A"}}
        file = {"type": "file", "file": {"name": "a.pdf"}}
        (text,) = parts(content="a", annotations=[web, file])
        assert isinstance(text, Text)
        assert [c.url for c in text.citations] == ["https://a.test", None]

    def test_listed_sources(self) -> None:
        body = {**answer({"role": "assistant", "content": "a"}), "citations": ["https://a.test"]}
        (text,) = read(body).choice.parts
        assert isinstance(text, Text) and text.citations[0].url == "https://a.test"

    def test_audio_and_images(self) -> None:
        audio = {"id": "audio-1", "data": "AA", "transcript": "hello", "expires_at": 9}
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        said = parts(content="a", audio=audio, images=[image])
        assert isinstance(said[1], Media) and said[1].transcript == "hello"
        assert isinstance(said[2], Media) and said[2].media_type == "image/png"

    def test_googles_proof_on_the_message(self) -> None:
        content = {"google": {"thought": True, "thought_signature": "sig"}}
        (call,) = parts(tool_calls=[LOOK], extra_content=content)
        assert isinstance(call, ToolCall)
        assert (call.signature, call.signer) == ("sig", "gemini")

    def test_unknown_members_everywhere(self) -> None:
        body = answer(
            {"role": "assistant", "content": "a", "x": 1}, native_finish_reason="STOP", y=2
        )
        read({**body, "provider": "p", "system_fingerprint": None, "z": {"w": []}})

    def test_usage_inside_the_choice(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        reply = CHAT.read_reply(answer({"role": "assistant", "content": "a"}, usage=usage))
        assert reply.usage is not None and reply.usage.input == 3

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"choices": None},
            {"error": {"message": "no"}},
            {"object": "response", "output": []},
            {"id": "c1", "choices": {}},
        ],
    )
    def test_what_is_no_answer(self, body: dict[str, Any]) -> None:
        with pytest.raises(BadReply, match="no choices"):
            CHAT.read_reply(body)

    def test_no_message_at_all(self) -> None:
        body = answer(None, "content_filter")
        del body["choices"][0]["message"]
        choice = CHAT.read_reply(body).choice
        assert choice.parts == ()
        assert choice.stop == Stop(reason="content_filter", raw="content_filter")

    def test_what_must_not_be_empty_is_filled_in(self) -> None:
        body = {**answer({"role": "assistant", "content": "a"}, ""), "id": ""}
        again = CHAT.write_reply(CHAT.read_reply(body), ASKED)
        assert again["id"] == f"chatcmpl-{ASKED.id}"
        assert again["choices"][0]["finish_reason"] == "stop"


class TestWriting:
    def test_the_head(self) -> None:
        body = CHAT.write_reply(Reply(format="anthropic", choices=(Choice(),)), ASKED)
        assert body == {
            "id": f"chatcmpl-{ASKED.id}",
            "object": "chat.completion",
            "created": ASKED.created,
            "model": ASKED.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": ""},
                    "finish_reason": "stop",
                }
            ],
        }

    def test_words_and_thinking(self) -> None:
        choice = written(Thinking(text="h"), Thinking(text="m"), Text(text="a"), Text(text="b"))
        assert choice["message"] == {
            "role": "assistant",
            "content": "ab",
            "reasoning_content": "hm",
        }

    def test_proofs_have_entries_of_their_own(self) -> None:
        message = written(
            Thinking(text="hm", signature="sig", signer="anthropic"),
            Thinking(redacted="blob", signer="anthropic"),
            Thinking(
                text="short", summary=True, redacted="item", signer="openai-responses", id="rs"
            ),
        )["message"]
        assert message["reasoning_content"] == "hmshort"
        assert message["reasoning_details"] == [
            {
                "type": "reasoning.text",
                "text": "hm",
                "signature": "sig",
                "format": "anthropic-claude-v1",
                "index": 0,
            },
            {
                "type": "reasoning.encrypted",
                "data": "blob",
                "format": "anthropic-claude-v1",
                "index": 1,
            },
            {
                "type": "reasoning.summary",
                "summary": "short",
                "format": "openai-responses-v1",
                "id": "rs",
                "index": 2,
            },
            {
                "type": "reasoning.encrypted",
                "data": "item",
                "format": "openai-responses-v1",
                "id": "rs",
                "index": 3,
            },
        ]

    def test_proofs_come_back_with_the_next_request(self) -> None:
        said = (
            Thinking(text="hm", signature="sig", signer="anthropic"),
            Thinking(redacted="blob", signer="anthropic"),
            Thinking(text="short", summary=True, redacted="i", signer="openai-responses", id="rs"),
        )
        request = {"model": "m", "messages": [written(*said, Text(text="a"))["message"]]}
        again = CHAT.read_request(request).turns[0].parts
        assert [replace(p, extra={}, form="") for p in again if isinstance(p, Thinking)] == [*said]

    def test_calls(self) -> None:
        call = ToolCall(id="a", name="look", arguments="{}", signature="sig", signer="gemini")
        choice = written(call, stop=Stop(reason="tool_calls", raw="tool_use"))
        assert choice["message"]["content"] is None
        assert choice["message"]["tool_calls"] == [
            {**LOOK, "extra_content": {"google": {"thought_signature": "sig"}}}
        ]
        assert choice["finish_reason"] == "tool_calls"

    def test_custom_tools(self) -> None:
        custom = {"type": "custom", "custom": {"name": "run"}}
        call = ToolCall(id="a", name="run", arguments='{"input":"ls"}')
        message = written(call, asked=asking(tools=[custom]))["message"]
        assert message["tool_calls"] == [
            {"id": "a", "type": "custom", "custom": {"name": "run", "input": "ls"}}
        ]

    def test_a_client_of_functions(self) -> None:
        asked = asking(functions=[{"name": "look"}])
        call = ToolCall(id="a", name="look", arguments="{}")
        choice = written(call, stop=Stop(reason="tool_calls"), asked=asked)
        assert choice["message"]["function_call"] == {"name": "look", "arguments": "{}"}
        assert "tool_calls" not in choice["message"]
        assert choice["finish_reason"] == "function_call"
        choice = written(call, call, stop=Stop(reason="tool_calls"), asked=asked)
        assert len(choice["message"]["tool_calls"]) == 1
        assert choice["finish_reason"] == "tool_calls"

    def test_citations(self) -> None:
        cited = Citation(url="https://a.test", title=None, format="anthropic", raw={})
        hidden = Citation(title="a.pdf", format="anthropic", raw={})
        exact = Citation(url="https://b.test", title="B", start=1, end=2, format="gemini", raw={})
        message = written(
            Text(text="abc"),
            Text(text="de", citations=(cited, hidden)),
            Text(text="", citations=(exact,)),
        )["message"]
        assert [a["url_citation"] for a in message["annotations"]] == [
            {"start_index": 3, "end_index": 5, "title": "", "url": "https://a.test"},
            {"start_index": 1, "end_index": 2, "title": "B", "url": "https://b.test"},
        ]

    def test_what_only_others_know_is_left_out(self) -> None:
        block = Opaque(format="anthropic", kind="server_tool_use", raw={"type": "server_tool_use"})
        assert written(Text(text="a"), block)["message"] == {"role": "assistant", "content": "a"}

    def test_media(self) -> None:
        reply = Reply(
            format="gemini",
            choices=(
                Choice(
                    parts=(
                        Media(kind="image", media_type="image/png", data="AA"),
                        Media(kind="audio", data="BB", transcript="hello"),
                    )
                ),
            ),
        )
        message = CHAT.write_reply(reply, ASKED)["choices"][0]["message"]
        assert message["images"] == [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        ]
        assert message["audio"] == {"data": "BB", "transcript": "hello"}

    @pytest.mark.parametrize(
        ("stop", "word", "native"),
        [
            (Stop(reason="end", raw="end_turn"), "stop", None),
            (Stop(reason="length", raw="max_tokens"), "length", None),
            (Stop(reason="content_filter", raw="SAFETY"), "content_filter", None),
            (Stop(reason="refusal", raw="refusal"), "content_filter", "refusal"),
            (Stop(reason="pause", raw="pause_turn"), "stop", "pause_turn"),
            (Stop(reason="context_window"), "length", "model_context_window_exceeded"),
            (Stop(reason="stop_sequence", sequence="END"), "stop", "stop_sequence"),
            (Stop(reason="other", raw="ODD"), "stop", None),
        ],
    )
    def test_reasons(self, stop: Stop, word: str, native: str | None) -> None:
        choice = written(Text(text="a"), stop=stop)
        assert choice["finish_reason"] == word
        assert choice.get("native_finish_reason") == native
        assert choice.get("stop_reason") == stop.sequence
        more = {k: choice[k] for k in ("native_finish_reason", "stop_reason") if k in choice}
        again = CHAT.read_reply(answer(choice["message"], word, **more))
        said = again.choice.stop
        assert said is not None
        assert said.reason == ("end" if stop.reason == "other" else stop.reason)
        assert said.sequence == stop.sequence

    def test_usage(self) -> None:
        usage = Usage(input=10, output=5, cache_read=4, cache_write=2, reasoning=3, input_audio=1)
        reply = Reply(format="anthropic", choices=(Choice(),), usage=usage)
        body = CHAT.write_reply(reply, ASKED)
        openai_sdk.whole(body)
        assert body["usage"] == {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {
                "cached_tokens": 4,
                "cache_write_tokens": 2,
                "audio_tokens": 1,
            },
            "completion_tokens_details": {"reasoning_tokens": 3},
        }

    def test_models(self) -> None:
        body = CHAT.write_models([ModelEntry("a/b", "a", 5, 1000), ModelEntry("c", "d")])
        assert [m.id for m in openai_sdk.models(body)] == ["a/b", "c"]
        assert body["data"][0]["context_length"] == 1000
        assert "context_length" not in body["data"][1]
