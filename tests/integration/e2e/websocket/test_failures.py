"""Providers that fail behind the WebSocket of the Responses API."""

import json

from tests.integration.e2e.stage import KEY
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import every_format
from tests.integration.e2e.websocket.world import good
from tests.integration.e2e.websocket.world import pinged
from tests.integration.e2e.websocket.world import text_of
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import Wait
from tests.support.steps import chunked


def test_another_member_answers_before_anything_is_seen(world: World) -> None:
    bad = chunked(*CHAT.opening(Answer()), CHAT.error_event("server_error", BAD))
    world.upstream.on("bad", bad)
    plan = world.upstream.on("good", good("anth"))
    with world.socket() as talk:
        events = talk.ask("stack")
    assert GOOD in text_of(events) and BAD not in json.dumps(events)
    assert [event["type"] for event in events].count("response.created") == 1
    assert plan.requests[0].path == "/v1/messages"


@every_format
def test_a_refusal_is_an_error_with_its_status(world: World, provider: str) -> None:
    dialect = ANTHROPIC if provider == "anth" else CHAT
    wrong = refusing(dialect, 400, "invalid_request_error", "wrong")
    often = refusing(dialect, 429, "rate_limit_error", "slow down", (("retry-after", "7"),))
    model, _ = world.on(f"{provider}-busy", wrong, good(provider), often)
    with world.socket() as talk:
        (error,) = talk.ask(model)
        assert error["type"] == "error" and error["status"] == 400
        assert "wrong" in error["error"]["message"] and KEY not in json.dumps(error)
        assert GOOD in text_of(talk.ask(model))
        (error,) = talk.ask(model)
        assert error["status"] == 429 and "slow down" in error["error"]["message"]
        assert 0 < int(error["headers"]["retry-after"]) <= 7


def test_a_refusal_after_signs_of_life_is_told_alike(world: World) -> None:
    release = Signal()
    refused = refusing(CHAT, 400, "invalid_request_error", "wrong")
    model, _ = world.on("chat", (Wait(release), *refused))
    with world.socket() as talk:
        beaten = pinged(talk)
        talk.say(model=model, input="x")
        beaten.wait()
        release.set()
        (error,) = talk.events()
    assert (error["type"], error["status"]) == ("error", 400)
    assert "wrong" in error["error"]["message"]


def test_the_connection_goes_on_after_errors(world: World) -> None:
    model, _ = world.on("chat", always=good("chat"))
    with world.socket() as talk:
        for message, word in {
            "no json": "JSON",
            "[1]": "object",
            '{"type": "response.cancel"}': "response.cancel",
            '{"type": "response.create", "stream_id": 7, "model": "m"}': "stream_id",
            '{"type": "response.create", "input": "x"}': "model",
            '{"type": "response.create", "model": "nobody/x", "input": "x"}': "nobody/x",
            json.dumps({"type": "response.create", "model": model, "input": 7}): "input",
        }.items():
            talk.connection.send(message)
            error = talk.event()
            assert error["type"] == "error" and error["status"] in (400, 404)
            assert word in error["error"]["message"]
        talk.connection.send('{"type": "response.processed", "response_id": "resp_1"}')
        assert GOOD in text_of(talk.ask(model))


def test_an_answer_that_breaks_off_ends_with_a_failure(world: World) -> None:
    pieces = [*CHAT.opening(Answer()), CHAT.text(PARTIAL)]
    model, _ = world.on("chat", chunked(*pieces, CUT))
    other, _ = world.on("chat", good("chat"))
    with world.socket() as talk:
        events = talk.ask(model)
        assert PARTIAL in text_of(events)
        assert events[-1]["type"] == "response.failed"
        assert GOOD in text_of(talk.ask(other))


def test_an_error_of_the_provider_in_the_midst_of_its_answer(world: World) -> None:
    """In a stream over HTTP it has no status, and its members in itself."""
    events = Responses().events(Answer(text=PARTIAL))
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "enough", "param": None}
    last = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    model, _ = world.on("resp", chunked(*events[:-2], last))
    with world.socket() as talk:
        told = talk.ask(model)[-1]
    assert told["type"] == "response.failed"
    assert "enough" in told["response"]["error"]["message"]
