"""Which requests are traced, and what their attempts say to providers."""

import pytest

from switchyard.pipeline.accounting import Accounting
from switchyard.pipeline.tracing import Tracing
from switchyard.tracing.scene import RequestScene
from switchyard.usage.records import RequestRecord
from tests.support.runtime import FakeRuntime
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import parsed

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CONFIG = """
providers: [{name: p, base-url: "http://p.example/v1", api-key: k, models: [m]}]
usage: off
"""
COLLECTOR = "tracing: {url: 'http://127.0.0.1:1', propagate: %s}\n"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RequestRecord, RequestScene]]:
    taken: list[tuple[RequestRecord, RequestScene]] = []

    class Sender:
        def __init__(self, settings: object) -> None:
            pass

        def put(self, *both: object) -> None:
            taken.append(both)  # pyright: ignore[reportArgumentType]

        def close(self, wait: bool = True) -> None:
            pass

    monkeypatch.setattr("switchyard.pipeline.tracing.SpanSender", Sender)
    return taken


def traced(more: str) -> tuple[FakeRuntime, Tracing]:
    runtime = make_runtime(CONFIG + more)
    addon = addon_of(runtime, Tracing)
    addon.configure(set())
    return runtime, addon


@pytest.mark.parametrize(
    ("more", "kept"),
    [("", PARENT), (COLLECTOR % "no", None), (COLLECTOR % "yes", PARENT[:35])],
    ids=["no traces", "traces", "passed on"],
)
@pytest.mark.usefixtures("taken")
def test_what_providers_get(more: str, kept: str | None) -> None:
    runtime, addon = traced(more)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, model="m", headers={"traceparent": PARENT, "tracestate": "a=1"})
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    addon.attempt(attempt)
    assert attempt.request is not None
    sent = attempt.request.headers.get("traceparent")
    assert sent is None if kept is None else sent is not None and sent.startswith(kept)
    if "yes" in more:
        assert sent != PARENT
    assert attempt.request.headers.get("tracestate") == (None if kept is None else "a=1")


@pytest.mark.parametrize("flags", ["01", "00"])
def test_the_clients_flag_decides(
    taken: list[tuple[RequestRecord, RequestScene]], flags: str
) -> None:
    runtime, addon = traced(COLLECTOR % "no")
    pipeline, accounting = Pipeline(runtime), addon_of(runtime, Accounting)
    flow = call_flow(runtime, model="m", headers={"traceparent": PARENT[:-2] + flags})
    pipeline.begin(flow)
    addon.attempt(pipeline.attempt(flow))
    accounting.error(flow)
    addon.error(flow)
    assert len(taken) == int(flags)
    for record, scene in taken:
        assert scene.content is None and scene.path == flow.request.path
        assert list(scene.attempts) == [1] and record.attempts == 1


@pytest.mark.usefixtures("taken")
def test_traces_end_with_their_section() -> None:
    runtime, addon = traced(COLLECTOR % "no")
    assert "tracing" in runtime.ledger.counters
    runtime.apply(parsed(CONFIG))
    assert "tracing" not in runtime.ledger.counters
    addon.done()
