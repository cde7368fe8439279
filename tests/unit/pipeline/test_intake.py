import gzip
import json
import zlib

import brotli
import pytest
import zstandard
from mitmproxy import http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.clients.keys import client_credential
from switchyard.exchange.client_head import ClientHead
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.release import Release
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import FORMATS
from tests.support.runtime import HOME
from tests.support.runtime import addon_of
from tests.support.runtime import call
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime

WORD = {
    "openai-chat": "invalid_request_error",
    "anthropic": "invalid_request_error",
    "openai-responses": "invalid_request_error",
    "gemini": "INVALID_ARGUMENT",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("format", FORMATS)
def test_a_call_begins_an_exchange(format: str, stream: bool) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, format, stream=stream, headers={"x-api-key": CLIENT_KEY})
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert flow.response is None
    assert exchange is not None
    assert (exchange.call.format.name, exchange.call.model) == (format, HOME[format])
    assert exchange.call.streams is stream
    assert exchange.call.raw == flow.request.raw_content
    assert exchange.call.parsed == json.loads(exchange.call.raw)
    assert exchange.call.body["model"] == HOME[format]
    assert exchange.call.credential is not None
    assert exchange.call.credential.get_secret_value() == CLIENT_KEY
    assert CLIENT_KEY not in repr(exchange)
    assert exchange.call.asked.model == HOME[format]
    assert len(exchange.call.asked.id) == 32
    assert flow.metadata == {}, "mitmproxy would copy and save it"


@pytest.mark.parametrize(
    ("said", "wish"),
    [({}, None), ({"stream": False}, False), ({"stream": True}, True), ({"stream": "yes"}, None),
     ({"stream": None}, None), ({"stream": 1}, None)],
)  # fmt: skip
def test_the_wish_for_a_stream(said: dict, wish: bool | None) -> None:
    runtime = make_runtime()
    path, body = call("openai-chat")
    flow = client_flow(runtime, path, {**body, **said})
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.format.asks_stream(exchange.call.body, flow.request.path) is wish
    assert exchange.call.streams is bool(wish)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({"include_usage": True}, True), ({"include_usage": False}, False), ([], False), (7, False)],
)
def test_whether_usage_is_asked_for(options: object, wanted: bool) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, stream=True, stream_options=options)
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.asked.include_usage is wanted


def test_geminis_stream_without_sse_is_an_array() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1beta/models/g:streamGenerateContent", {"contents": []})
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.asked.array
    assert exchange.call.streams


@pytest.mark.parametrize(
    "model",
    ["or/qwen/qwen-3:free", "my model (high)", "模型-é🎉", " padded ", "a" * 5000, "\ud83d"],
)
def test_odd_model_names_are_taken_as_they_are(model: str) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", model)
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.model == model.strip()


@pytest.mark.parametrize("model", [None, "", "   ", 7, [], {}, True])
def test_a_call_without_a_model_is_refused(model: object) -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/messages", {"model": model, "messages": []})
    addon_of(runtime, Intake).request(flow)
    type, message = error_of(flow.response, "anthropic", 400)
    assert type == "invalid_request_error"
    assert "GET /v1/models" in message
    assert runtime.exchanges.get(flow) is None


def test_a_byte_order_mark_is_no_part_of_the_body() -> None:
    runtime = make_runtime()
    path, body = call("openai-chat")
    raw = json.dumps(body).encode()
    flow = client_flow(runtime, path, b"\xef\xbb\xbf" + raw)
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.raw == raw


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"not json", "is not valid JSON"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b'{"a":' * 100_000, "is not valid JSON"),
        (b'{"a":' + b"9" * 100_000 + b"}", "is not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"[" * 500 + b"]" * 500, "must be a JSON object"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    format: str, body: bytes, said: str
) -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, call(format)[0], body)
    if (rest := addon_of(runtime, Intake).request(flow)) is not None:
        await rest
    type, message = error_of(flow.response, format, 400)
    assert type == WORD[format]
    assert said in message
    assert len(message) < 300, "a huge body is not sent back"
    assert runtime.exchanges.get(flow) is None


