from typing import Any

import pytest

from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from tests.unit.wire.formats.openai_chat.request_support import CHAT
from tests.unit.wire.formats.openai_chat.request_support import PIXEL
from tests.unit.wire.formats.openai_chat.request_support import parts
from tests.unit.wire.formats.openai_chat.request_support import read


def plain(part: Part) -> Part:
    """A part without what only its own format's writer looks at."""
    match part:
        case Media():
            known = (part.kind, part.media_type, part.data, part.url, part.file_id, part.name)
            kind, media_type, data, url, file_id, name = known
            return Media(
                kind=kind,
                media_type=media_type,
                data=data,
                url=url,
                file_id=file_id,
                name=name,
                detail=part.detail,
                cache=part.cache,
            )
        case Text():
            return Text(text=part.text, cache=part.cache)
    return part


class TestMessages:
    def test_roles(self) -> None:
        turns = read(
            messages=[
                {"role": "system", "content": "s"},
                {"role": "developer", "content": [{"type": "text", "text": "d"}]},
                {"role": "user", "content": "u", "name": "ann"},
                {"role": "assistant", "content": "a"},
            ]
        ).turns
        assert [turn.role for turn in turns] == ["system", "developer", "user", "assistant"]
        assert turns[2].name == "ann"
        assert [plain(turn.parts[0]) for turn in turns] == [Text(text=t) for t in "sdua"]

    @pytest.mark.parametrize("content", ["", None, []])
    def test_content_that_says_nothing(self, content: Any) -> None:
        assert parts({"role": "assistant", "content": content}) == [()]

    def test_absent_content(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        assert parts({"role": "assistant", "tool_calls": [call]}) == [
            (ToolCall(id="1", name="look", arguments="{}"),)
        ]

    def test_members_without_a_name_in_the_model_come_back(self) -> None:
        message = {"role": "assistant", "content": "x", "prefix": True, "tool_calls": None}
        parts({**message, "name": None}, {"role": "user", "content": "y", "weight": 0})

    def test_images(self) -> None:
        (said,) = parts(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                    {
                        "type": "image_url",
                        "image_url": {"url": "https://i.test/a", "detail": "low"},
                    },
                    {"type": "image_url", "image_url": "https://i.test/b"},
                    {"type": "image_url", "image_url": {"url": "https://i.test/c"}, "text": None},
                ],
            }
        )
        assert [plain(part) for part in said] == [
            Media(kind="image", media_type="image/png", data=PIXEL),
            Media(kind="image", url="https://i.test/a", detail="low"),
            Media(kind="image", url="https://i.test/b"),
            Media(kind="image", url="https://i.test/c"),
        ]

    def test_files(self) -> None:
        pdf = f"data:application/pdf;base64,{PIXEL}"
        (said,) = parts(
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": pdf}},
                    {"type": "file", "file": {"filename": "a.csv", "file_data": PIXEL}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                    {"type": "file", "file": {"file_data": "https://d.test/a.pdf"}},
                    {"type": "document_url", "document_url": "https://d.test/b.pdf"},
                    {"type": "document_url", "document_url": pdf},
                    {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
                    {"type": "video_url", "video_url": {"url": "https://v.test/a"}},
                ],
            }
        )
        assert [plain(part) for part in said] == [
            Media(kind="document", media_type="application/pdf", data=PIXEL, name="a.pdf"),
            Media(kind="document", media_type="text/csv", data=PIXEL, name="a.csv"),
            Media(kind="document", file_id="file-1"),
            Media(kind="document", url="https://d.test/a.pdf"),
            Media(kind="document", url="https://d.test/b.pdf"),
            Media(kind="document", media_type="application/pdf", data=PIXEL),
            Media(kind="audio", media_type="audio/mpeg", data=PIXEL),
            Media(kind="video", url="https://v.test/a"),
        ]

    def test_other_parts(self) -> None:
        marked = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}
        odd = {"type": "map", "map": [1]}
        (said,) = parts(
            {
                "role": "assistant",
                "content": [
                    marked,
                    {"type": "refusal", "refusal": "no"},
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "hm"}],
                        "closed": True,
                    },
                    "bare",
                    odd,
                ],
            }
        )
        assert plain(said[0]) == Text(text="t", cache={"type": "ephemeral"})
        assert isinstance(said[1], Refusal) and said[1].text == "no"
        assert isinstance(said[2], Thinking) and said[2].text == "hm"
        assert plain(said[3]) == Text(text="bare")
        assert said[4] == Opaque(format="openai-chat", kind="map", raw=odd)

    def test_refusals_and_audio_of_earlier_answers(self) -> None:
        (said,) = parts(
            {"role": "assistant", "content": None, "refusal": "no", "audio": {"id": "audio-1"}}
        )
        assert isinstance(said[0], Refusal) and said[0].text == "no"
        assert isinstance(said[1], Media) and said[1].file_id == "audio-1"

    def test_calls_and_results(self) -> None:
        turns = read(
            messages=[
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "index": 0,
                            "function": {"name": "look", "arguments": '{"at": 1}'},
                        },
                        {"id": "2", "type": "custom", "custom": {"name": "run", "input": "ls"}},
                        {"id": "3", "function": {"name": "untyped", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "seen"},
                {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "a"}]},
                {"role": "tool", "tool_call_id": "3", "content": "", "name": "untyped"},
            ]
        ).turns
        calls = [part for part in turns[0].parts if isinstance(part, ToolCall)]
        assert [(c.id, c.name, c.arguments, c.kind) for c in calls] == [
            ("1", "look", '{"at": 1}', "function"),
            ("2", "run", "ls", "custom"),
            ("3", "untyped", "", "function"),
        ]
        results = [part for turn in turns[1:] for part in turn.parts]
        assert [(r.call_id, r.text) for r in results if isinstance(r, ToolResult)] == [
            ("1", "seen"),
            ("2", "a"),
            ("3", ""),
        ]
        assert all(turn.role == "user" for turn in turns[1:])

    def test_deprecated_functions(self) -> None:
        conversation = read(
            messages=[
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "look", "arguments": "{}"},
                },
                {"role": "function", "name": "look", "content": "seen"},
            ],
            functions=[{"name": "look", "parameters": {"type": "object"}}],
            function_call={"name": "look"},
        )
        call, result = (conversation.turns[i].parts[0] for i in (1, 2))
        assert isinstance(call, ToolCall) and isinstance(result, ToolResult)
        assert call.id and call.id == result.call_id
        assert conversation.tools[0].name == "look"
        choice = conversation.tool_choice
        assert choice is not None and (choice.mode, choice.name) == ("tool", "look")

    def test_a_result_that_names_no_call_answers_the_oldest_open_one(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        turns = CHAT.read_request(
            {
                "model": "m",
                "messages": [
                    {"role": "assistant", "tool_calls": [call, {**call, "id": "2"}]},
                    {"role": "tool", "tool_call_id": "1", "content": "a"},
                    {"role": "tool", "content": "b"},
                ],
            }
        ).turns
        assert [t.parts[0].call_id for t in turns[1:] if isinstance(t.parts[0], ToolResult)] == [
            "1",
            "2",
        ]

    def test_a_made_up_id_is_the_same_every_time_and_another_for_every_message(self) -> None:
        call = {"id": "", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}] * 2}
        ids = [
            [
                part.id
                for turn in CHAT.read_request(body).turns
                for part in turn.parts
                if isinstance(part, ToolCall)
            ]
            for _ in range(2)
        ]
        assert ids[0] == ids[1] and len(set(ids[0])) == 2

    def test_arguments_given_as_an_object(self) -> None:
        call = {"id": "1", "function": {"name": "look", "arguments": {"at": 1}}}
        body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
        (said,) = CHAT.read_request(body).turns[0].parts
        assert isinstance(said, ToolCall) and said.arguments == '{"at":1}'
