"""Images, documents, audio and video in requests of other formats."""

import base64
from typing import Any

import pytest

from switchyard.wire.formats.converse.media import MediaWriter
from switchyard.wire.formats.converse.media import read_media
from switchyard.wire.model.conversation import Media
from switchyard.wire.registry import PROVIDER_FORMATS
from switchyard.wire.translate.losses import lost
from tests.support.aws_shapes import faults_of_shape
from tests.unit.wire.formats.converse.asking import CLAUDE
from tests.unit.wire.formats.converse.asking import LLAMA
from tests.unit.wire.formats.converse.asking import NOVA
from tests.unit.wire.formats.converse.asking import PNG
from tests.unit.wire.formats.converse.asking import TALK
from tests.unit.wire.formats.converse.asking import TOOL
from tests.unit.wire.formats.converse.asking import conversation
from tests.unit.wire.formats.converse.asking import sent

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DATA = base64.b64encode(b"%PDF-1.7").decode()


def document(media_type: str, data: str = DATA, **more: Any) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "document", "source": source, **more}


@pytest.mark.parametrize(
    ("kind", "media_type", "word"),
    [
        ("image", "image/webp", "webp"), ("image", "IMAGE/JPEG; q=1", "jpeg"),
        ("video", "video/mp4", "mp4"), ("video", "video/3gpp", "three_gp"),
        ("audio", "audio/wav", "wav"), ("document", "application/pdf", "pdf"),
        ("document", DOCX, "docx"),
    ],
)  # fmt: skip
def test_each_kind_has_its_block(kind: Any, media_type: str, word: str) -> None:
    (block,) = MediaWriter().write(Media(kind=kind, media_type=media_type, data=PNG))
    assert not faults_of_shape("ContentBlock", block)
    assert block[kind]["format"] == word and block[kind]["source"] == {"bytes": PNG}
    again = read_media(block)
    assert again is not None and (again.kind, again.data) == (kind, PNG)
    assert [*MediaWriter().write(again)] == [block]


@pytest.mark.parametrize(
    "part",
    [
        Media(kind="image", url="https://a.example/b.png"),
        Media(kind="image", media_type="image/tiff", data=PNG),
        Media(kind="document", file_id="file-1"),
        Media(kind="document", text=" "),
    ],
)
def test_what_the_service_cannot_be_sent(part: Media) -> None:
    assert not [*MediaWriter().write(part)]


def test_documents_have_names_that_the_service_takes() -> None:
    titles = ["My report_v2.pdf", "My report/v2:pdf", None, "\u00fc", "x" * 300]
    asked = [document("application/pdf", **({"title": t} if t else {})) for t in titles]
    body = sent([{"role": "user", "content": asked}])
    said = [one["document"]["name"] for one in body["messages"][0]["content"] if "document" in one]
    assert said == [
        "My report v2 pdf", "My report v2 pdf 2", "document", "document 2", "x" * 190,
    ]  # fmt: skip
    assert body["messages"][0]["content"][-1] == {"text": "."}


def test_documents_of_text_are_text_unless_they_are_to_be_cited() -> None:
    words = base64.b64encode(b"a,b\n1,2").decode()
    plain, cited = document("text/csv", words), document("text/csv", words)
    cited["citations"] = {"enabled": True}
    body = sent([{"role": "user", "content": [plain, cited]}])
    first, second = body["messages"][0]["content"][:2]
    assert first == {"text": "a,b\n1,2"}
    assert second["document"]["source"] == {"text": "a,b\n1,2"}
    assert second["document"]["citations"] == {"enabled": True}


def test_what_is_left_out_is_told() -> None:
    asked = [{"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
             document("application/zip"), {"type": "text", "text": "So?"}]  # fmt: skip
    body = {"messages": [{"role": "user", "content": asked}]}
    assert "image-url" in lost(conversation("anthropic", body, NOVA), "converse")
    assert PROVIDER_FORMATS["converse"].losses.cannot_say["document-types"]


def test_media_beside_results_stand_after_all_of_them() -> None:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": "weather", "input": {}} for n in (1, 2)
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "Rain."},
    ]
    talk = [
        *TALK[:1],
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
    ]
    for model, beside in ((CLAUDE, []), (LLAMA, ["image"])):
        content = sent(talk, model=model, tools=[TOOL])["messages"][-1]["content"]
        assert [next(iter(block)) for block in content] == ["toolResult", "toolResult", *beside]
