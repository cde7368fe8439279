import json

import pytest

from switchyard.pipeline.access import Access
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.routing import Routing
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime

WORD = {
    "openai-chat": "invalid_request_error",
    "anthropic": "not_found_error",
    "openai-responses": "invalid_request_error",
    "gemini": "NOT_FOUND",
}


def route(runtime, flow) -> None:
    addon_of(runtime, Intake).request(flow)
    addon_of(runtime, Routing).request(flow)


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        ("m", [("chat", "m")]),
        ("chat/m", [("chat", "m")]),
        ("stack", [("chat", "m"), ("claude", "c")]),
        ("open/any/thing:free", [("open", "any/thing:free")]),
        ("open/模型 é", [("open", "模型 é")]),
    ],
)
def test_a_model_gets_its_plan(model: str, targets: list[tuple[str, str]]) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", model)
    route(runtime, flow)
    exchange = runtime.exchanges.get(flow)
    assert flow.response is None
    assert exchange is not None
    assert exchange.plan is not None
    assert [(t.provider.name, t.model) for t in exchange.plan.targets] == targets
    assert runtime.failover.routed == [flow.id]  # pyright: ignore


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("model", ["chat/mm", "nothing like it", "💥", "../m", "x" * 10_000])
def test_an_unknown_model_is_404_in_the_clients_format(format: str, model: str) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, format, model)
    route(runtime, flow)
    type, message = error_of(flow.response, format, 404)
    assert type == WORD[format]
    assert message.startswith("There is no model")
    assert "GET /v1/models lists all models." in message
    assert len(message) < 600
    assert runtime.failover.routed == []  # pyright: ignore
    if model == "chat/mm":
        assert "chat/m" in message.partition("Similar names:")[2]


def test_openai_clients_are_told_the_code() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", "none")
    route(runtime, flow)
    assert flow.response is not None
    error = json.loads(flow.response.content or b"")["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_what_is_no_call_of_a_model_is_left_alone() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/health")
    route(runtime, flow)
    assert flow.response is None
    assert runtime.failover.routed == []  # pyright: ignore


def test_a_model_that_the_key_may_not_ask_for_is_403() -> None:
    limits = 'clients: {api-keys: [{key: router-key-1, models: ["claude/*"]}]}'
    runtime = make_runtime(CONFIG + f"    {limits}\n")
    wrong = call_flow(runtime, "anthropic", "chat/m", headers={"x-api-key": "router-key-1"})
    right = call_flow(runtime, "anthropic", "claude/c", headers={"x-api-key": "router-key-1"})
    for flow in (wrong, right):
        addon_of(runtime, Access).request(flow)
        route(runtime, flow)
    type, message = error_of(wrong.response, "anthropic", 403)
    assert type == "permission_error"
    assert "chat/m" in message
    assert right.response is None
    assert runtime.failover.routed == [right.id]  # pyright: ignore


def test_a_name_that_is_longer_than_any_is_not_looked_for() -> None:
    runtime = make_runtime()
    for size, status in ((256, None), (257, 404)):
        flow = call_flow(runtime, model="open/" + "x" * (size - 5))
        addon_of(runtime, Intake).request(flow)
        addon_of(runtime, Routing).request(flow)
        assert (flow.response.status_code if flow.response else None) == status
