import asyncio
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from mitmproxy import http
from mitmproxy.addons import view
from mitmproxy.io import FlowWriter
from mitmproxy.test import taddons

from switchyard.pipeline.annotation import Annotation
from switchyard.recording.flow_sinks import kept_flows
from switchyard.recording.metadata import FACTS
from switchyard.usage.prices import cost_of
from switchyard.usage.prices import cost_text
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c",
           "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip


def dump(flow: http.HTTPFlow) -> bytes:
    """The flow as `mitmdump -w` saves it."""
    out = io.BytesIO()
    FlowWriter(out).add(flow)
    return out.getvalue()


def test_an_answer_at_once_has_a_comment_and_no_mark() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "chat/m")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, reply())
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert re.fullmatch(r"chat/m: chat ok, 1 attempt, 0\.\d s, 5 tokens in, 2 out", flow.comment), (
        flow.comment
    )
    assert flow.marked == ""


def test_the_comment_tells_the_route_taken() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", "stack")
    pipeline.begin(flow)
    for _ in range(2):
        pipeline.answer(pipeline.attempt(flow), {"error": {"message": "slow down"}}, 429)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, MESSAGE)
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    wanted = r"stack: chat 429 -> chat 429 -> claude ok, 3 attempts, 0\.\d s, 1 tokens in, 1 out"
    assert re.fullmatch(wanted, flow.comment), flow.comment
    assert flow.marked == ":orange_circle:"
    assert not any(key.encode() in dump(flow) for key in OWN_KEYS)


def test_a_request_that_nobody_answered_is_marked() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "own-claude-key"}}, 401)
    pipeline.over(flow, pipeline.attempt(flow).answer)
    assert flow.comment.startswith("c: claude 401, 1 attempt, ")
    assert flow.marked == ":red_circle:"
    assert b"own-claude-key" not in dump(flow)


def test_a_client_that_left_is_marked() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "m", headers={"x-api-key": CLIENT_KEY})
    pipeline.begin(flow)
    pipeline.attempt(flow)
    pipeline.over(flow)
    assert flow.comment.startswith("m: chat unfinished, 1 attempt, ")
    assert flow.marked == ":red_circle:"
    assert CLIENT_KEY.encode() not in dump(flow)


@pytest.mark.parametrize("model", ["\ud83d", "a\nb\x00c\r", "模" * 5000, "a" * 100_000])
def test_a_flow_with_any_models_name_can_be_saved(model: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "open/m")
    pipeline.begin(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    exchange.call = replace(exchange.call, model=model)
    pipeline.over(flow)
    assert dump(flow)
    assert len(flow.comment) < 200
    assert "\n" not in flow.comment


def test_the_comment_tells_that_an_answer_was_translated() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, MESSAGE)
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert ", anthropic for openai-chat, 1 tokens in, 1 out" in flow.comment


PRICED = """
    providers:
      - {name: gpt, base-url: "https://api.openai.com/v1", models: [{name: gpt-5, alias: big}],
         api-key: own-key}
      - {name: mine, base-url: "https://llm.example/v1", models: [gpt-5-mine], api-key: own-key}
"""


class Shown(Pipeline):
    """The pipeline of a mitmproxy that has a list of flows."""

    def __init__(self) -> None:
        super().__init__(make_runtime(PRICED))
        next(addon for addon in self._addons if isinstance(addon, Annotation)).running()

    def call(self, model: str) -> http.HTTPFlow:
        """A call that was answered."""
        flow = call_flow(self.runtime, "anthropic", model)
        self.begin(flow)
        attempt = self.attempt(flow)
        self.answer(attempt, reply())
        assert attempt.receiver is not None
        self.over(flow, attempt.receiver.head())
        return flow


@pytest.fixture
def list_of_flows() -> Iterator[view.View]:
    with taddons.context(shown := view.View(), loadcore=False):
        yield shown


def pricing() -> list[asyncio.Task[None]]:
    return [one for one in asyncio.all_tasks() if one.get_name().startswith("switchyard cost")]


async def costs_are_told() -> None:
    tasks = pricing()
    assert tasks
    await asyncio.gather(*tasks)


async def test_the_comment_in_a_list_of_flows_tells_the_cost(list_of_flows: view.View) -> None:
    flow = Shown().call("big")
    before = flow.comment
    flow.comment += "; the first 4 bytes are kept"
    list_of_flows.add([flow])
    told: list[str] = []
    list_of_flows.sig_view_update.connect(update := lambda flow: told.append(flow.comment))
    await costs_are_told()
    at = flow.request.timestamp_start
    cost = cost_of({"input": 5, "output": 2}, "gpt-5", "https://api.openai.com", at)
    assert cost is not None
    assert flow.comment == f"{before}, {cost_text(cost)}; the first 4 bytes are kept"
    assert told == [flow.comment], update
    assert kept_flows() == [flow]
    assert flow.metadata[FACTS]["provider-origin"] == "https://api.openai.com"


async def test_the_comment_of_a_call_without_a_list_price_stays(list_of_flows: view.View) -> None:
    flow = Shown().call("gpt-5-mine")
    before = flow.comment
    await costs_are_told()
    assert flow.comment == before


async def test_a_comment_that_somebody_wrote_stays(list_of_flows: view.View) -> None:
    flow = Shown().call("big")
    flow.comment = "look at this"
    await costs_are_told()
    assert flow.comment == "look at this"


async def test_nothing_is_priced_where_there_is_no_list_of_flows() -> None:
    with taddons.context(loadcore=False):
        flow = Shown().call("big")
    assert not pricing()
    assert "list prices" not in flow.comment
