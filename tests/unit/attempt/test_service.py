"""Responses of services, as the client gets them."""

import pytest
from mitmproxy import http

from switchyard.attempt.service import ServiceReceiver
from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime


def receiver() -> ServiceReceiver:
    runtime = make_runtime(CONFIG)
    pipeline = Pipeline(runtime)
    flow = client_flow(runtime, "/v1/moderations", {"input": "x"})
    pipeline.begin(flow)
    found = pipeline.attempt(flow).receiver
    assert isinstance(found, ServiceReceiver)
    return found


@pytest.mark.parametrize(
    ("status", "headers", "whole"),
    [
        (200, {"content-type": "application/json"}, True),
        (200, {"content-type": "application/problem+json; charset=utf-8"}, True),
        (200, {"content-type": "audio/mpeg", "content-length": "99"}, True),
        (204, {}, True),
        (200, {"content-type": "audio/mpeg"}, False),
        (200, {"content-type": "audio/mpeg", "content-length": "9999999"}, False),
        (200, {"content-type": "text/event-stream"}, False),
        (200, {"content-type": "application/x-jsonl"}, False),
    ],
)
def test_json_and_what_is_small_is_given_at_once(
    status: int, headers: dict[str, str], whole: bool
) -> None:
    one = receiver()
    response = http.Response.make(status, b"", headers)
    response.headers = http.Headers([(n.encode(), v.encode()) for n, v in headers.items()])
    one.start(response)
    assert one.whole == whole and one.verbatim
    out = one.data(b"{}") if status != 204 else b""
    out += one.end()
    assert one.committed and one.done
    head = one.head()
    assert head.status_code == status
    assert head.headers.get("content-type") == headers.get("content-type")
    assert (head.content, out) == (
        (b"{}" if status != 204 else b"", b"") if whole else (b"", b"{}")
    )
    assert ("content-length" in head.headers) == whole


def test_headers_of_the_content_alone_go_on() -> None:
    one = receiver()
    told = {"content-disposition": "attachment", "set-cookie": "a=b", "server": "s"}
    one.start(http.Response.make(200, b"", {"content-type": "image/png", **told}))
    one.data(b"x")
    head = one.head()
    assert head.headers["content-disposition"] == "attachment"
    assert "set-cookie" not in head.headers and "server" not in head.headers
