"""A provider's streaming policy: what the upstream is asked for, and that the client gets what it
asked for all the same."""

from typing import Any

import httpx2
import pytest

from tests.integration.e2e.stage import POLICIES
from tests.integration.e2e.stage import SHORT
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import fresh_model
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.reading import read_stream

RICH = Answer(thinking="Hm.", text="As you wish.").with_calls(
    Call("call_1", "weather", '{"city": "Oslo"}')
)

SENT: dict[tuple[str, bool | None], bool] = {
    ("as-asked", None): False,
    ("as-asked", False): False,
    ("as-asked", True): True,
    ("default-off", None): False,
    ("default-off", False): False,
    ("default-off", True): True,
    ("force-on", None): True,
    ("force-on", False): True,
    ("force-on", True): True,
    ("force-off", None): False,
    ("force-off", False): False,
    ("force-off", True): False,
}
"""Policy and the client's wish -> whether the upstream is asked for a stream."""


@pytest.mark.parametrize("client", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-client")
@pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: f"{d.name}-upstream")
@pytest.mark.parametrize(("policy", "wish"), SENT, ids=str)
async def test_policy(
    stage: Stage,
    http: httpx2.AsyncClient,
    client: Dialect,
    dialect: Dialect,
    policy: str,
    wish: bool | None,
) -> None:
    model = fresh_model()
    plan = stage.plain.on(model, saying(dialect, RICH), path=dialect.path)
    provider = SHORT[dialect.name] + (f"-{policy}" if policy in POLICIES else "")
    body: dict[str, Any] = {
        "model": f"{provider}/{model}",
        "messages": [{"role": "user", "content": "Well?"}],
        "max_tokens": 100,
    }
    if wish is not None:
        body["stream"] = wish
    if wish and client is CHAT:
        body["stream_options"] = {"include_usage": True}

    answer = await http.post(client.path, json=body)

    assert answer.status_code == 200, answer.text
    sent = plan.requests[0].json
    assert bool(sent.get("stream")) == SENT[policy, wish]
    if policy == "default-off" and wish is None:
        assert sent["stream"] is False, "left to the upstream's own default"
    if not sent.get("stream"):
        assert "stream_options" not in sent, "the API refuses it without a stream"
    read = read_stream if wish else read_body
    told = read(client.name, answer.content)
    assert answer.headers["content-type"].startswith(
        "text/event-stream" if wish else "application/json"
    )
    assert (told.text, told.thinking) == (RICH.text, RICH.thinking)
    assert [(c.id, c.name, c.input) for c in told.calls] == [
        (c.id, c.name, c.input) for c in RICH.calls
    ]
    assert told.stop in ("tool_calls", "tool_use")
    assert (told.input, told.cached, told.output) == (21, 8, 13)


async def test_as_asked_leaves_an_unsaid_wish_unsaid(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    for dialect in (CHAT, ANTHROPIC):
        model, plan = stage.on(dialect, saying(dialect))
        body = {"model": model, "messages": [], "max_tokens": 1}
        await http.post(dialect.path, json=body)
        assert "stream" not in plan.requests[0].json


@pytest.mark.parametrize("wish", [False, None])
async def test_a_client_that_accepts_anything_gets_json(
    stage: Stage, http: httpx2.AsyncClient, wish: bool | None
) -> None:
    """`Accept` is no wish for a stream."""
    model, _ = stage.on(CHAT, saying(CHAT))
    body = {"model": model, "messages": []} | ({} if wish is None else {"stream": wish})
    answer = await http.post(CHAT.path, json=body, headers={"accept": "text/event-stream, */*"})
    assert read_body("openai-chat", answer.content).text == Answer().text


async def test_usage_is_streamed_to_openai_clients_only_if_asked_for(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    for dialect in (CHAT, ANTHROPIC):
        for asked in (True, False):
            model, _ = stage.on(dialect, saying(dialect))
            said = [{"role": "user", "content": "Well?"}]
            body: dict[str, Any] = {"model": model, "messages": said, "stream": True}
            if asked:
                body["stream_options"] = {"include_usage": True}
            told = read_stream("openai-chat", (await http.post(CHAT.path, json=body)).content)
            # A passthrough keeps what the upstream volunteers.
            if asked or dialect is ANTHROPIC:
                assert told.kinds.count("usage") == int(asked)
