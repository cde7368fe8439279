"""A conversation changes its provider at every turn, and each gets what it can read.

Every ordered pair of vendors, every client format, streamed or not: no vendor ever complains, none
is shown another one's proof, and each gets its own back as far as the client keeps anything.
"""

import json
from functools import cache
from typing import Any

import pytest

from switchyard.config.schema import Config
from tests.support.histories import CLIENTS
from tests.support.histories import Client
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import client_flow
from tests.support.runtime import parsed
from tests.support.vendors import Chat
from tests.support.vendors import Claude
from tests.support.vendors import DeepSeek
from tests.support.vendors import Gemini
from tests.support.vendors import Google
from tests.support.vendors import Kimi
from tests.support.vendors import OpenAI
from tests.support.vendors import OpenRouter
from tests.support.vendors import Vendor

TURNS = 8

STREET: dict[str, type[Vendor]] = {
    "claude": Claude,
    "glm": Claude,
    "plain": Chat,
    "deepseek": DeepSeek,
    "kimi": Kimi,
    "google": Google,
    "openrouter": OpenRouter,
    "openai": OpenAI,
    "azure": OpenAI,
    "gemini": Gemini,
}
PAIRS = [(a, b) for a in STREET for b in STREET if a != b]
KEEPING = ("anthropic", "openai-responses", "openai-chat")
"""Formats whose clients keep all thinking; Gemini's keep what stands in a call."""


def street(*names: str) -> dict[str, Vendor]:
    return {name: STREET[name](name) for name in names}


@cache
def configuration() -> Config:
    """All vendors; each is asked for by `name/gemini-3`."""
    providers = [
        one.provider(f"https://{name}.example/v1") for name, one in street(*STREET).items()
    ]
    for provider in providers:
        # A profile's maker is the vendor; two of one vendor are two organisations here.
        provider["models"] = [{"name": "gemini-3", "profile": {"maker": provider["name"]}}]
    return parsed(json.dumps({"providers": providers}))


def begun() -> Pipeline:
    """A router before the street."""
    runtime = FakeRuntime()
    runtime.apply(configuration())
    return Pipeline(runtime)


def turn(pipeline: Pipeline, vendor: Vendor, client: Client, streams: bool) -> Any:
    """One turn of the conversation at one vendor; returns the body that it got."""
    model = f"{vendor.name}/gemini-3"
    body = client.body(model, streams)
    flow = client_flow(pipeline.runtime, client.path(model, streams), body)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None, attempt.answer and attempt.answer.content
    got = json.loads(attempt.request.content or b"")
    complaints = list(vendor.complaints(got))
    assert complaints == [], json.dumps(got)
    reply = vendor.answers()
    asked = got.get("stream") is True or "streamGenerate" in attempt.request.path
    told = pipeline.answer(attempt, vendor.stream(reply) if asked else reply)
    assert attempt.receiver and not attempt.receiver.failed
    head = attempt.receiver.head()
    pipeline.over(flow, head)
    client.take(told if streams else json.loads(head.content or b""))
    return got


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("claude", "glm"),
        ("openai", "azure"),
        ("google", "openrouter"),
        ("openrouter", "google"),
        ("google", "plain"),
        ("deepseek", "plain"),
        ("plain", "deepseek"),
        ("plain", "google"),
    ],
)
def test_a_vendor_takes_its_own_reply_and_refuses_another_ones(first: str, second: str) -> None:
    vendors = street(first, second)
    client = CLIENTS[vendors[first].format]()
    client.take(vendors[first].answers())
    body = client.body("m", stream=False)
    assert list(vendors[first].complaints(body)) == []
    assert list(vendors[second].complaints(body)) != []


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("format", CLIENTS)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_take_turns(first: str, second: str, format: str, streams: bool) -> None:
    vendors = street(first, second)
    pipeline, client = begun(), CLIENTS[format]()
    for number in range(TURNS):
        vendor = vendors[first if number % 2 == 0 else second]
        made = set(vendor.made)
        got = turn(pipeline, vendor, client, streams)
        for other in vendors.values():
            if other is not vendor and not isinstance(other, DeepSeek):
                assert other.given_back(got) == set()
        if format in KEEPING and not isinstance(vendor, Gemini | Google):
            assert vendor.given_back(got) == made
        calls = {proof for proof in made if proof in json.dumps(client.turns)}
        if isinstance(vendor, Gemini | Google):
            assert vendor.given_back(got) >= calls


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["deepseek", "kimi", "google"])
@pytest.mark.parametrize("other", ["claude", "openai", "plain"])
def test_what_a_client_drops_is_put_back(name: str, other: str, streams: bool) -> None:
    vendors = street(name, other)
    pipeline, client = begun(), CLIENTS["openai-chat"](drops=True)
    for number in range(TURNS):
        turn(pipeline, vendors[name if number % 2 == 0 else other], client, streams)
        assert not any(proof in json.dumps(client.turns) for proof in vendors[name].made)
    last = turn(pipeline, vendors[name], client, streams)
    calls = sum(bool(message.get("tool_calls")) for message in last["messages"])
    assert calls > len(vendors[name].given_back(last)) >= 3
