"""A Responses client goes on from an earlier answer although its provider keeps none."""

import json
from typing import Any

from mitmproxy import http

from switchyard.exchange.exchange import Admission
from switchyard.exchange.exchange import Exchange
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running

MINE = {"authorization": f"Bearer {CLIENT_KEY}"}
FORMAT = "openai-responses"


class Talk:
    """One router, and requests of the Responses API to it."""

    def __init__(self, config: str = CONFIG) -> None:
        self.runtime = make_runtime(config)
        self.pipeline = Pipeline(self.runtime)

    def ask(
        self, model: str = "m", headers: dict[str, str] = MINE, text: str = "hello", **more: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the provider was sent, and what the client was answered."""
        flow = call_flow(self.runtime, FORMAT, model, headers=headers, **more)
        self.pipeline.begin(flow)
        attempt = self.pipeline.attempt(flow)
        assert attempt.request is not None, attempt.answer
        told = self.pipeline.answer(attempt, reply(text, id=f"c-{text}"))
        assert attempt.receiver is not None
        head = attempt.receiver.head()
        if told:
            last = told.decode().split("data: ")[-1]
            return json.loads(attempt.request.content or b""), json.loads(last)["response"]
        return json.loads(attempt.request.content or b""), json.loads(head.content or b"")

    def refused(self, headers: dict[str, str] = MINE, **more: Any) -> http.Response | None:
        flow = call_flow(self.runtime, FORMAT, "m", headers=headers, **more)
        self.pipeline.begin(flow)
        attempt = self.pipeline.attempt(flow)
        assert attempt.request is None
        return attempt.answer

    def begin(self, model: str, **more: Any) -> tuple[Exchange, dict[str, Any]]:
        flow = call_flow(self.runtime, FORMAT, model, headers=MINE, **more)
        exchange = self.pipeline.begin(flow)
        attempt = self.pipeline.attempt(flow)
        assert attempt.request is not None
        return exchange, json.loads(attempt.request.content or b"")


def words(sent: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in sent["messages"]]


TWO = [("user", "hi"), ("assistant", "hello"), ("user", "and?")]


def test_a_conversation_goes_on() -> None:
    talk = Talk()
    _, first = talk.ask()
    sent, second = talk.ask(input="and?", previous_response_id=first["id"], text="so")
    assert first["previous_response_id"] is None
    assert second["previous_response_id"] == first["id"]
    assert first["id"].startswith("resp_")
    assert words(sent) == TWO
    sent, _ = talk.ask(input="more", previous_response_id=second["id"])
    assert words(sent) == [*TWO, ("assistant", "so"), ("user", "more")]


def test_a_stream_is_kept_too() -> None:
    talk = Talk()
    _, first = talk.ask(stream=True)
    assert first["status"] == "completed"
    sent, _ = talk.ask(input="and?", previous_response_id=first["id"])
    assert words(sent) == TWO


def test_one_answer_is_gone_on_from_twice() -> None:
    talk = Talk()
    _, first = talk.ask()
    for question in ("and?", "or?"):
        sent, _ = talk.ask(input=question, previous_response_id=first["id"], text=question)
        assert words(sent) == [*TWO[:2], ("user", question)]


def test_instructions_are_the_request_s_own() -> None:
    talk = Talk()
    _, first = talk.ask(instructions="Be brief.")
    sent, _ = talk.ask(input="and?", previous_response_id=first["id"])
    assert words(sent) == TWO


def test_an_item_is_found_by_its_id() -> None:
    talk = Talk()
    _, first = talk.ask()
    (item,) = first["output"]
    reference = {"type": "item_reference", "id": item["id"]}
    question = {"type": "message", "role": "user", "content": "and?"}
    sent, _ = talk.ask(input=[reference, question])
    assert words(sent) == TWO[1:]


def test_another_client_does_not_read_it() -> None:
    talk = Talk()
    _, first = talk.ask()
    for headers in ({"authorization": "Bearer somebody-else"}, {}):
        answer = talk.refused(headers, previous_response_id=first["id"])
        error_of(answer, FORMAT, 400)


def test_what_is_not_kept_is_told() -> None:
    answer = Talk().refused(previous_response_id="resp_unknown")
    _, message = error_of(answer, FORMAT, 400)
    assert "'resp_unknown'" in message and "'chat'" in message
    assert answer is not None
    error = json.loads(answer.content or b"")["error"]
    assert error["code"] == "previous_response_not_found"
    assert error["param"] == "previous_response_id"


def test_what_shall_not_be_stored_is_not() -> None:
    talk = Talk()
    _, first = talk.ask(store=False)
    error_of(talk.refused(previous_response_id=first["id"]), FORMAT, 400)
    assert len(talk.runtime.state.conversations) == 0


def test_a_provider_of_the_format_is_told_what_it_cannot_know() -> None:
    talk = Talk()
    _, first = talk.ask()
    exchange, sent = talk.begin("r", input="and?", previous_response_id=first["id"])
    assert running(exchange).passes_through
    assert "previous_response_id" not in sent
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]
    _, sent = talk.begin("r", previous_response_id="resp_theirs")
    assert sent["previous_response_id"] == "resp_theirs"


def test_an_answer_that_fails_is_not_kept() -> None:
    talk = Talk()
    flow = call_flow(talk.runtime, FORMAT, "m", headers=MINE, stream=True)
    talk.pipeline.begin(flow)
    attempt = talk.pipeline.attempt(flow)
    chunk = {"id": "c1", "choices": [{"index": 0, "delta": {"content": "hel"}}]}
    talk.pipeline.answer(attempt, b"data: " + json.dumps(chunk).encode() + b"\n\n")
    assert len(talk.runtime.state.conversations) == 0


def test_conversations_are_the_client_keys_not_a_credentials() -> None:
    """By a proxy clients show keys of the router's, and need no credential besides."""
    config = CONFIG + "    clients: {api-keys: [router-key-1, router-key-2]}\n"
    talk = Talk(config)
    first, second = talk.runtime.snapshot.config.clients.api_keys
    owners = [(client, headers) for client in (first, second) for headers in (MINE, {})]
    flows = [call_flow(talk.runtime, FORMAT, "m", headers=headers) for _, headers in owners]
    for (client, _), flow in zip(owners, flows, strict=True):
        admission = Admission(config=talk.runtime.snapshot.config, client=client, by_proxy=True)
        talk.runtime.clients.admit(flow, admission)
    found = [talk.pipeline.begin(flow).call.owner for flow in flows]
    assert found[0] == found[1] != found[2] == found[3]
    unkeyed = Talk()
    flow = call_flow(unkeyed.runtime, FORMAT, "m", headers={"authorization": "Bearer router-key-1"})
    assert unkeyed.pipeline.begin(flow).call.owner not in found
