"""Payload rules, through the addons."""

from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.unit.pipeline.first_attempts import body_of
from tests.unit.pipeline.first_attempts import sent

RULES = """
    payload:
      default:
        - {models: [m], params: {top_p: 0.5}, headers: {X-A: mine, X-Old: new}}
      override:
        - models: [{name: stack, protocol: openai, from-protocol: claude}]
          params: {temperature: 0.1, max_tokens: 77}
          headers: {X-B: $X-Session}
        - {models: [{name: "*", headers: {x-tier: pro}}], params: {service_tier: priority}}
      filter:
        - {models: [m], params: [user], headers: [x-old]}
"""


def test_payload_rules_come_last() -> None:
    runtime = make_runtime(CONFIG + RULES)
    headers = {"x-session": "s-1", "x-tier": "pro"}
    request, _ = sent(runtime, "anthropic", "stack", headers, metadata={"user_id": "u"})
    body = body_of(request)
    assert (body["top_p"], body["temperature"], body["max_tokens"]) == (0.5, 0.1, 77)
    assert body["service_tier"] == "priority" and "user" not in body
    assert request.headers["x-a"] == "mine" and request.headers["x-b"] == "s-1"
    assert "x-old" not in request.headers


def test_payload_rules_leave_other_requests_alone() -> None:
    runtime = make_runtime(CONFIG + RULES)
    flow = call_flow(runtime, "anthropic")
    pipeline = Pipeline(runtime)
    pipeline.begin(flow)
    request = pipeline.attempt(flow).request
    assert request is not None
    assert request.content == flow.request.content
    assert "x-a" not in request.headers


def test_a_rule_never_changes_what_the_next_attempt_starts_from() -> None:
    text = CONFIG + RULES.replace("models: [m], params: [user]", "models: [m], params: [messages]")
    runtime = make_runtime(text)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "stack")
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    assert first.request is not None and "messages" not in body_of(first.request)
    last = first
    while exchange.shown is not None and exchange.shown.target.model == "m":
        pipeline.fail(last)
        last = pipeline.attempt(flow)
    assert last.request is not None
    assert body_of(last.request)["messages"][0]["role"] == "user"