def test_a_request_without_a_body_is_refused() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/chat/completions", b"")
    flow.request.raw_content = None
    addon_of(runtime, Intake).request(flow)
    error_of(flow.response, "openai-chat", 400)


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json;x"]
)
def test_the_content_type_does_not_matter(content_type: str | None) -> None:
    runtime = make_runtime()
    flow = call_flow(runtime)
    if content_type:
        flow.request.headers["content-type"] = content_type
    addon_of(runtime, Intake).request(flow)
    assert runtime.exchanges.get(flow) is not None


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("identity", bytes),
        ("gzip, zstd", lambda data: zstandard.compress(gzip.compress(data))),
    ],
)
def test_a_compressed_body_is_undone(encoding: str, encode) -> None:
    runtime = make_runtime()
    path, body = call("openai-chat")
    flow = client_flow(
        runtime, path, encode(json.dumps(body).encode()), headers={"content-encoding": encoding}
    )
    addon_of(runtime, Intake).request(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    assert exchange.call.parsed == body
    assert exchange.call.raw == json.dumps(body).encode()


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("gzip", b"{}", "not valid gzip"),
        ("zstd", b"garbage, not zstd", "not valid zstd"),
        ("br", b"\xff\xff\xff\xff", "not valid br"),
        ("compress", b"{}", "'compress' is not supported"),
        ("gzip", gzip.compress(b'{"model":"m"}', mtime=0)[:15], "is not valid JSON"),
        ("gzip", b"", "is not valid JSON"),
    ],
)
def test_a_body_that_cannot_be_undone_is_refused(encoding: str, body: bytes, said: str) -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/messages", body, headers={"content-encoding": encoding})
    addon_of(runtime, Intake).request(flow)
    type, message = error_of(flow.response, "anthropic", 400)
    assert type == "invalid_request_error"
    assert said in message


@pytest.mark.parametrize(
    ("to", "path", "begun"),
    [
        (("claude.example", 443), "/v1/messages", True),
        (("claude.example", 443), "/proxy/v1/messages", True),
        (("claude.example", 443), "/v1/messages/batches", False),
        (("claude.example", 80), "/v1/messages", False),
        (("unknown.example", 443), "/v1/messages", False),
    ],
)
def test_calls_met_as_a_proxy(to: tuple[str, int], path: str, begun: bool) -> None:
    runtime = make_runtime()
    intake = addon_of(runtime, Intake)
    flow = client_flow(runtime, path, call("anthropic")[1], to=to)
    intake.request(flow)
    assert (runtime.exchanges.get(flow) is not None) is begun
    assert flow.response is None
    assert intake.may_forward(flow) is not begun, "what is routed leaves by attempts only"


def test_nothing_at_our_own_address_is_ever_forwarded() -> None:
    runtime = make_runtime()
    intake = addon_of(runtime, Intake)
    for path in ("/v1/messages", "/nothing", "/"):
        assert not intake.may_forward(client_flow(runtime, path))
    assert not intake.may_forward(client_flow(runtime, "/nothing", to=("127.0.0.1", 8787)))


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "h2c, websocket"])
def test_a_websocket_is_no_call(upgrade: str) -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/responses", headers={"upgrade": upgrade})
    addon_of(runtime, Intake).request(flow)
    assert flow.response is None and runtime.exchanges.get(flow) is None


def test_what_is_answered_or_replayed_is_left_alone() -> None:
    runtime = make_runtime()
    answered, replayed = call_flow(runtime), call_flow(runtime)
    answered.response = http.Response.make(401)
    replayed.live = False
    for flow in (answered, replayed):
        addon_of(runtime, Intake).request(flow)
        assert runtime.exchanges.get(flow) is None


def test_an_exchange_is_let_go_however_it_ends() -> None:
    runtime = make_runtime()
    one, two = call_flow(runtime), call_flow(runtime)
    for flow in (one, two):
        addon_of(runtime, Intake).request(flow)
    assert len(runtime.exchanges) == 2
    addon_of(runtime, Release).response(one)
    addon_of(runtime, Release).error(two)
    addon_of(runtime, Release).error(two)
    assert len(runtime.exchanges) == 0


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({"authorization": "Bearer k1"}, "", "k1"),
        ({"Authorization": "BEARER  k1 "}, "", "k1"),
        ({"authorization": "Bearer k1", "x-api-key": "k2"}, "?key=k3", "k1"),
        ({"authorization": "Basic abc", "x-api-key": "k2"}, "?key=k3", "k2"),
        ({"x-goog-api-key": "k4"}, "?key=k3", "k4"),
        ({}, "?alt=sse&key=k%2F3", "k/3"),
        ({}, "?key=", None),
        ({"authorization": "Bearer"}, "", None),
        ({"authorization": "k1"}, "", None),
        ({}, "", None),
    ],
)
def test_where_the_clients_key_is_looked_for(
    headers: dict[str, str], query: str, key: str | None
) -> None:
    flow = client_flow(make_runtime(), f"/v1/messages{query}", {}, headers=headers)
    found = client_credential(ClientHead(flow.request.headers, flow.request.path))
    assert (found.get_secret_value() if found else None) == key


def test_messages_of_a_websocket_that_passes_are_kept_where_flows_are() -> None:
    flow = tflow.twebsocketflow()
    assert flow.websocket
    said = list(flow.websocket.messages)
    release = addon_of(make_runtime(), Release)
    with taddons.context(View()):
        release.websocket_message(flow)
    assert flow.websocket.messages == said
    with taddons.context():
        release.websocket_message(flow)
    assert flow.websocket.messages == said[-1:]
