"""Requests of the Gemini API: read, written, and carried over from other formats."""

from typing import Any

import pytest

from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from tests.unit.wire import laws
from tests.unit.wire.formats.gemini.request_support import GEMINI
from tests.unit.wire.formats.gemini.request_support import HI
from tests.unit.wire.formats.gemini.request_support import USER
from tests.unit.wire.formats.gemini.request_support import assistant
from tests.unit.wire.formats.gemini.request_support import body
from tests.unit.wire.formats.gemini.request_support import foreign
from tests.unit.wire.formats.gemini.request_support import read
from tests.unit.wire.formats.gemini.request_support import user
from tests.unit.wire.formats.gemini.request_support import write


def test_system_instruction_and_roles():
    c = read(
        USER,
        {"role": "model", "parts": [{"text": "Hello"}, {"text": " there"}]},
        {"parts": [{"text": "no role"}]},
        {"role": None, "parts": [{"text": "null role"}]},
        {"role": "user"},
        systemInstruction={"role": "user", "parts": [{"text": "Be"}, {"text": "kind"}]},
    )
    roles = [turn.role for turn in c.turns]
    assert roles == ["system", "user", "assistant", "user", "user", "user"]
    assert [part.text for part in c.turns[0].parts if isinstance(part, Text)] == ["Be", "kind"]


def test_shorthands_of_the_sdk():
    c = read("Hi", systemInstruction="Be kind")
    assert c.turns[0].parts == (Text(text="Be kind"),)
    assert c.turns[1].parts == (Text(text="Hi"),)
    assert GEMINI.read_request({"contents": "Hi"}).turns[0].parts == (Text(text="Hi"),)
    assert GEMINI.read_request({"contents": USER}).turns[0].parts == (Text(text="Hi"),)


def test_model_and_stream_wish_are_members():
    c = read(model="gemini-x", stream=True)
    assert (c.model, c.stream) == ("gemini-x", True)
    assert GEMINI.read_request(body(model="models/gemini-x")).model == "gemini-x"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": [3]}, "contents[0]"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"role": 3, "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": 3}]}, "contents[0].parts"),
        ({"contents": [{"parts": [USER, 3]}]}, "contents[0].parts[1]"),
        ({"contents": [USER], "systemInstruction": 3}, "systemInstruction"),
    ],
)
def test_what_is_certainly_wrong(members: dict[str, Any], param: str):
    with pytest.raises(BadRequest) as caught:
        GEMINI.read_request(members)
    assert caught.value.param == param


def test_media():
    c = read(
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "BBBB", "displayName": "d"}},
                {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
                {"inlineData": {"mimeType": "text/plain", "data": "/w=="}},
                {"fileData": {"fileUri": "https://x.example/a.mp3", "mimeType": "audio/mpeg"}},
                {"fileData": {"fileUri": "https://x.example/a.png"}},
                {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
                {"fileData": {"fileUri": "gs://bucket/v.mp4", "mimeType": "video/mp4"}},
                {
                    "fileData": {
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                        "mimeType": "image/jpeg",
                    }
                },
            ],
        }
    )
    image, pdf, text, broken, mp3, png, tube, stored, uploaded = c.turns[0].parts
    assert isinstance(image, Media) and (image.kind, image.data) == ("image", "AAAA")
    assert isinstance(pdf, Media) and (pdf.kind, pdf.name) == ("document", "d")
    assert isinstance(text, Media) and (text.text, text.data) == ("hi", None)
    assert isinstance(broken, Media) and (broken.text, broken.data) == (None, "/w==")
    assert isinstance(mp3, Media) and (mp3.kind, mp3.url) == ("audio", "https://x.example/a.mp3")
    assert isinstance(png, Media) and png.kind == "image"
    assert isinstance(tube, Media) and tube.kind == "video"
    assert isinstance(stored, Media) and (stored.kind, stored.url) == ("video", None)
    assert isinstance(uploaded, Media) and uploaded.file_id and uploaded.kind == "image"


def test_foreign_media():
    written = write(
        user(
            Media(kind="image", url="https://x.example/photo"),
            Media(kind="image", url="https://x.example/a.webp?w=1"),
            Media(kind="image", data="AAAA"),
            Media(kind="document", text="words"),
            Media(kind="document", file_id="file-123"),
        )
    )
    assert written["contents"] == [
        {
            "role": "user",
            "parts": [
                {"fileData": {"fileUri": "https://x.example/photo", "mimeType": "image/jpeg"}},
                {"fileData": {"fileUri": "https://x.example/a.webp?w=1", "mimeType": "image/webp"}},
                {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}},
                {"inlineData": {"mimeType": "text/plain", "data": "d29yZHM="}},
            ],
        }
    ]


