"""Conversations over the WebSocket of the Responses API, before providers of three formats."""

import json

import pytest

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import every_format
from tests.integration.e2e.websocket.world import good
from tests.integration.e2e.websocket.world import said_in
from tests.integration.e2e.websocket.world import text_of
from tests.integration.e2e.websocket.world import user
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.steps import chunked


@every_format
def test_an_answer_comes_as_its_events_in_order(world: World, provider: str) -> None:
    model, plan = world.on(provider, good(provider))
    with world.socket() as talk:
        events = talk.ask(model)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.done") == 1
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(events)))
    assert GOOD in text_of(events)
    (request,) = plan.requests
    assert request.method == "POST" and request.streams
    assert request.key == KEY
    assert CLIENT_KEY not in str(request.headers)
    names = request.header_names()
    assert not any(name.startswith("sec-websocket") or name == "upgrade" for name in names)
    assert not {"type", "generate", "stream_id"} & request.json.keys()


@pytest.mark.parametrize(
    "path", ["/v1/responses", "/responses", "/codex/responses", "/v1/codex/responses?a=b"]
)
def test_all_paths_of_the_calls_over_http_are_spoken(world: World, path: str) -> None:
    model, _ = world.on("chat", good("chat"))
    with world.socket(path) as talk:
        assert GOOD in text_of(talk.ask(model))


@every_format
@pytest.mark.parametrize("store", [False, None])
def test_only_the_new_items_are_sent(world: World, provider: str, store: bool | None) -> None:
    call = Call("call_up1", "look", '{"at": "it"}')
    stored = {} if store is None else {"store": store}
    model, plan = world.on(
        provider,
        good(provider, Answer(text="I shall look.", calls=(call,))),
        good(provider, Answer(text="Second.")),
        good(provider, Answer(text="Third.")),
    )
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    with world.socket() as talk:
        first = talk.ask(model, "one", tools=tools, **stored)[-1]["response"]
        result = {"type": "function_call_output", "call_id": "call_up1", "output": "seen"}
        asked = {"model": model, "tools": tools, **stored}
        talk.say(previous_response_id=first["id"], input=[result], **asked)
        second = talk.events()[-1]["response"]
        talk.say(previous_response_id=second["id"], input=[user("three")], **asked)
        assert "Third." in text_of(talk.events())
    assert "previous_response_id" not in plan.requests[-1].json
    said = json.dumps(plan.requests[-1].json)
    order = [said.index(word) for word in ("one", "I shall look.", "seen", "Second.", "three")]
    assert order == sorted(order)


def test_a_conversation_is_gone_on_with_by_another_member(world: World) -> None:
    native, _ = world.on("resp", good("resp", Answer(text="Mine.")))
    other, plan = world.on("anth", good("anth"))
    with world.socket() as talk:
        first = talk.ask(native, "one", store=False)[-1]["response"]
        assert GOOD in text_of(talk.ask(other, "two", previous_response_id=first["id"]))
    assert said_in(plan) == [("user", "one"), ("assistant", "Mine."), ("user", "two")]


def test_earlier_answers_of_the_connection_can_be_gone_on_from(world: World) -> None:
    events = CHAT.events(Answer(text="Aye."))
    answers = [
        chunked(*(event.replace(b"chatcmpl-up1", b"chatcmpl-%d" % number) for event in events))
        for number in range(3)
    ]
    model, plan = world.on("chat", *answers)
    with world.socket() as talk:
        first = talk.ask(model, "one", store=False)[-1]["response"]["id"]
        talk.ask(model, "two", store=False, previous_response_id=first)
        talk.ask(model, "three", store=False, previous_response_id=first)
    assert said_in(plan) == [("user", "one"), ("assistant", "Aye."), ("user", "three")]


def test_what_is_not_stored_ends_with_its_connection(world: World) -> None:
    model, _ = world.on("chat", good("chat"))
    client = {"authorization": "Bearer one-of-its-own"}
    with world.socket(**client) as talk:
        before = talk.ask(model, store=False)[-1]["response"]["id"]
    with world.socket(**client) as talk:
        (error,) = talk.ask(model, previous_response_id=before)
        assert error["type"] == "error" and error["status"] == 400
        assert error["error"]["code"] == "previous_response_not_found"
        assert error["error"]["param"] == "previous_response_id"
        assert before in error["error"]["message"]


def test_reasoning_that_its_provider_does_not_know_is_left_out(world: World) -> None:
    """It was told not to store it, and gave nothing to know it by."""
    bare, proven = Answer(thinks=True, thinking="Hm.", signature=""), Answer(thinks=True)
    for answer, kinds in ((bare, ["message"]), (proven, ["reasoning", "message"])):
        model, plan = world.on("resp", good("resp", answer), good("resp"))
        with world.socket() as talk:
            before = talk.ask(model, store=False)[-1]["response"]["id"]
            talk.ask(model, previous_response_id=before, store=False)
        sent = [item["type"] for item in plan.requests[-1].json["input"]]
        assert sent == ["message", *kinds, "message"]


def test_a_provider_that_stored_what_went_before_is_told_its_name(world: World) -> None:
    """What it knows is not known here."""
    model, plan = world.on("resp", always=good("resp"))
    with world.socket(authorization="Bearer another-one") as talk:
        after = talk.ask(model, previous_response_id="resp_elsewhere")[-1]["response"]["id"]
        talk.ask(model, previous_response_id=after)
    named = [request.json["previous_response_id"] for request in plan.requests]
    assert named == ["resp_elsewhere", after]


@every_format
def test_a_warm_up_asks_no_provider(world: World, provider: str) -> None:
    model, plan = world.on(provider, good(provider))
    with world.socket() as talk:
        events = talk.ask(model, "one", generate=False, store=False)
        kinds = [event["type"] for event in events]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        warm = events[-1]["response"]
        assert warm["output"] == [] and not plan.requests
        talk.ask(model, "two", previous_response_id=warm["id"], store=False)
        (error,) = talk.ask(model, generate=False, previous_response_id="resp_unknown")
        assert error["error"]["code"] == "previous_response_not_found"
    said = json.dumps(plan.requests[0].json)
    assert said.index("one") < said.index("two")
