"""A stand-in for a collector of OpenTelemetry: takes OTLP over HTTP and keeps the spans."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


class TakenSpan:
    """A span as it came over the wire."""

    def __init__(self, span: Any, resource: dict[str, Any]) -> None:
        self.name: str = span.name
        self.kind: int = span.kind
        self.trace: str = span.trace_id.hex()
        self.id: str = span.span_id.hex()
        self.parent: str = span.parent_span_id.hex()
        self.state: str = span.trace_state
        self.begun: int = span.start_time_unix_nano
        self.ended: int = span.end_time_unix_nano
        self.error: bool = span.status.code == 2
        self.links = [link.span_id.hex() for link in span.links]
        self.attributes = {one.key: _value(one.value) for one in span.attributes}
        self.resource = resource


class Collector:
    """Listens while it is a context manager."""

    def __init__(self) -> None:
        self.spans: list[TakenSpan] = []
        self.headers: dict[str, str] = {}
        self.came = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                is_ours = self.path == "/v1/traces"
                if is_ours:
                    collector.headers = {k.lower(): v for k, v in self.headers.items()}
                    collector._take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if is_ours else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _take(self, request: Any) -> None:
        with self.came:
            for of_resource in request.resource_spans:
                resource = {one.key: _value(one.value) for one in of_resource.resource.attributes}
                for of_scope in of_resource.scope_spans:
                    self.spans += [TakenSpan(one, resource) for one in of_scope.spans]
            self.came.notify_all()

    def of(self, trace: str, count: int, within: float = 60.0) -> list[TakenSpan]:
        """The spans of a trace in the order of their begins, once there are `count`."""

        def found() -> list[TakenSpan]:
            return [one for one in self.spans if one.trace == trace]

        with self.came:
            assert self.came.wait_for(lambda: len(found()) >= count, within), self.spans
            return sorted(found(), key=lambda one: (one.begun, one.kind != 2))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, str(kind))
