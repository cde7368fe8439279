import json
import logging
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.flow import Error

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import state_of
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_attempt
from switchyard.exchange.guard import on_request
from switchyard.failover.attempt import Attempt
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import shown

SECRET = "sk-very-secret-1234"
WORD = {
    "openai-chat": "server_error",
    "anthropic": "api_error",
    "openai-responses": "server_error",
    "gemini": "INTERNAL",
}


class Broken:
    """Hooks that break in the way they are told to."""

    def __init__(self, problem: Exception | None) -> None:
        self.problem = problem
        self.ran = 0

    @guarded
    def request(self, flow: Any) -> None:
        self.ran += 1
        if self.problem:
            raise self.problem

    @guarded
    async def attempt(self, attempt: Attempt) -> None:
        self.ran += 1
        if self.problem:
            raise self.problem

    @guarded
    def attempt_ended(self, attempt: Attempt) -> None:
        if self.problem:
            raise self.problem


def ready(format: str = "openai-chat") -> Attempt:
    """An attempt that is about to be sent with a key."""
    flow = call_flow(make_runtime(), format)
    request = flow.request.copy()
    request.headers["authorization"] = f"Bearer {SECRET}"
    return Attempt(flow=flow, number=1, request=request, again=True)


@pytest.mark.parametrize("format", FORMATS)
def test_a_request_hook_that_breaks_answers_500(
    format: str, caplog: pytest.LogCaptureFixture
) -> None:
    flow = call_flow(make_runtime(), format, headers={"x-api-key": SECRET})
    Broken(KeyError(SECRET)).request(flow)
    type, message = error_of(flow.response, format, 500)
    assert type == WORD[format]
    assert "internal error (KeyError)" in message
    assert SECRET not in shown(flow.response)
    record = caplog.records[-1]
    assert record.levelno == logging.ERROR
    assert record.getMessage().endswith(f"POST {flow.request.path.partition('?')[0]}")
    assert record.exc_info, "the log tells what happened"


@pytest.mark.parametrize("format", FORMATS)
async def test_an_attempt_hook_that_breaks_sends_nothing(format: str) -> None:
    attempt = ready(format)
    await Broken(RuntimeError(SECRET)).attempt(attempt)
    assert attempt.request is None
    assert not attempt.again
    assert error_of(attempt.answer, format, 500)[0] == WORD[format]
    assert SECRET not in shown(attempt.answer)
    assert attempt.flow.response is None


@pytest.mark.parametrize("format", FORMATS)
def test_an_attempt_ended_hook_that_breaks_makes_no_further_attempt(format: str) -> None:
    attempt = ready(format)
    Broken(ZeroDivisionError()).attempt_ended(attempt)
    assert attempt.request is None
    assert not attempt.again
    error_of(attempt.answer, format, 500)


@pytest.mark.parametrize("format", FORMATS)
def test_a_refusal_is_told_as_it_is(format: str, caplog: pytest.LogCaptureFixture) -> None:
    flow = call_flow(make_runtime(), format)
    refusal = Refused(ApiError(message="no, thanks", kind="permission"), {"x-why": "so"})
    assert str(refusal) == "no, thanks"
    Broken(refusal).request(flow)
    assert error_of(flow.response, format, 403)[1] == "no, thanks"
    assert flow.response is not None
    assert flow.response.headers["x-why"] == "so"
    assert not caplog.records, "a refusal is no fault"


@pytest.mark.parametrize("format", FORMATS)
async def test_what_is_nested_too_deeply_is_a_wrong_request(
    format: str, caplog: pytest.LogCaptureFixture
) -> None:
    flow = call_flow(make_runtime(), format)
    Broken(RecursionError()).request(flow)
    _, message = error_of(flow.response, format, 400)
    assert "nested too deeply" in message
    attempt = Attempt(flow=flow, number=1)
    await Broken(RecursionError()).attempt(attempt)
    assert attempt.answer is not None and attempt.answer.status_code == 400
    assert not caplog.records


async def test_hooks_that_do_not_break_are_left_alone() -> None:
    sound = Broken(None)
    attempt = ready()
    request = attempt.request
    sound.request(attempt.flow)
    await sound.attempt(attempt)
    sound.attempt_ended(attempt)
    assert sound.ran == 2
    assert attempt.flow.response is None
    assert (attempt.request, attempt.again, attempt.answer) == (request, True, None)


def test_the_logged_path_has_no_query(caplog: pytest.LogCaptureFixture) -> None:
    flow = client_flow(make_runtime(), f"/v1/messages?key={SECRET}", {})
    Broken(ValueError("x")).request(flow)
    assert SECRET not in caplog.text


def test_a_path_that_is_no_text_fails_closed_too() -> None:
    flow = client_flow(make_runtime(), "/\udcff", {})
    Broken(ValueError("x")).request(flow)
    error_of(flow.response, "openai-chat", 500)


def test_what_ends_the_process_is_not_caught() -> None:
    class Ending:
        @guarded
        def request(self, flow: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Ending().request(client_flow(make_runtime(), "/"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_request_that_breaks_its_formats_rules_is_the_clients_mistake(format: str) -> None:
    problem = BadRequest("messages must be a list", "messages")
    flow = call_flow(make_runtime(), format)
    Broken(problem).request(flow)
    assert error_of(flow.response, format, 400)[1] == "messages must be a list"
    attempt = ready(format)
    Broken(problem).attempt_ended(attempt)
    assert attempt.request is None and not attempt.again
    assert error_of(attempt.answer, format, 400)[1] == "messages must be a list"
    if format == "openai-chat":
        assert attempt.answer is not None
        assert json.loads(attempt.answer.content or b"")["error"]["param"] == "messages"


class Choosy:
    """Hooks that are called only where there is something to do."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> None:
        self.seen.append(flow)

    @guarded
    @on_attempt
    def attempt(self, attempt: Attempt, state: AttemptState) -> None:
        self.seen.append(state)


def test_a_request_hook_is_called_while_its_client_waits() -> None:
    addon, runtime = Choosy(), make_runtime()
    waiting, answered, failed, gone = (client_flow(runtime, "/") for _ in range(4))
    answered.response = http.Response.make(404)
    failed.error = Error("the client left")
    gone.live = False
    for flow in (answered, failed, gone, waiting):
        addon.request(flow)
    assert addon.seen == [waiting]


def test_an_attempt_hook_is_given_the_state_of_what_is_sent() -> None:
    addon, runtime = Choosy(), make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime)
    pipeline.begin(flow)
    sent, answered = pipeline.attempt(flow), pipeline.attempt(flow, hedge=False)
    answered.answer = http.Response.make(500)
    for attempt in (Attempt(flow=flow, number=1), answered, sent):
        addon.attempt(attempt)
    assert addon.seen == [state_of(sent)]
