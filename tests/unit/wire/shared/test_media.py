"""Files' names and types."""

from typing import Any

import pytest

from switchyard.wire.shared.media import file_name
from switchyard.wire.shared.media import type_of_name
from tests.unit.wire.crossing import sent

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "media_type", "said"),
    [
        (None, None, "document.pdf"),
        (None, DOCX, "document.docx"),
        ("Report", "application/pdf", "Report.pdf"),
        ("Report of Dr. Who, v1.2", "application/pdf", "Report of Dr. Who, v1.2.pdf"),
        ("main.py", "text/plain", "main.py"),
        ("Scan", "application/x-unknown", "Scan.bin"),
    ],
)
def test_a_file_has_a_suffix(name: str | None, media_type: str | None, said: str) -> None:
    assert file_name(name, media_type) == said


def test_types_of_names() -> None:
    assert type_of_name("a.MD") == "text/markdown"
    assert type_of_name("pdf") == type_of_name(None) == "application/pdf"


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses"])
def test_a_title_becomes_a_name_that_tells_the_type(target: str) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    document: dict[str, Any] = {"type": "document", "source": source, "title": "Annual report"}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}
    assert "'filename': 'Annual report.pdf'" in str(sent("anthropic", target, body))
