"""Histories that a provider refuses to read, through a router and upstreams of its own.

The first member refuses each request that still has what it cannot read, by a status or by an error
event inside a 200, and answers one that has not.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import data
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

SIGNED = "U0lHTkVE"
GOOD = Answer(text="All of it was read.")
SPARE = Answer(text="The spare one answers.")
CALL = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": SIGNED}
USE = {"type": "tool_use", "id": "call_1", "name": "read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": "found"}
TOOLS = {
    "anthropic": [{"name": "read", "input_schema": {"type": "object", "properties": {}}}],
    "openai-chat": [{"type": "function", "function": {"name": "read", "parameters": {}}}],
}
ASKED: dict[str, dict[str, Any]] = {
    "anthropic": {
        "max_tokens": 100,
        "tools": TOOLS["anthropic"],
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [THOUGHT, USE]},
            {"role": "user", "content": [RESULT]},
        ],
    },
    "openai-chat": {
        "tools": TOOLS["openai-chat"],
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "found"},
        ],
    },
}
PATHS = {"anthropic": "/v1/messages", "openai-chat": "/v1/chat/completions"}
SIGNATURE = "messages.1.content.0: Invalid `signature` in `thinking` block"
THINKING = "The `reasoning_content` in the thinking mode must be passed back to the API."
CALL_ID = "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9."


def refusing_while(word: str, message: str, missing: bool = False, event: bool = False) -> Any:
    """Refuses requests that have a word, or that lack it; answers all others well."""

    def react(request: Recorded) -> Behaviour:
        dialect = ANTHROPIC if request.path == ANTHROPIC.path else CHAT
        if (word in request.body.decode()) is missing:
            return saying(dialect, GOOD)(request)
        error = dialect.error("invalid_request_error", message)
        if not event:
            return whole(json.dumps(error).encode(), 400)
        told = dialect.error_event("invalid_request_error", message)
        return chunked(told if dialect is ANTHROPIC else data(error))

    return react


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.on("signed", always=refusing_while(SIGNED, SIGNATURE))
        running.on("signed-event", always=refusing_while(SIGNED, SIGNATURE, event=True))
        running.on("ids", always=refusing_while("call_1", CALL_ID))
        running.on("thinking", always=refusing_while('"reasoning_content":" "', THINKING, True))
        running.on("never", always=refusing_while("no such word", SIGNATURE, True))
        running.on("spare", always=saying(CHAT, SPARE), path=CHAT.path)
        yield running


def at_once(*members: str) -> dict[str, object]:
    """A combo that asks its first member with every request, also after another one served."""
    return {"members": members, "return": "at-once"}


@pytest.fixture(scope="module")
def router(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    providers = [
        {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"},
        {"name": "anth", "format": "anthropic", "base-url": upstream.url, "api-key": "sk-2"},
    ]
    config = {
        "providers": providers,
        "combos": {
            "signed": at_once("anth/signed", "chat/spare"),
            "signed-event": at_once("anth/signed-event", "chat/spare"),
            "ids": at_once("chat/ids", "chat/spare"),
            "ids-of-anthropic": at_once("anth/ids", "chat/spare"),
            "thinking": at_once("chat/thinking", "chat/spare"),
            "never": at_once("anth/never", "chat/spare"),
            "nobody": at_once("anth/never", "chat/never"),
        },
    }
    with Router(tmp_path_factory.mktemp("histories"), config) as running:
        yield running


def ask(router: Router, format: str, model: str, stream: bool) -> httpx2.Response:
    body = {"model": model, **ASKED[format], **({"stream": True} if stream else {})}
    with httpx2.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        return client.post(PATHS[format], json=body, headers={"authorization": "Bearer x"})


def told(format: Any, answer: httpx2.Response, stream: bool) -> str:
    assert answer.status_code == 200, answer.content
    reads = read_stream if stream else read_body
    return reads(format, answer.content).text


streamed = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@streamed
@pytest.mark.parametrize(
    ("format", "model"),
    [
        ("anthropic", "signed"),
        ("anthropic", "ids"),
        ("openai-chat", "ids"),
        ("anthropic", "ids-of-anthropic"),
        ("openai-chat", "ids-of-anthropic"),
        ("anthropic", "thinking"),
        ("openai-chat", "thinking"),
    ],
)
def test_the_same_member_answers_without_what_it_refused(
    router: Router, upstream: Upstream, format: str, model: str, stream: bool
) -> None:
    before = len(upstream.requests)
    for _ in range(2):
        answer = ask(router, format, model, stream)
        assert told(format, answer, stream) == GOOD.text
    asked = [request.model for request in upstream.requests[before:]]
    assert "spare" not in asked
    assert b"found" in upstream.requests[-1].body


def test_an_error_event_before_output_counts_as_a_refusal(router: Router) -> None:
    answer = ask(router, "anthropic", "signed-event", True)
    assert told("anthropic", answer, True) == GOOD.text
    assert answer.headers["x-switchyard-dropped"] == "thinking-signature"


@streamed
def test_the_next_member_answers_where_no_change_helps(
    router: Router, upstream: Upstream, stream: bool
) -> None:
    before = len(upstream.requests)
    answer = ask(router, "anthropic", "never", stream)
    assert told("anthropic", answer, stream) == SPARE.text
    asked = [request.model for request in upstream.requests[before:]]
    assert asked[-1] == "spare" and asked.count("never") <= 2
    # Nothing rests: the next request goes to the first member again.
    ask(router, "anthropic", "never", stream)
    assert upstream.requests[before + len(asked)].model == "never"


@streamed
@pytest.mark.parametrize("format", ["anthropic", "openai-chat"])
def test_where_all_refuse_the_client_is_told_a_400(
    router: Router, format: str, stream: bool
) -> None:
    answer = ask(router, format, "nobody", stream)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == SIGNATURE
