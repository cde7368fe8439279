"""Calls of services, as they are read."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from switchyard.config.limits import Limits
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.endpoints import find_endpoint
from switchyard.exchange.exchange import Call
from switchyard.exchange.guard import Refused
from switchyard.exchange.service_request import read_service
from switchyard.wire.operations.service import ServiceCall


def call(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Call:
    flow = tflow.tflow(req=http.Request.make(method, "http://x/", body, {"content-type": kind}))
    flow.request.path = path
    endpoint = find_endpoint(flow.request)
    assert endpoint is not None
    head = ClientHead(flow.request.headers, path)
    return read_service(flow, head, endpoint, Limits(), None, None)


def test_the_model_of_a_body_or_the_name_of_the_service() -> None:
    named = call("POST", "/v1/images/generations", b'{"model": " m "}')
    assert (named.model, named.streams) == ("m", False)
    assert call("GET", "/v1/files/f-1").model == "files"
    azure = call("POST", "/openai/deployments/d/audio/speech", b"{}")
    assert azure.model == "d"


def test_credentials_stay_out_of_the_query() -> None:
    made = call("GET", "/v1/files?key=k&api_key=k&purpose=batch&access_token=k").operation
    assert isinstance(made, ServiceCall)
    assert made.path("openai-chat", "") == "/files?purpose=batch"
    assert made.http_method == "GET"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/jsonl", ""])
def test_a_body_that_is_no_json_is_not_read(kind: str) -> None:
    made = call("POST", "/v1/files", b'{"model": "m"}\n{', kind)
    assert (made.model, made.parsed) == ("files", {})


def test_json_has_to_be_json() -> None:
    with pytest.raises(Refused):
        call("POST", "/v1/moderations", b"{")
