import json
from dataclasses import replace
from typing import Any

import pytest

from switchyard.usage.pricing import searches_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import unfold
from tests.unit.wire import laws
from tests.unit.wire.formats.gemini.reply_support import GEMINI
from tests.unit.wire.formats.gemini.reply_support import chunks_of
from tests.unit.wire.formats.gemini.reply_support import folded
from tests.unit.wire.formats.gemini.reply_support import read
from tests.unit.wire.formats.gemini.reply_support import reply_of
from tests.unit.wire.formats.gemini.reply_support import response
from tests.unit.wire.laws import ASKED
from tests.unit.wire.meaning import reply_meaning


def written(reply: Reply, **asked: Any) -> dict[str, Any]:
    return GEMINI.write_reply(replace(reply, format="openai-chat"), replace(ASKED, **asked))


def test_sources():
    text = "Münster ist schön. Ja."
    end = len("Münster ist schön.".encode())
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"retrievedContext": {"text": "own document"}},
            {"web": {"uri": "https://c.example"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": end, "text": "x"}, "groundingChunkIndices": [0, 1, 9]}
        ],
        "webSearchQueries": ["q"],
    }
    body = response({"text": text})
    body["candidates"][0]["groundingMetadata"] = grounding
    body["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "https://d.example"}]}
    first = response({"text": text[:5]}, finish=None)
    rest = response({"text": text[5:]})
    rest["candidates"][0].update({k: v for k, v in body["candidates"][0].items() if "Meta" in k})
    for reply in (read(body), folded(first, rest)):
        (part,) = reply.choice.parts
        assert isinstance(part, Text)
        assert [(c.url, c.title, c.start, c.end) for c in part.citations] == [
            ("https://a.example", "A", 0, len("Münster ist schön.")),
            ("https://c.example", None, None, None),
            ("https://d.example", None, None, None),
        ]
        again = GEMINI.read_reply(written(reply))
        assert reply_meaning(again)["citations"] == reply_meaning(reply)["citations"]
        chunk = chunks_of(laws.write_stream(GEMINI, unfold(replace(reply, extra={}))))[-1]
        assert "groundingMetadata" in chunk["candidates"][0]


def test_sources_of_a_text_that_ended_before():
    last = response({"executableCode": {"code": "1"}})
    last["candidates"][0]["groundingMetadata"] = {
        "groundingChunks": [{"web": {"uri": "https://a.example"}}]
    }
    reply = folded(response({"text": "a"}, finish=None), last)
    assert reply_meaning(reply)["citations"] == [("https://a.example", None)]


def test_foreign_citations_count_bytes():
    text = Text(
        text="Ä b",
        citations=(
            Citation(url="https://a.example", title="A", start=2, end=3, format="x", raw={}),
            Citation(title="no address", format="x", raw={}),
        ),
    )
    candidate = GEMINI.write_reply(reply_of(Text(text="é"), text), ASKED)["candidates"][0]
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
        "groundingSupports": [
            {
                "groundingChunkIndices": [0],
                "segment": {"startIndex": 5, "endIndex": 6, "text": "b"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("model", "queries", "billed"),
    [
        ("gemini-3.1-pro-preview", ["rain june", "", "sun june", "rain june"], 2),
        ("gemini-3.8-flash", [""], 0),
        ("gemini-2.5-pro", ["rain june", "sun june"], 1),
        ("gemini-2.0-flash", [], 0),
        ("", ["rain june"], 1),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_searches_have_a_price(model: str, queries: list[str], billed: int, whole: bool) -> None:
    answer = {
        "candidates": [
            {
                "content": {"parts": [{"text": "Rain."}], "role": "model"},
                "finishReason": "STOP",
                "groundingMetadata": {"webSearchQueries": queries},
            }
        ],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1},
        "modelVersion": model,
    }
    reader = GeminiStreamReader(whole=whole)
    events = [*reader.feed(Frame(json.dumps(answer).encode())), *reader.close()]
    usage = [event.usage for event in events if isinstance(event, UsageUpdate)][-1]
    assert searches_of(usage) == billed