def test_pieces_only_gemini_knows():
    raw = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "AAAA"}
    server = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "1"}}
    meta = {"videoMetadata": {"startOffset": "2s"}}
    c = read({"role": "model", "parts": [raw, server, meta]})
    kinds = [part.kind for part in c.turns[0].parts if isinstance(part, Opaque)]
    assert kinds == ["executableCode", "toolCall", "videoMetadata"]
    parts = (*c.turns[0].parts, Opaque(format="anthropic", kind="x", raw={}, text="in words"))
    written = GEMINI.write_request(foreign(assistant(*parts)))
    assert written["contents"][0]["parts"] == [raw, server, meta, {"text": "in words"}]


def test_system_messages_are_hoisted_in_order_unless_they_came_later():
    written = write(
        Turn(role="system", parts=(Text(text="one"),)),
        Turn(role="developer", parts=(Text(text="two"), Text(text=""))),
        HI,
        Turn(role="developer", parts=(Text(text="three"), Text(text=""))),
        user(Text(text="Go")),
    )
    assert written["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    later = {"text": "<system-reminder>\nthree\n</system-reminder>"}
    said = [{"text": "Hi"}, later, {"text": "Go"}]
    assert written["contents"] == [{"role": "user", "parts": said}]


def test_a_request_without_turns_still_has_contents():
    written = write(Turn(role="system", parts=(Text(text="one"),)))
    assert written["contents"] == [{"role": "user", "parts": [{"text": " "}]}]


def test_thoughts_in_the_history():
    c = read(
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "AAAA"},
                {"text": "unsigned", "thought": True},
                {"text": "yes", "thoughtSignature": "BBBB"},
                {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "CCCC"},
                {"functionCall": {"name": "g", "args": {}}, "thoughtSignature": NO_SIGNATURE},
                {"thoughtSignature": "DDDD"},
            ],
        }
    )
    signed, unsigned, text, call, stand_in, loose = c.turns[0].parts
    assert signed == Thinking(text="hm", signature="AAAA", signer="gemini")
    assert unsigned == Thinking(text="unsigned")
    assert isinstance(text, Text) and isinstance(loose, Text)
    assert isinstance(call, ToolCall) and (call.signature, call.signer) == ("CCCC", "gemini")
    assert isinstance(stand_in, ToolCall) and stand_in.signature is None


def test_only_thoughts_that_gemini_signed_go_back_to_it():
    written = write(
        HI,
        assistant(
            Thinking(text="mine", signature="AAAA", signer="gemini"),
            Thinking(text="other", signature="sig", signer="anthropic"),
            Thinking(text="plain"),
            Thinking(signature="BBBB", signer="gemini"),
            ToolCall(id="1", name="f"),
            ToolCall(id="2", name="f", signature="CCCC", signer="gemini"),
            Refusal(text="no"),
            Thinking(redacted="DDDD", signer="gemini"),
        ),
    )
    assert written["contents"][1]["parts"] == [
        {"text": "mine", "thought": True, "thoughtSignature": "AAAA"},
        {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "BBBB"},
        {"functionCall": {"id": "2", "name": "f", "args": {}}, "thoughtSignature": "CCCC"},
        {"text": "no"},
        {"text": "", "thoughtSignature": "DDDD"},
    ]


def test_snake_case_reads_the_same_and_comes_back_as_it_was():
    snake = {
        "contents": [
            {
                "role": "model",
                "parts": [{"function_call": {"name": "f", "args": {"mime_type": 1}}}],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "function_response": {
                            "name": "f",
                            "response": {"file_uri": 2},
                            "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}],
                        }
                    }
                ],
            },
        ],
        "system_instruction": {"parts": [{"text": "Be"}]},
        "generation_config": {"max_output_tokens": 3, "response_json_schema": {"top_p": 1}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {}}]},
        "tool_config": {"function_calling_config": {"mode": "NONE"}},
    }
    laws.request_identity(GEMINI, snake)
    c = GEMINI.read_request(snake)
    call = c.turns[1].parts[0]
    assert isinstance(call, ToolCall) and call.arguments == '{"mime_type":1}'
    assert (c.max_tokens, c.tools[0].name) == (3, "f")
    assert c.tool_choice and c.tool_choice.mode == "none"
    both = {"contents": [USER], "generationConfig": {"topP": 1, "top_p": 2}}
    assert GEMINI.read_request(both).top_p == 1
