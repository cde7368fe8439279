"""Answers that the router ends itself, on the real proxy."""

from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.registry import FORMATS
from tests.support.answers import CHAT
from tests.support.router import Router
from tests.support.steps import HANG
from tests.support.steps import chunked
from tests.support.upstream import Plan
from tests.support.upstream import Upstream
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import write_stream

KEY = "sk-upstream-91ab"
PIECES = ["One", ". Tw", "o. ST", "O", "P Three", "."]


def saying(format: str, pieces: list[str], ends: bool) -> Any:
    """An upstream's stream; one that does not end stays open until somebody hangs up."""
    events: list[Event] = [Start(id="x", model="m"), PartStart(0, Text(text=""))]
    events += [TextDelta(0, piece) for piece in pieces]
    if ends:
        events += [PartEnd(0), Finish(Stop(reason="end")), End()]
        return chunked(write_stream(FORMATS[format], events))
    writer = FORMATS[format].stream_writer(ASKED)
    written = [said for one in events if (said := writer.feed(one))]
    return (*chunked(*written), HANG)


@pytest.fixture
def router(upstream: Upstream, start_router: Callable[..., Router]) -> Router:
    def provider(name: str, format: str, **profile: Any) -> dict[str, Any]:
        return {
            "name": name,
            "format": format,
            "base-url": f"{upstream.url}/v1",
            "api-key-entries": [KEY],
            "profile": profile,
        }

    return start_router(
        {
            "providers": [
                provider("responses", "openai-responses"),
                provider("codex", "openai-responses", drop=["max_output_tokens"]),
                provider("chat", "openai-chat", drop=["stop", "max_tokens"]),
                provider("tags", "openai-chat", **{"thinking-tag": "think"}),
            ],
            "retry": {"request-retry": 0},
        }
    )


@pytest.fixture
def claude(router: Router) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=router.url, api_key="x", max_retries=0, timeout=30)


QUESTION: Any = [{"role": "user", "content": "Well?"}]


def plan(upstream: Upstream, model: str, path: str, ends: bool = False) -> Plan:
    format = "openai-chat" if path == CHAT.path else "openai-responses"
    return upstream.on(model, saying(format, PIECES, ends), path=path)


async def test_a_stop_sequence_ends_the_stream_and_the_attempt(
    router: Router, upstream: Upstream, claude: anthropic.Anthropic
) -> None:
    plan_ = plan(upstream, "m", "/v1/responses")
    with claude.messages.stream(
        model="responses/m", max_tokens=99, messages=QUESTION, stop_sequences=["STOP"]
    ) as stream:
        words = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(words) == "One. Two. " and not any("S" in word for word in words)
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "STOP")
    assert "stop" not in str(plan_.requests[0].json)
    await plan_.requests[0].gone.seen()


async def test_the_same_folded_to_json(
    router: Router, upstream: Upstream, claude: anthropic.Anthropic
) -> None:
    """An upstream that streams to a client that wants JSON is left as soon."""
    plan_ = plan(upstream, "m", "/v1/responses")
    raw = claude.messages.with_raw_response.create(
        model="responses/m", max_tokens=99, messages=QUESTION, stop_sequences=["STOP"]
    )
    message = raw.parse()
    assert [block.text for block in message.content if block.type == "text"] == ["One. Two. "]
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "STOP")
    assert "x-switchyard-dropped" not in raw.headers
    await plan_.requests[0].gone.seen()


async def test_what_a_profile_drops_is_kept_on_a_passthrough(
    router: Router, upstream: Upstream
) -> None:
    plan_ = plan(upstream, "m", CHAT.path)
    with openai.OpenAI(base_url=f"{router.url}/v1", api_key="x", max_retries=0) as client:
        stream = client.chat.completions.with_raw_response.create(
            model="chat/m", messages=QUESTION, stop="STOP", max_tokens=50, stream=True
        )
        assert "x-switchyard-dropped" not in stream.headers
        chunks = [choice for one in stream.parse() for choice in one.choices]
    assert "".join(one.delta.content or "" for one in chunks) == "One. Two. "
    assert [one.finish_reason for one in chunks if one.finish_reason] == ["stop"]
    assert not plan_.requests[0].json.keys() & {"stop", "max_tokens"}
    await plan_.requests[0].gone.seen()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
async def test_a_limit_that_is_dropped_is_estimated(
    router: Router, upstream: Upstream, stream: bool
) -> None:
    said = ["word "] * 40
    plan_ = upstream.on("m", saying("openai-responses", said, False), path="/v1/responses")
    with openai.OpenAI(base_url=f"{router.url}/v1", api_key="x", max_retries=0) as client:
        options: Any = {"model": "codex/m", "messages": QUESTION, "max_tokens": 10}
        if stream:
            chunks = [c for one in client.chat.completions.create(stream=True, **options)
                      for c in one.choices]  # fmt: skip
            text = "".join(one.delta.content or "" for one in chunks)
            stop = chunks[-1].finish_reason
        else:
            (choice,) = client.chat.completions.create(**options).choices
            text, stop = choice.message.content or "", choice.finish_reason
    assert stop == "length"
    assert text == ("word " * 40)[:42]  # 10 tokens of 0.235 a character
    await plan_.requests[0].gone.seen()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])
def test_thinking_in_tags_is_told_as_thinking(
    router: Router, upstream: Upstream, claude: anthropic.Anthropic, stream: bool
) -> None:
    said = ["<thi", "nk>\nHm", "m.\n</", "think>", "\n\nWell", "."]
    upstream.on("m", always=saying("openai-chat", said, True), path=CHAT.path)
    options: Any = {"model": "tags/m", "max_tokens": 99, "messages": QUESTION}
    if stream:
        with claude.messages.stream(**options) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.create(**options)
    assert [(b.type, getattr(b, b.type)) for b in message.content] == [  # type: ignore[union-attr]
        ("thinking", "Hmm."),
        ("text", "Well."),
    ]
    asked = {"model": "tags/m", "messages": QUESTION, "stream": stream}
    told = httpx2.post(f"{router.url}{CHAT.path}", json=asked)
    if not stream:
        (choice,) = told.json()["choices"]
        assert choice["message"]["reasoning_content"] == "Hmm."
        assert choice["message"]["content"] == "Well."
    else:
        assert "think>" not in told.text and '"reasoning_content":"Hm"' in told.text
