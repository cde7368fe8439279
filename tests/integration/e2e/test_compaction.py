"""Compaction through the real proxy, by providers that have it and by the router for others."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.websocket.world import Talk
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream

OLD = "Old-Words-41aa"
SUMMARY = "Summary-90be: the user builds a boat."
HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": OLD},
    {"role": "assistant", "content": "A boat, then."},
]
TRIGGER = {"type": "compaction_trigger"}
AFTER = {"role": "user", "content": "Go on."}
SHORT = Answer(text=SUMMARY)


@pytest.fixture
def router(upstream: Upstream, start_router: Callable[..., Router]) -> Router:
    def provider(name: str, format: str, path: str = "/v1", **more: Any) -> dict[str, Any]:
        url = f"{upstream.url}{path}"
        return {"name": name, "format": format, "base-url": url, "api-key-entries": [KEY], **more}

    return start_router(
        {
            "providers": [
                provider("chat", "openai-chat"),
                provider("anth", "anthropic", ""),
                provider("resp", "openai-responses"),
                provider("bare", "openai-responses", profile={"compaction": "none"}),
            ],
            "combos": {"moving": ["chat/bad", "anth/good", "resp/never"]},
            "retry": {"request-retry": 0},
        }
    )


def ask(router: Router, path: str = "/v1/responses", **body: Any) -> httpx2.Response:
    return httpx2.post(f"{router.url}{path}", json=body, timeout=30)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("bad", ["status", "empty"])
def test_codex_trigger_over_a_failing_member(
    router: Router, upstream: Upstream, streams: bool, bad: str
) -> None:
    fault = refusing(CHAT, 503) if bad == "status" else saying(CHAT, Answer(text=" "))
    upstream.on("bad", always=fault, path=CHAT.path)
    plan = upstream.on("good", saying(ANTHROPIC, SHORT), path=ANTHROPIC.path)
    with openai.OpenAI(base_url=f"{router.url}/v1", api_key=CLIENT_KEY, max_retries=0) as client:
        asked: Any = {"model": "moving", "input": [*HISTORY, TRIGGER], "store": False}
        if streams:
            with client.responses.stream(**asked) as stream:
                told = stream.get_final_response()
        else:
            told = client.responses.create(**asked)
        (item,) = told.output
        assert item.type == "compaction"
        assert OLD in json.dumps(plan.requests[0].json)
        next_plan = upstream.on("next", saying(CHAT), path=CHAT.path)
        window: Any = [*HISTORY, item.model_dump(exclude_none=True), AFTER]
        client.responses.create(model="chat/next", input=window)
    sent = json.dumps(next_plan.requests[0].json)
    assert SUMMARY in sent and "Go on." in sent and OLD not in sent


def test_a_compacted_window_goes_on_everywhere(router: Router, upstream: Upstream) -> None:
    upstream.on("bad", always=refusing(CHAT, 503), path=CHAT.path)
    upstream.on("good", saying(ANTHROPIC, SHORT), path=ANTHROPIC.path)
    told = ask(router, "/v1/responses/compact", model="moving", input=HISTORY)
    assert told.status_code == 200, told.text
    assert told.headers["x-switchyard-attempts"] == "2"
    window = [*told.json()["output"], AFTER]
    responses = Responses()
    for model, reaction, path in (
        ("chat/a", saying(CHAT), CHAT.path),
        ("anth/b", saying(ANTHROPIC), ANTHROPIC.path),
        ("resp/c", whole(responses.whole(Answer())), "/v1/responses"),
        ("bare/d", whole(responses.whole(Answer())), "/v1/responses"),
    ):
        plan = upstream.on(model[-1], reaction, path=path)
        answer = ask(router, model=model, input=window)
        assert answer.status_code == 200, answer.text
        sent = json.dumps(plan.requests[0].json)
        assert SUMMARY in sent and "encrypted_content" not in sent and OLD not in sent


def test_over_a_websocket(router: Router, upstream: Upstream) -> None:
    upstream.on("a", saying(CHAT, SHORT), path=CHAT.path)
    plan = upstream.on("b", chunked(*Responses().events(Answer())), path="/v1/responses")
    with Talk(f"ws://127.0.0.1:{router.port}/v1/responses", proxy=None, max_size=None) as talk:
        talk.say(model="chat/a", input=[*HISTORY, TRIGGER])
        events = talk.events()
        done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        assert [item["type"] for item in done] == ["compaction"]
        assert events[-1]["type"] == "response.completed"
        response = events[-1]["response"]
        talk.say(model="resp/b", previous_response_id=response["id"], input=[AFTER])
        assert talk.events()[-1]["type"] == "response.completed"
    sent = json.dumps(plan.requests[0].json)
    assert SUMMARY in sent and "Go on." in sent and OLD not in sent
    assert "compaction" not in sent and "previous_response_id" not in sent


def test_an_item_of_another_provider_is_for_that_alone(router: Router, upstream: Upstream) -> None:
    foreign = {"type": "compaction", "id": "cmp_9", "encrypted_content": "gAAAAA"}
    plan = upstream.on("never", whole(Responses().whole(Answer())), path="/v1/responses")
    told = ask(router, model="moving", input=[foreign, AFTER])
    assert told.status_code == 200, told.text
    assert plan.requests[0].json["input"][0] == foreign
    told = ask(router, model="chat/x", input=[foreign, AFTER])
    assert told.status_code == 400
    assert told.json()["error"]["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize("streams", [False, True])
def test_anthropics_compaction_on_demand(router: Router, upstream: Upstream, streams: bool) -> None:
    upstream.on("a", saying(CHAT, SHORT), path=CHAT.path)
    messages = [{"role": "user", "content": OLD}]
    body = {"model": "chat/a", "max_tokens": 4000, "stream": streams, "messages": messages}
    body["compaction"] = {"type": "summarize"}
    told = ask(router, "/v1/messages", **body)
    assert told.status_code == 200, told.text
    if streams:
        events = [json.loads(x[6:]) for x in told.text.splitlines() if x.startswith("data: ")]
        deltas = [event["delta"] for event in events if "delta" in event]
        block = {**deltas[0], "type": "compaction"}
        assert deltas[-1]["stop_reason"] == "compaction"
    else:
        (block,) = told.json()["content"]
        assert told.json()["stop_reason"] == "compaction"
    assert block["content"] == SUMMARY
    plan = upstream.on("b", saying(ANTHROPIC), path=ANTHROPIC.path)
    after = [{"role": "assistant", "content": [block]}, AFTER]
    told = ask(router, "/v1/messages", model="anth/b", max_tokens=9, messages=after)
    assert told.status_code == 200, told.text
    sent = json.dumps(plan.requests[0].json)
    assert SUMMARY in sent and "compaction" not in sent and "signature" not in sent
