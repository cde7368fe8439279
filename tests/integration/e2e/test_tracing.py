"""Traces, as a collector gets them from the real proxy."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.collector import Collector
from tests.support.collector import TakenSpan
from tests.support.genai_conventions import CLIENT
from tests.support.genai_conventions import SERVER
from tests.support.genai_conventions import faults
from tests.support.router import Router
from tests.support.upstream import Upstream

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEY = "sk-of-the-provider-31"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.on("good", always=saying(CHAT, Answer(text="Well, well.")), path=CHAT.path)
        upstream.on("busy", always=refusing(CHAT, 429), path=CHAT.path)
        yield upstream


@pytest.fixture(scope="module")
def router(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, collector: Collector
) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("traced")
    config = {
        "providers": [{"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": KEY}],
        "combos": {"stack": ["chat/busy", "chat/good"]},
        "retry": {"request-retry": 0},
        "usage": {"dir": str(folder / "usage")},
        "tracing": {
            "url": collector.url,
            "headers": {"x-collector-key": "let-me-in"},
            "propagate": True,
            "content": True,
        },
    }
    with Router(folder, config) as router:
        yield router


def ask(router: Router, model: str, headers: dict[str, str], **more: Any) -> httpx2.Response:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Well?"}]
    body = {"model": model, "messages": messages, "temperature": 0.5, "max_tokens": 99, **more}
    return httpx2.post(
        router.url + CHAT.path, json=body, headers=headers, trust_env=False, timeout=60
    )


def trace_of(answer: httpx2.Response) -> str:
    return UUID(answer.headers["x-switchyard-request"]).hex


def kept(spans: list[TakenSpan]) -> dict[str, list[str]]:
    return {one.name: found for one in spans if (found := faults(one))}


def test_a_failover_is_one_trace(router: Router, upstream: Upstream, collector: Collector) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=1,b=2"}
    assert ask(router, "stack", headers, stream=True).status_code == 200
    request, first, second = spans = collector.of(TRACE, 3)
    assert kept(spans) == {}
    assert (request.kind, request.parent, request.name) == (SERVER, PARENT, f"POST {CHAT.path}")
    assert [one.kind for one in (first, second)] == [CLIENT, CLIENT]
    assert {first.parent, second.parent} == {request.id}
    assert {one.state for one in spans} == {"a=1,b=2"}
    assert (first.name, second.name) == ("chat busy", "chat good")
    assert first.error and not second.error and not request.error
    assert first.attributes["http.response.status_code"] == 429
    assert second.attributes["gen_ai.request.stream"] is True
    assert second.attributes["gen_ai.request.temperature"] == 0.5
    assert second.attributes["gen_ai.request.max_tokens"] == 99
    assert second.attributes["gen_ai.usage.output_tokens"] > 0
    assert request.attributes["switchyard.result"] == "complete"
    sent = [dict(one.headers) for one in upstream.requests[-2:]]
    assert [one["traceparent"] for one in sent] == [
        f"00-{TRACE}-{one.id}-01" for one in (first, second)
    ]
    assert {one["tracestate"] for one in sent} == {"a=1,b=2"}


@pytest.mark.parametrize("stream", [False, True])
def test_content_where_it_is_wanted(router: Router, collector: Collector, stream: bool) -> None:
    answer = ask(router, "chat/good", {}, stream=stream)
    _, attempt = spans = collector.of(trace_of(answer), 2)
    assert kept(spans) == {}
    asked = json.loads(attempt.attributes["gen_ai.input.messages"])
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "Well?"}]}]
    said = json.loads(attempt.attributes["gen_ai.output.messages"])
    assert said == [{"role": "assistant", "parts": [{"type": "text", "content": "Well, well."}]}]
    instructions = json.loads(attempt.attributes["gen_ai.system_instructions"])
    assert instructions == [{"type": "text", "content": "Be brief."}]
    if stream:
        assert attempt.attributes["gen_ai.response.finish_reasons"] == ["stop"]


def test_a_refused_request_is_a_span_of_its_own(router: Router, collector: Collector) -> None:
    (span,) = spans = collector.of(trace_of(ask(router, "unknown", {})), 1)
    assert kept(spans) == {}
    assert (span.parent, span.error) == ("", False)
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["switchyard.result"] == "refused"


def test_what_the_client_does_not_sample_is_not_sent(router: Router, collector: Collector) -> None:
    unsampled = "5bf92f3577b34da6a3ce929d0e0e4736"
    ask(router, "chat/good", {"traceparent": f"00-{unsampled}-{PARENT}-00"})
    later = trace_of(ask(router, "chat/good", {}))
    collector.of(later, 2)
    assert unsampled not in {one.trace for one in collector.spans}


def test_who_sends(router: Router, collector: Collector) -> None:
    (span, *_) = collector.of(trace_of(ask(router, "chat/good", {})), 2)
    assert span.resource["service.name"] == "switchyard" and span.resource["service.version"]
    assert collector.headers["x-collector-key"] == "let-me-in"
    everything = repr([one.attributes for one in collector.spans])
    assert KEY not in everything
