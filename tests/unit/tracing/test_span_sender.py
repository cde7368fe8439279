"""The thread that sends spans, before a collector that does not take them."""

import threading
import time
from collections.abc import Callable

import pytest

from switchyard.config.tracing import TracingSettings
from switchyard.tracing import span_sender
from switchyard.tracing.scene import RequestScene
from switchyard.tracing.span_sender import SpanSender
from switchyard.tracing.trace_context import TraceContext
from switchyard.usage.records import RequestRecord
from tests.unit.usage.support import record

SETTINGS = TracingSettings(url="http://127.0.0.1:1", queue=10)
SCENE = RequestScene(
    context=TraceContext(1, None, True),
    method="POST", path="/v1", route="/v1", scheme="http", agent="",
)  # fmt: skip

type Batch = list[tuple[RequestRecord, RequestScene]]


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_sender, "SEND_EVERY", 0.01)
    monkeypatch.setattr(span_sender, "_PAUSES", (0.01,))


def test_what_is_queued_is_sent_at_the_end() -> None:
    taken: Batch = []
    sender = SpanSender(SETTINGS, lambda _: lambda batch: not taken.extend(batch))
    for _ in range(5):
        sender.put(record(), SCENE)
    sender.close()
    assert len(taken) == sender.sent == 5 and sender.lost == 0


def test_a_collector_that_hangs_costs_nothing() -> None:
    held, released = threading.Event(), threading.Event()

    def send(batch: Batch) -> bool:
        held.set()
        return released.wait(60)

    sender = SpanSender(SETTINGS, lambda _: send)
    sender.put(record(), SCENE)
    assert held.wait(60)
    begun = time.perf_counter()
    for _ in range(1000):
        sender.put(record(), SCENE)
    assert time.perf_counter() - begun < 5
    assert sender.lost == 991
    released.set()
    sender.close()
    assert sender.sent == 10


def test_a_collector_that_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([False, False, True])
    sender = SpanSender(SETTINGS, lambda _: lambda batch: next(answers))
    sender.put(record(), SCENE)
    until(lambda: sender.sent)
    sender.close()
    lines = [one.message for one in caplog.records if one.message.startswith("tracing")]
    assert len(lines) == 2
    assert "takes no spans" in lines[0] and "takes spans again" in lines[1]


def test_spans_that_cannot_be_made_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def send(batch: Batch) -> bool:
        raise ValueError("odd")

    sender = SpanSender(SETTINGS, lambda _: send)
    sender.put(record(), SCENE)
    until(lambda: sender.lost)
    sender.close()
    assert "cannot be made into spans" in caplog.text and sender.sent == 0


def test_opentelemetry_reports_that_nothing_listens() -> None:
    sender = SpanSender(SETTINGS.model_copy(update={"timeout": 0.2}))
    sender.put(record(), SCENE)
    until(lambda: sender._failures)
    sender.close(wait=False)
    assert sender.sent == 0
