"""Sends spans from a thread of its own; requests never wait for the collector."""

import importlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from switchyard.config.tracing import TracingSettings
from switchyard.tracing.scene import RequestScene
from switchyard.usage.records import RequestRecord

logger = logging.getLogger(__name__)

SEND_EVERY = 1.0
BATCH = 256
"""Requests of one message."""

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the next message to a collector that does not take any."""
_ENDS_WITHIN = 5.0

type Send = Callable[[list[tuple[RequestRecord, RequestScene]]], bool]


class SpanSender:
    """A bounded queue, and the thread that empties it."""

    def __init__(
        self, settings: TracingSettings, open_way: Callable[[TracingSettings], Send] | None = None
    ) -> None:
        """`open_way` makes what sends a batch, in the thread; by default OpenTelemetry's."""
        self._settings = settings
        self._open = open_way or _exporter
        self._way: Send | None = None
        self._queue: deque[tuple[RequestRecord, RequestScene]] = deque()
        self._wake = threading.Condition()
        self._ending = False
        self._failures = 0
        self._next_try = 0.0
        self.sent = 0
        self.lost = 0
        """Requests without spans: the queue was full, or the collector refused them."""
        self._thread = threading.Thread(target=self._run, name="tracing", daemon=True)
        self._thread.start()

    def put(self, record: RequestRecord, scene: RequestScene) -> None:
        """Queue a request. Never waits."""
        if len(self._queue) >= self._settings.queue:
            self.lost += 1
            return
        self._queue.append((record, scene))
        if len(self._queue) == BATCH:
            with self._wake:
                self._wake.notify()

    def close(self, wait: bool = True) -> None:
        """Send what is queued, as far as that is possible within seconds, and end."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        if wait:
            self._thread.join(_ENDS_WITHIN)

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._ending:
                    self._wake.wait(SEND_EVERY)
                ending = self._ending
            if self._queue and (ending or time.monotonic() >= self._next_try):
                self._send()
            if ending:
                return

    def _send(self) -> None:
        while self._queue:
            batch = [self._queue[place] for place in range(min(BATCH, len(self._queue)))]
            try:
                self._way = self._way or self._open(self._settings)
                if not self._way(batch):
                    self._fail()
                    return
                self.sent += len(batch)
            except Exception:  # the thread must outlive what the spans of one request come up with
                logger.exception("tracing: %d requests cannot be made into spans", len(batch))
                self.lost += len(batch)
            for _ in batch:
                self._queue.popleft()
            if self._failures:
                self._failures = 0
                logger.warning("tracing: the collector takes spans again; %d are lost", self.lost)

    def _fail(self) -> None:
        if not self._failures:
            logger.warning(
                "tracing: the collector at %s takes no spans; requests go on without it",
                self._settings.url,
            )
        self._next_try = time.monotonic() + _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1


def _exporter(settings: TracingSettings) -> Send:
    """Open the way of OTLP over HTTP. Imports OpenTelemetry."""
    requests = importlib.import_module("requests")
    otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    spans: Any = importlib.import_module("switchyard.tracing.spans")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it repeats each failure
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment may be this router
    exporter = otlp.OTLPSpanExporter(
        endpoint=f"{settings.url}/v1/traces",
        headers={one.name: one.value.get_secret_value() for one in settings.headers},
        timeout=settings.timeout,
        session=session,
    )
    resource = spans.resource_of(settings.service)

    def send(batch: list[tuple[RequestRecord, RequestScene]]) -> bool:
        made = [
            span
            for record, scene in batch
            for span in spans.spans_of(record, scene, settings.semconv, resource)
        ]
        return exporter.export(made).name == "SUCCESS"

    return send
