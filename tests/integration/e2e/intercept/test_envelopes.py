"""Requests of Google's clients, whose call is in an envelope."""

import json

from tests.integration.e2e.intercept.world import GOOGLE
from tests.integration.e2e.intercept.world import OTHER
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import at
from tests.support.answers import CHAT
from tests.support.answers import saying
from tests.support.steps import chunked
from tests.support.steps import whole


def test_gemini_in_its_envelope(world: World, token: str) -> None:
    def envelope(text: str) -> bytes:
        part = {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": "STOP", "index": 0}]}  # fmt: skip
        return b"data: " + json.dumps({"response": part, "traceId": "t"}).encode() + b"\r\n\r\n"

    asked = {
        "model": "gemini-3.8-flash",
        "project": "p-1",
        "user_prompt_id": "u",
        "request": {"contents": [{"role": "user", "parts": [{"text": "Well?"}]}]},
    }
    spent = {"error": {"code": 429, "message": "You have exhausted your capacity on this model.",
             "status": "RESOURCE_EXHAUSTED"}}  # fmt: skip
    home = world.home.on(None, chunked(envelope("Fine.")), whole(json.dumps(spent).encode(), 429))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    url = at(GOOGLE, "/v1internal:streamGenerateContent?alt=sse")
    with world.client(token) as client:
        own = client.post(url, json=asked)
        assert own.content == envelope("Fine.")
        answer = client.post(url, json=asked)
    assert [request.json for request in home.requests] == [asked, asked]
    assert other.requests[0].json["messages"] == [{"role": "user", "content": "Well?"}]
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
    parts = [part for chunk in chunks for one in chunk["response"].get("candidates", [])
             for part in one["content"]["parts"]]  # fmt: skip
    assert "".join(part.get("text", "") for part in parts) == OTHER.text


def test_tokens_of_what_is_in_the_envelope(world: World, token: str) -> None:
    contents = [{"role": "user", "parts": [{"text": "How many are these?"}]}]
    asked = {"request": {"model": "models/gemini-3.8-flash", "contents": contents}}
    spent = {"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}}
    refusal = whole(json.dumps(spent).encode(), 429)
    world.home.on(None, whole(b'{"totalTokens":  5}'), refusal, path="/v1internal:countTokens")
    with world.client(token) as client:
        url = at(GOOGLE, "/v1internal:countTokens")
        assert client.post(url, json=asked).content == b'{"totalTokens":  5}'
        estimated = client.post(url, json=asked)
    assert estimated.json()["totalTokens"] > 0
    assert estimated.headers["x-switchyard-estimate"] == "true"
